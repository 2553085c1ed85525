"""No weight of eight bits is written that sums of pairs overflow with; see `onnxpairs`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from onnx import TensorProto, helper, numpy_helper

from edgenets import backend
from edgenets.artifact import Artifact, Precision, TensorInfo
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import open_source
from edgenets.converters.step.convert import convert
from edgenets.converters.step.openvino import to_ir
from edgenets.converters.whole.onnxpairs import beyond_pairs, within_pairs
from edgenets.quantization import PAIR_STEPS
from edgenets.recipeparts import QuantizeRecipe
from edgenets.training import aware
from tests.converters import nets, wholes

Kind = Literal["dense", "grouped", "deep", "thin", "transposed", "MatMul", "Gemm"]

SIDE, CHANNELS, OUT = 6, 8, 8


def drawn(
    kind: Kind, seed: int, per_channel: bool = True, turned: bool = False, full: bool = False
) -> onnx.ModelProto:
    """A product between roundings, its weights random or all of the largest."""
    rng = np.random.default_rng(seed)
    groups = {"grouped": 4, "deep": CHANNELS, "thin": CHANNELS}.get(kind, 1)
    flat = kind in ("MatMul", "Gemm")
    out = 2 * CHANNELS if kind == "deep" else OUT
    shape: tuple[int, ...] = (CHANNELS, out) if flat else (out, CHANNELS // groups, 3, 3)
    axis = int(flat or kind == "transposed")
    if turned and kind == "Gemm":
        shape, axis = shape[::-1], 0
    ints = rng.integers(-127, 128, shape) if not full else np.full(shape, 127)
    count = shape[axis] if per_channel else 1
    sums = math.prod(shape) // out
    scale = rng.uniform(0.5, 2, count) / 127 / sums if not full else np.full(count, 1 / 127 / sums)
    biases = rng.integers(-9000, 9000, out) if kind == "Gemm" and not full else np.zeros(out)
    tensors = {
        "sx": np.float32(1 / 255), "zx": np.int8(-128), "sy": np.float32(1 / 200),
        "w": ints.astype(np.int8), "sw": scale.astype(np.float32), "zw": np.zeros(count, np.int8),
        "b": biases.astype(np.int32), "sb": np.broadcast_to(scale / 255, out).astype(np.float32),
        "zb": np.zeros(out, np.int32),
    }  # fmt: skip
    if not per_channel:
        tensors |= {name: tensors[name].reshape(()) for name in ("sw", "zw")}
    node = helper.make_node
    product = {"MatMul": "MatMul", "Gemm": "Gemm", "transposed": "ConvTranspose"}.get(kind, "Conv")
    given_to = ["xd", "wd", "bd"] if kind == "Gemm" else ["xd", "wd"]
    said: dict[str, Any] = {} if flat else {"group": groups, "kernel_shape": [3, 3]}
    if kind == "Gemm" and turned:
        said = {"transB": 1}
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=axis),
        node("DequantizeLinear", ["b", "sb", "zb"], ["bd"], axis=0),
        node(product, given_to, ["y0"], name="product", **said),
        node("QuantizeLinear", ["y0", "sy", "zx"], ["yq"]),
        node("DequantizeLinear", ["yq", "sy", "zx"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes if kind == "Gemm" else [n for n in nodes if n.output[0] != "bd"],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, taken(kind))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(taken(kind)))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()
         if kind == "Gemm" or name not in ("b", "sb", "zb")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def taken(kind: Kind) -> tuple[int, ...]:
    return (5, CHANNELS) if kind in ("MatMul", "Gemm") else (1, CHANNELS, SIDE, SIDE)


def exact(model: onnx.ModelProto, x: Any) -> Any:
    """What a file says, in float arithmetic."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return ort.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})[0]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(get_args(Kind)), st.integers(0, 999), st.booleans(), st.booleans())
def test_what_is_stored_anew_means_nearly_the_same(
    kind: Kind, seed: int, per_channel: bool, turned: bool
) -> None:
    model = drawn(kind, seed, per_channel, turned)
    x = np.random.default_rng(seed).uniform(0, 1, taken(kind)).astype(np.float32)
    wanted = exact(model, x)
    assert beyond_pairs(model) == (() if kind == "thin" else ("product",))
    changed = within_pairs(model)
    onnx.checker.check_model(changed)
    assert beyond_pairs(changed) == ()
    found = exact(changed, x)
    # Half a step of each weight, as errors of many add up, and a step of the output.
    assert np.abs(found - wanted).max() <= 1 / 200 + 2 / 64 / math.sqrt(3)
    assert np.abs(found - wanted).mean() < 0.02
    again = changed.SerializeToString()
    assert within_pairs(changed).SerializeToString() == again


