"""A little of `make truth`, and that its world notices what is not true."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.truth import films, hearing, images, messages, streams
from tests.truth.ledger import Outcome, Verdict, once


class TestWorld:
    @given(st.integers(0, 2**images.BITS - 1))
    def test_an_image_says_its_number_in_any_size(self, number: int) -> None:
        data = np.frombuffer(images.jpeg(number), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert images.number_of(image) == number
        assert images.number_of(cv2.resize(image, (640, 480))) == number

    @given(st.integers(0, 2**20), st.integers(3, images.HEIGHT - 2), st.booleans())
    def test_a_torn_image_says_none(self, number: int, row: int, gray: bool) -> None:
        image = images.drawn(number)
        image[row:] = 128 if gray else images.drawn(number + 1)[row:]
        assert images.number_of(image) is None

    @pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180])
    def test_an_image_that_lies_says_none(self, turn: int) -> None:
        numbers = [images.number_of(cv2.rotate(images.drawn(n), turn)) for n in range(300)]
        assert numbers == [None] * 300

    def test_what_was_never_sent_is_noticed(self) -> None:
        verdict = Verdict("", "")
        once(verdict, [1, 2, 2, 5], [1, 2, 3])
        assert len(verdict.violations) == 1
        once(verdict, [2, 1], [1, 2])
        assert len(verdict.violations) == 2

    def test_wrong_times_and_codes_are_noticed(self) -> None:
        seen = [{"event": "seen", "number": n, "time": 0.1 * n, "frame": n} for n in range(3)]
        for change, said in (
            ({}, 0), ({"time": 5.0}, 1), ({"number": None}, 2), ({"number": 7}, 3),
        ):  # fmt: skip
            verdict = Verdict("", "")
            events = [dict(event) for event in seen]
            events[1] |= change
            films._hold(verdict, Outcome(0, events, {}, ""), [0, 1, 2], [0.1] * 3, 0)
            assert len(verdict.violations) == said, (change, verdict.violations)
        verdict = Verdict("", "")
        films._hold(verdict, Outcome(0, seen, {}, ""), [0, 1, 2], [0.1] * 3, 2)
        assert len(verdict.violations) == 2  # not counted, and not in the exit code


@pytest.mark.parametrize(
    ("play", "seed"),
    [(films.film, 1), (films.film, 4), (hearing.recording, 11), (hearing.pipe, 3),
     (messages.lines, 0)],
)  # fmt: skip
def test_what_arrives_is_what_was_sent(play, seed: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    verdict = play(seed, tmp_path)
    assert verdict.items and not verdict.violations


def test_a_camera_with_faults(tmp_path: Path) -> None:
    verdict = streams.stream(3, tmp_path, count=40)
    assert verdict.faults and not verdict.violations
