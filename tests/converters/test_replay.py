"""ONNX done again in TensorFlow: by the specification's own examples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import tensorflow as tf
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from onnx.backend.test.loader import load_model_tests

from edgenets.artifact import TensorInfo
from edgenets.converters.replay.gelu import with_gelus
from edgenets.converters.replay.replay import replay, unknown
from edgenets.errors import ConversionError

TYPES = {"float32", "int32", "int64", "bool", "uint8", "int8"}


def cases() -> list[Any]:
    """Examples of single operators, of those that are known and in types that a board has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some divide by zero on purpose
        every = load_model_tests(kind="node")
    return [case for case in every if _is_ours(case)]


def _is_ours(case: Any) -> bool:
    arrays = [a for given, expected in case.data_sets for a in (*given, *expected)]
    return (
        not case.name.endswith("_expanded")  # into operators that have examples of their own
        and all(0 not in getattr(a, "shape", ()) for a in arrays)
        and not case.model.functions
        and all(node.domain in ("", "ai.onnx") for node in case.model.graph.node)
        and not unknown(case.model)
        and all(isinstance(a, np.ndarray) and a.dtype.name in TYPES for a in arrays)
    )


def in_numbers(case: Any, given: Any, expected: Any) -> tuple[Any, list[Any], list[Any]]:
    """The example with whole numbers outside in place of truth values, which no artifact has."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, types = model.graph, onnx.TensorProto
    nodes = list(graph.node)
    for values, first in ((graph.input, True), (graph.output, False)):
        for value in values:
            if value.type.tensor_type.elem_type != types.BOOL:
                continue
            value.type.tensor_type.elem_type = types.INT32
            inner, outer = f"{value.name}/truth", value.name
            for node in nodes:
                for names in (node.input, node.output):
                    names[:] = [inner if name == outer else name for name in names]
            ends = (outer, inner, types.BOOL) if first else (inner, outer, types.INT32)
            cast = onnx.helper.make_node("Cast", [ends[0]], [ends[1]], to=ends[2])
            nodes.insert(0 if first else len(nodes), cast)
    del graph.node[:]
    graph.node.extend(nodes)

    def numbers(arrays: Any) -> list[Any]:
        return [a.astype(np.int32) if a.dtype == np.bool_ else a for a in arrays]

    return model, numbers(given), numbers(expected)


def infos(values: Sequence[Any], arrays: Sequence[Any]) -> list[TensorInfo]:
    return [TensorInfo(v.name, a.shape, a.dtype.name) for v, a in zip(values, arrays, strict=True)]


def with_constants(model: Any, given: Sequence[Any], left: int) -> Any:
    """All inputs but the first so many as constants."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value, array in list(zip(model.graph.input, given, strict=True))[left:]:
        copy.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
    del copy.graph.input[left:]
    return copy


def answer(model: Any, given: Sequence[Any], expected: Sequence[Any]) -> list[Any]:
    """What is made of an example; where it has to be so, with sizes and the like fixed."""
    inputs, outputs = infos(model.graph.input, given), infos(model.graph.output, expected)
    for left in (len(given), 1, 0):
        try:
            function = replay(with_constants(model, given, left), inputs[:left], outputs).function
        except ConversionError as exc:
            if left and "it has to be fixed" in str(exc):
                continue
            raise
        return [made.numpy() for made in function(*map(tf.constant, given[:left]))]
    raise AssertionError("the last try has no input that could be open")


@pytest.mark.slow
def test_the_specifications_examples() -> None:
    """Each known operator does what ONNX says, or is refused with a reason."""
    done, refused = 0, set()
    for case in cases():
        for data in case.data_sets:
            model, given, expected = in_numbers(case, *data)
            try:
                made = answer(model, given, expected)
            except ConversionError as exc:
                refused.add(case.name)
                assert str(exc).startswith(("operator ", "output ")), (case.name, exc)
                continue
            done += 1
            if case.name in AS_THE_RUNTIME:
                session = ort.InferenceSession(model.SerializeToString())
                names = [value.name for value in model.graph.input]
                expected = session.run(None, dict(zip(names, given, strict=True)))
            for got, wanted in zip(made, expected, strict=True):
                assert got.shape == wanted.shape and got.dtype == wanted.dtype, case.name
                assert np.allclose(got, wanted, 1e-3, 1e-5, equal_nan=True), case.name
    assert done > 550
    assert {name for name in refused if not any(part in name for part in REFUSED)} == set()


