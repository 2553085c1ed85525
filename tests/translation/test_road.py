"""The whole path for translation: a small language, two models, artifacts, gate, bundle, runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgenets
from edgenets import runs, zoo
from edgenets.artifact import FORMATS, OPEN, PRECISIONS
from edgenets.backend import Coupled
from edgenets.backend import load as load_artifact
from edgenets.bundle import Bundle
from edgenets.converters import project
from edgenets.converters.families.family import family_of
from edgenets.converters.families.translation import _rolls
from edgenets.converters.formats import Written
from edgenets.converters.pack import Contents, pack
from edgenets.converters.store import load as load_artefacts
from edgenets.converters.verify.judge import Judge
from edgenets.errors import DataError, GateFailed
from edgenets.events import Notice, Translation
from edgenets.recipe import parse
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import Request, select
from edgenets.signature import check_face
from edgenets.tasks.translation.batches import Sentences
from edgenets.tasks.translation.evaluation import evaluate_translation
from edgenets.tasks.translation.model import build
from edgenets.tasks.translation.pairs import Pair
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.spec import PIECES, TranslationDecoding, TranslationSpec
from edgenets.tasks.translation.subwords import Subwords, learn, subwords_of
from edgenets.tasks.translation.training import translated
from edgenets.tasks.translation.translator import Translator
from edgenets.training.train import train
from tests import tiny
from tests.commands import Call, call
from tests.runs import run_of
from tests.tiny import Made
from tests.translation import phrases

__all__ = ["call"]  # a fixture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny.made("translation", tmp_path_factory)


@pytest.fixture(scope="module")
def data(made: Made) -> Path:
    return made.data


@pytest.fixture(scope="module")
def run(made: Made) -> runs.Run:
    return made.run


@pytest.fixture(scope="module")
def bundle(made: Made) -> Bundle:
    return made.bundle


def spec_of(bundle: Bundle) -> TranslationSpec:
    assert isinstance(bundle.spec, TranslationSpec)
    return bundle.spec


def session_of(bundle: Bundle, format: str, precision: Any = "int8") -> Coupled:
    session = load(bundle, select(bundle, Request(format, precision)))
    assert isinstance(session, Coupled)
    return session


def unseen(data: Path) -> list[str]:
    return (data / "val.en").read_text().splitlines()


def test_the_road_leaves_a_bundle_that_answers_as_it_did(bundle: Bundle) -> None:
    ids = {a.id for a in bundle.artifacts}
    assert ids >= {f"{f}-int8-{part}" for f in FORMATS for part in ("encoder", "decoder")}
    assert all(trial.passed for trial in selftest(bundle))
    assert (bundle.best() or 0) > 80 and bundle.metric.name == "BLEU"
    assert "translation from en to de" in bundle.card()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_form_translates_as_its_model(
    bundle: Bundle, run: runs.Run, data: Path, format: str, precision: Any
) -> None:
    if f"{format}-{precision}-decoder" not in {a.id for a in bundle.artifacts}:
        assert (format, precision) == ("openvino", "int16x8")
        return
    spec, session = spec_of(bundle), session_of(bundle, format, precision)
    pieces = Subwords(bytes(bundle.read(PIECES)), spec.input)
    greedy = TranslationDecoding(beam=1)
    translator = Translator(spec, session.encoder, session.decoder, greedy)
    sources = pieces.encode_all(unseen(data))
    wanted = translated(run.model(), sources, greedy)
    found = [list(translator.translate(source).pieces) for source in sources]
    assert np.mean([a == b for a, b in zip(found, wanted, strict=True)]) > 0.93
    right = [pieces.decode(f) == phrases.translated(s)
             for f, s in zip(found, unseen(data), strict=True)]  # fmt: skip
    assert np.mean(right) > 0.7


def test_a_beam_is_at_least_as_likely(bundle: Bundle, data: Path) -> None:
    spec, session = spec_of(bundle), session_of(bundle, "tflite")
    pieces = Subwords(bytes(bundle.read(PIECES)), spec.input)
    both = [
        Translator(spec, session.encoder, session.decoder, TranslationDecoding(beam))
        for beam in (1, 5)
    ]
    better = []
    for sentence in unseen(data)[:25]:
        greedy, wide = (t.translate(pieces.encode(sentence)) for t in both)
        gain = wide.log_p / (len(wide.pieces) + 1) - greedy.log_p / (len(greedy.pieces) + 1)
        better.append(gain > -1e-5)
    # Not always: a beginning that would have paid later may be let go.
    assert np.mean(better) > 0.85


def test_lines_in_translations_out(bundle: Bundle, tmp_path: Path) -> None:
    lines = ["red two", "", "猫 猫", "one " * 300, "blue 猫"]
    (tmp_path / "lines").write_text("\n".join(lines))
    run = run_of(bundle, session_of(bundle, "tflite"), str(tmp_path / "lines"))
    first, strange, long, last = run
    assert isinstance(first, Translation) and first.translation == "zwei rot" and first.whole
    assert first.line == 1 and 0.5 < first.probability <= 1
    assert isinstance(strange, Notice) and "line 3: there is nothing in it" in strange.text
    assert isinstance(long, Notice) and "more than the 24 of the longest sentence" in long.text
    assert isinstance(last, Translation) and last.unknown >= 1 and last.line == 5
    assert run.summary.texts == 2 and run.summary.notices == {"skipped": 2}


def test_by_the_command_line(bundle: Bundle, data: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("green three\n")
    told = call("run", bundle.path, tmp_path / "lines")
    assert told.code == 0 and told.out == "drei grün\n", told
    assert "translating the lines of" in told.err and "read 1 text" in told.err
    sink = tmp_path / "out.jsonl"
    call("run", bundle.path, tmp_path / "lines", "--beam", 1, "--sink", f"jsonl:{sink}")
    (line,) = map(json.loads, sink.read_text().splitlines())
    assert (line["event"], line["translation"]) == ("translation", "drei grün")
    for split in ("test", "validation"):
        found = call("eval", bundle.path, "--data", data, "--split", split, "--json").json()
        assert found["metric"] == "BLEU" and found["value"] > 70
        assert [way["beam"] for way in found["figures"]["ways"]] == [1, 4]
    asked = "--backend", "onnx", "--precision", "int8", "--seconds", 1
    rows = call("bench", bundle.path, *asked, "--json").json()["rows"]
    assert len(rows) == 2
    assert {row["part"] for row in rows} == {"encoder", "decoder"}
    assert all(row["p50_us"] > 0 for row in rows)
    assert "sentences in en, to de, as 38 sub-words" in call("inspect", bundle.path).out
    refused = call("run", bundle.path, "--prompt", "a")
    assert refused.code == 2 and "--prompt is for language;" in refused.err


def test_by_the_python_face(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("four\nfive\n")
    found = list(edgenets.run(bundle, tmp_path / "lines"))
    assert [e.translation for e in found if isinstance(e, Translation)] == ["vier", "fünf"]


def judge_of(run: runs.Run, data: Path) -> Judge:
    return Judge(family_of(run.spec).reference(run, data, edgenets.progress.Progress()))


class TestGate:
    """No half of a model passes by itself, and none that is another's."""

    def written(self, run: runs.Run) -> list[Written]:
        return load_artefacts(run.folder)[0]

    def test_a_decoder_of_another_model(self, run: runs.Run, data: Path, tmp_path: Path) -> None:
        """Its steps are sound, its translations are not: the encoder is not its own."""
        assert isinstance(run.spec, TranslationSpec)
        net = build(run.recipe_as(TranslationRecipe).model, run.spec.input.count)
        runs.save(tmp_path, net, run.spec, run.recipe, run.metrics, run.assets())
        other = runs.load(tmp_path)
        project.convert_run(other, data, ("tflite",), ("int8",))
        mixed = [w for w in self.written(run) if w.artifact.id == "tflite-int8-encoder"]
        mixed += [w for w in self.written(other) if w.artifact.id == "tflite-int8-decoder"]
        report = judge_of(run, data).verify(mixed)
        assert not any(verdict.passed for verdict in report.verdicts)

    def test_a_half_alone(self, run: runs.Run, data: Path, tmp_path: Path) -> None:
        halves = [w for w in self.written(run) if w.artifact.id == "onnx-fp32-encoder"]
        report = judge_of(run, data).verify(halves)
        assert "has no decoder beside it" in report.verdicts[0].error
        with pytest.raises(GateFailed):
            pack(tmp_path / "x.edge", Contents(run.spec, halves, report, "", "x", run.assets()))

    def test_what_divides_text_is_needed(self, run: runs.Run, tmp_path: Path) -> None:
        report = project.load_report(run.folder, self.written(run))
        with pytest.raises(ValueError, match=r"pieces\.model, which the model needs, is no member"):
            pack(tmp_path / "x.edge", Contents(run.spec, self.written(run), report, "", "x"))

    def test_a_form_is_packed_with_both_halves(self, run: runs.Run, tmp_path: Path) -> None:
        found = project.pack_run(run, tmp_path / "one.edge", {"openvino-int8"})
        assert {a.id for a in found.artifacts} == {"openvino-int8-encoder", "openvino-int8-decoder"}


