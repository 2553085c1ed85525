"""Instances that touch, parted by a label for their rims."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets import recipe
from edgenets.errors import RecordError
from edgenets.tasks.vision.data.augment import moved_instances, rims
from edgenets.tasks.vision.decode import MaskDecoder
from edgenets.tasks.vision.preprocess import place
from edgenets.tasks.vision.spec import ImageInput, MaskDecoding

from . import sets

NAMES = ("background", "cell", "edge")
FRAME = ImageInput(height=96, width=96)
DECODER = MaskDecoder(NAMES, FRAME, MaskDecoding(edge="edge", instances=True))


def discs(places: list[tuple[int, int, int]]) -> NDArray[np.uint16]:
    """Instances drawn one over another: x, y and radius of each."""
    instances = np.zeros((96, 96), np.uint16)
    for number, (x, y, radius) in enumerate(places, 1):
        cv2.circle(instances, (x, y), radius, number, -1)
    return instances


def masked(instances: NDArray[np.uint16], wide: int) -> NDArray[np.uint8]:
    mask = (instances > 0).astype(np.uint8)
    mask[rims(instances, wide)] = 2
    return mask


@given(
    st.lists(
        st.tuples(st.integers(12, 84), st.integers(12, 84), st.integers(7, 14)),
        min_size=1, max_size=5,
    ),
    st.integers(1, 2),
)  # fmt: skip
def test_what_was_parted_is_found(places: list[tuple[int, int, int]], wide: int) -> None:
    instances = discs(places)
    whole, regions = DECODER.parted(masked(instances, wide))
    assert ((whole == 1) == (instances > 0)).all() and set(np.unique(whole)) <= {0, 1}
    assert ((regions > 0) == (instances > 0)).all()
    for number in np.unique(regions[regions > 0]):
        own = regions == number
        # What is inside of rims is of one instance; its rim may be a neighbour's by a pixel.
        most = np.bincount(instances[own]).max()
        assert most >= 0.7 * own.sum()


def test_two_that_touch_are_two() -> None:
    instances = discs([(35, 48, 14), (62, 48, 14)])
    plain, regions = DECODER.parted(masked(instances, 2))
    assert regions.max() == 2 and plain.sum() == (instances > 0).sum()
    for number in (1, 2):
        own = instances == instances[48, (30, 66)[number - 1]]
        found = regions == regions[48, (30, 66)[number - 1]]
        assert (own & found).sum() / (own | found).sum() > 0.9


def test_one_that_is_all_rim_is_one() -> None:
    instances = discs([(20, 20, 2), (60, 60, 12)])
    _, regions = DECODER.parted(masked(instances, 3))
    assert regions.max() == 2 and regions[20, 20] != regions[60, 60]


def test_findings_are_instances_without_rims() -> None:
    mask = masked(discs([(30, 48, 12), (54, 48, 12)]), 2)
    scores = np.eye(3, dtype=np.float32)[mask][None] * 9
    found = DECODER.decode({"logits": scores}, place(FRAME, 96, 96))
    assert [one.label for one in found.found] == ["cell", "cell"]
    assert found.mask is not None and set(np.unique(found.mask)) == {0, 1}
    areas = sum(one.area for one in found.found)
    assert areas == pytest.approx((mask > 0).mean(), abs=1e-6)
    together = MaskDecoder(NAMES, FRAME, MaskDecoding(edge="edge"))
    (one,) = together.decode({"logits": scores}, place(FRAME, 96, 96)).found
    assert one.label == "cell" and one.area == pytest.approx(areas)


def test_instances_move_with_their_image() -> None:
    instances = discs([(30, 40, 9), (60, 50, 9)]).astype(np.int32)
    moved = moved_instances(instances, np.array([[1, 0, 5], [0, 1, -3], [0, 0, 1.0]]), 96, 96)
    assert (moved[:-3, 5:] == instances[3:, :-5]).all()


@pytest.mark.parametrize(
    ("data", "decoding", "says"),
    [
        ({"edges": 2, "foreground": False}, {"edge": "edge"}, "they need foreground"),
        ({"edges": 2, "foreground": True}, {}, "belong together"),
        ({"foreground": True}, {"edge": "edge"}, "belong together"),
        ({"edges": 40, "foreground": True}, {"edge": "edge"}, "edges must be 0 to 16"),
    ],
)
def test_rims_that_make_no_sense(data: dict[str, Any], decoding: dict[str, Any], says: str) -> None:
    plain = sets.recipe_of("segment")
    plain["data"] = {**plain["data"], **data}
    plain["decoding"] = {**plain["decoding"], **decoding}
    with pytest.raises(RecordError, match=says):
        recipe.parse(plain)
