"""Heads of third-party models, imported as a user would and run: what each says of an object."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from edgenets import zoo
from edgenets.converters import ultralytics
from edgenets.errors import ModelError
from tests.commands import Call, call
from tests.vision.fixed import fixed

__all__ = ["call"]  # a fixture

SIDE = 64
NAMES = {0: "cat", 1: "dog"}
SAID = {"author": "Ultralytics", "names": str(NAMES)}

# What each of its tasks gives beside boxes: a name of --detail, and the columns of one object.
ANGLE = [0.7]
POINTS = [10, 20, 0.9, 30, 40, 0.2, 50, 60, 0.7]
PLACES = [10, 20, 30, 40, 50, 60, 12, 14]
FACTORS = [1.0, -0.5, 0.25, 0.1]
DETAILS = {
    "none": ("detect", []), "rotation": ("obb", ANGLE), "keypoints": ("pose", POINTS),
    "keypoints-xy": ("pose", PLACES), "masks": ("segment", FACTORS),
}  # fmt: skip
FIELDS = {"rotation": "corners", "keypoints": "keypoints", "keypoints-xy": "keypoints",
          "masks": "outline"}  # fmt: skip


def grid_of(detail: str, objectness: bool = False) -> np.ndarray:
    """A grid of 84 places, one of which has a dog, (84, columns)."""
    rng = np.random.default_rng(3)
    more = DETAILS[detail][1]
    rows = np.zeros((84, 6 + objectness + len(more)), np.float32)
    rows[:, :4] = rng.uniform(2, 60, (84, 4))
    rows[:, 4 : 6 + objectness] = rng.uniform(0.001, 0.2, (84, 2 + objectness))
    rows[:, 6 + objectness :] = np.array(more) * rng.uniform(0.5, 1, (84, 1))
    if detail == "rotation":
        rows[:, -1] = rng.uniform(-0.7, 2.3, 84)
    if detail == "keypoints":
        rows[:, 8 + objectness :: 3] = rng.uniform(0, 1, (84, 3))
    rows[5] = [32, 30, 20, 12, *[0.95] * objectness, 0.1, 0.9, *more]
    return rows


def list_of(detail: str, centred: bool) -> np.ndarray:
    """A list of 20, two of which are there, (20, columns)."""
    rows = np.zeros((20, 6 + len(DETAILS[detail][1])), np.float32)
    box = [32, 30, 20, 12] if centred else [22, 24, 42, 36]
    other = [50, 10, 12, 8] if centred else [44, 6, 56, 14]
    more = DETAILS[detail][1]
    rows[0] = [*box, 0.9, 1, *more]
    rows[1] = [*other, 0.6, 0, *more]
    if detail == "rotation":
        rows[1, -1] = -0.4
    return rows


def outputs_of(rows: np.ndarray, detail: str, transposed: bool = False) -> dict[str, np.ndarray]:
    """A model's outputs: rows, and prototypes where masks are made of them."""
    outputs = {"output0": (rows.T if transposed else rows)[None]}
    if detail == "masks":
        planes = np.random.default_rng(1).uniform(0.1, 1, (1, 4, 16, 16))
        outputs["output1"] = planes.astype(np.float32)
    return outputs


def imported(call: Call, model: Path, *arguments: object) -> dict[str, Any]:
    out = model.with_suffix(".edge")
    done = call("import", model, *arguments, "--out", out, "--json")
    assert done.code == 0, done.err
    return done.json()


def seen(call: Call, model: Path) -> list[dict[str, Any]]:
    """What a run of the bundle beside a model sends of an image of twice the frame's side."""
    image, out = model.with_name("a.png"), model.with_name("o.jsonl")
    cv2.imwrite(str(image), np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8))
    done = call("run", model.with_suffix(".edge"), image, "--sink", f"jsonl:{out}")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(out.read_text().splitlines()[0])["found"]
    return found


