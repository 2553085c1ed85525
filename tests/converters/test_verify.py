"""The gate: what is the model passes, and what is not fails by the check that is about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from edgenets import records
from edgenets.artifact import PRECISIONS
from edgenets.backend import BACKENDS
from edgenets.converters.families.steps import StepReference
from edgenets.converters.pack import Contents, pack
from edgenets.converters.step.convert import convert
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.verdicts import Report, Verdict
from edgenets.errors import DataError, GateFailed
from edgenets.stepspec import StepSpec
from edgenets.tasks.task import Samples
from tests.converters import broken, liar, nets
from tests.converters.trained import BANDS, GATE, LABELS, Trained

CELLS = ("gru/h", "gru_1/h")


@pytest.fixture(scope="module")
def report(trained: Trained) -> Report:
    """The verification of all that was converted."""
    return trained.verify(*trained.conversion.written)


def failed(verdict: Verdict) -> set[str]:
    assert not verdict.error
    return {c.name for c in verdict.checks if not c.passed}


def judge(trained: Trained, *written: Any) -> Verdict:
    found = trained.verify(*written)
    assert found.passed == all(v.passed for v in found.verdicts)
    return found.verdicts[0]


def cells(trained: Trained) -> list[str]:
    """The names of the recurrent states, first layer first."""
    return [s.input for s in trained.conversion.graph.states if s.input.endswith("/h")]


# -- what is good -------------------------------------------------------------------------------


def test_the_net_learned_something(report: Report) -> None:
    assert report.reference >= 0.95


def test_all_formats_and_precisions_pass(report: Report) -> None:
    assert report.passed, [(v.id, v.error, failed(v)) for v in report.verdicts if not v.passed]
    assert len(report.verdicts) == 14
    for verdict in report.verdicts:
        assert verdict.runs_on
        assert verdict.stream_steps == GATE.stream_steps


def test_what_is_checked_is_the_precision_s(report: Report) -> None:
    every = {"finite", "agreement", "metric_drop"}
    close = {"max_error", "stream_error", "relative_error"}
    by_precision = {"fp32": close, "fp16": close} | {
        p: {"drift", "relative_error"} for p in PRECISIONS[2:]
    }
    limits = {"fp32": GATE.float_error, "fp16": GATE.half_error}
    for verdict in report.verdicts:
        checks = {c.name: c for c in verdict.checks}
        assert checks.keys() == every | by_precision[verdict.precision]
        for name in {"max_error", "stream_error"} & checks.keys():
            assert checks[name].limit == limits[verdict.precision]


def test_limits_are_the_recipe_s(trained: Trained) -> None:
    strict = replace(GATE, half_error=1e-6)
    two = (trained.get("tflite-fp32"), trained.get("tflite-fp16"))
    whole, half = trained.verify(*two, gate=strict).verdicts
    assert whole.passed
    assert failed(half) == {"max_error", "stream_error"}


def test_report_survives_json(trained: Trained, report: Report) -> None:
    cut = trained.get("onnx-fp32")
    cut = replace(cut, files={n: d[:100] for n, d in cut.files.items()})
    nan = broken.weights(trained.get("onnx-fp32"), lambda w: w * np.nan)
    for one in (report, trained.verify(cut, nan), replace(report, missing=("one, because",))):
        text = json.dumps(records.to_plain(one), allow_nan=False)
        assert records.parse(Report, json.loads(text)) == one


# -- what is not --------------------------------------------------------------------------------


def test_weights_a_little_off(trained: Trained) -> None:
    """By a thousandth: no decision changes, and it is not the model all the same."""
    off = broken.weights(trained.get("onnx-fp32"), lambda w: 1.001 * w)
    assert failed(judge(trained, off)) == {"max_error", "stream_error"}


@pytest.mark.parametrize("id", ["onnx-int8", "onnx-int16x8"])
def test_weights_far_off(trained: Trained, id: str) -> None:
    off = broken.weights(trained.get(id), lambda w: -w)
    assert {"agreement", "metric_drop"} <= failed(judge(trained, off))


@pytest.mark.parametrize("id", ["tflite-fp32", "onnx-fp32", "openvino-fp32", "tflite-fp16"])
def test_a_float_state_that_is_not_carried(trained: Trained, id: str) -> None:
    assert {"max_error", "stream_error"} <= failed(
        judge(trained, broken.never_carried(trained.get(id)))
    )


@pytest.mark.parametrize("id", ["tflite-int8", "onnx-int8", "openvino-int8", "tflite-int16x8"])
def test_an_integer_state_that_is_not_carried(trained: Trained, id: str) -> None:
    found = failed(judge(trained, broken.never_carried(trained.get(id))))
    assert {"agreement", "metric_drop"} <= found


@pytest.mark.parametrize("id", ["tflite-fp32", "onnx-fp32", "openvino-fp32"])
def test_states_that_are_mixed_up(trained: Trained, id: str) -> None:
    mixed = broken.crossed(trained.get(id), *cells(trained))
    assert {"max_error", "stream_error"} <= failed(judge(trained, mixed))


def test_a_state_whose_scale_changes_inside_the_file(trained: Trained) -> None:
    state = cells(trained)[1]
    verdict = judge(trained, broken.rescaled_onnx(trained.get("onnx-int8"), state, 3.0))
    assert failed(verdict) == {"relative_error"}
    assert verdict.agreement >= 0.95  # what decisions alone would not have told


def test_a_state_whose_scale_changes_at_the_border(trained: Trained) -> None:
    state = cells(trained)[1]
    off = broken.rescaled_tflite(trained.get("tflite-int8"), state, 3.0)
    verdict = judge(trained, off)
    assert not verdict.passed
    assert f"{state}/next" in verdict.error
    assert "scale" in verdict.error
    link = trained.get("tflite-int8").artifact.states[0]
    q = link.output.quantization
    with pytest.raises(ValueError, match="scale changes from step to step"):
        replace(link, output=replace(link.output, quantization=replace(q, scale=2 * q.scale)))


@pytest.mark.parametrize("id", ["onnx-fp32", "onnx-int8"])
def test_scores_in_another_order(trained: Trained, id: str) -> None:
    verdict = judge(trained, broken.reordered(trained.get(id), [1, 2, 0]))
    assert {"agreement", "metric_drop"} <= failed(verdict)
    assert verdict.metric < 0.1


@pytest.mark.parametrize("id", ["onnx-fp32", "onnx-fp16", "onnx-dynamic", "onnx-int8"])
def test_weights_that_are_zero(trained: Trained, id: str) -> None:
    empty = broken.weights(trained.get(id), lambda w: 0 * w)
    assert {"agreement", "metric_drop"} <= failed(judge(trained, empty))


@pytest.fixture
def lie(monkeypatch: pytest.MonkeyPatch) -> Callable[[liar.Spoil], None]:
    """Let the TFLite backend say something else."""
    monkeypatch.setitem(BACKENDS, "tflite", "tests.converters.liar")
    return lambda spoil: monkeypatch.setattr(liar, "spoil", spoil)


def from_step(first: int, value: float) -> liar.Spoil:
    def spoil(step: int, answer: NDArray[Any]) -> NDArray[Any]:
        return np.full_like(answer, value) if step == first else answer

    return spoil


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("id", ["tflite-fp32", "tflite-int8"])
def test_no_number_late_in_the_stream(trained: Trained, lie: Any, id: str, value: float) -> None:
    lie(from_step(2900, value))
    verdict = judge(trained, trained.get(id))
    assert "finite" in failed(verdict)
    assert "agreement" not in failed(verdict)  # the clips were over by then
    assert verdict.stream_error is None


def test_one_wrong_step_in_the_stream(trained: Trained, lie: Any) -> None:
    lie(lambda step, answer: answer + (0.001 if step == 1700 else 0.0))
    assert failed(judge(trained, trained.get("tflite-fp32"))) == {"stream_error"}


def test_float_that_drifts(trained: Trained, lie: Any) -> None:
    lie(lambda step, answer: answer + 1e-6 * step)
    assert failed(judge(trained, trained.get("tflite-fp32"))) == {"stream_error"}


@pytest.mark.parametrize("precision", ["dynamic", "int8", "int16x8"])
def test_integers_that_drift(trained: Trained, lie: Any, precision: str) -> None:
    lie(lambda step, answer: answer + 1e-3 * step)
    assert failed(judge(trained, trained.get(f"tflite-{precision}"))) == {"drift"}


def test_what_cannot_be_run_says_why_and_stops_no_other(trained: Trained) -> None:
    good, cut = trained.get("tflite-fp32"), trained.get("onnx-fp32")
    cut = replace(cut, files={n: d[:100] for n, d in cut.files.items()})
    found = trained.verify(cut, good)
    assert not found.passed
    assert [v.passed for v in found.verdicts] == [False, True]
    assert "is no ONNX file, or a damaged one" in found.verdicts[0].error


def test_a_model_that_takes_bands(trained: Trained) -> None:
    """(batch, time, bands, 1) is what most published keyword networks take."""
    entry = layers.Input((None, BANDS, 1))
    x = layers.ZeroPadding2D(((2, 0), (1, 1)))(entry)
    x = layers.Conv2D(4, 3, strides=(1, 2), activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = nets.randomise(keras.Model(entry, layers.Dense(len(LABELS))(x), name="bands"), 3)
    spec = replace(trained.spec, name="bands", step=StepSpec(frames=1))
    clips = trained.samples.features[:40]
    written = convert(model, clips, precisions=("fp32", "fp16")).written
    found = Judge(StepReference(model, spec, trained.samples, GATE)).verify(written)
    assert {v.id: v.passed for v in found.verdicts} == {w.artifact.id: True for w in written}


def test_an_artefact_of_another_model(trained: Trained) -> None:
    other = nets.chain(
        layers.Conv1D(4, 2, strides=2, padding="causal"), layers.Dense(5),
        channels=trained.spec.input.bands,
    )  # fmt: skip
    (written,) = convert(other, to=("onnx",), precisions=("fp32",)).written
    assert "(20, 5)" in judge(trained, written).error


# -- what it is asked ---------------------------------------------------------------------------


@pytest.mark.parametrize("clips", [slice(0, 0), slice(None)])
def test_something_to_verify_on_is_needed(trained: Trained, clips: slice) -> None:
    samples = trained.samples
    few = Samples(samples.features[clips, :1], samples.targets[clips])
    with pytest.raises(DataError, match="nothing to verify on"):
        StepReference(trained.model, trained.spec, few, GATE)


@pytest.mark.parametrize(
    "chain",
    [
        [layers.Conv1D(6, 3), layers.Conv1D(6, 4, strides=2), layers.GRU(5, return_sequences=True)],
        [layers.Conv1D(6, 5, strides=2), layers.GRU(5)],
        [layers.Conv1D(6, 2, strides=2), layers.GlobalAveragePooling1D()],
    ],
    ids=["steps that mean nothing", "one vector", "mean"],
)
def test_nets_that_drop_frames(trained: Trained, chain: list[Any]) -> None:
    parts = [layer.from_config(layer.get_config()) for layer in chain]
    model = nets.chain(*parts, layers.Dense(3), channels=trained.spec.input.bands)
    made = convert(model, precisions=("fp32",))
    assert made.graph.frames == 2
    step = StepSpec(frames=2, warmup=made.graph.warmup)
    samples = Samples(trained.samples.features[:9], model_says(model, trained)[:9])
    found = Judge(StepReference(model, replace(trained.spec, step=step), samples, GATE)).verify(
        made.written
    )
    assert found.passed, found


def model_says(model: Any, trained: Trained) -> NDArray[np.int64]:
    return np.zeros(len(trained.samples.targets), np.int64)


# -- what comes of it ---------------------------------------------------------------------------


def test_only_what_passed_enters_a_bundle(trained: Trained, tmp_path: Path) -> None:
    good = trained.get("tflite-int8")
    bad = broken.reordered(trained.get("onnx-int8"), [1, 2, 0])
    found = trained.verify(good, bad)
    path = tmp_path / "glides.edge"
    bundle = pack(path, Contents(trained.spec, (good, bad), found, "# Card", "MIT"))
    assert [a.id for a in bundle.manifest.artifacts] == ["tflite-int8"]
    with pytest.raises(GateFailed, match="onnx-int8 did not pass"):
        pack(path, Contents(trained.spec, (good, bad), found, "# Card", "MIT"), ["onnx-int8"])
    with pytest.raises(GateFailed, match="nothing to put"):
        pack(path, Contents(trained.spec, (bad,), found, "# Card", "MIT"))
