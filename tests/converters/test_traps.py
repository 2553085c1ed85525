"""Traps that were measured before this was written: each is walked into, and caught."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import Artifact, TensorInfo
from edgenets.backend import Options
from edgenets.converters import store
from edgenets.converters.formats import Written
from edgenets.converters.verify.verdicts import Verdict
from edgenets.errors import BackendError
from tests.converters import broken, nets
from tests.converters.converted import answers
from tests.converters.trained import Trained

ROOT = Path(__file__).parents[2]


def gate(trained: Trained, written: Written) -> Verdict:
    return trained.verify(written).verdicts[0]


def failed(verdict: Verdict) -> set[str]:
    return {c.name for c in verdict.checks if not c.passed}


# -- OpenVINO computes fp32 models in bf16 where the chip can -----------------------------------


@pytest.fixture
def bf16() -> None:
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16, so that OpenVINO computes in float32 anyway")


def test_openvino_unpinned_computes_in_bf16(bf16: None, trained: Trained) -> None:
    """The trap itself: if this fails, OpenVINO has mended its ways, and the pin may go."""
    import openvino

    written, core = trained.get("openvino-fp32"), openvino.Core()
    model = core.read_model(*(written.files[name] for name in written.artifact.files))
    unpinned = core.compile_model(model, "CPU").get_property("INFERENCE_PRECISION_HINT")
    assert unpinned == openvino.Type.bf16


def test_openvino_is_pinned_to_float32(bf16: None, trained: Trained) -> None:
    written = trained.get("openvino-fp32")
    for precision in ("fp32", "fp16"):
        assert gate(trained, trained.get(f"openvino-{precision}")).passed
    assert ", f32," in gate(trained, written).runs_on
    x = trained.samples.features[0]
    whole = trained.model.predict(x[None], verbose=0)[0]
    assert np.abs(answers(written, x) - whole).max() < 1e-4


def test_bf16_does_not_pass(bf16: None, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = backend.load
    options = Options(inference_precision="bf16")
    monkeypatch.setattr(backend, "load", lambda name, a, files: honest(name, a, files, options))
    verdict = gate(trained, trained.get("openvino-fp32"))
    assert ", bf16," in verdict.runs_on
    assert failed(verdict) == {"max_error", "stream_error"}


# -- NNCF's default quantization of a recurrent step collapses ----------------------------------


def test_nncf_default_quantization_of_a_gru_step(trained: Trained, tmp_path: Path) -> None:
    """Calibrated as its documents say, on inputs, with the state that they come with: zero.

    NNCF 3.4 takes this network from 100 % to chance. Should a later one not, the gate decides by
    what it measures: what it lets through agrees with the float net.
    """
    nncf, openvino = pytest.importorskip("nncf"), pytest.importorskip("openvino")
    source = trained.get("openvino-fp32")
    artifact = source.artifact
    frames = trained.spec.step.frames
    nothing = {s.input.name: np.zeros(s.input.shape, np.float32) for s in artifact.states}
    steps = trained.samples.features[:30].reshape(-1, 1, frames, trained.spec.input.bands)
    data = nncf.Dataset([{"features": step, **nothing} for step in steps])
    model = openvino.Core().read_model(*(source.files[name] for name in artifact.files))
    openvino.save_model(nncf.quantize(model, data), tmp_path / "model.xml")
    files = {n: (tmp_path / f"model{Path(n).suffix}").read_bytes() for n in artifact.files}
    verdict = gate(trained, Written(replace(artifact, precision="int8"), files))
    assert not verdict.error
    if verdict.agreement < 0.95:
        assert not verdict.passed
        assert {"agreement", "metric_drop"} <= failed(verdict)
    else:
        assert verdict.passed == (not failed(verdict))
    ours = gate(trained, trained.get("openvino-int8"))
    assert ours.passed
    assert ours.agreement >= max(0.95, verdict.agreement)


# -- a graph without weights --------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, np.nan])
@pytest.mark.parametrize("id", ["tflite-fp32", "onnx-fp32", "onnx-fp16"])
def test_weightless_graph(trained: Trained, id: str, value: float) -> None:
    def empty(weights: NDArray[Any]) -> NDArray[Any]:
        return np.full_like(weights, value)

    change = broken.weights if id.startswith("onnx") else broken.flat_weights
    verdict = gate(trained, change(trained.get(id), empty))
    assert not verdict.error
    assert not verdict.passed
    assert {"max_error", "stream_error"} <= failed(verdict)
    assert ("finite" in failed(verdict)) == bool(np.isnan(value))


# -- Flex operators -----------------------------------------------------------------------------


def test_flex_operators(capfd: pytest.CaptureFixture[str]) -> None:
    """What TFLiteConverter makes of a Keras GRU."""
    tf: Any = pytest.importorskip("tensorflow")
    model = nets.chain(layers.GRU(3, return_sequences=True))
    call = tf.function(model, input_signature=[tf.TensorSpec((1, 20, nets.CHANNELS))])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS,
    ]  # fmt: skip
    converter._experimental_lower_tensor_list_ops = False
    files = {"flex.tflite": converter.convert()}
    assert b"FlexTensorListReserve" in files["flex.tflite"]
    source = TensorInfo("features", (1, 20, nets.CHANNELS), "float32")
    result = TensorInfo("logits", (1, 20, 3), "float32")
    artifact = Artifact("tflite", "fp32", ("flex.tflite",), (source,), (result,))
    with pytest.raises(BackendError, match=r"flex\.tflite: .*Flex operators.*`edgenets convert`"):
        backend.load("tflite", artifact, files)


# -- tflite-runtime beside TensorFlow -----------------------------------------------------------

# TensorFlow is loaded, then a TFLite artifact on tflite-runtime. Exit code 7: our own error.
BESIDE = """
import sys
from pathlib import Path
import tensorflow
from edgenets import backend
from edgenets.backend import Options
from edgenets.converters import store
from edgenets.errors import BackendError
item = store.load(Path(sys.argv[1]))[0][0]
try:
    backend.load("tflite", item.artifact, item.files, Options(interpreter="tflite-runtime"))
