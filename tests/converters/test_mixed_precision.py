"""Where an artifact leaves its model, and the fewest layers that have to stay float."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgenets import runs
from edgenets.artifact import FORMATS, Artifact, Format, TensorInfo
from edgenets.bundle import Bundle
from edgenets.converters.families.steps import StepReference
from edgenets.converters.formats import Written
from edgenets.converters.step import convert as converting
from edgenets.converters.step.convert import Steps
from edgenets.converters.step.walk import walk
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.mixed_precision import LayerError, Subject, left_at, search
from edgenets.converters.verify.subjects import layers_of, step_errors, step_subject
from edgenets.converters.verify.verdicts import Check, Verdict
from edgenets.quantization import Quantization
from edgenets.recipeparts import GateRecipe, QuantizeRecipe
from edgenets.training.train import train
from tests.commands import Call, call
from tests.converters.trained import GATE, Trained, glides
from tests.test_training import RECIPE, tones

__all__ = ["call", "tones"]  # fixtures

pytestmark = pytest.mark.slow


def stream(trained: Trained, steps: int = 200) -> Any:
    return np.concatenate(trained.samples.features)[: 2 * steps]


def steps_of(model: keras.Model) -> Steps:
    return Steps(walk(model), glides(120, 1)[0])


def grus(trained: Trained) -> list[str]:
    return [x.name for x in trained.model.layers if isinstance(x, keras.layers.GRU)]


class TestErrors:
    @pytest.mark.parametrize("format", FORMATS)
    def test_of_a_sound_artefact(self, trained: Trained, format: Format) -> None:
        steps = steps_of(trained.model)
        exact = step_errors(steps, format, "fp32", stream(trained))
        rounded = step_errors(steps, format, "int8", stream(trained))
        assert [e.layer for e in exact] == [e.layer for e in rounded]
        assert [e.layer for e in exact][-2:] == grus(trained)
        assert all(e.error < 1e-5 for e in exact)
        assert all(1e-4 < e.error < 0.1 for e in rounded)
        assert not left_at(exact, "fp32") and not left_at(rounded, "int8")

    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("number", [0, 1])
    def test_a_wrong_scale_is_found_where_it_is(
        self, trained: Trained, format: Format, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The state of one layer has a sixtieth of its range: what came before is as it was."""
        make, layer = converting.make_plan, grus(trained)[number]

        def spoiled(*arguments: Any) -> Any:
            plan = make(*arguments)
            state = (f"{layer}/h", f"{layer}/h_2")
            wrong = {
                name: Quantization(q.scale / 60, q.zero_point, q.dtype) if name in state else q
                for name, q in plan.quantization.items()
            }
            assert wrong != plan.quantization
            return replace(plan, quantization=wrong)

        monkeypatch.setattr(converting, "make_plan", spoiled)
        errors = step_errors(steps_of(trained.model), format, "int8", stream(trained))
        assert left_at(errors, "int8") == layer


def verdict(passed: bool) -> Verdict:
    return Verdict(
        "tflite-int8", "tflite", "int8", 1, "", 0.9, float(passed), 0.0, 0.0,
        (Check("agreement", 1.0, 1.0, passed),),
    )  # fmt: skip


def subject(needed: set[str], helps: dict[str, float]) -> tuple[Subject, list[frozenset[str]]]:
    """One whose layers are letters, of which some have to stay float."""
    made: list[frozenset[str]] = []

    def make(kept: frozenset[str]) -> Written:
        made.append(kept)
        one, note = (TensorInfo("x", (1, 1), "float32"),), ",".join(sorted(kept))
        return Written(Artifact("tflite", "int8", ("a.tflite",), one, one, note=note), {})

    def kept_in(written: Written) -> set[str]:
        return set(filter(None, written.artifact.note.split(",")))

    def distance(written: Written) -> float:
        return 1.0 - sum(helps.get(layer, 0.0) for layer in kept_in(written))

    return Subject(
        "int8", tuple("abcdef"), make, distance, lambda w: verdict(needed <= kept_in(w))
    ), made  # fmt: skip


class TestSearch:
    def test_what_passes_is_left_as_it_is(self) -> None:
        one, made = subject(set(), {})
        found = search(one)
        assert found.best.verdict.passed and found.best.kept == () and len(found.tries) == 1
        assert made == [frozenset()]

    def test_the_layer_that_helps_most_comes_first(self) -> None:
        one, _ = subject({"d"}, {"d": 0.5, "a": 0.1})
        found = search(one)
        assert [t.kept for t in found.tries] == [(), ("d",)] and found.best.kept == ("d",)

    def test_what_is_not_needed_is_let_go(self) -> None:
        one, _ = subject({"b", "e"}, {"a": 0.4, "e": 0.3, "b": 0.2})
        found = search(one)
        assert ("a", "b", "e") in [t.kept for t in found.tries]
        assert found.best.kept == ("b", "e") and found.best.verdict.passed

    def test_what_cannot_pass_is_said(self) -> None:
        one, _ = subject({"z"}, {})
        found = search(one, most=2)
        assert not found.best.verdict.passed and max(len(t.kept) for t in found.tries) == 2

    def test_the_first_beyond_the_limit(self) -> None:
        errors = [LayerError("a", 0.01), LayerError("b", 0.3), LayerError("c", 0.9)]
        assert left_at(errors, "int8") == "b" and left_at(errors, "fp32") == "a"
        assert left_at([LayerError("a", float("nan"))], "int8") == "a"
        assert left_at([], "int8") == ""


