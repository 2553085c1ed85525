"""Decoding: boxes, suppression, classes and masks, from our heads and third-party ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import ModelError
from edgenets.tasks.vision.boxes import iou, suppress
from edgenets.tasks.vision.decode import (
    BoxDecoder,
    ClassDecoder,
    MaskDecoder,
    decoder,
)
from edgenets.tasks.vision.heads import cell_middles
from edgenets.tasks.vision.preprocess import place
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    ClassDecoding,
    ImageInput,
    ImageSpec,
    MaskDecoding,
    PointHead,
    SsdHead,
    YoloHead,
)

FRAME = ImageInput(height=64, width=96)
LABELS = ("cat", "dog", "ground")
WHERE = place(FRAME, 96, 64)

corners = st.floats(0, 50, width=32)
boxes = st.lists(
    st.tuples(corners, corners, st.floats(1, 40, width=32), st.floats(1, 40, width=32)),
    min_size=1, max_size=12,
).map(lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32))  # fmt: skip


@given(boxes)
def test_overlap(found: np.ndarray) -> None:
    matrix = iou(found, found)
    assert np.allclose(np.diag(matrix), 1, atol=1e-5) and np.allclose(matrix, matrix.T)
    assert (matrix >= 0).all() and (matrix <= 1 + 1e-5).all()
    far = found + 1000
    assert iou(found, far).max() == 0


@given(boxes, st.integers(0, 1 << 30), st.floats(0.1, 0.9))
def test_what_suppression_leaves(found: np.ndarray, seed: int, limit: float) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(len(found), dtype=np.float32)
    labels = rng.integers(0, 2, len(found))
    stay = suppress(found, scores, labels, limit, 100)
    assert (np.diff(scores[stay]) <= 0).all()
    overlap = iou(found, found)
    same = labels[:, None] == labels[None]
    for i in stay:
        assert not any(overlap[i, j] > limit and same[i, j] for j in stay if j != i)
    for i in set(range(len(found))) - set(stay.tolist()):  # each that went had a better one
        assert any(overlap[i, j] > limit and same[i, j] and scores[j] >= scores[i] for j in stay)
    assert (suppress(found, scores, labels, limit, 1) == stay[:1]).all()


def point_outputs() -> dict[str, np.ndarray]:
    out = {}
    for stride, (rows, columns) in {8: (8, 12), 16: (4, 6)}.items():
        out[f"boxes_{stride}"] = np.zeros((1, rows, columns, 4), np.float32)
        out[f"scores_{stride}"] = np.full((1, rows, columns, 3), -8, np.float32)
    return out


def test_points() -> None:
    outputs = point_outputs()
    outputs["boxes_8"][0, 2, 3] = (1, 2, 1.5, 0.5)  # strides to each side
    outputs["scores_8"][0, 2, 3, 1] = 2.0
    outputs["boxes_16"][0, 1, 2] = (1, 1, 1, 1)
    outputs["scores_16"][0, 1, 2, 0] = 1.0
    decoding = BoxDecoding(head=PointHead(strides=(8, 16)))
    found = decoder(ImageSpec("x", "detect", LABELS, FRAME, decoding)).decode(outputs, WHERE).found
    assert [f.label for f in found] == ["dog", "cat"]
    # The middle of cell (row 2, column 3) at stride 8 is (28, 20).
    assert found[0].box == pytest.approx((20, 4, 40, 24))
    assert found[1].box == pytest.approx((24, 8, 56, 40))
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)


def test_a_background_is_never_told_of_and_thresholds_are_each_labels_own() -> None:
    outputs = point_outputs()
    outputs["boxes_8"][..., :] = 1.0
    for column, label in enumerate((0, 1, 2)):
        outputs["scores_8"][0, 0, 4 * column, label] = 0.0  # 0.5
    decoding = BoxDecoding(
        head=PointHead(strides=(8, 16)), threshold=0.4, thresholds={"cat": 0.6},
        background=("ground",),
    )  # fmt: skip
    spec = ImageSpec("x", "detect", LABELS, FRAME, decoding)
    assert [f.label for f in decoder(spec).decode(outputs, WHERE).found] == ["dog"]
    changed = spec.with_threshold("cat", 0.45)
    assert changed.threshold_of("cat") == 0.45 and spec.threshold_of("cat") == 0.6
    found = decoder(changed).decode(outputs, WHERE).found
    assert sorted(f.label for f in found) == ["cat", "dog"]
    for label, value in (("bird", 0.5), ("cat", 0.0), ("cat", 1.5), ("cat", float("nan"))):
        with pytest.raises(ValueError, match=r"no label|thresholds must lie"):
            spec.with_threshold(label, value)


def test_no_box_at_all() -> None:
    spec = ImageSpec("x", "detect", LABELS, FRAME, BoxDecoding(head=PointHead(strides=(8, 16))))
    assert decoder(spec).decode(point_outputs(), WHERE).found == ()


def test_ssd() -> None:
    head = SsdHead()
    outputs = {
        head.boxes: np.array(
            [[[0.25, 0.5, 0.75, 1.0], [0, 0, 0.5, 0.5], [0, 0, 1, 1]]], np.float32
        ),
        head.classes: np.array([[1, 7, 0]], np.float32),
        head.scores: np.array([[0.9, 0.8, 0.2]], np.float32),
        head.count: np.array([3], np.float32),
    }
    spec = ImageSpec("x", "detect", LABELS, FRAME, BoxDecoding(head=head, threshold=0.5))
    (found,) = decoder(spec).decode(outputs, WHERE).found  # label 7 there is not
    assert found.label == "dog" and found.box == pytest.approx((48, 16, 96, 48))
    outputs[head.count][:] = 0
    assert decoder(spec).decode(outputs, WHERE).found == ()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("normalised", [False, True])
def test_yolo(transposed: bool, objectness: bool, normalised: bool) -> None:
    columns = 4 + objectness + 3
    grid = np.zeros((10, columns), np.float32)
    grid[4, :4] = (48, 32, 20, 10)
    if normalised:
        grid[4, :4] /= (96, 64, 96, 64)
    grid[4, 4 + objectness] = 0.9
    if objectness:
        grid[4, 4] = 0.8
    head = YoloHead(
        output="out", transposed=transposed, objectness=objectness, normalised=normalised
    )
    outputs = {"out": (grid.T if transposed else grid)[None]}
    spec = ImageSpec("x", "detect", LABELS, FRAME, BoxDecoding(head=head))
    (found,) = decoder(spec).decode(outputs, WHERE).found
    assert found.label == "cat" and found.box == pytest.approx((38, 27, 58, 37), abs=1e-3)
    assert found.score == pytest.approx(0.72 if objectness else 0.9)
    with pytest.raises(ModelError, match="columns"):
        decoder(spec).decode({"out": outputs["out"][..., :-1, :-1]}, WHERE)


def test_boxes_of_a_letterboxed_picture_are_in_its_pixels() -> None:
    frame = ImageInput(height=64, width=96, resize="letterbox")
    where = place(frame, 400, 400)  # 64 × 64 in the middle
    head = YoloHead(output="out")
    grid = np.zeros((1, 1, 7), np.float32)
    grid[0, 0] = (48, 32, 64, 64, 0.9, 0, 0)
    spec = ImageSpec("x", "detect", LABELS, frame, BoxDecoding(head=head))
    (found,) = decoder(spec).decode({"out": grid}, where).found
    assert found.box == pytest.approx((0, 0, 400, 400), abs=0.1)


def test_classes() -> None:
    logits = {"logits": np.array([[1.0, 3.0, 5.0]], np.float32)}
    found = ClassDecoder(LABELS, ClassDecoding()).decode(logits, WHERE).found
    assert [f.label for f in found] == ["ground"]
    two = ClassDecoder(LABELS, ClassDecoding(top=2, threshold=0.05, background=("ground",)))
    assert [f.label for f in two.decode(logits, WHERE).found] == ["dog"]
    sure = ClassDecoder(LABELS, ClassDecoding(threshold=0.95))
    assert sure.decode(logits, WHERE).found == ()
    plain = ClassDecoder(LABELS, ClassDecoding(scores="probabilities"))
    assert plain.posterior({"logits": np.array([[0.2, 0.7, 0.1]], np.float32)})[1] == np.float32(
        0.7
    )


def mask_outputs(labels: int) -> dict[str, np.ndarray]:
    scores = np.zeros((1, 32, 48, labels), np.float32)
    scores[..., 0] = 1.0
    scores[0, 4:12, 4:20, 1] = 3.0
    scores[0, 20:28, 30:40, 1] = 3.0
    return {"logits": scores}


@pytest.mark.parametrize("labels", [2, 3])
def test_masks(labels: int) -> None:
    names = ("ground", "route", "tree")[:labels]
    whole = MaskDecoder(names, FRAME, MaskDecoding(background=("ground",)))
    found = whole.decode(mask_outputs(labels), WHERE)
    (route,) = found.found
    assert route.area == pytest.approx((8 * 16 + 8 * 10) / (32 * 48)) and route.box is None
    assert found.mask is not None and found.mask.sum() == 8 * 16 + 8 * 10
    each = MaskDecoder(names, FRAME, MaskDecoding(background=("ground",), instances=True))
    first, second = each.decode(mask_outputs(labels), WHERE).found
    assert first.box == (8, 8, 40, 24) and second.box == (60, 40, 80, 56)
    large = MaskDecoder(
        names, FRAME, MaskDecoding(background=("ground",), instances=True, smallest=0.06)
    )
    assert len(large.decode(mask_outputs(labels), WHERE).found) == 1


def test_a_mask_follows_the_picture() -> None:
    frame = ImageInput(height=64, width=96, resize="letterbox")
    where = place(frame, 64, 64)  # the middle 64 columns
    names = ("ground", "route")
    scores = np.zeros((1, 64, 96, 2), np.float32)
    scores[0, :, 16:48, 1] = 5.0
    found = MaskDecoder(names, frame, MaskDecoding(background=("ground",)))
    mask = found.mask_in_image({"logits": scores}, where)
    assert mask.shape == (64, 64) and mask[:, :31].all() and not mask[:, 33:].any()
    assert found.decode({"logits": scores}, where).found[0].area == pytest.approx(0.5)


def test_a_threshold_of_a_mask() -> None:
    names = ("ground", "route")
    scores = np.zeros((1, 2, 2, 2), np.float32)
    scores[0, 0, 0, 1], scores[0, 1, 1, 1] = np.log(0.7 / 0.3), np.log(0.3 / 0.7)
    frame = ImageInput(height=2, width=2)
    for limit, count in ((0.5, 1), (0.6, 1), (0.75, 0), (0.2, 4)):
        mask = MaskDecoder(names, frame, MaskDecoding(background=("ground",), threshold=limit))
        assert mask.mask({"logits": scores}).sum() == count


def test_middles_of_cells() -> None:
    middles = cell_middles(ImageInput(height=10, width=20), 8)
    assert middles.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]


def test_a_decoding_of_another_task_is_refused() -> None:
    with pytest.raises(ValueError, match="is another"):
        ImageSpec("x", "detect", LABELS, FRAME, ClassDecoding())
    with pytest.raises(ValueError, match="no labels"):
        ImageSpec("x", "classify", LABELS, FRAME, ClassDecoding(thresholds={"bird": 0.5}))
    assert isinstance(decoder(ImageSpec("x", "detect", LABELS, FRAME, BoxDecoding())), BoxDecoder)
