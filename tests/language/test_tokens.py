"""Text as tokens and back; texts on disk."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.language.spec import TextInput
from edgenets.tasks.language.texts import find_texts, read_corpus, split_text
from edgenets.tasks.language.tokens import UNKNOWN, Tokenizer, units_of, vocabulary_of

ALPHABET = "abcdeé \n.,!'ÄΩ日"
CHARACTERS = TextInput("text", tuple(ALPHABET))
WORDS = TextInput("text", (UNKNOWN, "a", "fine", "film", "don't", "!"), "words", UNKNOWN, True)


@given(st.text(ALPHABET))
def test_characters_come_back(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    tokenizer = Tokenizer(CHARACTERS)
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.int32 and tokens.shape == (len(text),)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.unknown(tokens) == 0


@given(st.text())
def test_every_text_is_words_of_the_model_or_unknown_ones(text: str) -> None:
    tokenizer = Tokenizer(WORDS)
    tokens = tokenizer.encode(text)
    assert ((tokens >= 0) & (tokens < len(WORDS.vocabulary))).all()
    units = units_of(text, WORDS)
    assert len(units) == len(tokens)
    assert tokenizer.unknown(tokens) == sum(unit not in WORDS.vocabulary[1:] for unit in units)
    assert all((unit.strip() and unit.isprintable()) or not unit.isascii() for unit in units)


def test_words_are_found_by_a_simple_rule() -> None:
    tokenizer = Tokenizer(WORDS)
    assert tokenizer.encode("A FINE film!").tolist() == [1, 2, 3, 5]
    assert tokenizer.encode("Don't\t(dislike) it\x07").tolist() == [4, 0, 0, 0, 0]
    assert tokenizer.decode([1, 2, 3]) == "a fine film"


@given(st.text(min_size=1))
def test_a_letter_that_the_model_does_not_know_is_named(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    strange = next((c for c in text if c not in ALPHABET), None)
    assume(strange is not None)
    with pytest.raises(DataError) as caught:
        Tokenizer(CHARACTERS).encode(text)
    assert repr(strange) in str(caught.value) and "none of the" in str(caught.value)


def test_an_accent_written_apart_is_the_same_letter() -> None:
    assert Tokenizer(CHARACTERS).encode("e\u0301").tolist() == [ALPHABET.index("é")]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"vocabulary": ("a",)}, "2 to"), ({"vocabulary": ("a", "a")}, "distinct"),
     ({"vocabulary": ("a", "")}, "distinct"), ({"unknown": "z"}, "is no token")],
)  # fmt: skip
def test_a_vocabulary_that_is_none_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextInput(**{"kind": "text", "vocabulary": ("a", "b"), **change})  # type: ignore[arg-type]


@given(st.lists(st.lists(st.sampled_from("abcdef"))))
def test_the_most_frequent_come_first_and_always_in_one_order(texts: list[list[str]]) -> None:
    assume(len({u for t in texts for u in t}) > 1)
    found = vocabulary_of(texts, unknown=UNKNOWN)
    counts = [sum(t.count(u) for t in texts) for u in found[1:]]
    assert found[0] == UNKNOWN and counts == sorted(counts, reverse=True)
    assert found == vocabulary_of(texts[::-1], unknown=UNKNOWN)
    assert vocabulary_of(texts, most=2, unknown=UNKNOWN) == found[:2]


class TestTextsOnDisk:
    def test_a_file_a_label(self, tmp_path: Path) -> None:
        (tmp_path / "good.txt").write_text("fine\n\nvery fine\n")
        (tmp_path / "bad.txt").write_text("awful")
        (tmp_path / "LICENSE").write_text("no text")
        found = find_texts(tmp_path)
        assert [(t.label, t.text) for t in found] == [
            ("bad", "awful"), ("good", "fine"), ("good", "very fine"),
        ]  # fmt: skip
        assert {t.label for t in find_texts(tmp_path, ("good",))} == {"good"}

    def test_a_folder_a_label(self, tmp_path: Path) -> None:
        for name, text in (("good/1", "fine\nindeed"), ("good/2", "well"), ("bad/1", "no")):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.txt").write_text(text)
        assert [t.text for t in find_texts(tmp_path)] == ["no", "fine\nindeed", "well"]

    def test_a_list(self, tmp_path: Path) -> None:
        (tmp_path / "texts.tsv").write_text("good\tfine\tindeed\n\nbad\tno\n")
        assert [t.text for t in find_texts(tmp_path)] == ["fine\tindeed", "no"]

    @pytest.mark.parametrize(
        ("files", "message"),
        [({}, "has neither"), ({"texts.tsv": b"good fine"}, "line 1: a label, a tab"),
         ({"good.txt": b"caf\xe9"}, r"good\.txt: byte 3 is no UTF-8"),
         ({"good.txt": b"a\0"}, "bytes of zero")],
    )  # fmt: skip
    def test_what_cannot_be_read_is_said(
        self, files: dict[str, bytes], message: str, tmp_path: Path
    ) -> None:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=message):
            find_texts(tmp_path)

    def test_a_label_without_texts_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "good.txt").write_text("fine")
        with pytest.raises(DataError, match="no texts of bad"):
            find_texts(tmp_path, ("good", "bad"))

    def test_a_text_is_in_one_split_always(self, tmp_path: Path) -> None:
        (tmp_path / "good.txt").write_text("\n".join(f"text {n}" for n in range(300)))
        first, again = (
            [t.split(0.1, 0.2) for t in find_texts(tmp_path)] for _ in range(2)
        )  # fmt: skip
        assert first == again
        assert 0.1 < first.count("test") / 300 < 0.3


class TestCorpora:
    def test_files_one_after_another(self, tmp_path: Path) -> None:
        (tmp_path / "b.txt").write_text("two")
        (tmp_path / "a.txt").write_text("one\r\n")
        assert read_corpus(tmp_path, "*.txt") == "one\ntwo"
        assert read_corpus(tmp_path / "b.txt", "*.txt") == "two"
        with pytest.raises(DataError, match=r"has no \*\.md"):
            read_corpus(tmp_path, "*.md")

    def test_what_steers_a_terminal_is_refused_with_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("one\ntwo\x1b[2J")
        with pytest.raises(DataError, match=r"line 2: the control character U\+001B"):
            read_corpus(tmp_path, "*.txt")

    @given(st.text(max_size=50), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
    def test_the_parts_are_the_text(self, text: str, validation: float, test: float) -> None:
        parts = [split_text(text, s, validation, test) for s in ("train", "validation", "test")]  # type: ignore[arg-type]
        assert "".join(parts) == text
        assert len(parts[2]) == int(test * len(text))
