"""Scoring a stream whose words are known: each word and each detection counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.tasks.keywords.scoring import EARLY, LATE, Heard, Spoken, score

times = st.floats(0, 20).map(lambda t: round(t, 2))
labels = st.sampled_from(("yes", "no"))
SPOKEN = st.lists(st.builds(lambda w, t: Spoken(w, t, t + 0.5), labels, times), max_size=12)
HEARD = st.lists(st.builds(Heard, labels, times, st.just(0.9)), max_size=12)


def test_a_stream() -> None:
    spoken = [Spoken("no", 4.0, 4.5), Spoken("yes", 1.0, 1.5), Spoken("yes", 8.0, 8.4)]
    heard = [Heard("yes", 1.7, 0.9), Heard("yes", 4.2, 0.8), Heard("no", 6.0, 0.9)]
    found = score(spoken, heard, 10.0)
    assert [m.spoken.start for m in found.matches] == [1.0, 4.0, 8.0]
    assert [m.heard for m in found.matches] == [heard[0], None, None]
    assert found.false_alarms == (heard[1], heard[2])
    assert found.hits == 1 and found.seconds == 10.0
    assert found.recall == found.precision == pytest.approx(1 / 3)
    assert found.matches[0].latency == pytest.approx(0.2)
    assert found.matches[1].latency is None


@pytest.mark.parametrize(
    ("time", "hit"),
    [(1.0 - EARLY, True), (0.9 - EARLY, False), (1.5 + LATE, True), (1.6 + LATE, False)],
)
def test_when_a_detection_belongs_to_a_word(time: float, hit: bool) -> None:
    found = score([Spoken("yes", 1.0, 1.5)], [Heard("yes", time, 0.9)], 5.0)
    assert found.hits == hit and len(found.false_alarms) == (not hit)


def test_hearing_a_word_twice_is_a_false_alarm() -> None:
    found = score([Spoken("yes", 1.0, 1.5)], [Heard("yes", 1.4, 0.9), Heard("yes", 1.8, 0.9)], 5.0)
    assert found.hits == 1 and [h.time for h in found.false_alarms] == [1.8]


def test_equal_detections_are_two() -> None:
    heard = [Heard("yes", 1.4, 0.9)] * 2
    assert score([Spoken("yes", 1.0, 1.5)] * 2, heard, 5.0).hits == 2


def test_silence() -> None:
    nothing = score([], [], 5.0)
    assert (nothing.hits, nothing.recall, nothing.precision) == (0, 1.0, 1.0)
    assert score([], [Heard("yes", 1.0, 0.9)], 5.0).precision == 0.0
    assert score([Spoken("yes", 1.0, 1.5)], [], 5.0).recall == 0.0


@given(SPOKEN, HEARD, st.randoms(use_true_random=False))
def test_nothing_counts_twice_and_order_does_not_matter(
    spoken: list[Spoken], heard: list[Heard], random: object
) -> None:
    found = score(spoken, heard, 20.0)
    taken = [m.heard for m in found.matches if m.heard is not None]
    assert sorted(map(repr, [*taken, *found.false_alarms])) == sorted(map(repr, heard))
    assert len(found.matches) == len(spoken)
    for match in found.matches:
        if match.heard is not None:
            assert match.heard.label == match.spoken.label
            assert match.spoken.start - EARLY <= match.heard.time <= match.spoken.end + LATE
    again = score(spoken[::-1], heard[::-1], 20.0)
    assert again.hits == found.hits