def wild(model: keras.Model) -> keras.Model:
    """The same function, of which eight bits hold next to nothing.

    Channels of the normalisation are made up to ten thousand times as large as others, and what
    takes them as much less: ReLU stands between them.
    """
    copy: keras.Model = keras.Model.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    norm = next(x for x in copy.layers if isinstance(x, keras.layers.BatchNormalization))
    gru = next(x for x in copy.layers if isinstance(x, keras.layers.GRU))
    factors = np.logspace(-2, 2, norm.gamma.shape[0], dtype=np.float32)
    # What matters most becomes smallest.
    matter = np.abs(gru.cell.kernel.numpy()).sum(axis=1) * np.abs(norm.gamma.numpy())
    factors[np.argsort(-matter)] = factors.copy()
    norm.gamma.assign(norm.gamma.numpy() * factors)
    norm.beta.assign(norm.beta.numpy() * factors)
    gru.cell.kernel.assign(gru.cell.kernel.numpy() / factors[:, None])
    return copy


@pytest.mark.parametrize("format", FORMATS)
def test_a_net_that_breaks_in_eight_bits(trained: Trained, format: Format) -> None:
    model = wild(trained.model)
    steps = steps_of(model)
    reference = StepReference(model, trained.spec, trained.samples, GATE)
    judge = Judge(reference)
    found = search(step_subject(steps, format, "int8", stream(trained), judge.verdict))
    before, after = found.tries[0].verdict, found.best.verdict
    assert not before.passed
    assert after.passed and after.metric > reference.header.reference - 0.02
    assert 0 < len(found.best.kept) < len(layers_of(steps.graph))
    assert found.first in {e.layer for e in found.errors}


def test_nncf_and_a_gru(trained: Trained, tmp_path: Path) -> None:
    """Another's quantizer, which takes this network to chance: kept float where it has to be."""
    nncf, openvino = pytest.importorskip("nncf"), pytest.importorskip("openvino")
    source, frames = trained.get("onnx-fp32"), trained.spec.step.frames
    artifact = trained.get("openvino-fp32").artifact
    (content,) = source.files.values()
    (tmp_path / "a.onnx").write_bytes(content)
    nothing = {s.input.name: np.zeros(s.input.shape, np.float32) for s in artifact.states}
    rows = trained.samples.features[:30].reshape(-1, 1, frames, trained.spec.input.bands)
    data = nncf.Dataset([{"features": row, **nothing} for row in rows])

    def make(kept: frozenset[str]) -> Written:
        model = openvino.Core().read_model(tmp_path / "a.onnx")
        names = [
            op.get_friendly_name() for op in model.get_ordered_ops()
            if op.get_friendly_name().partition("/")[0] in kept
        ]  # fmt: skip
        scope = nncf.IgnoredScope(names=names, validate=False)
        openvino.save_model(nncf.quantize(model, data, ignored_scope=scope), tmp_path / "m.xml")
        files = {n: (tmp_path / f"m{Path(n).suffix}").read_bytes() for n in artifact.files}
        return Written(replace(artifact, precision="int8"), files)

    steps = steps_of(trained.model)
    ours = step_subject(steps, "openvino", "int8", stream(trained), lambda w: judge.verdict(w))
    reference = StepReference(trained.model, trained.spec, trained.samples, GATE)
    judge = Judge(reference)
    layers = tuple(dict.fromkeys(op.layer for op in steps.graph.ops))
    found = search(replace(ours, make=make, layers=layers, errors=None))
    first, best = found.tries[0].verdict, found.best
    told = [(t.kept, round(t.verdict.metric, 3), t.verdict.passed) for t in found.tries]
    print(told)
    if first.passed:
        pytest.skip("this NNCF quantizes the network as it should be")
    assert first.metric < reference.header.reference - 0.2, told
    assert best.verdict.passed and best.verdict.metric >= reference.header.reference - 0.005, told


def test_mixed_precision_of_a_run_folder(tones: Path, tmp_path: Path, call: Call) -> None:
    """A trained model that eight bits do not hold: the gate fails, and what spoils it is found."""
    folder = tmp_path / "run"
    gate = GateRecipe(samples=24, stream_steps=500)
    run = train(replace(RECIPE, quantize=QuantizeRecipe(method="minmax"), gate=gate), tones, folder)
    wild(run.model()).save(folder / runs.MODEL)
    words = ("--to", "tflite,onnx", "--precision", "fp32,int8")
    assert call("convert", folder, "--data", tones, *words).code == 0
    assert call("verify", folder, "--data", tones).code == 1
    told = call("verify", folder, "--data", tones, "--mixed-precision", "--json")
    found = told.json()
    assert told.code == 0 and found["passed"]
    kept = {one["id"]: one["kept"] for one in found["repairs"]}
    assert kept and all(kept.values()) and all(one["passed"] for one in found["repairs"])
    for one in found["repairs"]:
        assert not one["tries"][0]["passed"] and one["tries"][0]["kept"] == []
        assert all(t["bytes"] > 0 for t in one["tries"])
        assert all(t["step_us"] > 0 for t in one["tries"] if t["passed"])
    saved = json.loads((folder / "mixed_precision.json").read_text())["repairs"]
    assert saved == found["repairs"]
    # What is in mixed precision is what is packed, and says so.
    assert call("bundle", folder, "--out", tmp_path / "tones.edge").code == 0
    notes = {a.id: a.note for a in Bundle(tmp_path / "tones.edge").artifacts}
    assert all("kept float" in notes[id] for id in kept)
    shown = call("verify", folder, "--data", tones, "--mixed-precision")
    assert shown.code == 0 and "layers in float" not in shown.out  # nothing is left to do
