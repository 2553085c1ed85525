"""CTC decoding, against the sum over all ways to say the same."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.tasks.speech.ctc import BLANK, Beam, Decoder, Greedy, log_softmax


def collapse(labels: tuple[int, ...]) -> tuple[int, ...]:
    """What a sequence of labels says."""
    return tuple(label for label, _ in itertools.groupby(labels) if label != BLANK)


def exhaustive(logits: NDArray[np.float32]) -> dict[tuple[int, ...], float]:
    """The probability of everything that can be said in so many steps."""
    scores = np.exp(log_softmax(logits))
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for labels in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        found[collapse(labels)] += math.prod(scores[t, s] for t, s in enumerate(labels))
    return found


def decode(decoder: Decoder, logits: NDArray[np.float32], final: bool = True) -> tuple[int, ...]:
    decoder.reset()
    for row in logits:
        decoder.push(row)
    return tuple(said.symbol for said in decoder.said(final))


@st.composite
def scores(draw: st.DrawFn, most_steps: int = 5, most_labels: int = 4) -> NDArray[np.float32]:
    steps, labels = draw(st.integers(1, most_steps)), draw(st.integers(2, most_labels))
    numbers = draw(
        st.lists(st.floats(-4, 4, width=16), min_size=steps * labels, max_size=steps * labels)
    )
    return np.array(numbers, np.float32).reshape(steps, labels)


@given(scores())
def test_a_wide_beam_finds_the_most_likely_of_all(logits: NDArray[np.float32]) -> None:
    truth = exhaustive(logits)
    found = decode(Beam(width=1000), logits)
    assert truth[found] == pytest.approx(max(truth.values()), rel=1e-6)


@given(scores(most_steps=12))
def test_greedy_is_the_best_of_each_step(logits: NDArray[np.float32]) -> None:
    assert decode(Greedy(), logits) == collapse(tuple(int(x) for x in logits.argmax(axis=1)))


@given(scores(most_steps=12), st.integers(1, 8))
def test_steps_are_where_symbols_begin(logits: NDArray[np.float32], width: int) -> None:
    for decoder in (Greedy(), Beam(width)):
        for row in logits:
            decoder.push(row)
        steps = [said.step for said in decoder.said()]
        assert steps == sorted(set(steps)) and all(0 <= s < len(logits) for s in steps)


def spell(*labels: int, count: int = 4, sure: float = 8.0) -> NDArray[np.float32]:
    """Scores of a network that is sure of a label at each step."""
    out = np.zeros((len(labels), count), np.float32)
    out[np.arange(len(labels)), labels] = sure
    return out


@pytest.mark.parametrize("decoder", [Greedy(), Beam(4)], ids=["greedy", "beam"])
class TestBoth:
    @pytest.mark.parametrize(
        ("labels", "said"),
        [((0, 0, 0), ()), ((1, 1, 1), (1,)), ((1, 0, 1), (1, 1)), ((0, 1, 2, 2, 0, 3), (1, 2, 3))],
    )
    def test_what_is_said(
        self, decoder: Any, labels: tuple[int, ...], said: tuple[int, ...]
    ) -> None:
        assert decode(decoder, spell(*labels)) == said

    def test_a_reset_forgets(self, decoder: Any) -> None:
        decode(decoder, spell(1, 2, 3))
        assert decode(decoder, spell(0)) == ()

    def test_a_day_of_silence_takes_no_memory(self, decoder: Any) -> None:
        decoder.reset()
        for row in spell(*[0] * 5000, sure=12.0):
            decoder.push(row)
        assert decoder.said() == ()
        if isinstance(decoder, Beam):
            assert len(decoder._paths) <= 4


class Pairs:
    """A grammar for the tests: symbols come in pairs, 1 2 or 2 1."""

    def begin(self) -> int:
        return 0

    def follow(self, state: int, symbol: int) -> tuple[int, float] | None:
        if state == 0:
            return (symbol, math.log(0.5)) if symbol in (1, 2) else None
        return (0, 0.0) if symbol == 3 - state else None

    def end(self, state: int) -> float:
        return 0.0 if state == 0 else -math.inf


@given(scores(most_steps=8))
def test_nothing_is_said_that_the_grammar_forbids(logits: NDArray[np.float32]) -> None:
    said = decode(Beam(200, Pairs()), logits)
    assert len(said) % 2 == 0
    assert all({a, b} == {1, 2} for a, b in zip(said[::2], said[1::2], strict=True))


def test_a_grammar_turns_a_near_miss() -> None:
    heard = spell(1, 0, 1)  # 1 1, which is no pair
    heard[2, 2] = 7.5  # nearly a 2
    assert decode(Greedy(), heard) == (1, 1)
    assert decode(Beam(8, Pairs()), heard) == (1, 2)
