"""Sentences and their translations on disk."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edgenets import zoo
from edgenets.data.split import SPLITS
from edgenets.errors import DataError
from edgenets.recipe import load_recipe
from edgenets.tasks.translation.pairs import Pair, read_pairs, split_pairs
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.training import part_of
from tests.commands import Call, call

__all__ = ["call"]  # a fixture

PAIRS = Path(__file__).parents[3] / "shared" / "data" / "multi30k"


def test_lines_that_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "train.en").write_text("a house\n\na cat \nlast")
    (tmp_path / "train.de.gz").write_bytes(gzip.compress(b"ein Haus\nx\neine Katze\n"))
    with pytest.raises(DataError, match=r"has 4 lines and .*train\.de\.gz 3;"):
        read_pairs(tmp_path, "train", "en", "de")
    (tmp_path / "train.en").write_text("a house\n\na cat \n")
    assert read_pairs(tmp_path, "train", "en", "de") == [
        Pair("a house", "ein Haus"), Pair("a cat", "eine Katze"),
    ]  # fmt: skip
    assert read_pairs(tmp_path, "train", "de", "en")[0] == Pair("ein Haus", "a house")


def test_a_line_a_pair(tmp_path: Path) -> None:
    (tmp_path / "val.tsv").write_text("Go.\tGeh.\tby somebody\nHi.\tHallo!\n")
    assert read_pairs(tmp_path, "val", "en", "de") == [Pair("Go.", "Geh."), Pair("Hi.", "Hallo!")]


def test_a_row_with_an_empty_side_is_left_out(tmp_path: Path) -> None:
    rows = ["Go.\tGeh.\tby somebody", "\tHallo!\tby another", "Hi.\t", " \t ", "", "Wait.\tWarte."]
    (tmp_path / "val.tsv").write_bytes("\r\n".join(rows).encode())
    found = read_pairs(tmp_path, "val", "en", "de")
    assert found == [Pair("Go.", "Geh."), Pair("Wait.", "Warte.")]


def test_what_is_tested_by_is_not_trained_on(tmp_path: Path) -> None:
    for name, sides in (("train", ("a\nb\nc\n", "1\n2\n3\n")), ("val", ("b\n", "two\n"))):
        for language, text in zip(("en", "de"), sides, strict=True):
            (tmp_path / f"{name}.{language}").write_text(text)
    kept = [
        pair.source
        for split in ("train", "validation")
        for pair in split_pairs(tmp_path, split, ("train", "val"), "en", "de", 0.5)
    ]
    assert sorted(kept) == ["a", "c"]


def test_a_separator_within_a_sentence_ends_no_line(tmp_path: Path) -> None:
    (tmp_path / "t.a").write_text("one\u2028two\nthree\n")
    (tmp_path / "t.b").write_text("eins zwei\ndrei\n")
    assert [p.target for p in read_pairs(tmp_path, "t", "a", "b")] == ["eins zwei", "drei"]


def test_a_sentence_is_in_one_split_alone() -> None:
    pairs = [Pair(f"sentence {i}", "x") for i in range(500)]
    kept = [p for p in pairs if p.is_of("validation", 0.1)]
    assert 25 < len(kept) < 80
    assert all(p.is_of("train", 0.1) != p.is_of("validation", 0.1) for p in pairs)


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "has neither train.en, nor train.en.gz, nor train.tsv"),
     ({"train.en": b"a\n"}, "has neither train.de"),
     ({"train.tsv": b"only one side\n"}, "line 1: a sentence, a tab"),
     ({"train.en": b"\xff\xfe\n", "train.de": b"a\n"}, "begins as UTF-16 and is none"),
     ({"train.en": b"a\0b\n", "train.de": b"a\n"}, "bytes of zero at 1"),
     ({"train.en.gz": b"\x1f\x8b\x08broken", "train.de": b"a\n"}, "cannot be read"),
     ({"train.en.gz": gzip.compress(b"a" * 999)[:-9], "train.de": b"a\n"}, "cannot be read"),
     ({"train.en": b"\n", "train.de": b"\n"}, "no sentence with a translation")],
)  # fmt: skip
def test_what_is_no_pair_is_said(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_pairs(tmp_path, "train", "en", "de")


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_pairs(tmp_path / "none", "train", "en", "de")


@pytest.mark.shared_data
@pytest.mark.skipif(not PAIRS.is_dir(), reason="no pairs of sentences here")
def test_the_pairs_that_the_recipe_is_for() -> None:
    recipe = load_recipe("translate-en-de")
    assert isinstance(recipe, TranslationRecipe)
    counts = [len(part_of(recipe, PAIRS, split)) for split in SPLITS]
    # One caption of the test files stands in the training files as well: it is left out there.
    assert counts == [28_025, 974, 1_014]
    train, validation, test = (part_of(recipe, PAIRS, split) for split in SPLITS)
    sources = {pair.source for pair in train}
    assert not sources & {pair.source for pair in validation}
    assert not sources & {pair.source for pair in test}
    assert test[1].target == "Ein Mann schläft in einem grünen Raum auf einem Sofa."


def test_a_translator_is_built_before_it_is_run(call: Call) -> None:
    if "translate-en-de" in zoo.shipped():
        pytest.skip("it was built here")
    told = call("run", "translate-en-de", "-")
    assert told.code == 2 and "edgenets build translate-en-de --data DIR" in told.err
