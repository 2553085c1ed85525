"""Following objects, and counting what crosses a line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.tasks.vision.results import Found
from edgenets.tasks.vision.tracking import Tracker, TrackRules
from edgenets.tasks.vision.zones import Line, LineCounter, Zone


def thing(x: float, y: float, label: str = "cat", score: float = 0.9, size: float = 40) -> Found:
    return Found(label, score, (x - size / 2, y - size / 2, x + size / 2, y + size / 2))


def test_a_number_stays_with_its_object() -> None:
    tracker, numbers = Tracker(), []
    for step in range(30):
        # Two that pass each other at some distance.
        found = [thing(100 + 8 * step, 100), thing(400 - 8 * step, 180)]
        numbers.append([f.track for f in tracker.update(found, step / 20)])
    assert numbers[0] == [None, None] and all(n == [1, 2] for n in numbers[1:])


def test_one_that_is_hidden_for_a_while_keeps_its_number() -> None:
    tracker = Tracker(TrackRules(patience=1.0))
    for step in range(10):
        tracker.update([thing(100 + 6 * step, 100)], step / 20)
    for step in range(10, 18):
        assert tracker.update([], step / 20) == ()
    # It went on at its speed while nobody saw it.
    assert tracker.update([thing(100 + 6 * 18, 100)], 18 / 20)[0].track == 1
    for step in range(19, 60):
        tracker.update([], step / 20)
    assert tracker.update([thing(400, 100)], 3.0)[0].track is None


def test_a_low_score_continues_and_never_begins() -> None:
    tracker = Tracker()
    for step in range(5):
        assert tracker.update([thing(100, 100, score=0.3)], step / 20)[0].track is None
    for step in range(5, 8):
        tracker.update([thing(100, 100, score=0.9)], step / 20)
    assert tracker.update([thing(100, 100, score=0.3)], 8 / 20)[0].track == 1


def test_another_label_is_another_object() -> None:
    tracker = Tracker()
    for step in range(4):
        tracker.update([thing(100, 100, "cat")], step / 20)
    assert tracker.update([thing(100, 100, "dog")], 0.2)[0].track is None


def test_what_has_no_box_is_passed_through() -> None:
    whole = Found("cat", 0.9)
    assert Tracker().update([whole], 0.0) == (whole,)


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 600), st.floats(0, 400)), max_size=6),
        min_size=1,
        max_size=12,
    )
)
def test_no_number_is_given_twice_in_a_picture(images: list[list[tuple[float, float]]]) -> None:
    tracker = Tracker(TrackRules(confirm=1))
    for step, places in enumerate(images):
        found = tracker.update([thing(x, y) for x, y in places], step / 10)
        numbers = [f.track for f in found if f.track is not None]
        assert len(numbers) == len(set(numbers)) and len(found) == len(places)
        assert [f.box for f in found] == [thing(x, y).box for x, y in places]


def test_a_noisy_walk_is_one_track() -> None:
    rng = np.random.default_rng(0)
    tracker, numbers = Tracker(), set()
    for step in range(200):
        x, y = 300 + 200 * np.sin(step / 30), 200 + 100 * np.cos(step / 30)
        found = [thing(*(np.array((x, y)) + rng.normal(0, 3, 2)), size=50 + rng.normal(0, 3))]
        if rng.random() > 0.1:  # now and then it is not found
            numbers.add(tracker.update(found, step / 25)[0].track)
        else:
            tracker.update([], step / 25)
    assert numbers - {None} == {1}


@pytest.mark.parametrize(
    "bad", [{"high": 2.0}, {"overlap": 0.0}, {"confirm": 0}, {"patience": -1.0}]
)
def test_rules_that_cannot_be(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"lie in|is 1 to 1000"):
        TrackRules(**bad)  # type: ignore[arg-type]


SQUARE = Zone("square", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_square_zone(x: float, y: float) -> None:
    inside = 0.25 < x < 0.75 and 0.25 < y < 0.75
    edge = any(abs(v - e) < 1e-6 for v in (x, y) for e in (0.25, 0.75))
    assert edge or SQUARE.holds(x, y) == inside


def walk(counter: LineCounter, *places: tuple[float, float]) -> list[str]:
    """The directions of crossings of one object whose feet take these places."""
    found = []
    for x, y in places:
        box = (100 * x - 5, 100 * y - 10, 100 * x + 5, 100 * y)
        for crossing in counter.update([Found("cat", 0.9, box, track=1)], 100, 100):
            found.append(crossing.direction)
    return found


def test_crossings_have_a_direction() -> None:
    line = Line("gate", ((0.5, 0.0), (0.5, 1.0)))
    assert walk(LineCounter([line]), (0.4, 0.5), (0.6, 0.5)) == ["left"]
    assert walk(LineCounter([line]), (0.6, 0.5), (0.4, 0.5)) == ["right"]
    there = [(0.4, 0.5), (0.6, 0.5), (0.7, 0.5), (0.4, 0.5)]
    assert walk(LineCounter([line]), *there) == ["left", "right"]


def test_beside_a_line_is_not_across_it() -> None:
    line = Line("gate", ((0.5, 0.4), (0.5, 0.6)))
    assert walk(LineCounter([line]), (0.4, 0.9), (0.6, 0.9)) == []
    assert walk(LineCounter([line]), (0.4, 0.5), (0.45, 0.5)) == []
    assert walk(LineCounter([line]), (0.4, 0.5)) == []
