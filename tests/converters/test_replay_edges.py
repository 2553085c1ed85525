"""Attributes of ONNX's operators that its own examples leave out; ONNX Runtime judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from edgenets.artifact import TensorInfo
from edgenets.converters.replay.replay import replay
from edgenets.errors import ConversionError

RNG = np.random.default_rng(0)


def model_of(
    nodes: Sequence[Any], given: NDArray[Any], opset: int = 17, out: Any = np.float32, **held: Any
) -> Any:
    def kind(dtype: Any) -> int:
        return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    graph = make_graph(
        list(nodes), "g", [make_tensor_value_info("x", kind(given.dtype), given.shape)],
        [make_tensor_value_info("y", kind(out), None)],
        [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in held.items()],
    )  # fmt: skip
    return make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=10)


def both(model: Any, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """What ONNX Runtime makes of it, and what we do."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    (wanted,) = session.run(None, {"x": x})
    inputs = [TensorInfo("x", x.shape, x.dtype.name)]  # type: ignore[arg-type]
    outputs = [TensorInfo("y", wanted.shape, wanted.dtype.name)]
    (found,) = replay(model, inputs, outputs).function(tf.constant(x))
    return wanted, found.numpy()


def check(model: Any, x: NDArray[Any], atol: float = 1e-5) -> None:
    wanted, found = both(model, x)
    assert found.shape == wanted.shape and np.allclose(found, wanted, 1e-4, atol)


PICTURE = RNG.standard_normal((1, 2, 9, 12)).astype(np.float32)


class TestResize:
    @pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
    @pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
    @pytest.mark.parametrize("scale", [0.5, 0.7, 1.5, 2.3])
    def test_by_scales(self, mode: str, grid: str, scale: float) -> None:
        node = make_node(
            "Resize", ["x", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=grid
        )
        check(model_of([node], PICTURE, s=np.array([1, 1, scale, scale], np.float32)), PICTURE)

    @pytest.mark.parametrize("scale", [0.5, 2.0])
    def test_tensorflow_s_own_grid(self, scale: float) -> None:
        node = make_node(
            "Resize", ["x", "", "s"], ["y"], nearest_mode="floor",
            coordinate_transformation_mode="tf_half_pixel_for_nn",
        )  # fmt: skip
        held = {"s": np.array([1, 1, scale, scale], np.float32)}
        node.input[1] = "roi"
        held["roi"] = np.zeros(0, np.float32)
        check(model_of([node], PICTURE, 11, **held), PICTURE)

    @pytest.mark.parametrize("scale", [0.4, 0.5, 2.3])
    @pytest.mark.parametrize("mode", ["nearest", "linear"])
    def test_before_opset_11(self, mode: str, scale: float) -> None:
        node = make_node("Resize", ["x", "s"], ["y"], mode=mode)
        check(model_of([node], PICTURE, 10, s=np.array([1, 1, scale, scale], np.float32)), PICTURE)


class TestIntegers:
    """Real numbers stand for the integers between a QuantizeLinear and a DequantizeLinear."""

    X = RNG.standard_normal((1, 2, 4, 6)).astype(np.float32)

    def graph(self, *between: Any, scale: float = 0.02, behind: float | None = None) -> Any:
        last = between[-1].output[0] if between else "q"
        nodes = [
            make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), *between,
            make_node("DequantizeLinear", [last, "t", "z"], ["y"]),
        ]  # fmt: skip
        return model_of(
            nodes, self.X, s=np.float32(scale), t=np.float32(behind or scale), z=np.int8(5),
            pads=np.array([0, 0, 1, 1, 0, 0, 1, 2]), fill=np.int8(5),
        )  # fmt: skip

    @pytest.mark.parametrize(
        "node",
        [make_node("Pad", ["q", "pads"], ["r"]), make_node("Pad", ["q", "pads", "fill"], ["r"]),
         make_node("Transpose", ["q"], ["r"], perm=[0, 2, 3, 1]),
         make_node("MaxPool", ["q"], ["r"], kernel_shape=[2, 2]),
         make_node("Concat", ["q", "q"], ["r"], axis=1)],
    )  # fmt: skip
    def test_what_moves_them(self, node: Any) -> None:
        wanted, found = both(self.graph(node), self.X)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 1e-6

    @pytest.mark.parametrize(
        "node",
        [make_node("Cast", ["q"], ["r"], to=onnx.TensorProto.INT8),
         make_node("Add", ["q", "fill"], ["r"]), make_node("Relu", ["q"], ["r"])],
    )  # fmt: skip
    def test_what_computes_with_them_is_refused(self, node: Any) -> None:
        with pytest.raises(ConversionError, match="computes with integers between a Quant"):
            replay(self.graph(node), [TensorInfo("x", self.X.shape, "float32")],
                   [TensorInfo("y", self.X.shape, "float32")])  # fmt: skip

    def test_another_scale_is_refused(self) -> None:
        with pytest.raises(ConversionError, match="another scale than its integers were made"):
            replay(self.graph(behind=0.04), [TensorInfo("x", self.X.shape, "float32")],
                   [TensorInfo("y", self.X.shape, "float32")])  # fmt: skip

    def test_a_type_without_a_zero_point(self) -> None:
        nodes = [
            make_node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=onnx.TensorProto.INT8),
            make_node("DequantizeLinear", ["q", "s"], ["y"]),
        ]
        check(model_of(nodes, self.X, 21, s=np.float32(0.02)), self.X)


@pytest.mark.parametrize("op", ["GRU", "LSTM", "RNN"])
def test_an_alpha_of_elu(op: str) -> None:
    gates, x = {"GRU": 3, "LSTM": 4, "RNN": 1}[op], RNG.standard_normal((5, 1, 3)).astype("f")
    names = {"GRU": ["Elu", "Tanh"], "LSTM": ["Sigmoid", "Elu", "Elu"], "RNN": ["Elu"]}[op]
    alphas = [0.5] * names.count("Elu")
    node = make_node(op, ["x", "w", "r"], ["", "y"], hidden_size=4, activations=names,
                     activation_alpha=alphas)  # fmt: skip
    held = {n: 0.5 * RNG.standard_normal((1, gates * 4, k)).astype("f") for n, k in
            (("w", 3), ("r", 4))}  # fmt: skip
    check(model_of([node], x, **held), x)


def test_a_normalisation_of_two_axes_that_lie_the_other_way_round() -> None:
    x = RNG.standard_normal((4, 4)).astype(np.float32)
    nodes = [
        make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        make_node("BatchNormalization", ["t", "a", "b", "c", "d"], ["y"]),
    ]
    held = {n: RNG.random(4).astype(np.float32) + 0.1 for n in "abcd"}
    check(model_of(nodes, x, **held), x)


@pytest.mark.parametrize("exponent", [0.5, 2.0])
def test_a_whole_number_to_the_power_of_a_fraction(exponent: float) -> None:
    x = np.array([[4, 9, 16]], np.int32)
    node = make_node("Pow", ["x", "e"], ["y"])
    check(model_of([node], x, out=np.int32, e=np.float32(exponent)), x)


def test_a_bound_as_large_as_integers_are() -> None:
    x = np.array([[-3, 0, 7]], np.int64)
    node = make_node("Clip", ["x", "a", "b"], ["y"])
    most = np.int64(np.iinfo(np.int64).max)
    check(model_of([node], x, out=np.int64, a=np.int64(0), b=most), x)


def test_numbers_that_count_from_the_end() -> None:
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    node = make_node("GatherND", ["x", "n"], ["y"])
    check(model_of([node], x, n=np.array([[-1, -2], [0, 3]])), x)
