"""Text as sub-words, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.translation.spec import BEGIN, END, PADDING, UNKNOWN, TokensInput
from edgenets.tasks.translation.subwords import Subwords, learn
from tests.translation import phrases

INPUT = TokensInput("pieces", 38, "en", "de", longest=30)

LINES = [text for s in phrases.sentences(300, 3) for text in (s, phrases.translated(s))]


@pytest.fixture(scope="module")
def model() -> bytes:
    return learn(LINES, 38)


def test_what_was_learned_comes_back(model: bytes) -> None:
    pieces = Subwords(model)
    assert pieces.count == 38
    for line in LINES:
        found = pieces.encode(line)
        assert found.dtype.name == "int32" and pieces.decode(found) == line
        assert not {PADDING, BEGIN, END, UNKNOWN} & set(found.tolist())
    assert [a.tolist() for a in pieces.encode_all(LINES[:3])] == [
        pieces.encode(line).tolist() for line in LINES[:3]
    ]


def test_the_same_sentences_give_the_same_pieces(model: bytes) -> None:
    assert learn(LINES, 38) == model


@given(st.text(max_size=60))
def test_any_text_becomes_pieces_that_there_are(model: bytes, text: str) -> None:
    found = Subwords(model).encode(text)
    assert ((found >= UNKNOWN) & (found < 38)).all()


def test_strange_letters_are_unknown(model: bytes) -> None:
    pieces = Subwords(model)
    mixed, strange = pieces.encode("one 猫 two"), pieces.encode("猫 猫")
    assert UNKNOWN in mixed and not pieces.refusal(mixed, INPUT)
    assert "nothing in it" in pieces.refusal(strange, INPUT)
    assert Subwords(model).encode("").tolist() == []


def test_more_pieces_than_the_sentences_hold() -> None:
    with pytest.raises(DataError, match=r"no 5,000 pieces can be made .*too high"):
        learn(LINES, 5000)


def test_long_sentences_are_learned_of_as_well() -> None:
    """sentencepiece skips what has more than 4,192 bytes, unless it is told."""
    pieces = Subwords(learn([*LINES, "ß " + "one two " * 1000], 39))
    assert UNKNOWN not in pieces.encode("ß")


@pytest.mark.parametrize("sentences", [[], [""]])
def test_nothing_to_learn_of(sentences: list[str]) -> None:
    with pytest.raises(DataError, match="no sentences"):
        learn(sentences, 38)


def test_what_is_longer_than_what_was_taught_is_refused(model: bytes) -> None:
    pieces = Subwords(model)
    taught, longer = (pieces.encode("a " * n) for n in (10, 40))
    assert len(taught) <= 30 < len(longer)
    assert f"{len(longer)} pieces are more than the 30" in pieces.refusal(longer, INPUT)


def test_the_pieces_of_another_model(model: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.edge: pieces\.model has 38 pieces .* another model"):
        Subwords(model, TokensInput("pieces", 40, "en", "de", 30), "a.edge: pieces.model")


@pytest.mark.parametrize("data", [b"", b"no model", bytes(range(256))])
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(DataError, match="no sentencepiece model"):
        Subwords(data)


def test_a_damaged_model(model: bytes) -> None:
    """Whatever is cut off: an error, or pieces that are not as many as was said."""
    Subwords(model, INPUT)
    for at in range(1, len(model), max(1, len(model) // 25)):
        with pytest.raises(DataError):
            Subwords(model[:at], INPUT)