def said_of(detail: str, suppressed: bool) -> dict[str, str]:
    """Ultralytics' metadata of a model."""
    task, more = DETAILS[detail]
    each = 2 if detail == "keypoints-xy" else 3
    shape = {"kpt_shape": f"[{len(more) // each}, {each}]"} if task == "pose" else {}
    return {**SAID, "task": task, "args": str({"nms": suppressed}), **shape}


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("form", ["grid", "turned", "list"])
@pytest.mark.parametrize("known", [True, False])
def test_a_head_is_known(detail: str, form: str, known: bool, call: Call, tmp_path: Path) -> None:
    """By Ultralytics' metadata, or by what it answers to a drawing."""
    centred = detail == "rotation"
    rows = list_of(detail, centred) if form == "list" else grid_of(detail)
    metadata = said_of(detail, form == "list") if known else {}
    model = fixed(tmp_path / "m.onnx", outputs_of(rows, detail, form == "turned"), SIDE, **metadata)
    if known:
        imported(call, model)
    else:
        (tmp_path / "l.txt").write_text("cat\ndog\n")
        imported(call, model, "--task", "detect", "--labels", tmp_path / "l.txt")
    found = seen(call, model)
    assert found[0]["label"] == "dog" and found[0]["score"] == pytest.approx(0.9)
    if not centred:
        assert found[0]["box"] == pytest.approx([44, 48, 84, 72], abs=0.2)
    assert {"corners", "keypoints", "outline"} & set(found[0]) == {
        FIELDS[detail] for _ in range(detail in FIELDS)
    }
    if detail == "keypoints":
        assert found[0]["keypoints"][0] == pytest.approx([20, 40, 0.9])
    assert call("selftest", model.with_suffix(".edge")).code == 0


