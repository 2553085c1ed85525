"""Readers of labeled images: what they find, and what they say of what cannot be right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgenets.data.split import SPLITS, SplitShares
from edgenets.errors import DataError
from edgenets.tasks.vision.data import layouts, masks, voc, yolonames
from edgenets.tasks.vision.data.catalogue import Catalogue, Labelled, Thing, Where, checked_box
from edgenets.tasks.vision.data.division import divide
from edgenets.tasks.vision.data.memory import load
from edgenets.tasks.vision.spec import ImageInput

from . import sets

DETECT = tuple(name for name, layout in layouts.LAYOUTS.items() if "detect" in layout.tasks)


@pytest.mark.parametrize("name", layouts.LAYOUTS)
class TestContract:
    def test_it_reads_what_it_says_it_reads(self, name: str, tmp_path: Path) -> None:
        root = sets.WRITERS[name](tmp_path / "set")
        layout = layouts.LAYOUTS[name]
        assert layout.looks_like(root) and layout.look
        found = layouts.read(root, layout.tasks[0])
        assert found.images and not found.faults and found.layout == name
        assert all(p.path.is_file() for p in found.images)
        if name != "masks":
            assert found.labels == sets.SHAPES and sum(found.counts().values()) > 0

    def test_another_folder_is_none_of_it(self, name: str, tmp_path: Path) -> None:
        layout = layouts.LAYOUTS[name]
        (tmp_path / "empty").mkdir()
        assert not layout.looks_like(tmp_path)
        with pytest.raises(DataError, match=f"no layout known for '{layout.tasks[0]}'"):
            layouts.read(tmp_path, layout.tasks[0])

    def test_its_splits_hold_every_picture_once(self, name: str, tmp_path: Path) -> None:
        root = sets.WRITERS[name](tmp_path / "set")
        found = layouts.read(root, layouts.LAYOUTS[name].tasks[0])
        divided = divide(found, SplitShares(0.2, 0.3, by="labels"), root)
        parts = [divided.part(split) for split in SPLITS]
        paths = [p.path for part in parts for p in part]
        assert sorted(paths) == sorted(p.path for p in found.images)
        assert parts[0] and parts[2]


@pytest.mark.parametrize("name", DETECT)
def test_boxes_are_where_they_were_drawn(name: str, tmp_path: Path) -> None:
    """The color inside a box is its label's, whichever way the layout writes boxes."""
    root = sets.WRITERS[name](tmp_path / "set")
    found = layouts.read(root, "detect")
    examples = load(found.images, found.labels)
    count = 0
    for example in examples.items:
        assert example.boxes is not None and example.numbers is not None
        for (left, top, right, bottom), number in zip(example.boxes, example.numbers, strict=True):
            color = sets.COLORS[examples.labels[number]]
            middle = example.image[int((top + bottom) / 2), int((left + right) / 2)]
            assert tuple(middle) == color
            # One pixel outside is ground: the edges are right to the pixel.
            outside = example.image[int((top + bottom) / 2), max(0, round(float(left)) - 1)]
            assert tuple(outside) != color
            inside = example.image[int((top + bottom) / 2), round(float(left)) + 1]
            assert tuple(inside) == color
            count += 1
    assert count > 8


@pytest.mark.parametrize("name", ("coco", "yolo"))
@pytest.mark.parametrize("rule", ("labels", "hash"))
def test_what_a_set_says_of_its_splits_holds(name: str, rule: str, tmp_path: Path) -> None:
    """A validation split may be the test split where there is no other."""
    root = sets.WRITERS[name](tmp_path / "set")
    found = layouts.read(root, "detect")
    shares = SplitShares(0.25, 0.5, by=rule, second="test")  # type: ignore[arg-type]
    test = divide(found, shares, root).part("test")
    assert {p.path.parent.name for p in test} == {"val"} and len(test) == 8
    train = divide(found, replace(shares, validation=0.0), root).part("train")
    assert {p.path.parent.name for p in train} == {"train"} and len(train) == 8
    if rule == "labels":
        usual = divide(found, replace(shares, second="validation", test=0.25), root)
        assert {p.path.parent.name for p in usual.part("validation")} == {"val"}
        assert {p.path.parent.name for p in usual.part("test")} == {"train"}
        assert len(usual.part("test")) == 2 and "validation as the set has it" in usual.said


def test_voc_lists_are_its_splits(tmp_path: Path) -> None:
    root = sets.write_voc(tmp_path / "set", 6)
    lists = root / voc.LISTS
    lists.mkdir(parents=True)
    stems = sorted(p.stem for p in (root / "Annotations").iterdir())
    for name, part in (("train", stems[:3]), ("val", stems[3:5]), ("test", [*stems[5:], "gone"])):
        (lists / f"{name}.txt").write_text("\n".join(part))
    found = layouts.read(root, "detect")
    divided = divide(found, SplitShares(0.5, 0.5, by="labels"), root)
    assert [p.path.stem for p in divided.part("test")] == stems[5:]
    assert [p.path.stem for p in divided.part("validation")] == stems[3:5]
    assert any("gone" in str(fault) for fault in found.faults)