@pytest.mark.parametrize("asset", [b"x", "other"])
def test_a_bundle_that_cannot_divide_text_does_not_pass_its_test(
    run: runs.Run, tmp_path: Path, asset: Any, call: Call
) -> None:
    """A board whose new release cannot translate keeps the old one: its health is this test."""
    if asset == "other":
        asset = learn(["one two three", "eins zwei drei"], 18)
    written = [w for w in load_artefacts(run.folder)[0] if w.artifact.form == "tflite-int8"]
    report, path = (
        project.load_report(run.folder, load_artefacts(run.folder)[0]),
        tmp_path / "x.edge",
    )
    pack(path, Contents(run.spec, written, report, "", "x", {PIECES: asset}))
    with pytest.raises(DataError, match=r"x\.edge: pieces\.model"):
        selftest(Bundle(path))
    (tmp_path / "lines").write_text("one\n")
    told = call("run", path, tmp_path / "lines")
    assert told.code != 0 and "x.edge: pieces.model" in told.err


def test_what_a_run_refuses_counts_as_empty(bundle: Bundle) -> None:
    spec, session = spec_of(bundle), session_of(bundle, "onnx", "fp32")
    pieces = subwords_of(bundle)
    sound = [Pair(s, phrases.translated(s)) for s in ("red two", "one three")]
    refused = [Pair("one " * 50, "eins " * 50), Pair("猫", "Katze")]
    found = evaluate_translation(spec, session, [*sound, *refused], pieces)
    assert (found.n, found.refused) == (4, 2)
    alone = evaluate_translation(spec, session, sound, pieces)
    assert alone.refused == 0 and alone.ways[0].chrf > found.ways[0].chrf


