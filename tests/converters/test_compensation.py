"""Weights rounded by what they meet: on their grids, and nearer to the model than the nearest."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgenets.artifact import TensorInfo
from edgenets.converters.whole import compensation, functionweights, onnxweights
from edgenets.converters.whole.compensation import on_grid
from edgenets.converters.whole.function import freeze
from edgenets.converters.whole.onnxround import quantized
from edgenets.errors import ConversionError
from edgenets.quantization import WEIGHT_STEPS
from edgenets.recipeparts import QuantizeRecipe

SIDE = 12


def smooth_images(count: int, seed: int, channels: int = 3) -> np.ndarray:
    """Images whose neighbouring pixels and channels are alike, (count, channels, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 1, (count, 1, 4, 4)) + 0.2 * rng.uniform(0, 1, (count, channels, 4, 4))
    return np.kron(coarse, np.ones((3, 3))).astype(np.float32)


@given(st.integers(0, 1 << 30), st.integers(1, 3), st.integers(2, 80))
@settings(max_examples=40)
def test_what_is_on_its_grid(seed: int, groups: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((groups, 4, width))
    scales = np.abs(rows).max(axis=2) / 127
    inputs = rng.standard_normal((groups, width, 3)) @ rng.standard_normal((groups, 3, 200))
    inputs = inputs + 0.1 * rng.standard_normal(inputs.shape) + 1
    moments = inputs @ inputs.transpose(0, 2, 1)
    found = on_grid(rows, moments, scales)
    steps = found / scales[..., None]
    assert np.allclose(steps, np.round(steps), atol=1e-9) and np.abs(steps).max() <= 127 + 1e-9
    # Whoever rounds them again finds the same grid.
    assert np.allclose(np.abs(found).max(axis=2), np.abs(rows).max(axis=2))
    for group in range(groups):  # each is rounded by itself
        alone = on_grid(
            rows[group : group + 1], moments[group : group + 1], scales[group : group + 1]
        )
        assert np.allclose(alone[0], found[group])
    nearest = np.round(rows / scales[..., None]) * scales[..., None]
    lost, before = (((x - rows) @ inputs).var() for x in (found, nearest))
    # Few columns leave little to make an error good with, and chance to lose by it.
    assert lost <= (1.05 if width >= 16 else 1.6) * before + 1e-12


def test_inputs_that_go_together_make_much_good() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((1, 32, 64))
    scales = np.abs(rows).max(axis=2) / 127
    inputs = rng.standard_normal((64, 6)) @ rng.standard_normal((6, 2000)) + 2
    found = on_grid(rows, (inputs @ inputs.T)[None], scales)
    nearest = np.round(rows / scales[..., None]) * scales[..., None]
    lost, before = ((((x - rows)[0] @ inputs) ** 2).mean() for x in (found, nearest))
    assert lost < before / 20


def test_inputs_that_are_never_there_divide_by_nothing() -> None:
    rows, moments = np.ones((1, 2, 3)), np.zeros((1, 3, 3))
    scales = np.full((1, 2), 1 / 127)
    assert np.allclose(on_grid(rows, moments, scales), rows)


def conv(
    channels: int, outputs: int, kernel: int, stride: int, dilation: int, groups: int, pad: int
) -> tuple[onnx.ModelProto, np.ndarray]:
    """One convolution of (1, channels, SIDE, SIDE), and its weights."""
    rng = np.random.default_rng(kernel + stride)
    weights = rng.standard_normal((outputs, channels // groups, kernel, kernel)).astype(np.float32)
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], strides=[stride] * 2, dilations=[dilation] * 2, group=groups,
        pads=[pad, 0, pad, pad],
    )  # fmt: skip
    graph = helper.make_graph(
        [node], "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    opset = helper.make_opsetid("", 13)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8), weights


CONVS = [
    (3, 4, 3, 1, 1, 1, 1), (4, 8, 3, 2, 1, 4, 1), (4, 4, 3, 1, 2, 4, 2), (6, 4, 1, 1, 1, 1, 0),
    (6, 4, 5, 2, 1, 2, 0),
]  # fmt: skip


@pytest.mark.parametrize("shape", CONVS)
def test_what_weights_of_a_convolution_meet(shape: tuple[int, ...]) -> None:
    """With all that they meet, they give what the convolution gives, in another order."""
    model, weights = conv(*shape)
    (product,), _ = onnxweights._products(model, ())
    image = smooth_images(1, 3, shape[0])
    met = compensation._met(product, image, 10_000, np.random.default_rng(0))
    grouped = weights.reshape(product.groups, -1, product.inputs)
    own = (grouped @ met).reshape(len(weights), -1)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {"x": image})
    assert np.allclose(np.sort(own, axis=1), np.sort(wanted.reshape(len(weights), -1)), atol=1e-4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kind", ["plain", "own", "strided", "dilated"])
def test_what_weights_of_a_function_meet(kind: str, padding: str) -> None:
    import keras

    more = {"strided": {"strides": 2}, "dilated": {"dilation_rate": 2}}
    layer = (
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, padding=padding)
        if kind == "own"
        else keras.layers.Conv2D(6, 3, padding=padding, **more.get(kind, {}))
    )
    model = keras.Sequential([keras.Input((SIDE, SIDE + 1, 4)), layer])
    source = freeze(model)
    (operation,) = [
        one
        for one in source.function.graph.get_operations()
        if one.type in functionweights._PRODUCTS
    ]
    product = functionweights._product(operation)
    assert product is not None
    image = np.random.default_rng(1).standard_normal((1, SIDE, SIDE + 1, 4)).astype(np.float32)
    # Where places lie apart, TensorFlow makes a batch of what lies between them.
    session, given = tf.compat.v1.Session(graph=source.function.graph), source.function.inputs[0]
    taken, wanted = session.run([product.source, operation.outputs[0]], {given.name: image})
    met = compensation._met(product, taken, 10_000, np.random.default_rng(0))
    grouped = product.weights.reshape(product.groups, -1, product.inputs)
    own = (grouped @ met).reshape(len(product.weights), -1)
    wanted = np.moveaxis(wanted, -1, 0).reshape(len(own), -1)
    assert np.allclose(np.sort(own, axis=1), np.sort(wanted, axis=1), atol=1e-4)


def test_groups_that_tensorflow_divides_stay_as_they_are() -> None:
    import keras

    model = keras.Sequential([keras.Input((SIDE, SIDE, 4)), keras.layers.Conv2D(6, 3, groups=2)])
    source = freeze(model)
    images = smooth_images(2, 2, 4).transpose(0, 2, 3, 1).copy()
    found = functionweights.with_compensated_weights(source, {source.inputs[0].name: images})
    (before,), (after,) = (f.function(tf.constant(images[:1])) for f in (source, found))
    assert (before.numpy() == after.numpy()).all()


def chain() -> onnx.ModelProto:
    """Convolutions, one of them a channel's own, and a product of matrices."""
    rng = np.random.default_rng(5)

    def drawn(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    held = {"a": drawn(32, 3, 3, 3), "b": drawn(32, 1, 3, 3), "c": drawn(96, 32, 1, 1),
            "d": drawn(96, 10)}  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["t1"], pads=[1] * 4, name="first"),
        helper.make_node("Relu", ["t1"], ["t2"]),
        helper.make_node("Conv", ["t2", "b"], ["t3"], group=32, pads=[1] * 4, name="own"),
        helper.make_node("Relu", ["t3"], ["t4"]),
        helper.make_node("Conv", ["t4", "c"], ["t5"], name="wide"),
        helper.make_node("GlobalAveragePool", ["t5"], ["t6"]),
        helper.make_node("Flatten", ["t6"], ["t7"]),
        helper.make_node("MatMul", ["t7", "d"], ["y"], name="last"),
    ]
    graph = helper.make_graph(
        nodes, "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )  # fmt: skip
    opset = helper.make_opsetid("", 13)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def answers(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"x": image[None]})[0] for image in images])


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def test_a_model_in_integers_is_nearer_to_itself() -> None:
    model, samples = chain(), {"x": smooth_images(24, 1)}
    infos = [TensorInfo("x", (1, 3, SIDE, SIDE), "float32")]
    exact = onnxweights.with_compensated_weights(model, samples, infos, steps=WEIGHT_STEPS)
    others = smooth_images(40, 9)  # that nothing was calibrated on
    wanted = answers(model, others)
    lost = [
        np.abs(
            answers(quantized(each, samples, QuantizeRecipe(), wide=True), others) - wanted
        ).mean()
        for each in (exact, model)
    ]
    assert lost[0] < 0.6 * lost[1]
    before = weights_of(model)
    changed = {name for name, value in weights_of(exact).items() if (value != before[name]).any()}
    assert changed == {"a", "b", "c", "d"}