@pytest.mark.parametrize(
    ("box", "says", "kept"),
    [
        ((10, 10, 10, 30), "no area", None),
        ((30, 10, 10, 30), "no area", None),
        ((200, 10, 220, 30), "outside the image", None),
        ((float("nan"), 1, 2, 3), "no box", None),
        ((1e30, 1, 2, 3), "no box", None),
        ((-5, 10, 20, 30), "reaches out", (0, 10, 20, 30)),
        ((90, 70, 130, 99), "reaches out", (90, 70, 100, 80)),
        ((-0.5, 0, 20, 30), "", (0, 0, 20, 30)),
    ],
)
def test_boxes_that_cannot_be_right(
    box: tuple[float, ...], says: str, kept: tuple[float, ...] | None
) -> None:
    thing, fault = checked_box(Thing("x", *box), 100, 80, Where(Path("notes.xml")))
    assert (says in str(fault) and "notes.xml" in str(fault)) if says else fault is None
    found = None if thing is None else (thing.left, thing.top, thing.right, thing.bottom)
    assert found == kept


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no XML": (lambda p: p.write_text("<annotation><size>"), "left out"),
    "no size": (lambda p: p.write_text("<annotation></annotation>"), "how large"),
    "entities": (
        lambda p: p.write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>'), "document type",
    ),
    "no name": (
        lambda p: p.write_text(
            "<annotation><size><width>80</width><height>60</height></size><object><bndbox>"
            "<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
        ), "no name",
    ),
    "no numbers": (
        lambda p: p.write_text(
            "<annotation><size><width>80</width><height>60</height></size><object><name>a</name>"
            "<bndbox><xmin>one</xmin></bndbox></object></annotation>"
        ), "no box",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_voc_annotation_is_told_of_and_left_out(name: str, tmp_path: Path) -> None:
    root = sets.write_voc(tmp_path / "set", 3)
    spoil, says = BROKEN[name]
    file = sorted((root / "Annotations").iterdir())[0]
    spoil(file)
    found = layouts.read(root, "detect")
    (fault,) = found.faults
    assert fault.file == file and says in fault.text
    assert not [t for p in found.images for t in p.things if p.path.stem == file.stem]


def test_a_missing_picture_is_told_of(tmp_path: Path) -> None:
    for name in DETECT:
        root = sets.WRITERS[name](tmp_path / name, 4)
        sorted(root.rglob("*.png"))[0].unlink()
        found = layouts.read(root, "detect")
        assert len(found.faults) == 1 and "missing" in str(found.faults[0])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["annotations"][0].pop("bbox"),
        lambda d: d["annotations"][0].update(bbox=[1, 2, 3]),
        lambda d: d["annotations"][0].update(image_id="elsewhere"),
        lambda d: d["annotations"][0].update(category_id=99),
        lambda d: d["annotations"][0].update(bbox=[5, 5, 0, 0]),
        lambda d: d["images"][0].update(width=-1),
        lambda d: d["images"][0].update(file_name="../../etc/passwd"),
    ],
)
def test_a_broken_coco_entry_costs_itself_alone(
    spoil: Callable[[dict[str, object]], object], tmp_path: Path
) -> None:
    root = sets.write_coco(tmp_path / "set", 4)
    file = root / "annotations" / "instances_train2017.json"
    data = json.loads(file.read_text())
    spoil(data)
    file.write_text(json.dumps(data))
    found = layouts.read(root, "detect")
    assert found.faults and 7 <= len(found.images) <= 8


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": 1}', "nonsense"])
def test_what_is_no_coco_at_all(text: str, tmp_path: Path) -> None:
    root = sets.write_coco(tmp_path / "set", 2)
    (root / "annotations" / "instances_train2017.json").write_text(text)
    with pytest.raises(DataError, match="no COCO annotation"):
        layouts.read(root, "detect")


