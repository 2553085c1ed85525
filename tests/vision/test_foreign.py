"""Models of images that others trained: imported as a user would, and run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import zoo
from tests.commands import Call, call
from tests.vision.fixed import fixed

__all__ = ["call"]  # a fixture

SHARED = Path(__file__).parents[3] / "shared" / "models"
CORAL, SUPPORT = SHARED / "coral", SHARED / "tflite_support"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared models are not here")
pytestmark = pytest.mark.shared_data


def imported(call: Call, out: Path, *arguments: object) -> dict[str, Any]:
    done = call("import", *arguments, "--out", out, "--json")
    assert done.code == 0, done.err
    return done.json()


def seen(call: Call, bundle: Path, image: Path, out: Path) -> dict[str, Any]:
    done = call("run", bundle, image, "--sink", f"jsonl:{out}")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(out.read_text().splitlines()[0])
    return found


@needs_shared
class TestKnownAnswers:
    def test_corals_mobilenet_says_cat(self, call: Call, tmp_path: Path) -> None:
        path = tmp_path / "m.edge"
        made = imported(
            call, path, CORAL / "mobilenet_v1_0.25_128_quant.tflite", "--task", "classify",
            "--labels", CORAL / "imagenet_labels.txt",
        )  # fmt: skip
        assert len(made["labels"]) == 1001 and any("as they are" in g for g in made["guesses"])
        found = seen(call, path, CORAL / "cat.bmp", tmp_path / "o.jsonl")["found"]
        assert "cat" in found[0]["label"] and found[0]["score"] > 0.2

    def test_the_cats_and_the_dog_of_an_ssd(self, call: Call, tmp_path: Path) -> None:
        path = tmp_path / "m.edge"
        imported(call, path, SUPPORT / "coco_ssd_mobilenet_v1_quant.tflite", "--task", "detect")
        found = seen(call, path, SUPPORT / "cats_and_dogs.jpg", tmp_path / "o.jsonl")["found"]
        assert [f["label"] for f in found] == ["cat", "cat", "cat", "dog"]
        assert [f["score"] for f in found] == pytest.approx([0.645, 0.609, 0.563, 0.5], abs=0.02)
        wanted = ((54, 396, 447, 596), (606, 161, 993, 600), (260, 394, 439, 600))
        for thing, box in zip(found[:3], wanted, strict=True):
            assert thing["box"] == pytest.approx(box, abs=10)

    def test_deeplab_segments_a_picture(self, call: Call, tmp_path: Path) -> None:
        path = tmp_path / "m.edge"
        made = imported(call, path, SUPPORT / "deeplabv3.tflite", "--task", "segment")
        assert "cat" in made["labels"]
        found = seen(call, path, SUPPORT / "cats_and_dogs.jpg", tmp_path / "o.jsonl")["found"]
        areas = {f["label"]: f["area"] for f in found}
        assert areas["dog"] > 0.1 and set(areas) <= {"dog", "cat", "horse"}

    @pytest.mark.parametrize(
        ("model", "says"),
        [
            (CORAL / "mobilenet_v1_0.25_128_quant_edgetpu.tflite", "compiled for the Edge TPU"),
            (SHARED / "tflite_micro" / "person_detect_vela.tflite", "Ethos-U"),
        ],
    )
    def test_what_no_cpu_runs(self, model: Path, says: str, call: Call, tmp_path: Path) -> None:
        done = call("import", model, "--task", "classify", "--out", tmp_path / "m.edge")
        assert done.code == 2 and says in done.err and not (tmp_path / "m.edge").exists()

    def test_a_selftest_of_one(self, call: Call, tmp_path: Path) -> None:
        path = tmp_path / "m.edge"
        imported(call, path, SUPPORT / "deeplabv3.tflite", "--task", "segment")
        assert call("selftest", path).code == 0
        assert "no model to prove it by" in zoo.load(path).card()


def yolo(path: Path, labels: int, transposed: bool, objectness: bool) -> Path:
    """A grid of ten boxes that is always the same, in the shape of a YOLO export."""
    columns = 4 + objectness + labels
    grid = np.zeros((10, columns), np.float32)
    grid[:, :4] = (32, 32, 20, 20)
    grid[3, 4 + objectness] = 0.9
    grid[:, 4] = 1.0 if objectness else grid[:, 4]
    value = (grid.T if transposed else grid)[None]
    return fixed(path, {"output0": value})


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
def test_a_yolo_grid(transposed: bool, objectness: bool, call: Call, tmp_path: Path) -> None:
    model = yolo(tmp_path / "y.onnx", 3, transposed, objectness)
    (tmp_path / "labels.txt").write_text("cat\ndog\nbird\n")
    made = imported(
        call, tmp_path / "y.edge", model, "--task", "detect", "--labels", tmp_path / "labels.txt",
        "--resize", "letterbox",
    )  # fmt: skip
    assert any("YOLO grid" in g for g in made["guesses"])
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((128, 128, 3), np.uint8))
    found = seen(call, tmp_path / "y.edge", tmp_path / "a.png", tmp_path / "o.jsonl")["found"]
    assert [f["label"] for f in found] == ["cat"]
    assert found[0]["box"] == pytest.approx([44, 44, 84, 84], abs=0.5)


def listed_boxes(path: Path, rows: list[list[float]], **metadata: str) -> Path:
    """A model that has suppressed its boxes itself: always these, and rows of zeros."""
    value = np.zeros((1, 20, 6), np.float32)
    value[0, : len(rows)] = np.reshape(rows, (-1, 6))
    return fixed(path, {"output0": value}, **metadata)


TWO = [[10.0, 12, 30, 40, 0.9, 1], [20, 20, 50, 60, 0.6, 0]]
ULTRALYTICS = {"author": "Ultralytics", "names": "{0: 'cat', 1: 'dog'}"}


def blank(folder: Path) -> Path:
    import cv2

    cv2.imwrite(str(folder / "a.png"), np.zeros((128, 128, 3), np.uint8))
    return folder / "a.png"


def test_what_ultralytics_says_is_taken(call: Call, tmp_path: Path) -> None:
    said = {**ULTRALYTICS, "task": "detect", "args": "{'nms': True}"}
    made = imported(call, tmp_path / "y.edge", listed_boxes(tmp_path / "y.onnx", TWO, **said))
    assert made["labels"] == ["cat", "dog"]
    spec = zoo.load(tmp_path / "y.edge").spec
    assert (spec.input.resize, spec.input.std, spec.input.color) == ("letterbox", (255.0,), "rgb")
    assert (spec.decoding.iou, spec.decoding.most) == (0.7, 300)
    found = seen(call, tmp_path / "y.edge", blank(tmp_path), tmp_path / "o.jsonl")["found"]
    assert [f["label"] for f in found] == ["dog", "cat"]
    assert found[0]["box"] == pytest.approx([20, 24, 60, 80], abs=0.5)


def test_boxes_of_a_grid_have_one_label_each(call: Call, tmp_path: Path) -> None:
    grid = np.zeros((1, 7, 10), np.float32)
    grid[0, :4] = [[32], [32], [20], [20]]
    grid[0, 4:, 3] = (0.9, 0.8, 0.1)
    said = {"author": "Ultralytics", "task": "detect", "names": "{0: 'a', 1: 'b', 2: 'c'}"}
    fixed(tmp_path / "y.onnx", {"output0": grid}, **said)
    imported(call, tmp_path / "y.edge", tmp_path / "y.onnx", "--iou", "0.4", "--most", "5")
    decoding = zoo.load(tmp_path / "y.edge").spec.decoding
    assert (decoding.iou, decoding.most) == (0.4, 5)
    found = seen(call, tmp_path / "y.edge", blank(tmp_path), tmp_path / "o.jsonl")["found"]
    assert [f["label"] for f in found] == ["a"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_list_is_known_by_what_it_finds(count: int, call: Call, tmp_path: Path) -> None:
    rows = [[*row[:5], min(row[5], count - 1)] for row in TWO]
    (tmp_path / "labels.txt").write_text("\n".join(f"l{i}" for i in range(count)))
    said = ("--task", "detect", "--labels", tmp_path / "labels.txt")
    made = imported(call, tmp_path / "y.edge", listed_boxes(tmp_path / "y.onnx", rows), *said)
    assert any("list of boxes" in g for g in made["guesses"])


@pytest.mark.parametrize(("count", "objectness"), [(1, True), (2, False)])
def test_a_grid_of_six_numbers_is_no_list(
    count: int, objectness: bool, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(f"l{i}" for i in range(count)))
    grid = np.full((1, 10, 4 + objectness + count), 20, np.float32)
    grid[0, :, 4:] = np.random.default_rng(0).uniform(0.01, 0.4, grid[0, :, 4:].shape)
    fixed(tmp_path / "y.onnx", {"output0": grid})
    said = ("--task", "detect", "--labels", tmp_path / "labels.txt")
    made = imported(call, tmp_path / "y.edge", tmp_path / "y.onnx", *said)
    assert any("YOLO grid" in g for g in made["guesses"])


def test_two_readings_are_never_guessed(call: Call, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    model = listed_boxes(tmp_path / "y.onnx", [])
    said = ("--task", "detect", "--labels", tmp_path / "labels.txt")
    done = call("import", model, *said, "--out", tmp_path / "y.edge")
    assert done.code == 2 and "say --boxes list or grid" in done.err
    for boxes in ("list", "grid"):
        imported(call, tmp_path / "y.edge", model, *said, "--boxes", boxes)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"task": "pose"}, "--detail keypoints"), ({"task": "obb"}, "--detail rotation"),
        ({"task": "segment"}, "--detail masks"), ({"task": "sing"}, "have bundles"),
        ({"task": "detect", "names": "{1: 'a'}"}, "no labels"),
        ({"task": "detect", "names": "__import__('os')"}, "cannot be read"),
        ({"task": "classify"}, "--task detect was given"),
    ],
)  # fmt: skip
def test_metadata_that_fit_nothing(
    said: dict[str, str], why: str, call: Call, tmp_path: Path
) -> None:
    model = listed_boxes(tmp_path / "y.onnx", TWO, **{**ULTRALYTICS, **said})
    done = call("import", model, "--task", "detect", "--out", tmp_path / "y.edge")
    assert done.code == 2 and why in done.err


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (b"", (), "is no TFLite file"), (b"\0" * 64, (), "is no TFLite file"),
        (b"\x1c\0\0\0TFL3" + b"\xff" * 64, (), "damaged TFLite file"),
    ],
)  # fmt: skip
def test_what_is_no_model(
    content: bytes, arguments: tuple[str, ...], says: str, call: Call, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    done = call("import", path, "--task", "classify", *arguments)
    assert done.code == 2 and says in done.err


def test_nothing_is_written_over_that_is_no_bundle(call: Call, tmp_path: Path) -> None:
    model = yolo(tmp_path / "y.onnx", 1, False, False)
    (tmp_path / "labels.txt").write_text("cat\n")
    options = ("--task", "detect", "--labels", tmp_path / "labels.txt")
    done = call("import", model, *options, "--out", tmp_path / "labels.txt")
    assert done.code == 2 and "is there, and is no bundle; nothing is written" in done.err
    assert (tmp_path / "labels.txt").read_text() == "cat\n"
    done = call("import", model, *options, "--out", tmp_path)
    assert done.code == 2 and "is a folder; say a file" in done.err
    for _ in range(2):  # a bundle is written anew
        imported(call, tmp_path / "y.edge", model, *options)


def test_any_name_of_a_file_will_do(call: Call, tmp_path: Path) -> None:
    model = yolo(tmp_path / "yolo (1) für alle.onnx", 1, False, False)
    (tmp_path / "labels.txt").write_text("cat\n")
    path = tmp_path / "y.edge"
    imported(call, path, model, "--task", "detect", "--labels", tmp_path / "labels.txt")
    assert zoo.load(path).artifacts[0].files == ("yolo-1-f-r-alle.onnx",)


def test_what_crashes_its_interpreter_crashes_that_alone(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file that a library was not made for may: here its process is told to."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "onnxruntime.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", str(site))
    model, out = yolo(tmp_path / "y.onnx", 1, False, False), tmp_path / "y.edge"
    (tmp_path / "labels.txt").write_text("cat\n")
    options = ("--task", "detect", "--labels", tmp_path / "labels.txt", "--out", out)
    done = call("import", model, *options)
    assert done.code == 2 and "was ended by SIGSEGV" in done.err and not out.exists()


def test_what_the_user_must_say(call: Call, tmp_path: Path) -> None:
    model = yolo(tmp_path / "y.onnx", 3, False, False)
    done = call("import", model)
    assert done.code == 2 and "--task" in done.err
    done = call("import", model, "--task", "detect")
    assert done.code == 2 and "carries no labels; give --labels FILE" in done.err
    (tmp_path / "labels.txt").write_text("cat\n")
    done = call("import", model, "--task", "detect", "--labels", tmp_path / "labels.txt")
    assert done.code == 2 and "no YOLO grid of 1 labels" in done.err
    done = call("import", model, "--task", "detect", "--mean", "grey")
    assert done.code == 2 and "not a number" in done.err


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a\nb\n\n", ("a", "b")), ("0 a\n1 b", ("a", "b")), ("1: a\n2: b", ("a", "b")),
        ("a\na\nb/c", ("a", "a (2)", "b∕c")), ("\nx", ("label 0", "x")),
        ("2 cats\n3 dogs", ("2 cats", "3 dogs")),
    ],
)  # fmt: skip
def test_lists_of_labels(text: str, labels: tuple[str, ...]) -> None:
    from edgenets.converters.labels import listed

    assert listed(text) == labels