def test_what_stays_float_or_is_shared_stays_as_it_is() -> None:
    model, samples = chain(), {"x": smooth_images(4, 1)}
    infos = [TensorInfo("x", (1, 3, SIDE, SIDE), "float32")]
    before = weights_of(model)
    kept = weights_of(onnxweights.with_compensated_weights(model, samples, infos, keep=["wide"]))
    assert (kept["c"] == before["c"]).all() and (kept["a"] != before["a"]).any()
    node = helper.make_node("Conv", ["x", "a"], ["again"], pads=[1] * 4)
    model.graph.node.append(node)
    shared = weights_of(onnxweights.with_compensated_weights(model, samples, infos))
    assert (shared["a"] == before["a"]).all() and (shared["b"] != before["b"]).any()


def test_what_is_no_number_is_left_alone() -> None:
    model = chain()
    infos = [TensorInfo("x", (1, 3, SIDE, SIDE), "float32")]
    samples = {"x": np.full((2, 3, SIDE, SIDE), np.nan, np.float32)}
    before = weights_of(model)
    found = weights_of(onnxweights.with_compensated_weights(model, samples, infos))
    assert all((found[name] == before[name]).all() for name in before)
    model.graph.node[0].op_type = "Sing"
    with pytest.raises(ConversionError, match="ONNX Runtime refuses"):
        onnxweights.with_compensated_weights(model, samples, infos)


def test_a_function_keeps_its_face() -> None:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(8, 3, padding="same", name="one"),
        keras.layers.BatchNormalization(), keras.layers.ReLU(),
        keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="two"),
        keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4),
    ])  # fmt: skip
    source = freeze(model)
    images = smooth_images(8, 2).transpose(0, 2, 3, 1).copy()
    found = functionweights.with_compensated_weights(source, {source.inputs[0].name: images})
    assert found.inputs == source.inputs and found.outputs == source.outputs
    assert found.layers == source.layers
    (before,), (after,) = (f.function(tf.constant(images[:1])) for f in (source, found))
    assert np.allclose(before, after, atol=0.02) and (before.numpy() != after.numpy()).any()
    layers = {n.name for n in found.function.graph.get_operations()}
    assert {n.name for n in source.function.graph.get_operations()} <= layers
