"""What detectors say beside upright boxes: keypoints, turned boxes, masks of objects."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.events import Seen
from edgenets.tasks.vision.boxes import (
    _all_pairs,
    _one_by_one,
    corners_of,
    middles_of,
    rotated_overlap,
    suppress_rotated,
)
from edgenets.tasks.vision.decode import BoxDecoder
from edgenets.tasks.vision.details import Inference, corners_in_image, masks_of
from edgenets.tasks.vision.drawing import draw
from edgenets.tasks.vision.heads import Candidates
from edgenets.tasks.vision.preprocess import place
from edgenets.tasks.vision.results import Found
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    Detail,
    ImageInput,
    Keypoints,
    ListHead,
    ObjectMasks,
    Rotation,
    YoloHead,
)

FRAME = ImageInput(height=64, width=96, resize="letterbox")
WHERE = place(FRAME, 192, 96)  # twice as large, 8 rows of grey above and below
LABELS = ("cat", "dog")

seeds = st.integers(0, 1 << 30)


def drawn_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """x, y of the middle, width, height, radians."""
    sides = rng.uniform(3, 40, (count, 2))
    turned = np.column_stack((rng.uniform(0, 90, (count, 2)), sides, rng.uniform(-1, 2, count)))
    return turned.astype(np.float32)


@given(seeds, st.integers(2, 60), st.floats(0.1, 0.9), st.integers(1, 60))
def test_suppression_of_many_is_that_of_few(seed: int, count: int, limit: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    sides = corners_of(drawn_boxes(rng, count)[:, :4]).T.copy()
    labels = rng.integers(0, 2, count)
    few = _all_pairs(sides, labels, limit, most)[:most]
    assert _one_by_one(sides, labels, limit, most).tolist() == few.tolist()


@given(seeds, st.floats(-3, 3), st.floats(-50, 50))
def test_overlap_of_turned_boxes(seed: int, angle: float, shift: float) -> None:
    found = drawn_boxes(np.random.default_rng(seed), 8)
    overlap = rotated_overlap(found, found)
    assert np.allclose(np.diag(overlap), 1, atol=2e-3) and np.allclose(
        overlap, overlap.T, atol=1e-4
    )
    assert overlap.min() >= -1e-3 and overlap.max() <= 1
    # All of them turned and moved together lie over one another as before.
    cos, sin = np.cos(angle), np.sin(angle)
    turned = found.copy()
    turned[:, :2] = found[:, :2] @ np.array([[cos, sin], [-sin, cos]], np.float32) + shift
    turned[:, 4] += angle
    assert np.allclose(rotated_overlap(turned, turned), overlap, atol=2e-3)
    half = found.copy()
    half[:, 4] += np.pi  # the same boxes
    assert np.allclose(rotated_overlap(half, found), overlap, atol=2e-3)


@pytest.mark.parametrize("count", [0, 1, 5, 900])
def test_suppression_of_turned_boxes_is_what_pairs_say(count: int) -> None:
    rng = np.random.default_rng(count)
    found, scores = drawn_boxes(rng, count), rng.random(count, dtype=np.float32)
    labels = rng.integers(0, 3, count)
    corners = corners_of(found[:, :4])
    assert np.allclose(middles_of(corners), found[:, :4], atol=1e-4)
    stay = suppress_rotated(corners, found[:, 4], scores, labels, 0.6, 1000)
    order = np.argsort(-scores, kind="stable")
    same = labels[order][:, None] == labels[order]
    beyond = (rotated_overlap(found[order], found[order]) > 0.6) & same
    wanted = [order[i] for i in range(count) if not beyond[:i, i].any()]
    # Labels far apart round a middle off: a pair that is all but at the limit may go either way.
    assert len(set(stay.tolist()) ^ set(map(int, wanted))) <= count // 100
    few = suppress_rotated(corners, found[:, 4], scores, labels, 0.6, 3)
    assert few.tolist() == stay[:3].tolist()


@given(seeds, st.floats(-3, 3))
def test_corners_of_turned_boxes(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    found = drawn_boxes(rng, 4)
    angles = np.full(4, angle, np.float32)
    boxes = corners_of(found[:, :4])
    for where in (WHERE, place(ImageInput(height=64, width=96), 100, 300)):  # and stretched
        corners = corners_in_image(boxes, angles, where)
        back = corners * (where.scale_x, where.scale_y) + (where.offset_x, where.offset_y)
        assert np.allclose(back.mean(axis=1), found[:, :2], atol=1e-2)
        sides = np.linalg.norm(np.diff(back[:, [0, 1, 2]], axis=1), axis=2)
        assert np.allclose(sides, found[:, [3, 2]], atol=1e-2)
    flat = corners_in_image(boxes, np.zeros(4, np.float32), WHERE)
    assert np.allclose(flat.min(axis=1), WHERE.points_to_image(boxes[:, :2]), atol=1e-3)


@given(seeds, st.sampled_from([1, 2, 4, 3.2]), st.sampled_from(["nchw", "nhwc"]))
def test_masks_of_parts_are_those_of_the_whole(seed: int, cell: float, layout: str) -> None:
    rng = np.random.default_rng(seed)
    count, rows, columns = 5, int(64 / cell), int(96 / cell)
    planes = rng.standard_normal((count, rows, columns)).astype(np.float32)
    boxes = corners_of(drawn_boxes(rng, 4)[:, :4])
    factors = rng.standard_normal((4, count)).astype(np.float32)
    wanted = ObjectMasks(count=count, layout=layout)  # type: ignore[arg-type]
    outputs = {"output1": (planes if layout == "nchw" else planes.transpose(1, 2, 0))[None]}
    candidates = Candidates(boxes, np.ones(4, np.float32), np.zeros(4, np.int64), factors)
    found = masks_of(wanted, candidates, Inference(outputs, FRAME, WHERE))
    for box, own, mask in zip(boxes, factors, found, strict=True):
        whole = cv2.resize(np.tensordot(own, planes, 1), (96, 64))
        y, x = np.mgrid[:64, :96]
        inside = (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])
        own_pixels = np.zeros((64, 96), bool)
        height, width = mask.inside.shape
        own_pixels[mask.top : mask.top + height, mask.left : mask.left + width] = mask.inside
        unsure = np.abs(whole) < 1e-4
        assert (own_pixels == ((whole > 0) & inside))[~unsure].all()


def decoded(detail: Detail, more: np.ndarray, **others: np.ndarray) -> tuple[Found, ...]:
    """What a grid of one object gives, a cat of 20 × 12 in the middle of the frame."""
    row = np.concatenate(([48, 32, 20, 12, 0.9, 0.1], more)).astype(np.float32)
    head = YoloHead(output="out", detail=detail)
    decoder = BoxDecoder(LABELS, FRAME, BoxDecoding(head=head))
    return decoder.decode({"out": row[None, None], **others}, WHERE).found


def test_keypoints_are_in_the_image() -> None:
    points = np.array([[48, 32, 0.8], [0, 8, 0.3], [500, 20, 0.1]], np.float32)
    (cat,) = decoded(Keypoints(count=3), points.reshape(-1))
    assert [(p.x, p.y) for p in cat.keypoints] == [(96, 48), (0, 0), (192, 24)]
    assert [p.score for p in cat.keypoints] == pytest.approx([0.8, 0.3, 0.1])
    (cat,) = decoded(Keypoints(count=3, scored=False), points[:, :2].reshape(-1))
    assert all(p.score is None for p in cat.keypoints) and cat.keypoints[0].x == 96


def test_a_turned_box_has_corners_and_an_upright_box_around_it() -> None:
    (cat,) = decoded(Rotation(), np.array([np.pi / 2]))
    assert np.allclose(np.sort(cat.corners, axis=0)[[0, -1]], [(84, 28), (108, 68)], atol=1e-3)
    assert cat.box == pytest.approx((84, 28, 108, 68), abs=1e-3)


def test_an_object_without_a_mask_is_none() -> None:
    planes = np.ones((1, 1, 16, 24), np.float32)
    detail = ObjectMasks(count=1)
    (cat,) = decoded(detail, np.array([1.0]), output1=planes)
    ((ring,),) = (cat.outline,)
    assert np.ptp(ring, axis=0) == pytest.approx((38, 22), abs=0.1)
    assert cat.area == pytest.approx(20 * 12 / (96 * 48))
    assert decoded(detail, np.array([-1.0]), output1=planes) == ()


def test_a_list_by_middles_has_details_too() -> None:
    rows = np.zeros((1, 5, 7), np.float32)
    rows[0, 0] = (0.5, 0.5, 0.25, 0.25, 0.9, 1, 0.3)
    head = ListHead(output="out", normalised=True, centred=True, detail=Rotation())
    decoder = BoxDecoder(LABELS, FRAME, BoxDecoding(head=head))
    (dog,) = decoder.decode({"out": rows}, WHERE).found
    assert dog.label == "dog" and np.mean(dog.corners, axis=0) == pytest.approx((96, 48))
    boxes, scores, numbers = decoder.boxes({"out": rows}, WHERE)
    assert boxes[0] == pytest.approx(dog.box) and scores[0] == np.float32(0.9) and numbers == [1]


def seen(found: Found) -> Seen:
    image = np.full((96, 192, 3), 90, np.uint8)
    return Seen("a", 0, 0.0, 0.01, (found,), image=image, labels=LABELS)


@pytest.mark.parametrize("kind", ["keypoints", "person", "corners", "outline"])
def test_what_is_found_is_sent_and_drawn(kind: str) -> None:
    if kind in ("keypoints", "person"):
        count = 17 if kind == "person" else 3
        places = np.linspace(50, 80, count * 3)
        places[2::3] = 0.9
        (cat,) = decoded(Keypoints(count=count), places)
    elif kind == "corners":
        (cat,) = decoded(Rotation(), np.array([0.4]))
    else:
        planes = np.ones((1, 1, 16, 24), np.float32)
        (cat,) = decoded(ObjectMasks(count=1), np.array([1.0]), output1=planes)
    name = "keypoints" if kind == "person" else kind
    plain = seen(cat).plain()["found"][0]
    assert plain[name] and plain["box"]
    upright = Found(cat.label, cat.score, cat.box)
    assert (draw(seen(cat)) != draw(seen(upright))).any()