@pytest.mark.parametrize("line", ["0 0.5 0.5", "a b c d e", "7 .5 .5 .1 .1", "-1 .5 .5 .1 .1"])
def test_a_broken_yolo_line_costs_itself_alone(line: str, tmp_path: Path) -> None:
    root = sets.write_yolo(tmp_path / "set", 2)
    file = root / "labels" / "train" / "0.txt"
    before = len(file.read_text().splitlines())
    file.write_text(f"{line}\n{file.read_text()}")
    found = layouts.read(root, "detect")
    (fault,) = found.faults
    assert fault.line == 1 and f"{file}:1: " in str(fault)
    (image,) = [p for p in found.images if p.path.match("train/0.png")]
    assert len(image.things) == before


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [a, b]", ["a", "b"]), ("names: ['a b', \"c\"]  # two", ["a b", "c"]),
        ("names:\n- a\n- b\nnc: 2", ["a", "b"]), ("names:\n  - a\n  - b\n", ["a", "b"]),
        ("train: x\nnames:\n  0: a\n  1: b\nval: y", ["a", "b"]),
        ("names: {1: b, 0: a}", ["a", "b"]), ("names: {0: 'a, b', 7: \"[c]\"}", ["a, b", "[c]"]),
        ("names: [yes, no, null, 3, 0x1f]", ["yes", "no", "null", "3", "0x1f"]),
        ("names:\n  0: stop sign, red\n  1: it's\n", ["stop sign, red", "it's"]),
        ("\ufeffnames: [a]", ["a"]),
    ],
)  # fmt: skip
def test_names_of_a_yaml(text: str, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert list(yolonames.read_description(file).names.values()) == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nc: 2", "no list `names:`"), ("names: a", "no list `names:`"), ("[1, 2]", "no list"),
        ("names: [a, b]\nnc: 3", "nc says 3 classes, names has 2"), ("names: {x: a}", "x is no"),
        ("names: {0: a, 00: b}", "stands there twice"), ("names: [a, '']", "class 1 has no name"),
        ("names: [[a], b]", "class 0 has no name"), ("a: [", "no YAML"), ("a: *b", "no YAML"),
        ("names: [a]\ntrain: {a: b}", "train: a folder"),
        ("names: [a]\nkpt_shape: 17", "kpt_shape"),
    ],
)  # fmt: skip
def test_a_yaml_that_names_nothing_for_certain(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        yolonames.read_description(file)
    assert str(file) in str(caught.value)


def test_masks_without_a_picture_and_pictures_without_a_mask(tmp_path: Path) -> None:
    root = sets.write_masks(tmp_path / "set", 4)
    sorted((root / "images").iterdir())[0].unlink()
    sorted((root / "masks").iterdir())[-1].unlink()
    found = masks.read(root)
    assert len(found.images) == 2 and len(found.faults) == 2


def test_masks_of_instances_and_of_classes(tmp_path: Path) -> None:
    root = sets.write_masks(tmp_path / "set", 4)
    found = layouts.read(root, "segment")
    one = load(found.images, ("background", "shape"), foreground=True).items[0]
    assert one.mask is not None and one.instances is not None
    assert ((one.mask == 1) == (one.instances > 0)).all() and one.mask.max() == 1
    other = np.full((60, 80), 2, np.uint8)
    other[:5] = 255
    cv2.imwrite(str(found.images[0].mask), other)
    with pytest.raises(DataError, match=r"holds the number 2; there are 2 labels.*foreground"):
        load(found.images[:1], ("background", "shape"))
    three = load(found.images[:1], ("background", "a", "b")).items[0]
    assert three.mask is not None and set(np.unique(three.mask)) == {2, 255}


def test_a_mask_of_colours_is_refused(tmp_path: Path) -> None:
    root = sets.write_masks(tmp_path / "set", 1)
    found = layouts.read(root, "segment")
    cv2.imwrite(str(found.images[0].mask), np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(DataError, match="mode RGB; a mask has one number a pixel"):
        load(found.images, ("background", "shape"))


def test_large_pictures_are_kept_smaller_with_their_boxes(tmp_path: Path) -> None:
    root = sets.write_voc(tmp_path / "set", 4)
    found = layouts.read(root, "detect")
    frame = ImageInput(height=15, width=20)
    small = load(found.images, found.labels, shrink_to=frame)
    whole = load(found.images, found.labels)
    for a, b in zip(small.items, whole.items, strict=True):
        assert a.image.shape == (30, 40, 3) and a.boxes is not None and b.boxes is not None
        assert np.allclose(a.boxes, b.boxes / 2)


def test_neighbours_in_number_stay_together() -> None:
    near = [Labelled(Path(f"IMG_{n:04d}.jpg")) for n in range(1120, 1130)]
    assert len({p.group for p in near}) == 1
    assert Labelled(Path("IMG_1130.jpg")).group != near[0].group
    assert Labelled(Path("portrait.jpg")).group == "portrait"


def test_labels_that_a_set_has_not(tmp_path: Path) -> None:
    found = layouts.read(sets.write_folders(tmp_path / "set", 4), "classify")
    assert found.restricted(("square",), tmp_path).labels == ("square",)
    with pytest.raises(DataError, match="no label star; it has disc, square"):
        found.restricted(("star",), tmp_path)
    assert isinstance(found, Catalogue)


@pytest.mark.parametrize(
    "spoil",
    [
        b"",
        b"no image",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\nxxxx",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 40,
    ],
)
def test_a_broken_picture_is_named(spoil: bytes, tmp_path: Path) -> None:
    root = sets.write_folders(tmp_path / "set", 2)
    found = layouts.read(root, "classify")
    found.images[0].path.write_bytes(spoil)
    with pytest.raises(DataError, match=found.images[0].path.name):
        load(found.images, found.labels)


def test_a_jpeg_that_is_cut_off_is_none(tmp_path: Path) -> None:
    from edgenets.tasks.vision import image

    drawn = sets.many(1)[0].image
    _, whole = cv2.imencode(".jpg", cv2.resize(drawn, (640, 480)))
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(whole))
    assert image.read(path).shape == (480, 640, 3)
    path.write_bytes(bytes(whole)[: len(whole) // 2])
    with pytest.raises(DataError, match="cut off"):
        image.read(path)
    path.write_bytes(bytes(whole) + b"what a camera adds after the end" * 200)
    assert image.read(path).shape == (480, 640, 3)
