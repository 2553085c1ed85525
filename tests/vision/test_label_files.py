"""Labels as tools write them: right, or named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.catalogue import Catalogue
from edgenets.tasks.vision.data.memory import IGNORED, load

from . import sets

BOX = (40, 20, 80, 60)  # of an image of 200 × 100
PERSON = "0 0.3 0.4 0.2 0.4"
RING = "0.2 0.2 0.4 0.2 0.4 0.6 0.2 0.6"


def photo(path: Path, width: int = 200, height: int = 100, orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.full((height, width, 3), 90, np.uint8))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def boxes_of(found: Catalogue) -> list[tuple[str, str, tuple[int, ...]]]:
    return [
        (item.path.name, t.label, tuple(map(round, (t.left, t.top, t.right, t.bottom))))
        for item in sorted(found.images, key=lambda item: item.path.name)
        for t in item.things
    ]


def coco(**more: Any) -> dict[str, Any]:
    """One image of 200 × 100 with one box."""
    note = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 20, 40, 40]}
    image = {"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}
    whole = {
        "images": [image], "annotations": [note],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}],
    }  # fmt: skip
    for key, value in more.items():
        (image if key in ("file_name", "width", "height") else note)[key] = value
    return whole


YOLO: dict[str, tuple[str, dict[str, str]]] = {
    "beside": ("pics/a.jpg", {"pics/a.txt": PERSON, "classes.txt": "person\ndog"}),
    "in the folder itself": ("a.jpg", {"a.txt": PERSON, "classes.txt": "person"}),
    "CVAT": (
        "obj_train_data/a.jpg",
        {"obj_train_data/a.txt": PERSON, "obj.names": "person", "obj.data": "classes = 1",
         "train.txt": "data/obj_train_data/a.jpg"},
    ),
    "Roboflow": (
        "train/images/a.jpg",
        {"train/labels/a.txt": PERSON,
         "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['person']"},
    ),
    "Ultralytics": (
        "images/train/a.jpg",
        {"labels/train/a.txt": PERSON,
         "mine.yaml": "path: ../datasets/x\ntrain: images/train\nval: images/val\n"
                      "names:\n  0: person"},
    ),
    "a list": (
        "images/a.jpg",
        {"labels/a.txt": PERSON, "train.txt": "./images/a.jpg\n",
         "data.yaml": "train: train.txt\nnames: [person]"},
    ),
    "several folders": (
        "more/images/a.jpg",
        {"more/labels/a.txt": PERSON, "data.yaml": "train: [some/images, more/images]\n"
                                                   "names: [person]",
         "some/images/none": ""},
    ),
    "outline": ("images/a.jpg", {"labels/a.txt": f"0 {RING}", "classes.txt": "person"}),
    "keypoints": (
        "images/a.jpg",
        {"labels/a.txt": f"{PERSON} 0.25 0.3 2 0.3 0.5 0",
         "data.yaml": "names: [person]\nkpt_shape: [2, 3]"},
    ),
    "windows": (
        "images/a.jpg", {"labels/a.txt": f"\ufeff{PERSON}\r\n", "classes.txt": "person\r\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", YOLO)
def test_yolo_as_tools_write_it(name: str, tmp_path: Path) -> None:
    image, files = YOLO[name]
    photo(tmp_path / image)
    for file, text in files.items():
        written(tmp_path / file, text)
    found = layouts.read(tmp_path, "detect")
    assert boxes_of(found) == [("a.jpg", "person", BOX)]
    assert not [f for f in found.faults if "not there" not in f.text]
    if any(file.endswith(".yaml") for file in files):
        described = next(tmp_path.glob("*.yaml"))
        assert boxes_of(layouts.read(described, "detect")) == boxes_of(found)


LINES = {
    "a class that has no name": ("7 .5 .5 .1 .1", "there is no class 7"),
    "half a class": ("0.5 .5 .5 .1 .1", "there is no class 0.5"),
    "infinity": ("inf .5 .5 .1 .1", "there is no class inf"),
    "pixels": ("0 100 50 40 40", "100 is no fraction"),
    "a score": ("0 .5 .5 .2 .4 .9", "sixth number, 0.9"),
    "keypoints without kpt_shape": ("0 .5 .5 .2 .4 .1 .1 2", "kpt_shape"),
    "visible keypoints": ("0 .5 .5 .2 .4 .1 .1 2 .1 .1 2", "2 is no fraction"),
    "commas": ("0,.5,.5,.1,.1", "no numbers|is not numbers"),
    "decimal commas": ("0 0,5 0,5 0,1 0,1", "is not numbers"),
    "an outline of two corners": ("0 .1 .1 .2", "has 4 numbers"),
    "nothing": ("0 .5 .5 0 0", "no area"),
    "the same again": (PERSON, "is line 1 again"),
    "not a number": ("0 nan .5 .1 .1", "is no fraction"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_that_cannot_be_right_is_named(name: str, tmp_path: Path) -> None:
    line, says = LINES[name]
    photo(tmp_path / "images/a.jpg")
    file = written(tmp_path / "labels/a.txt", f"{PERSON}\n{line}\n")
    written(tmp_path / "classes.txt", "person\ndog")
    found = layouts.read(tmp_path, "detect")
    (fault,) = found.faults
    assert (fault.file, fault.line) == (file, 2) and re.search(says, fault.text)
    assert boxes_of(found)[0] == ("a.jpg", "person", BOX)


RLE = {"size": [100, 200], "counts": [40 * 100 + 20, *[40, 60] * 39, 40, 200 * 100 - 79 * 100 - 60]}

COCO = {
    "ids that are texts": coco(id="x1", image_id=1),
    "no id": coco(id=None),
    "no size": coco(width=None, height=None),
    "a path of windows": coco(file_name="C:\\work\\images\\a.jpg"),
    "an address": coco(file_name="https://example.com/upload/a.jpg?token=1"),
    "an outline alone": coco(bbox=None, segmentation=[[40, 20, 80, 20, 80, 60, 40, 60]]),
    "run lengths alone": coco(bbox=None, segmentation=RLE),
    "twice as large": coco(width=400, height=200, bbox=[80, 40, 80, 80]),
}


@pytest.mark.parametrize("name", COCO)
def test_coco_as_tools_write_it(name: str, tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    written(tmp_path / "result.json", json.dumps(COCO[name]))
    for task in ("detect", "segment"):
        found = layouts.read(tmp_path, task)  # type: ignore[arg-type]
        assert boxes_of(found) == [("a.jpg", "person", BOX)]
        assert [f.text for f in found.faults if "scaled" not in f.text] == []


def test_run_lengths_as_a_text(tmp_path: Path) -> None:
    from pycocotools import mask

    photo(tmp_path / "images/a.jpg")
    inside = np.zeros((100, 200), np.uint8)
    inside[20:60, 40:80] = 1
    inside[30:35, 50:55] = 0
    packed = mask.encode(np.asfortranarray(inside))
    whole = coco(segmentation={"size": [100, 200], "counts": packed["counts"].decode()})
    written(tmp_path / "result.json", json.dumps(whole))
    found = layouts.read(tmp_path, "segment")
    (item,) = load(found.images, found.labels).items
    assert found.labels == ("background", "person")
    assert item.mask is not None and (item.mask == inside).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_that_was_labeled_on_its_side(orientation: int, tmp_path: Path) -> None:
    """Where the stated size is that of the pixels as stored, boxes turn with the image."""
    stored = np.zeros((100, 200, 3), np.uint8)
    stored[20:60, 40:80] = 255
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    image.save(tmp_path / "images/a.png", exif=exif)
    written(tmp_path / "result.json", json.dumps(coco(file_name="a.png")))
    found = layouts.read(tmp_path, "detect")
    (item,) = load(found.images, found.labels).items
    assert item.boxes is not None
    left, top, right, bottom = item.boxes[0].astype(int)
    if orientation in (1, 5, 6, 7, 8):  # of the others nobody knows which way they were shown
        assert item.image[top:bottom, left:right].min() == 255
        assert item.image.astype(int).sum() == 255 * 3 * 40 * 40
    assert bool(found.faults) == (orientation >= 5)


def test_another_shape_is_no_scale(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    photo(tmp_path / "images/b.jpg")
    whole = coco(width=200, height=140)
    whole["images"].append({"id": 2, "file_name": "b.jpg", "width": 200, "height": 100})
    written(tmp_path / "result.json", json.dumps(whole))
    found = layouts.read(tmp_path, "detect")
    assert [p.path.name for p in found.images] == ["b.jpg"] and "another shape" in str(found.faults)


def test_an_image_that_could_be_either(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "two/a.jpg", "three/b.jpg"):
        photo(tmp_path / name)
    whole = coco()
    whole["images"].append({"id": 2, "file_name": "b.jpg"})
    written(tmp_path / "result.json", json.dumps(whole))
    found = layouts.read(tmp_path, "detect")
    assert [p.path.name for p in found.images] == ["b.jpg"]
    assert "could be one/a.jpg or two/a.jpg" in str(found.faults[0])


def test_a_turned_box_of_label_studio(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    # 20 % of 200 by 40 % of 100 from (80, 20), a quarter clockwise: it hangs to the left.
    value = {
        "x": 40,
        "y": 20,
        "width": 20,
        "height": 40,
        "rotation": 90,
        "rectanglelabels": ["car"],
    }
    task = {"id": 1, "image": "/data/local-files/?d=mine/a.jpg", "label": [value]}
    written(tmp_path / "min.json", json.dumps([task]))
    assert boxes_of(layouts.read(tmp_path, "detect")) == [("a.jpg", "car", (40, 20, 80, 60))]


def test_choices_of_label_studio_are_labels(tmp_path: Path) -> None:
    tasks = []
    for name, choice in (("a", ["cat"]), ("b", ["dog"]), ("c", ["cat", "dog"]), ("d", [])):
        photo(tmp_path / f"{name}.jpg")
        result = [{"type": "choices", "value": {"choices": choice}}]
        note = {"result": result, "was_cancelled": False}
        tasks.append({"id": name, "data": {"image": f"{name}.jpg"}, "annotations": [note]})
    written(tmp_path / "project.json", json.dumps(tasks))
    found = layouts.read(tmp_path, "classify")
    assert [(p.path.name, p.label) for p in found.images] == [("a.jpg", "cat"), ("b.jpg", "dog")]
    assert len(found.faults) == 2


def test_a_whole_set_of_fiftyone(tmp_path: Path) -> None:
    photo(tmp_path / "data/a.jpg")
    box = {"_cls": "Detection", "label": "car", "bounding_box": [0.2, 0.2, 0.2, 0.4]}
    truth = {"_cls": "Detections", "detections": [box]}
    sample = {"filepath": "data/a.jpg", "tags": ["validation"], "ground_truth": truth}
    written(tmp_path / "samples.json", json.dumps({"samples": [sample]}))
    found = layouts.read(tmp_path, "detect")
    assert boxes_of(found) == [("a.jpg", "car", BOX)] and found.images[0].split == "validation"


def test_voc_beside_its_images(tmp_path: Path) -> None:
    photo(tmp_path / "train/a.jpg")
    photo(tmp_path / "valid/b.jpg")
    for name in ("train/a", "valid/b"):
        written(
            tmp_path / f"{name}.xml",
            "<annotation><size><width>0</width><height>0</height></size><object><name>car</name>"
            "<bndbox><xmin>41</xmin><ymin>21</ymin><xmax>80</xmax><ymax>60</ymax></bndbox></object>"
            "</annotation>",
        )
    found = layouts.read(tmp_path, "detect")
    assert boxes_of(found) == [("a.jpg", "car", BOX), ("b.jpg", "car", BOX)]
    assert [p.split for p in found.images] == ["train", "validation"]


@pytest.mark.parametrize("name", ("voc", "masks", "yolo"))
def test_two_images_of_one_name(name: str, tmp_path: Path) -> None:
    """Nobody can say which of the two the labels are of."""
    root = sets.WRITERS[name](tmp_path / "set", 3)
    image = sorted((root / ("JPEGImages" if name == "voc" else "images")).rglob("*.png"))[0]
    cv2.imwrite(str(image.with_suffix(".jpg")), cv2.imread(str(image)))
    found = layouts.read(root, layouts.LAYOUTS[name].tasks[0])
    assert image.stem not in {p.path.stem for p in found.images if p.path.parent == image.parent}
    assert any(f"{image.stem}.jpg" in f.text and "png" in f.text for f in found.faults)


def test_outlines_are_a_mask(tmp_path: Path) -> None:
    """Small ones lie above large ones; what has a box alone is left out of account."""
    photo(tmp_path / "images/a.png")
    lines = ["1 0.25 0.3 0.3 0.3 0.3 0.5 0.25 0.5", f"0 {RING}", "0 0.9 0.5 0.1 0.4"]
    written(tmp_path / "labels/a.txt", "\n".join(lines))
    written(tmp_path / "classes.txt", "person\nface")
    found = layouts.read(tmp_path, "segment")
    (item,) = load(found.images, found.labels).items
    assert item.mask is not None and found.labels == ("background", "person", "face")
    assert (item.mask[20:60, 40:50] == 1).all() and (item.mask[32:48, 52:58] == 2).all()
    assert (item.mask[32:68, 172:188] == IGNORED).all() and item.mask[90, 10] == 0
    (one,) = load(found.images, ("background", "thing"), foreground=True).items
    assert one.instances is not None and set(np.unique(one.instances)) == {0, 1, 2}


def test_folders_of_splits_and_others_beside(tmp_path: Path) -> None:
    for name in ("train/cat/a.jpg", "train/dog/deep/b.jpg", "val/cat/c.jpg", "docs/x.jpg", "y.jpg"):
        photo(tmp_path / name)
    found = layouts.read(tmp_path, "classify")
    assert [(p.label, p.split) for p in found.images] == [
        ("cat", "train"), ("dog", "train"), ("cat", "validation"),
    ]  # fmt: skip
    assert {f.file.name for f in found.faults} == {"docs", "y.jpg"}


def test_a_label_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train/a.jpg", "car/b.jpg", "test/c.jpg"):
        photo(tmp_path / name)
    found = layouts.read(tmp_path, "classify")
    assert {(p.label, p.split) for p in found.images} == {
        ("train", None), ("car", None), ("test", None),
    }  # fmt: skip


def test_an_image_in_two_splits(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.jpg")
    written(tmp_path / "labels/a.txt", PERSON)
    written(tmp_path / "data.yaml", "train: images\nval: images\nnames: [person]")
    found = layouts.read(tmp_path, "detect")
    assert len(found.images) == 1 and "in train and validation" in str(found.faults)


def test_a_hole_in_a_label_image_is_kept(tmp_path: Path) -> None:
    root = sets.write_masks(tmp_path / "set", 2)
    found = layouts.read(root, "segment")
    whole = cv2.imread(str(found.images[0].mask), cv2.IMREAD_UNCHANGED)
    item = load(found.images[:1], ("background", "shape"), foreground=True).items[0]
    assert item.mask is not None and ((whole > 0) == (item.mask == 1)).all()