# Where ONNX Runtime, which models of users are held against, does otherwise than the example: of a
# size that is no whole number it takes the rounded one.
AS_THE_RUNTIME = (
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
)

# Parts of the names of examples of what is refused.
REFUSED = (
    "_3d", "dilations", "training_mode", "blocked", "layer_normalization_", "argmax_2d",
    "maxpool_2d_pads", "quantizelinear_axis", "bool_inputs", "crop_and_resize", "antialias",
    "not_larger", "not_smaller", "peepholes", "qlinear", "quantizelinear", "test_if",
)  # fmt: skip


class Net:
    """An ONNX graph that grows operator by operator, over (1, channels, rows, columns)."""

    def __init__(self, seed: int, channels: int, rows: int, columns: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.now, self.shape = "x", (1, channels, rows, columns)
        self.first = self.shape

    def weights(self, *shape: int) -> str:
        name = f"w{len(self.constants)}"
        values = self.rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        self.constants.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def numbers(self, *values: int) -> str:
        name = f"n{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        self.now = f"t{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(op, list(inputs), [self.now], **attributes))
        return self.now

    def model(self) -> Any:
        graph = onnx.helper.make_graph(
            self.nodes, "net",
            [onnx.helper.make_tensor_value_info("x", 1, self.first)],
            [onnx.helper.make_tensor_value_info(self.now, 1, None)], self.constants,
        )  # fmt: skip
        opset = [onnx.helper.make_opsetid("", 17)]
        made = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        return onnx.shape_inference.infer_shapes(made)


def convolve(net: Net) -> None:
    kernel, stride = int(net.rng.integers(1, 4)), int(net.rng.integers(1, 3))
    pads = [int(n) for n in net.rng.integers(0, kernel, 4)]
    channels = net.shape[1]
    groups = int(net.rng.choice([1, channels]))
    out = channels * int(net.rng.integers(1, 3))
    net.add(
        "Conv", net.now, net.weights(out, channels // groups, kernel, kernel), net.weights(out),
        pads=pads, strides=[stride, stride], group=groups,
    )  # fmt: skip


def pool(net: Net) -> None:
    op = str(net.rng.choice(["MaxPool", "AveragePool"]))
    pads = [int(n) for n in net.rng.integers(0, 2, 4)]
    net.add(op, net.now, kernel_shape=[3, 2], strides=[2, 1], pads=pads)


def squeeze_and_excite(net: Net) -> None:
    x, channels = net.now, net.shape[1]
    net.add("GlobalAveragePool", x)
    net.add("Conv", net.now, net.weights(channels, channels, 1, 1))
    net.add("Sigmoid", net.now)
    net.add("Mul", net.now, x)


def there_and_back(net: Net) -> None:
    """As networks are that were born with channels last."""
    net.add("Transpose", net.now, perm=[0, 2, 3, 1])
    net.add("Add", net.now, net.weights(net.shape[1]))
    net.add("Softmax", net.now, axis=-1)
    net.add("Transpose", net.now, perm=[0, 3, 1, 2])


def shuffle(net: Net) -> None:
    """Channels in groups, exchanged."""
    _, channels, rows, columns = net.shape
    if channels % 2:
        return
    net.add("Reshape", net.now, net.numbers(1, 2, channels // 2, rows, columns))
    net.add("Transpose", net.now, perm=[0, 2, 1, 3, 4])
    net.add("Reshape", net.now, net.numbers(1, channels, rows, columns))


def beside(net: Net) -> None:
    x = net.now
    net.add("Relu", x)
    net.add("Concat", x, net.now, axis=1)


def resize(net: Net) -> None:
    mode = str(net.rng.choice(["nearest", "linear", "cubic"]))
    grid = str(net.rng.choice(["half_pixel", "asymmetric", "align_corners"]))
    _, channels, rows, columns = net.shape
    sizes = net.numbers(1, channels, rows + int(net.rng.integers(-1, 3)), 2 * columns)
    net.add("Resize", net.now, "", "", sizes, mode=mode, coordinate_transformation_mode=grid)


PARTS = [convolve, convolve, pool, squeeze_and_excite, there_and_back, shuffle, beside, resize]


@pytest.mark.slow
@settings(max_examples=40)
@drawn(st.integers(0, 1 << 32), st.lists(st.sampled_from(PARTS), min_size=1, max_size=6))
def test_any_net_of_pictures(seed: int, parts: list[Any]) -> None:
    """However the operators follow one another, and however their tensors lie."""
    net = Net(seed, 4, 9, 8)
    for part in parts:
        if min(net.shape[2:]) < 4:
            break
        part(net)
        output = net.model().graph.output[0].type.tensor_type.shape
        net.shape = tuple(d.dim_value for d in output.dim)  # type: ignore[assignment]
    model = net.model()
    x = net.rng.standard_normal(net.first).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": x})
    (got,) = answer(model, [x], [wanted])
    assert np.abs(got - wanted).max() < 1e-4 * max(1, float(np.abs(wanted).max()))


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "NOTSET"])
@pytest.mark.parametrize(("kernel", "stride"), [(4, 1), (3, 2), (4, 3)])
def test_what_a_transposed_window_leaves_out(auto: str, kernel: int, stride: int) -> None:
    """ONNX has no example of the odd element's side."""
    net = Net(0, 2, 3, 3)
    size = {} if auto != "NOTSET" else {"output_shape": [3 * stride, 3 * stride]}
    weights = net.weights(2, 2, kernel, kernel)
    net.add("ConvTranspose", "x", weights, auto_pad=auto, strides=[stride, stride], **size)
    model, x = net.model(), net.rng.standard_normal(net.first).astype(np.float32)
    (wanted,) = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    (got,) = answer(model, [x], [wanted])
    assert np.abs(got - wanted).max() < 1e-5


@pytest.mark.parametrize("form", range(6))
def test_a_gelu_is_found_however_it_is_written(form: int) -> None:
    net = Net(0, 2, 3, 3)

    def constant(value: float) -> str:
        made = onnx.numpy_helper.from_array(np.array(value, np.float32), f"c{len(net.constants)}")
        net.constants.append(made)
        return made.name

    root, half, one = constant(2**0.5), constant(0.5), constant(1.0)
    inner = constant(-(0.5**0.5))
    match form:
        case 0:  # PyTorch's
            erf = net.add("Erf", net.add("Div", "x", root))
            net.add("Mul", net.add("Mul", "x", net.add("Add", erf, one)), half)
        case 1:
            erf = net.add("Erf", net.add("Div", "x", root))
            net.add("Mul", net.add("Mul", half, "x"), net.add("Add", one, erf))
        case 2:  # Keras's, of what 1 − erf is
            erf = net.add("Erf", net.add("Mul", "x", inner))
            net.add("Mul", net.add("Sub", one, erf), net.add("Mul", "x", half))
        case 3:
            erf = net.add("Erf", net.add("Neg", net.add("Div", "x", root)))
            net.add("Mul", net.add("Mul", net.add("Sub", one, erf), half), "x")
        case 4:  # no GELU: twice of it
            erf = net.add("Erf", net.add("Div", "x", root))
            net.add("Mul", "x", net.add("Add", erf, one))
        case _:  # another function
            erf = net.add("Erf", "x")
            net.add("Mul", net.add("Mul", "x", net.add("Add", erf, one)), half)
    model = net.model()
    kinds = [node.op_type for node in with_gelus(model).graph.node]
    assert (kinds == ["Gelu"]) == (form < 4) and ("Erf" in kinds) == (form >= 4)
    x = np.linspace(-6, 6, 18, dtype=np.float32).reshape(net.first)
    (wanted,) = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    (got,) = answer(model, [x], [wanted])
    assert np.abs(got - wanted).max() < 2e-6