def test_calibration_sees_sentences_of_every_length() -> None:
    lengths = np.repeat(np.arange(1, 40), 3)
    sides = tuple(np.full(n, 5, np.int32) for n in lengths)
    sentences = Sentences(sides, sides)

    class Reader:
        def predict_on_batch(self, rows: Any) -> dict[str, Any]:
            return {name: np.zeros((*rows.shape, 2), np.float32) for name in ("memory", "start")}

    (roll,), _ = _rolls(Reader(), sentences, 16)
    assert roll.features.shape[1] == 21  # the middle, and its end
    many, _ = _rolls(Reader(), sentences, 16 * 13)
    found = [roll.features.shape[1] - 1 for roll in many]
    assert len(found) == 8 and found[0] < 4 and found[-1] > 36
    assert set(np.diff(found)) <= {4, 5}


def test_data_that_cannot_be_used(tmp_path: Path) -> None:
    folder = phrases.write(tmp_path / "data", 30, 4)
    with pytest.raises(DataError, match="no 400 pieces can be made"):
        train(
            parse({**phrases.RECIPE, "data": {**phrases.RECIPE["data"], "pieces": 400}}),
            folder,
            tmp_path / "a",
        )
    with pytest.raises(DataError, match="the validation split has no pair"):
        kept = {**phrases.RECIPE["data"], "validation": 0.0001}
        train(parse({**phrases.RECIPE, "data": kept}), folder, tmp_path / "b")
    for name in ("train.en", "train.de"):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(" ".join([line] * 6) for line in lines))
    short = {
        **phrases.RECIPE,
        "data": {**phrases.RECIPE["data"], "longest": 4, "pieces": 30, "validation": 0.3},
    }
    with pytest.raises(DataError, match="no pair is as short as 4 pieces"):
        train(parse(short), folder, tmp_path / "c")
    (folder / "val.de").unlink()
    with pytest.raises(DataError, match=r"neither val\.de"):
        train(parse(phrases.RECIPE), folder, tmp_path / "d")


