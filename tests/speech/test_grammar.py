"""Word lists forbid, n-grams weigh; both lead the beam."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.sound.input import AudioInput
from edgenets.tasks.speech.ctc import Beam
from edgenets.tasks.speech.grammar import Ngram, WordList, read_ngram, read_words
from edgenets.tasks.speech.spec import BLANK_LABEL, CtcDecoding, SpeechSpec

LINES = st.lists(st.lists(st.integers(1, 3), max_size=6).map(tuple), max_size=8)


def spec(*labels: str) -> SpeechSpec:
    return SpeechSpec("toy", "speech", (BLANK_LABEL, *labels), AudioInput(), CtcDecoding())


@given(LINES, st.integers(1, 4), st.lists(st.integers(1, 3), max_size=5).map(tuple))
def test_what_follows_is_something(
    lines: list[tuple[int, ...]], order: int, before: tuple[int, ...]
) -> None:
    """The probabilities of all symbols and of the end come to one, in any context."""
    grammar = Ngram(lines, order, symbols=3)
    state = grammar.begin()
    for symbol in before:
        followed = grammar.follow(state, symbol)
        assert followed is not None
        state = followed[0]
    assert len(state) <= order - 1
    total = sum(grammar.probability(state, symbol) for symbol in range(4))
    assert total == pytest.approx(1.0)


def test_what_was_seen_is_more_likely() -> None:
    grammar = Ngram([(1, 2, 3)] * 5, order=3, symbols=3)
    assert grammar.probability((1, 2), 3) > 0.7 > 0.2 > grammar.probability((1, 2), 1)
    assert grammar.end((2, 3)) > math.log(0.7)


@given(st.sets(st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple), min_size=1),
       st.lists(st.integers(1, 3), max_size=8).map(tuple))  # fmt: skip
def test_a_list_allows_its_words_and_nothing_else(
    words: set[tuple[int, ...]], said: tuple[int, ...]
) -> None:
    grammar = WordList(words, space=9)
    state = grammar.begin()
    for symbol in said:
        followed = grammar.follow(state, symbol)
        if followed is None:
            assert all(word[: len(said)] != said for word in words)
            return
        state = followed[0]
    assert (grammar.end(state) == 0.0) == (said in words or not said)


def test_words_with_and_without_a_space_between_them() -> None:
    together, apart = WordList([(1, 2)]), WordList([(1, 2)], space=3)
    assert together.follow((1, 2), 1) == ((1,), 0.0) and apart.follow((1, 2), 1) is None
    assert apart.follow((1, 2), 3) == ((), 0.0) and together.follow((1, 2), 3) is None


def test_a_list_turns_what_is_nearly_a_word(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("ab\nba\n")
    grammar = read_words(path, spec("a", "b"))
    scores = np.zeros((3, 3), np.float32)
    scores[[0, 1, 2], [1, 0, 1]] = 8.0  # a, nothing, a
    scores[2, 2] = 7.0
    beam = Beam(8, grammar)
    for row in scores:
        beam.push(row)
    assert [said.symbol for said in beam.said(final=True)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "why"), [("", "no line that says"), ("ab\nabc\n", "line 2: 'abc' has 'c'")]
)
def test_a_file_that_is_no_grammar(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(text)
    for read in (read_words, read_ngram):
        with pytest.raises(DataError, match=why):
            read(path, spec("a", "b"))
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path / "none", spec("a"))


def test_an_ngram_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("ab\nab\n\nb\n")
    grammar = read_ngram(tmp_path / "text", spec("a", "b"))
    best = max(itertools.product((1, 2), repeat=2), key=lambda p: _worth(grammar, p))
    assert best == (1, 2)


def _worth(grammar: Ngram, said: tuple[int, ...]) -> float:
    state, worth = grammar.begin(), 0.0
    for symbol in said:
        followed = grammar.follow(state, symbol)
        assert followed is not None
        state, worth = followed[0], worth + followed[1]
    return worth + grammar.end(state)
