"""Text end to end: small grammars, models that learn them, artifacts, gate, bundle, runs."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgenets
from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.bundle import Bundle
from edgenets.converters.store import load as load_artefacts
from edgenets.errors import DataError, ModelError
from edgenets.events import Classified, Notice, Suggested
from edgenets.recipe import parse
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.runtime.writing import Writing
from edgenets.selection import Request, select
from edgenets.tasks.language.evaluation import evaluate_language
from edgenets.tasks.language.pipeline import Writer
from edgenets.tasks.language.sampling import Sampling
from edgenets.tasks.language.spec import LanguageSpec, TextSpec
from edgenets.tasks.language.texts import find_texts
from edgenets.tasks.language.tokens import Tokenizer
from edgenets.tasks.language.training import stream_nats
from edgenets.tasks.text.evaluation import evaluate_texts
from edgenets.training.train import train
from tests import tiny
from tests.commands import Call, call
from tests.runs import run_of
from tests.tiny import Made

from . import grammar

__all__ = ["call"]  # a fixture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny.made("language", tmp_path_factory)


@pytest.fixture(scope="module")
def stories(trained: Made) -> Bundle:
    return trained.bundle


@pytest.fixture(scope="module", params=["text", "text-cnn"])
def opinions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny.made(request.param, tmp_path_factory).bundle


def session_of(bundle: Bundle, format: str, precision: Any = "int8") -> backend.Session:
    return load(bundle, select(bundle, Request(format, precision)))


class TestLanguage:
    def test_the_road_leaves_a_bundle_that_answers_as_it_did(self, stories: Bundle) -> None:
        assert isinstance(stories.spec, LanguageSpec)
        assert {a.id for a in stories.artifacts} >= {f"{f}-int8" for f in FORMATS}
        assert all(trial.passed for trial in selftest(stories))
        assert stories.metric.lower and 0.05 < (stories.best() or 0) < 0.6
        assert "nats" in stories.card()

    @pytest.mark.parametrize("format", FORMATS)
    def test_a_stream_is_foreseen_as_by_its_model(
        self, stories: Bundle, trained: Made, format: str
    ) -> None:
        """The grammar leaves one choice of three a line of about 16 letters: ln 3 / 16 nats."""
        text = grammar.stories(100, seed=9)
        found = evaluate_language(stories.spec, session_of(stories, format), text)
        assert found.n == len(text) - 1
        assert np.log(3) / 17 < found.nats < 0.2
        assert found.bits == pytest.approx(found.nats / np.log(2))
        run = trained.run
        tokens = Tokenizer(stories.spec.input).encode(text)
        assert found.nats == pytest.approx(stream_nats(run.model(), tokens), abs=0.02)
        assert run.metrics["test"]["nats a token"] < 0.2

    def test_it_writes_what_the_grammar_allows(self, stories: Bundle) -> None:
        text = "".join(edgenets.write(stories, "the ", 400, Sampling(temperature=0.5), seed=3))
        lines = ("the " + text).splitlines()[:-1]
        right = {f"the {noun} {verb}." for noun, verb in grammar.VERBS.items()}
        assert len(lines) > 15 and sum(line in right for line in lines) >= 0.95 * len(lines)

    def test_a_seed_writes_the_same_and_zero_heat_always(self, stories: Bundle) -> None:
        def written(**options: Any) -> str:
            return "".join(edgenets.write(stories, "the ", 80, **options))

        assert written(seed=5) == written(seed=5) != written(seed=6)
        cold = Sampling(temperature=0)
        assert written(sampling=cold, seed=1) == written(sampling=cold, seed=2)

    def test_nothing_begun_begins_with_the_models_own(self, stories: Bundle) -> None:
        assert "".join(edgenets.write(stories, tokens=4, sampling=Sampling(0))) == "the "

    @pytest.mark.parametrize("format", FORMATS)
    def test_words_that_may_come_next(self, stories: Bundle, format: str) -> None:
        assert isinstance(stories.spec, LanguageSpec)
        writer = Writer(stories.spec, session_of(stories, format))
        found = writer.suggest("the dog sleeps.\nthe ", 3)
        assert {s.word for s in found} == set(grammar.NOUNS)
        assert sum(s.probability for s in found) == pytest.approx(1, abs=0.1)
        for begun, whole in (("the d", "dog"), ("the cat sl", "sleeps"), ("the bird ", "sings")):
            assert writer.suggest(begun, 1)[0].word == whole
        # A state that was restored leaves no trace.
        assert writer.suggest("the dog sleeps.\nthe ", 3) == found

    def test_lines_in_suggestions_out(self, stories: Bundle, tmp_path: Path) -> None:
        (tmp_path / "lines").write_text("the c\nthe Ω\n\nthe bird \n")
        run = run_of(stories, session_of(stories, "tflite"), str(tmp_path / "lines"), suggestions=1)
        first, strange, last = run
        assert isinstance(first, Suggested) and first.words[0][0] == "cat" and first.line == 1
        assert isinstance(strange, Notice) and "line 2: 'Ω' (character 5" in strange.text
        assert isinstance(last, Suggested) and last.words[0][0] == "sings" and last.line == 4
        assert run.summary.texts == 2 and run.summary.notices == {"skipped": 1}

    def test_by_the_command_line(
        self, stories: Bundle, trained: Made, call: Call, tmp_path: Path
    ) -> None:
        told = call("run", stories.path, "--prompt", "the ", "--tokens", 40, "--seed", 1)
        assert told.code == 0 and told.out.count("\n") >= 2 and "wrote 40 characters" in told.err
        again = call("run", stories.path, "--prompt", "the ", "--tokens", 40, "--seed", 1, "--json")
        assert again.json()["text"] == told.out.removesuffix("\n")
        found = call(
            "eval", stories.path, "--data", trained.data, "--split", "test", "--json"
        ).json()
        assert found["metric"] == "nats a token" and found["value"] < 0.2
        sink = tmp_path / "tokens.jsonl"
        call("run", stories.path, "--prompt", "the ", "--tokens", 5, "--sink", f"jsonl:{sink}")
        assert [json.loads(line)["event"] for line in sink.read_text().splitlines()] == [
            "token"
        ] * 5  # fmt: skip
        asked = "--backend", "tflite", "--precision", "int8", "--seconds", 1
        rows = call("bench", stories.path, *asked, "--json").json()
        assert rows["rows"] and all(row["p50_us"] > 0 for row in rows["rows"])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(["--prompt", "Ω"], "none of the"), (["-", "--prompt", "a"], "not both"),
         (["--suggestions", "2"], "for the lines of a source"), (["--scene", __file__], "--scene"),
         (["--temperature", "-1"], "temperature must be"), (["--top-p", "0"], "top_p must"),
         (["--seconds", "3"], "--seconds is for keywords and speech and classify and detect"),
         (["a", "b"], "one source of lines"), (["--threshold", "0.5"], "no threshold")],
    )  # fmt: skip
    def test_what_makes_no_sense_is_refused(
        self, stories: Bundle, call: Call, arguments: list[str], message: str
    ) -> None:
        found = call("run", stories.path, *arguments)
        assert found.code == 2 and message in found.err and "Traceback" not in found.err

    def test_a_model_that_writes_nothing(self, opinions: Bundle) -> None:
        with pytest.raises(ModelError, match="writes no text"):
            edgenets.write(opinions)

    def test_too_little_text_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "short.txt").write_text(grammar.stories(20))
        with pytest.raises(DataError, match="no whole crop of 48 tokens"):
            train(parse(grammar.LANGUAGE), tmp_path / "short.txt", tmp_path / "run")


class TestAnyLength:
    """One step artifact serves any length: one token, and a hundred thousand."""

    STEPS = 100_000

    @pytest.mark.parametrize("format", FORMATS)
    def test_memory_stays_and_errors_stay_bounded(
        self, stories: Bundle, trained: Made, format: str
    ) -> None:
        tokens = Tokenizer(stories.spec.input).encode(grammar.stories(6500, seed=4))
        tokens = tokens[: self.STEPS, None]
        assert len(tokens) == self.STEPS
        written = {w.artifact.id: w for w in load_artefacts(trained.run.folder)[0]}
        exact, rounded = (
            backend.load(format, written[f"{format}-{p}"].artifact, written[f"{format}-{p}"].files)
            for p in ("fp32", "int8")
        )
        one = backend.run_sequence(rounded, tokens[:1])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        piece = 10_000
        errors = []
        for at in range(0, self.STEPS, piece):
            if at == 0:
                exact.reset()
                rounded.reset()
            answers = [
                np.concatenate([s.run({"tokens": t[None, None]})["logits"][0] for t in
                                tokens[at : at + piece]])
                for s in (exact, rounded)
            ]  # fmt: skip
            if at == 0:
                assert np.array_equal(answers[1][0], one[0, 0])
            errors.append(float(np.sqrt(np.mean((answers[0] - answers[1]) ** 2))))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 24 * 1024  # kB: the answers of a piece, and not those of ten
        assert errors[-1] <= 1.5 * errors[0]


class TestTexts:
    def test_the_road_leaves_a_bundle_that_answers_as_it_did(self, opinions: Bundle) -> None:
        assert isinstance(opinions.spec, TextSpec) and opinions.spec.labels == ("bad", "good")
        assert {a.id for a in opinions.artifacts} >= {f"{f}-int8" for f in FORMATS}
        assert all(trial.passed for trial in selftest(opinions))

    @pytest.mark.parametrize("format", FORMATS)
    def test_it_sorts_texts_that_it_never_saw(
        self, opinions: Bundle, format: str, tmp_path: Path
    ) -> None:
        assert isinstance(opinions.spec, TextSpec)
        texts = find_texts(grammar.opinions(tmp_path, 60, seed=8))
        found = evaluate_texts(opinions.spec, session_of(opinions, format), texts)
        assert found.accuracy >= 0.95 and found.n == 120 and found.unknown == 0

    def test_lines_in_labels_out(self, opinions: Bundle, tmp_path: Path) -> None:
        path = tmp_path / "lines"
        path.write_text("the film is lovely\n…\n\nlovely at first but so\tzzz so is DULL\n")
        events = list(run_of(opinions, session_of(opinions, "onnx"), str(path)))
        first, middle, last = events
        assert isinstance(first, Classified) and first.label == "good" and first.unknown == 0
        assert isinstance(middle, Classified) and middle.tokens == middle.unknown == 1
        assert isinstance(last, Classified) and last.label == "bad" and last.unknown == 1
        assert sum(last.scores.values()) == pytest.approx(1)
        assert last.score == max(last.scores.values()) and last.line == 4

    def test_a_line_without_a_word_is_passed_over(self, opinions: Bundle, tmp_path: Path) -> None:
        (tmp_path / "lines").write_text("film\n\x07\n")
        run = run_of(opinions, session_of(opinions, "tflite"), str(tmp_path / "lines"))
        assert [type(e) for e in run] == [Classified, Notice]

    def test_by_the_command_line(self, opinions: Bundle, call: Call, tmp_path: Path) -> None:
        (tmp_path / "lines").write_text("the film is lovely\n")
        told = call("run", opinions.path, tmp_path / "lines")
        assert told.code == 0 and told.out.startswith("good") and "good ×1" in told.err
        data = grammar.opinions(tmp_path / "data", 20, seed=3)
        found = call("eval", opinions.path, "--data", data, "--json").json()
        assert found["n"] == 40 and found["value"] > 0.9
        assert call("inspect", opinions.path).code == 0
        assert "none belongs" not in call("eval", opinions.path, "--data", data).out

    def test_one_label_alone_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "good.txt").write_text("fine\nfiner")
        with pytest.raises(DataError, match="one label alone"):
            train(parse(grammar.text_recipe("cnn")), tmp_path, tmp_path / "run")


def test_writing_ends_when_it_is_told(stories: Bundle) -> None:
    run = Writing(stories, session_of(stories, "tflite"), "the ", tokens=10_000)
    for event in run:
        if event.number == 5:
            run.stop()
    assert len(run.summary.text) == 6
