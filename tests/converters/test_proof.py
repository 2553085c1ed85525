"""What is written is opened and held against its model, before it is called made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops
from onnx import helper, numpy_helper

from edgenets import child
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.routes.proof import Proof
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source, open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.opening import opened
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.whole import share
from edgenets.data.items import Items
from edgenets.errors import BackendError, ConversionError, ModelError

pytestmark = pytest.mark.slow

FORMATS: Any = ("tflite", "onnx", "openvino")


def random(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def source(model: Any) -> Source:
    return source_of(model, Path("net.keras"))


def in_all(model: Any, precisions: Any, calibration: Any, judged: Any) -> dict[str, Any]:
    """The verdicts of every format, by the artifact's id."""
    one = source(model)
    name = one.inputs[0].name
    found = convert_source(Job(one, {name: calibration}), FORMATS, precisions)
    assert len(found.written) == len(FORMATS) * len(precisions), found.missing
    report = Judge(SourceReference(one, Items({name: judged}))).verify(found.written)
    return {v.id: v for v in report.verdicts}


@pytest.mark.parametrize(("axis", "sizes"), [(-1, (640.0, 1.0)), (1, (1.0, 1200.0))])
def test_boxes_beside_scores_keep_both_in_int8(axis: int, sizes: tuple[float, float]) -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, 4, padding="same", activation="relu")(image)
    parts = [
        layers.Reshape((36, count))(layers.Conv2D(count, 1, activation="sigmoid")(x))
        for count in (4, 3)
    ]
    scaled = [layers.Rescaling(size)(part) for size, part in zip(sizes, parts, strict=True)]
    joined = layers.Concatenate()(scaled)
    model = keras.Model(image, joined if axis == -1 else layers.Permute((2, 1))(joined))
    found = in_all(model, ("int8",), random(32, 24, 24, 3), random(40, 24, 24, 3, seed=1))
    assert all(v.passed for v in found.values()), found