@pytest.mark.parametrize("kind", get_args(Kind))
def test_pairs_fit_and_each_runtime_is_right(kind: Kind) -> None:
    """The worst that there is: all weights and all activations at the end of their ranges."""
    model = within_pairs(drawn(kind, 0, full=True))
    x = np.ones(taken(kind), np.float32)
    plain = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    wanted = exact(model, x)
    assert np.abs(plain - wanted).max() <= 1.01 / 200
    if kind != "thin":
        (weights,) = (t for t in model.graph.initializer if len(t.dims) > 1)
        largest = np.abs(numpy_helper.to_array(weights).astype(int)).max()
        assert largest == PAIR_STEPS and 2 * 255 * largest < 1 << 15


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_files_of_others_are_answered_rightly(kind: Kind, format: Any) -> None:
    """With weights that overflow: bundles of before have such, whatever processor this is."""
    model = drawn(kind, 0, full=True)
    x = np.ones(taken(kind), np.float32)
    wanted = exact(model, x)
    content = model.SerializeToString()
    files = {"a.onnx": content}
    if format == "openvino":
        files = dict(zip(("a.xml", "a.bin"), to_ir(content, half=False), strict=True))
    artifact = Artifact(
        format, "int8", tuple(files),
        (TensorInfo("x", taken(kind), "float32"),), (TensorInfo("y", wanted.shape, "float32"),),
    )  # fmt: skip
    found = backend.load(format, artifact, files).run({"x": x})["y"]
    assert np.abs(found - wanted).max() <= 1.01 / 200


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((n, "int8") for n in wholes.NETS if n not in ("tokens", "states")),
     ("gru", "dynamic"), ("images", "dynamic"), ("products", "dynamic")],
)  # fmt: skip
def test_whole_models(name: str, precision: Precision) -> None:
    source = source_of(wholes.built(name), Path("m.keras"))
    samples = wholes.items(source, 8)
    shapes = {key: values.shape[1:] for key, values in samples.items()}
    job = Job(source, samples, "whole", shapes)
    _no_overflow(Conversion(job).convert("onnx", precision))


@pytest.mark.parametrize("precision", ["int8", "dynamic"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_step_models(precision: Precision, per_channel: bool) -> None:
    model = nets.chain(
        layers.ZeroPadding1D((2, 0)), layers.DepthwiseConv1D(3, depth_multiplier=2),
        layers.ZeroPadding1D((2, 0)), layers.DepthwiseConv1D(3),
        layers.Conv1D(8, 3, padding="causal"), layers.GRU(6, return_sequences=True),
        layers.LSTM(5, return_sequences=True), layers.Dense(4),
    )  # fmt: skip
    recipe = QuantizeRecipe(per_channel=per_channel)
    (written,) = convert(model, nets.features(40, clips=4), ("onnx",), (precision,), recipe).written
    _no_overflow(written)


def test_models_with_ranges_of_training() -> None:
    model = aware.aware(wholes.images())
    x = np.random.default_rng(0).standard_normal((64, 16, 16, 3)).astype(np.float32)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((64, 4)), 32, 1, verbose=0)
    _no_overflow(
        Conversion(Job(source_of(model, Path("m.keras")), {"image": x})).convert("onnx", "int8")
    )


def test_files_of_tflite(tmp_path: Path) -> None:
    source = source_of(wholes.built("images"), Path("m.keras"))
    (tflite,) = (
        Conversion(Job(source, wholes.items(source, 8))).convert("tflite", "int8").files.values()
    )
    path = tmp_path / "a.tflite"
    path.write_bytes(tflite)
    _no_overflow(Conversion(Job(open_source(path), None)).convert("onnx", "int8"))


def _no_overflow(written: Written) -> None:
    model = onnx.load_from_string(*written.files.values())
    assert beyond_pairs(model) == ()
    names = onnx.TensorProto.DataType
    stored = [t for t in model.graph.initializer if names.Name(t.data_type) == "INT8"]
    assert any(t.dims for t in stored), "nothing of it is in integers"
