"""The shipped models of text, on text that they never saw, in all three formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenets import zoo
from edgenets.artifact import FORMATS
from edgenets.runtime.load import load
from edgenets.selection import Request, select
from edgenets.tasks.language.evaluation import evaluate_language
from edgenets.tasks.language.pipeline import Writer
from edgenets.tasks.language.spec import LanguageSpec, TextSpec
from edgenets.tasks.language.texts import find_texts, read_corpus, split_text
from edgenets.tasks.text.evaluation import evaluate_texts

DATA = Path(__file__).parents[3] / "shared" / "data"
PLAYS, REVIEWS = DATA / "tinyshakespeare" / "input.txt", DATA / "sentiment_mr"

pytestmark = pytest.mark.shared_data


@pytest.mark.skipif(not PLAYS.is_file(), reason="no plays here")
@pytest.mark.parametrize("format", FORMATS)
def test_it_foresees_a_play(format: str) -> None:
    bundle = zoo.load("char-lm")
    assert isinstance(bundle.spec, LanguageSpec)
    shares = bundle.spec.split
    text = split_text(read_corpus(PLAYS, ""), "test", shares.validation, shares.test)
    session = load(bundle, select(bundle, Request(format, "int8")))
    assert evaluate_language(bundle.spec, session, text[:20_000]).nats <= 1.65  # of a part


def test_it_suggests_words() -> None:
    bundle = zoo.load("char-lm")
    assert isinstance(bundle.spec, LanguageSpec)
    writer = Writer(bundle.spec, load(bundle, select(bundle)))
    assert writer.suggest("To be, or not to b", 1)[0].word == "be"
    assert "lord" in [s.word for s in writer.suggest("my good l")]


@pytest.mark.skipif(not REVIEWS.is_dir(), reason="no reviews here")
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["text-sentiment", "text-sentiment-cnn"])
def test_it_sorts_reviews(name: str, format: str) -> None:
    bundle = zoo.load(name)
    assert isinstance(bundle.spec, TextSpec)
    shares = bundle.spec.split
    texts = [t for t in find_texts(REVIEWS, bundle.spec.labels)
             if t.split(shares.validation, shares.test) == "test"]  # fmt: skip
    session = load(bundle, select(bundle, Request(format, "int8")))
    assert evaluate_texts(bundle.spec, session, texts).accuracy >= 0.755
