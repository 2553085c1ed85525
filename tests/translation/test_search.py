"""The likeliest translation, held against all that there are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.tasks.speech.ctc import log_softmax
from edgenets.tasks.translation.search import longest, search
from edgenets.tasks.translation.spec import BEGIN, END, UNKNOWN, TranslationDecoding

WORDS = (4, 5, 6)  # pieces that mean something
MOST = 4


class Chain:
    """A decoder whose scores hang on the last two pieces; it counts what it is asked."""

    def __init__(self, seed: int) -> None:
        self._table = np.random.default_rng(seed).normal(0, 2, (7, 7, 7)).astype(np.float32)
        self.asked = 0

    def step(self, piece: int, state: int) -> tuple[NDArray[np.float32], int]:
        self.asked += 1
        return self._table[state, piece], piece

    def log_p(self, pieces: tuple[int, ...]) -> float:
        """Of a translation and its end."""
        total, state, piece = 0.0, BEGIN, BEGIN
        for following in (*pieces, END):
            total += float(log_softmax(self._table[state, piece])[following])
            state, piece = piece, following
        return total


def every() -> list[tuple[int, ...]]:
    """All translations that end within MOST steps."""
    return [p for n in range(MOST) for p in itertools.product(WORDS, repeat=n)]


@given(st.integers(0, 1 << 16), st.sampled_from([0.0, 0.6, 1.0]))
def test_a_wide_beam_finds_the_best_of_all(seed: int, power: float) -> None:
    chain = Chain(seed)
    found = search(chain.step, BEGIN, TranslationDecoding(500, power), MOST)
    scores = {p: chain.log_p(p) / (len(p) + 1) ** power for p in every()}
    assert found.whole and abs(chain.log_p(found.pieces) - found.log_p) < 1e-6
    assert scores[found.pieces] >= max(scores.values()) - 1e-9


@given(st.integers(0, 1 << 16))
def test_a_beam_of_one_takes_the_likeliest_piece(seed: int) -> None:
    chain = Chain(seed)
    found = search(chain.step, BEGIN, TranslationDecoding(1), 12)
    assert chain.asked <= 12
    pieces: list[int] = []
    state = piece = BEGIN
    for _ in range(12):
        scores, following = chain.step(piece, state)
        best = max((*WORDS, END), key=lambda p: scores[p])
        if best == END:
            break
        pieces.append(best)
        state, piece = following, best
    else:
        assert not found.whole and list(found.pieces) == pieces[: len(found.pieces)]
        return
    assert found.whole and list(found.pieces) == pieces


@given(st.integers(0, 1 << 16), st.integers(1, 6))
def test_what_means_nothing_is_never_written(seed: int, beam: int) -> None:
    found = search(Chain(seed).step, BEGIN, TranslationDecoding(beam), 9)
    assert all(piece > UNKNOWN for piece in found.pieces) and len(found.pieces) <= 9


def test_what_never_ends_is_broken_off() -> None:
    scores = np.zeros(7, np.float32)
    scores[END] = -1e9
    p = -np.log(7 - 1)  # of each of the others; three of them are never written
    for beam in (1, 3):
        found = search(lambda piece, state: (scores, state), 0, TranslationDecoding(beam), 5)
        assert not found.whole and len(found.pieces) == 5 and found.log_p == pytest.approx(5 * p)


def test_how_long_a_translation_may_be() -> None:
    assert longest(replace(TranslationDecoding(), longest=2.5), 4) == 20