@pytest.mark.parametrize("precision", ["int8", "int16x8"])
def test_ranges_of_one_layer(precision: str) -> None:
    """Pressure varies little beside its level, humidity little beside pressure."""
    keras.utils.set_random_seed(4)
    model = keras.Sequential([layers.Input((12,)), layers.Dense(16, "relu"), layers.Dense(3)])
    weights, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([weights * [8, 10, 0.1], bias + np.array([15, 1013, 0.5])])
    one = source(model)
    found = convert_source(Job(one, {one.inputs[0].name: random(64, 12)}), FORMATS, [precision])
    reference = SourceReference(one, Items({one.inputs[0].name: random(100, 12, seed=1)}))
    verdicts = {v.id: v for v in Judge(reference).verify(found.written).verdicts}
    assert verdicts[f"onnx-{precision}"].passed, verdicts
    if precision == "int8":
        assert all(v.passed for v in verdicts.values()) and len(verdicts) == 3, verdicts


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_masked_sequences_that_go_both_ways(kind: Any, merge: str) -> None:
    """Unrolled, Keras itself would zero the wrong steps of the way back."""
    keras.utils.set_random_seed(3)
    tokens = keras.Input((9,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(tokens)
    both = layers.Bidirectional(kind(6, return_sequences=True), merge_mode=merge)(x)
    one = source(keras.Model(tokens, layers.Dense(3, "softmax")(both)))
    rng = np.random.default_rng(0)
    items = rng.integers(1, 20, (40, 9)).astype(np.int32)
    for row in items:
        row[rng.integers(1, 10) :] = 0
    found = convert_source(Job(one), FORMATS, ("fp32",))
    report = Judge(SourceReference(one, Items({one.inputs[0].name: items}))).verify(found.written)
    assert len(report.verdicts) == 3 and report.passed, report


@pytest.mark.parametrize("reduce", [ops.sum, ops.mean, ops.max])
def test_what_follows_a_reduction_in_openvino(reduce: Any) -> None:
    """Its scale a channel is taken along the channels, though the reduced axis is gone."""
    keras.utils.set_random_seed(3)
    entry = keras.Input((20, 6))
    normalized = layers.BatchNormalization()
    reduced = normalized(reduce(layers.Dense(8, "tanh")(entry), axis=1))
    model = keras.Model(entry, layers.Dense(1)(reduced))
    rng = np.random.default_rng(7)
    normalized.moving_mean.assign(rng.normal(0, 0.5, 8))
    normalized.moving_variance.assign(rng.uniform(0.3, 2, 8))
    found = in_all(model, ("int8",), random(64, 20, 6), random(64, 20, 6, seed=1))
    assert all(v.passed for v in found.values()), found


def graph(nodes: list[Any], weights: dict[str, Any], size: int = 8) -> Any:
    """An ONNX model from `x` to `y`, (1, size) each."""
    ends = [helper.make_tensor_value_info(n, 1, (1, size)) for n in "xy"]
    held = [numpy_helper.from_array(v, n) for n, v in weights.items()]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(made, opset_imports=opset, ir_version=8)


def file_of(model: Any, folder: Path) -> Source:
    onnx.save(model, folder / "net.onnx")
    return open_source(folder / "net.onnx")


def test_names_that_the_quantizer_makes_itself(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="one"),
        helper.make_node("Relu", ["h"], ["r"], name="two"),
        helper.make_node("Gemm", ["r", "w", "b"], ["g"], name="three"),
        helper.make_node("Add", ["g", "b0"], ["y"], name="four"),
    ]
    weights = {"w": random(8, 8), "b": random(8, seed=1), "b0": random(8, seed=2)}
    one = file_of(graph(nodes, weights), tmp_path)
    found = convert_source(Job(one, {"x": random(32, 8)}), ("onnx", "openvino"), ("int8",))
    assert [w.artifact.id for w in found.written] == ["onnx-int8", "openvino-int8"]
    assert all(w.route[0] == "quantize (onnxruntime)" for w in found.written)


def test_a_name_that_promises_integers(tmp_path: Path) -> None:
    """No runtime has a sine of integers: no format is called int8."""
    nodes = [helper.make_node("Sin", ["x"], ["y"], name="one")]
    one = file_of(graph(nodes, {}), tmp_path)
    job = Job(one, {"x": random(32, 8)})
    for format in FORMATS:
        with pytest.raises(ConversionError, match="nothing of it would be in integers"):
            Conversion(job).convert(format, "int8")


def test_how_much_is_in_integers() -> None:
    model = keras.Sequential(
        [layers.Input((16,)), layers.Dense(16, "relu", name="a"), layers.Dense(16, name="b")]
    )
    one = source(model)
    job = Job(one, {one.inputs[0].name: random(32, 16)})
    for format in FORMATS:
        for precision, with_integers in (("fp32", 0), ("int8", 2)):
            found = share.share_of(Conversion(job).convert(format, precision))
            assert found is not None and found.operators == 2
            assert (found.with_integers, found.nothing) == (with_integers, not with_integers)
            assert found.weights == 512 and found.in_integers == 256 * with_integers


class TestProof:
    @pytest.fixture(scope="class")
    def made(self) -> tuple[Proof, Written]:
        one = source(keras.Sequential([layers.Input((8,)), layers.Dense(8)]))
        job = Job(one, {one.inputs[0].name: random(32, 8)})
        return Proof(one, job.samples, {}), Conversion(job).convert("onnx", "fp32")

    def test_what_is_right(self, made: tuple[Proof, Written]) -> None:
        proof, item = made
        assert proof.fit(item) == pytest.approx(1.0)

    def test_another_model(self, made: tuple[Proof, Written]) -> None:
        proof, item = made
        (content,) = item.files.values()
        model = onnx.load_model_from_string(content)
        weights = max(model.graph.initializer, key=lambda t: len(t.dims))
        changed = numpy_helper.to_array(weights).T.copy()
        weights.CopyFrom(numpy_helper.from_array(changed, weights.name))
        other = replace(item, files=dict.fromkeys(item.files, model.SerializeToString()))
        with pytest.raises(ConversionError, match="what it writes is another model: its answers"):
            proof.fit(other)

    def test_what_its_runtime_refuses(self, made: tuple[Proof, Written]) -> None:
        proof, item = made
        (content,) = item.files.values()
        cut = replace(item, files=dict.fromkeys(item.files, content[: len(content) // 2]))
        with pytest.raises(ConversionError, match="was written, and its runtime refuses it: "):
            proof.fit(cut)

    def test_a_path_that_ends_in_a_fault_ends_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from edgenets.converters.whole import onnx as to_onnx

        def fault(*_: Any) -> None:
            raise KeyError("a library's")

        monkeypatch.setattr(to_onnx, "to_onnx", fault)
        one = source(keras.Sequential([layers.Input((8,)), layers.Dense(8)]))
        found = convert_source(Job(one), ("tflite", "onnx"), ("fp32",))
        assert [w.artifact.id for w in found.written] == ["tflite-fp32", "onnx-fp32"]
        assert "TFLiteConverter (tensorflow)" in found.written[1].route


class TestStanding:
    """A process that answers one question after another."""

    def ask(self, process: child.Standing, how: str) -> Any:
        return process.ask({"how": how}, "net", ModelError)

    def test_it_answers_refuses_crashes_and_is_begun_anew(self) -> None:
        process = child.Standing("tests.crashing_each")
        try:
            first = self.ask(process, "number")
            assert self.ask(process, "number") == first  # the same process
            with pytest.raises(BackendError, match="it is refused"):
                self.ask(process, "refuses")
            with pytest.raises(ModelError, match="net: KeyError: 'raises'"):
                self.ask(process, "raises")
            assert self.ask(process, "number") == first
            with pytest.raises(ModelError, match="net: its process was ended by SIGSEGV"):
                self.ask(process, "crashes")
            assert self.ask(process, "number") != first
        finally:
            process.close()

    def test_an_artifact_is_opened_there(self) -> None:
        one = source(keras.Sequential([layers.Input((8,)), layers.Dense(2)]))
        item = Conversion(Job(one)).convert("openvino", "fp32")
        items = {one.inputs[0].name: random(5, 8)}
        (found,) = opened(item, items, one.rows(items))
        (wanted,) = one.answer(items).values()
        np.testing.assert_allclose(found, wanted, atol=1e-5)