def test_a_session_is_of_its_artefacts(bundle: Bundle) -> None:
    artifact = bundle.artifact("tflite-int8-encoder")
    encoder = load_artifact("tflite", artifact, bundle.files(artifact))
    place = np.full((1, 1, 1), 5, np.int32)
    assert {n: v.shape for n, v in encoder.run({"tokens": place}).items()} == {
        "memory": (1, 1, 32), "start": (1, 1, 48),
    }  # fmt: skip


class TestFaces:
    """A manifest that announces another face than its model's is refused before anything runs."""

    def lied(self, bundle: Bundle, half: str, **changes: Any) -> None:
        artifact = bundle.artifact(f"tflite-int8-{half}")
        check_face(bundle.spec, artifact)
        check_face(bundle.spec, replace(artifact, **changes))

    def test_halves_that_do_not_fit(self, bundle: Bundle) -> None:
        encoder, decoder = (bundle.artifact(f"tflite-int8-{p}") for p in ("encoder", "decoder"))
        memory = replace(decoder.sequence_inputs[0], shape=(1, OPEN, 31))
        start = replace(decoder.states[0], initial_input=False)
        lies: list[tuple[str, dict[str, Any], str]] = [
            ("decoder", {"sequence_inputs": (memory,)}, "which the encoder gives not"),
            ("decoder", {"sequence_inputs": ()}, "which the encoder gives not"),
            ("decoder", {"states": (start,)}, "which the encoder gives not"),
            (
                "encoder",
                {"sequence_inputs": decoder.sequence_inputs},
                "an encoder is given nothing",
            ),
            ("encoder", {"outputs": encoder.outputs[:1]}, "is needed"),
            ("encoder", {"part": ""}, "not made of such parts"),
            ("decoder", {"part": "encoder"}, "is needed"),
            ("decoder", {"inputs": decoder.outputs}, "takes no single pieces"),
        ]
        for part, changes, message in lies:
            with pytest.raises(ValueError, match=message):
                self.lied(bundle, part, **changes)

    def test_other_models_are_given_nothing(self, bundle: Bundle) -> None:
        kws = zoo.load("kws-gru")
        artifact = kws.artifact("tflite-int8")
        held = bundle.artifact("tflite-int8-decoder").sequence_inputs
        with pytest.raises(ValueError, match="wants to be given what its model has not"):
            check_face(kws.spec, replace(artifact, sequence_inputs=held))
        with pytest.raises(ValueError, match="only what is given once a sequence"):
            replace(artifact, inputs=(replace(artifact.inputs[0], shape=(1, OPEN, 40)),))
