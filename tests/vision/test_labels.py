"""Labels in an image: none covers another, none leaves it, and none is lost where there is room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.events import Seen
from edgenets.tasks.vision import drawing
from edgenets.tasks.vision.labels import Place, Plate, places
from edgenets.tasks.vision.results import Found


def overlap(a: tuple[Place, Plate], b: tuple[Place, Plate]) -> bool:
    (left, top), plate = a
    (x, y), other = b
    return (
        left < x + other.width and x < left + plate.width
        and top < y + other.height and y < top + plate.height
    )  # fmt: skip


def free(mask: np.ndarray, wide: int, high: int) -> bool:
    """Whether a rectangle fits anywhere where a mask is not set, by trying all places."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), int)
    sums[1:, 1:] = mask.cumsum(0).cumsum(1)
    if wide > mask.shape[1] or high > mask.shape[0]:
        return False
    inside = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    return bool((inside == 0).any())


def recorded(seen: Seen) -> tuple[np.ndarray, list[tuple[Place, Plate]]]:
    """What is drawn, and the labels that were written with their places."""
    written: list[tuple[Place, Plate]] = []

    def kept(plates: list[Plate], width: int, height: int) -> list[Place | None]:
        at = places(plates, width, height)
        written.extend((p, plate) for p, plate in zip(at, plates, strict=True) if p is not None)
        return at

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "places", kept)
        return drawing.draw(seen), written


boxes = st.tuples(*[st.integers(-30, 150)] * 4)
drawn_plates = st.lists(
    st.builds(
        Plate, st.integers(1, 60), st.integers(1, 20), boxes, st.floats(0, 1, allow_nan=False)
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(drawn_plates, st.integers(5, 120), st.integers(5, 120))
def test_no_overlap_inside_and_none_lost_where_there_is_room(
    plates: list[Plate], width: int, height: int
) -> None:
    found = places(plates, width, height)
    placed = [(at, plate) for at, plate in zip(found, plates, strict=True) if at is not None]
    for number, one in enumerate(placed):
        (left, top), plate = one
        assert 0 <= left <= width - plate.width and 0 <= top <= height - plate.height
        assert not any(overlap(one, other) for other in placed[:number])
    mask = np.zeros((height, width), int)
    for (left, top), plate in placed:
        mask[top : top + plate.height, left : left + plate.width] = 1
    for at, plate in zip(found, plates, strict=True):
        if at is None:
            assert not free(mask, plate.width, plate.height)


def test_a_label_alone_stands_above_its_box() -> None:
    assert places([Plate(30, 10, (40, 50, 80, 90), 0.5)], 200, 200) == [(40, 40)]


def test_the_best_have_the_room() -> None:
    crowd = [Plate(20, 10, (0, 0, 20, 10), score) for score in (0.2, 0.9, 0.5)]
    assert [at is not None for at in places(crowd, 20, 20)] == [False, True, True]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=30), st.floats(0, 1),
            st.tuples(*[st.floats(-50, 400)] * 4) | st.none(),
        ),
        max_size=25,
    ),
    st.integers(1, 320), st.integers(1, 240),
)  # fmt: skip
def test_what_is_drawn_is_where_it_was_placed(
    found: list[tuple[str, float, tuple[float, ...] | None]], width: int, height: int
) -> None:
    """All kinds of labels on images of all sizes: nothing raises, nothing is written across."""
    seen = Seen(
        "a", 0, 0.0, 0.01, tuple(Found(label, score, box) for label, score, box in found),
        image=np.zeros((height, width, 3), np.uint8), labels=("cat",),
    )  # fmt: skip
    drawn, written = recorded(seen)
    assert drawn.shape == (height, width, 3)
    for number, one in enumerate(written):
        assert not any(overlap(one, other) for other in written[:number])


def test_plates_in_a_crowded_image() -> None:
    """Twenty cells that overlap: every one has its label, and each plate is whole."""
    image = np.zeros((480, 640, 3), np.uint8)
    found = tuple(
        Found(
            "cell", 0.5 + number / 100, (200 + 9 * number, 200 + 5 * number, 300 + 9 * number, 300)
        )
        for number in range(20)
    )
    drawn, written = recorded(Seen("a", 0, 0.0, 0.01, found, image=image, labels=("cell",)))
    assert len(written) == 20
    for (left, top), plate in written:
        for y in (top, top + plate.height - 1):
            edge = drawn[y, left : left + plate.width]
            assert (edge == drawing.color_of("cell", ("cell",))).all()


def test_a_long_label_is_cut_and_says_so() -> None:
    text = drawing._Text("a very long label indeed", (0, 0, 5, 5), 0.5, (0, 0, 0), 1.0)
    line = drawing._set(text, 80)
    assert line.width <= 80 and line.text.endswith("..") and line.text.startswith("a ve")
    assert drawing._set(text, 3).text == ""