def test_an_objectness_is_no_angle(call: Call, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("cat\ndog\n")
    for objectness in (True, False):
        rows = grid_of("none" if objectness else "rotation", objectness)
        model = fixed(tmp_path / "m.onnx", outputs_of(rows, "none"), SIDE)
        imported(call, model, "--task", "detect", "--labels", tmp_path / "l.txt")
        head = zoo.load(model.with_suffix(".edge")).spec.decoding.head
        assert (head.objectness, head.detail is not None) == (objectness, not objectness)


@pytest.mark.parametrize("kind", ["nothing", "points", "one"])
def test_what_has_two_readings_is_refused_with_both(kind: str, call: Call, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("cat\ndog\n")
    rows = np.zeros((20, 6), np.float32)
    say = [("--boxes", "list"), ("--boxes", "centred"), ("--boxes", "grid")]
    if kind == "points":  # fractions of the image: 4 points of 3 numbers, or 6 of 2
        rows = np.zeros((20, 18), np.float32)
        rng = np.random.default_rng(2)
        rows[:, :] = rng.uniform(0.1, 0.6, rows.shape)
        say = [("--detail", "keypoints"), ("--detail", "keypoints-xy")]
    if kind == "one":  # by its corners or by its middle
        rows[0] = [30, 30, 40, 40, 0.9, 1]
        say = [("--boxes", "list"), ("--boxes", "centred")]
    model = fixed(tmp_path / "m.onnx", outputs_of(rows, "none"), SIDE)
    said = ("--task", "detect", "--labels", tmp_path / "l.txt")
    done = call("import", model, *said, "--out", tmp_path / "m.edge")
    assert done.code == 2 and "does not tell; say" in done.err
    assert not (tmp_path / "m.edge").exists()
    for option, value in say:
        assert option in done.err and value in done.err
        imported(call, model, *said, option, value)


def test_a_wrong_number_of_labels_is_no_reading(call: Call, tmp_path: Path) -> None:
    model = fixed(tmp_path / "m.onnx", outputs_of(grid_of("none"), "none", True), SIDE)
    for count in (3, 4, 5):
        (tmp_path / "l.txt").write_text("".join(f"l{i}\n" for i in range(count)))
        said = ("--task", "detect", "--labels", tmp_path / "l.txt")
        done = call("import", model, *said, "--out", tmp_path / "m.edge")
        assert done.code == 2 and f"no YOLO grid of {count} labels" in done.err


@pytest.mark.parametrize("form", ["scores", "channels first", "one", "one channel", "numbers"])
def test_masks_of_every_form(form: str, call: Call, tmp_path: Path) -> None:
    names = ["sky", "road"] if form.startswith("one") else ["sky", "road", "tree"]
    (tmp_path / "l.txt").write_text("\n".join(names))
    numbers = np.zeros((32, 32), np.int64)
    numbers[8:24, 8:16] = 1
    scores = np.eye(3, dtype=np.float32)[numbers] * 5 - 2
    values = {
        "scores": scores[None], "channels first": scores.transpose(2, 0, 1)[None],
        "one": np.where(numbers == 1, 0.9, 0.2).astype(np.float32)[None],
        "one channel": np.where(numbers == 1, 3, -3).astype(np.float32)[None, None],
        "numbers": numbers[None],
    }[form]  # fmt: skip
    model = fixed(tmp_path / "m.onnx", {"out": values}, SIDE)
    imported(call, model, "--task", "segment", "--labels", tmp_path / "l.txt")
    areas = {thing["label"]: thing["area"] for thing in seen(call, model)}
    assert areas["road"] == pytest.approx(1 / 8) and areas["sky"] == pytest.approx(7 / 8)
    assert call("selftest", model.with_suffix(".edge")).code == 0


def test_a_map_of_labels_of_ultralytics(call: Call, tmp_path: Path) -> None:
    numbers = np.zeros((1, SIDE, SIDE), np.uint8)
    numbers[0, :32] = 1
    names = {"names": "{0: 'road'}"}
    said = {**SAID, **names, "task": "semantic"}
    model = fixed(tmp_path / "m.onnx", {"output0": numbers}, SIDE, **said)
    assert imported(call, model)["labels"] == ["background", "road"]
    (road,) = seen(call, model)
    assert road["label"] == "road" and road["area"] == pytest.approx(0.5)


def test_a_transformer_gives_middles_in_fractions(call: Call, tmp_path: Path) -> None:
    rows = list_of("none", True)
    rows[:, :4] /= SIDE
    said = {**SAID, "task": "detect", "head": "RTDETRDecoder"}
    model = fixed(tmp_path / "m.onnx", {"output0": rows[None]}, SIDE, **said)
    imported(call, model)
    spec = zoo.load(model.with_suffix(".edge")).spec
    assert spec.input.resize == "stretch" and spec.decoding.head.centred
    assert seen(call, model)[0]["box"] == pytest.approx([44, 48, 84, 72], abs=0.2)


@pytest.mark.parametrize("size", ["[64, 64]", "64", "[0, 64]", "[64, 'x']"])
def test_open_sizes_are_those_of_the_metadata(size: str, call: Call, tmp_path: Path) -> None:
    said = {**said_of("none", True), "imgsz": size}
    model = fixed(tmp_path / "m.onnx", outputs_of(list_of("none", False), "none"), SIDE, **said)
    found = onnx.load(model)
    for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
        found.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(found, model)
    if size != "[64, 64]":
        done = call("import", model, "--out", tmp_path / "m.edge")
        assert done.code == 2 and "has no fixed shape" in done.err
        return
    imported(call, model)
    assert zoo.load(model.with_suffix(".edge")).spec.input.shape == (1, 3, SIDE, SIDE)
    assert seen(call, model)[0]["label"] == "dog"


def test_conversion_takes_what_the_metadata_say(call: Call, tmp_path: Path) -> None:
    """Sizes that are open, and how a folder of images goes in."""
    said = {**said_of("none", True), "imgsz": f"[{SIDE}, {SIDE}]"}
    model = fixed(tmp_path / "m.onnx", outputs_of(list_of("none", False), "none"), SIDE, **said)
    found = onnx.load(model)
    for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
        found.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(found, model)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.full((20, 90, 3), 200, np.uint8))
    how = ("--precision", "fp32", "--to", "onnx", "--calibration", tmp_path / "images")
    done = call("convert", model, *how, "--out", tmp_path / "out")
    assert done.code == 0, done
    kept = json.loads((tmp_path / "out" / "artifacts" / "artifacts.json").read_text())
    assert kept["artifacts"][0]["inputs"][0]["shape"] == [1, 3, SIDE, SIDE]
    how_in = kept["origin"]["preparation"]
    assert (how_in["resize"], how_in["std"]) == ("letterbox", [255.0])
    del found.metadata_props[:]
    onnx.save(found, tmp_path / "plain.onnx")
    done = call("convert", tmp_path / "plain.onnx", *how, "--out", tmp_path / "other")
    assert done.code == 2 and "takes images of any size; say which: --shape 3,224,224" in done.err


@pytest.mark.parametrize("member", ["metadata.json", "temp_meta.txt", "model/extra/config.txt"])
def test_metadata_of_files_that_end_in_a_zip(member: str) -> None:
    said = {"author": "Ultralytics", "task": "pose", "names": NAMES, "kpt_shape": [17, 2],
            "args": {"nms": True}}  # fmt: skip
    text = str(said) if member.endswith("meta.txt") else json.dumps(said)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(member, text)
    found = ultralytics.read(
        "m", ultralytics.metadata_in("tflite", b"TFL3" * 9 + packed.getvalue())
    )
    assert found is not None and found.labels == ("cat", "dog")
    assert (found.task, found.outputs.boxes) == ("detect", "list")
    assert found.outputs.detail == "keypoints-xy"


@pytest.mark.parametrize("text", ["", "[1]", "{'a': ", "{" * 5000, "\x00", '{"author": 1'])
def test_damaged_metadata_are_none(text: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("metadata.json", text)
    whole = packed.getvalue()
    for model in (whole, whole[: len(whole) // 2], b"", whole.replace(b"metadata", b"metbdata", 1)):
        assert not ultralytics.metadata_in("tflite", model)
    with pytest.raises(ModelError, match="no labels"):
        ultralytics.read("m", {"author": "Ultralytics", "task": "detect", "names": 3})
