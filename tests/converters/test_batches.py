"""Which axis of an ONNX file is the batch: the first one only where that is certain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.source import Source, open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items, read_items
from edgenets.errors import ConversionError, DataError

FORMATS: Any = ("tflite", "onnx", "openvino")

Shape = tuple[int | str, ...]


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def recurrent(x: Shape, state: Shape, folder: Path, units: int = 5) -> Source:
    """A GRU, time first, whose state comes in and goes out: x (time, batch, 3), s (1, batch, 5)."""
    weights = {
        "w": random(1, 3 * units, 3), "r": random(1, 3 * units, units, seed=1),
        "b": random(1, 6 * units, seed=2),
    }  # fmt: skip
    node = helper.make_node(
        "GRU", ["x", "w", "r", "b", "", "s"], ["y", "t"], hidden_size=units, linear_before_reset=1
    )
    ends = [("x", x), ("s", state)], [("y", (x[0], 1, x[1], units)), ("t", state)]
    return file_of([node], weights, *ends, folder)


def file_of(nodes: Any, weights: Any, inputs: Any, outputs: Any, folder: Path) -> Source:
    infos = [
        [helper.make_tensor_value_info(name, 1, shape) for name, shape in side]
        for side in (inputs, outputs)
    ]
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "g", *infos, held)
    opset = [helper.make_opsetid("", 14)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "net.onnx")
    return open_source(folder / "net.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2, "batch", "N"])
def test_time_first_and_a_state(batch: int | str, tmp_path: Path) -> None:
    source = recurrent((7, batch, 3), (1, batch, 5), tmp_path)
    size = batch if isinstance(batch, int) else 1
    assert [i.shape for i in source.inputs] == [(7, size, 3), (1, size, 5)]
    state = (size, 5) if size > 1 or batch == 2 else (1, 5)
    items = {"x": random(24, 7, size, 3), "s": random(24, *state, seed=1)}
    found = convert_source(Job(source, items), FORMATS, ("fp32", "int8"))
    assert {w.artifact.id for w in found.written} >= {f"{f}-fp32" for f in FORMATS}, found.missing
    judged = {"x": random(30, 7, size, 3, seed=2), "s": random(30, *state, seed=3)}
    report = Judge(SourceReference(source, Items(judged))).verify(found.written)
    assert report.passed, report


def test_time_that_is_open_is_no_batch(tmp_path: Path) -> None:
    source = recurrent(("time", "batch", 3), (1, "batch", 5), tmp_path)
    assert source.open_inputs == ("x",) and source.inputs[0].shape == (-1, 1, 3)
    with pytest.raises(ConversionError, match=r"input 'x' has no fixed size \(N,1,3\)"):
        convert_source(Job(source, variant="whole"), ("onnx",), ("fp32",))
    found = convert_source(Job(source, shapes={"x": (9, 1, 3)}), ("onnx",), ("fp32",))
    assert found.written[0].artifact.inputs[0].shape == (9, 1, 3)


@settings(max_examples=40, deadline=None)
@given(
    first=st.sampled_from([1, 3, "batch", "N", "batch_size", "bs", "", "length"]),
    second=st.sampled_from([1, 3, "batch", "N", "", "length"]),
)
def test_the_first_axis(
    first: int | str, second: int | str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of one size or more it is what it says; open it is the batch where it is called so, or where
    every input begins with it."""
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in (("x", "y"), ("s", "t"))]
    sides = [[("x", (first, 4)), ("s", (second, 4))], [("y", (first, 4)), ("t", (second, 4))]]
    source = file_of(nodes, {}, *sides, tmp_path_factory.mktemp("b"))
    named = {"batch", "N", "batch_size", "bs"}
    for info, own, other in zip(source.inputs, (first, second), (second, first), strict=True):
        if isinstance(own, int):
            assert info.shape[0] == own
        elif own in named or (own == other and not {own, other} & named):
            assert info.shape[0] == 1, (own, other)
        else:
            assert info.shape[0] == -1, (own, other)


def test_items_of_what_has_no_batch(tmp_path: Path) -> None:
    source = recurrent((7, 2, 3), (1, 2, 5), tmp_path)
    np.savez(tmp_path / "right.npz", x=random(4, 7, 2, 3), s=random(4, 2, 5))
    np.savez(tmp_path / "wrong.npz", x=random(4, 2, 3), s=random(4, 2, 5))
    assert len(read_items(tmp_path / "right.npz", source.inputs)) == 4
    with pytest.raises(DataError, match=r"'x' has shape \[4, 2, 3\]; \(items, 7, 2, 3\) is needed"):
        read_items(tmp_path / "wrong.npz", source.inputs)


@pytest.mark.slow
def test_a_tflite_file_of_any_size(tmp_path: Path) -> None:
    """It has no size until one is given; then it is of that, in every format."""
    import keras
    import tensorflow as tf

    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(6, 3, strides=2)(image)
    model = keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))
    path = tmp_path / "net.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    source = open_source(path)
    (info,) = source.inputs
    assert info.shape == (1, -1, -1, 3) and source.open_inputs == (info.name,)
    with pytest.raises(ConversionError, match=r"has no fixed size \(N,N,3\)"):
        convert_source(Job(source), FORMATS, ("fp32",))
    shapes = {info.name: (20, 28, 3)}
    found = convert_source(Job(source, shapes=shapes), FORMATS, ("fp32",))
    assert [w.artifact.inputs[0].elements for w in found.written] == [20 * 28 * 3] * 3
    items = Items({info.name: random(20, 20, 28, 3)})
    report = Judge(SourceReference(source, items)).verify(found.written)
    assert report.passed, report
    near = source.answer({info.name: random(2, 40, 16, 3)})  # and of another in its own library
    np.testing.assert_allclose(
        next(iter(near.values())), model(random(2, 40, 16, 3)).numpy(), atol=1e-4
    )