except BackendError as exc:
    print(exc)
    sys.exit(7)
"""

needs_tflite_runtime = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import tflite_runtime.interpreter"]).returncode != 0,
    reason="tflite-runtime is not installed (it has no wheel past Python 3.11)",
)


@pytest.fixture(scope="module")
def folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TFLite artifacts, on disk."""
    path = tmp_path_factory.mktemp("run")
    found = [w for w in trained.conversion.written if w.artifact.format == "tflite"]
    store.save(path, found)
    np.save(path / "features.npy", np.concatenate(trained.samples.features[:40]))
    return path


@needs_tflite_runtime
def test_tflite_runtime_after_tensorflow(folder: Path) -> None:
    command = [sys.executable, "-c", BESIDE, str(folder)]
    found = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert found.returncode == 7, found.stderr[-2000:]
    assert "cannot be loaded after TensorFlow" in found.stdout
    assert "ai-edge-litert" in found.stdout
    assert "bad_alloc" not in found.stdout + found.stderr


def on_device(folder: Path, interpreter: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """What a process without TensorFlow answers: (steps, labels) and what ran, by artifact."""
    out = folder / f"{interpreter}.npz"
    command = [
        sys.executable, "-m", "tests.converters.device", str(folder),
        str(folder / "features.npy"), str(out), interpreter,
    ]  # fmt: skip
    found = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env={**os.environ})
    assert found.returncode == 0, found.stderr[-2000:]
    with np.load(out) as answers:
        return dict(answers), json.loads(found.stdout)


# Largest difference of a logit over 800 steps. tflite-runtime has TFLite's reference kernels for
# integers, ai-edge-litert XNNPACK's, which round the half of a product the other way now and
# then; a state carries that on.
APART = {"fp32": 1e-4, "fp16": 1e-4, "dynamic": 0.05, "int8": 0.5, "int16x8": 0.005}


@needs_tflite_runtime
def test_tflite_runtime_says_what_ai_edge_litert_says(trained: Trained, folder: Path) -> None:
    old, runs_on = on_device(folder, "tflite-runtime")
    new, _ = on_device(folder, "ai-edge-litert")
    assert all(text.startswith("tflite-runtime 2.14") for text in runs_on.values())
    assert len(old) == len(APART)
    for id, answer in old.items():
        assert np.isfinite(answer).all()
        apart = np.abs(answer - new[id]).max()
        assert apart <= APART[id.removeprefix("tflite-")], f"{id}: {apart}"
        assert np.mean(answer.argmax(-1) == new[id].argmax(-1)) >= 0.99
