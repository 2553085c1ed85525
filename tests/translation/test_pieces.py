"""Text as sub-words, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.translation.pieces import Pieces, learn
from edgenets.translation.spec import BEGIN, END, PADDING, UNKNOWN, PiecesInput
from tests.translation import phrases

LINES = [text for s in phrases.sentences(300, 3) for text in (s, phrases.translated(s))]


@pytest.fixture(scope="module")
def model() -> bytes:
    return learn(LINES, 38)


def test_what_was_learned_comes_back(model: bytes) -> None:
    pieces = Pieces(model)
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
    found = Pieces(model).encode(text)
    assert ((found >= UNKNOWN) & (found < 38)).all()


def test_strange_letters_are_unknown(model: bytes) -> None:
    pieces = Pieces(model)
    mixed, strange = pieces.encode("one 猫 two"), pieces.encode("猫 猫")
    assert UNKNOWN in mixed and not pieces.unread(mixed) and pieces.unread(strange)
    assert Pieces(model).encode("").tolist() == []


def test_more_pieces_than_the_sentences_hold() -> None:
    with pytest.raises(DataError, match=r"no 5,000 pieces can be made .*too high"):
        learn(LINES, 5000)


@pytest.mark.parametrize("data", [b"", b"no model", bytes(range(256))])
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(DataError, match="no sentencepiece model"):
        Pieces(data)


def test_a_damaged_model(model: bytes) -> None:
    """Whatever is cut off: an error, or pieces that are not as many as was said."""
    input = PiecesInput("pieces", 38, "en", "de")
    Pieces(model, input)
    for at in range(1, len(model), max(1, len(model) // 25)):
        with pytest.raises(DataError):
            Pieces(model[:at], input)
