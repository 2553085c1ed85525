"""The gate of one's own models, whole: all of their outputs, what is right, small numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from onnx import load_model_from_string, numpy_helper

from edgenets.converters.formats import Written
from edgenets.converters.routes import table
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.ends import End
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source
from edgenets.converters.verify import comparison, verdicts
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.whole import litert
from edgenets.data.items import Items
from edgenets.errors import DataError, ModelError
from edgenets.recipeparts import QuantizeRecipe
from edgenets.training import aware
from tests.converters import wholes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def heads() -> Source:
    """A decision, and small numbers besides it."""
    keras.utils.set_random_seed(1)
    entry = keras.Input((6,), name="x")
    x = layers.Dense(8, "relu")(entry)
    small = layers.Rescaling(1e-3)(layers.Dense(3)(x))
    model = keras.Model(entry, [layers.Dense(4, name="decides")(x), small])
    return source_of(model, Path("net.keras"))


def with_nought(item: Written) -> Written:
    """The artifact with nothing in place of its second output."""
    ((name, content),) = item.files.items()
    model = load_model_from_string(content)
    output = model.graph.output[1]
    shape = [d.dim_value for d in output.type.tensor_type.shape.dim]
    for node in model.graph.node:
        node.output[:] = ["gone" if n == output.name else n for n in node.output]
    zeros = numpy_helper.from_array(np.zeros(shape, np.float32), "zeros")
    model.graph.initializer.append(zeros)
    node = model.graph.node.add(op_type="Identity", input=["zeros"], output=[output.name])
    node.name = "nothing"
    return replace(item, files={name: model.SerializeToString()})


def crossentropy(source: Source) -> Source:
    """The same, trained with a loss of classes."""
    return replace(source, ends={"decides": End("classes", "its loss says so")})


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_small_numbers_that_are_gone(heads: Source, precision: Any) -> None:
    """All of them are within the limit of one that counts absolutely."""
    job = Job(heads)
    item = Conversion(job).convert("onnx", precision)
    items = Items(wholes.items(heads, 20))
    (good,) = Judge(SourceReference(heads, items)).verify([item]).verdicts
    (bad,) = Judge(SourceReference(heads, items)).verify([with_nought(item)]).verdicts
    assert good.passed, good.checks
    assert not bad.error and not bad.passed
    failed = {c.name for c in bad.checks if not c.passed}
    assert {"relative_error", "agreement", "worst_channel"} <= failed
    if precision == "fp16":
        assert "max_error" not in failed  # which would not have seen it


@pytest.mark.parametrize(
    ("values", "spread"), [([0.5, 0.5], 5e-4), ([0.0, 0.0], 1e-6), ([1.0, 3.0], 1.0)]
)
def test_what_errors_are_measured_by(values: list[float], spread: float) -> None:
    assert comparison.spread_of(np.array(values)) == pytest.approx(spread)


class TestWhatIsRight:
    def report(self, source: Source, targets: Any) -> verdicts.Report:
        written = [Conversion(Job(source)).convert("onnx", "fp32")]
        return Judge(SourceReference(source, Items(wholes.items(source, 20), targets))).verify(
            written
        )

    def test_of_decisions_it_is_the_place(self, heads: Source) -> None:
        with pytest.raises(DataError, match="holds float64; of an output of 4 numbers it is the"):
            self.report(crossentropy(heads), np.linspace(0, 1, 20))
        places = self.report(heads, np.arange(20) % 4)
        assert self.report(heads, np.eye(4)[np.arange(20) % 4]).reference == places.reference
        with pytest.raises(DataError, match=r"holds 0 … 4; the output has 4 numbers, so 0 … 3"):
            self.report(heads, np.arange(20) % 5)
        found = self.report(heads, np.zeros(20, np.int64))
        assert found.metric == "accuracy" and found.passed

    def test_of_one_number_it_is_that(self) -> None:
        model = keras.Sequential([layers.Input((6,), name="x"), layers.Dense(1)])
        source = source_of(model, Path("net.keras"))
        (own,) = source.answer(wholes.items(source, 20)).values()
        exact = self.report(source, own[:, 0])
        assert exact.metric == "explained variance" and exact.reference == 1.0
        noise = np.random.default_rng(0).standard_normal(own.shape) * own.std()
        other = self.report(source, own + noise)
        assert 0.2 < other.reference < 0.8 and other.passed
        with pytest.raises(DataError, match="what is right has shape"):
            self.report(source, np.zeros(19))

    def test_of_as_many_values_it_is_these(self, heads: Source) -> None:
        own = next(iter(heads.answer(wholes.items(heads, 20)).values()))
        found = self.report(heads, own)
        assert found.metric == "explained variance" and found.reference == 1.0 and found.passed

    def test_items_that_the_model_cannot_compute(self) -> None:
        source = source_of(wholes.built("tokens"), Path("net.keras"))
        shapes = {source.inputs[0].name: (wholes.STEPS,)}
        written = [Conversion(Job(source, shapes=shapes)).convert("onnx", "fp32")]
        beyond = {n: np.full_like(v, 1000) for n, v in wholes.items(source, 4).items()}
        with pytest.raises(DataError, match=r"cannot compute these items: .*is not in \[0, 9\)"):
            Judge(SourceReference(source, Items(beyond))).verify(written)


def test_a_road_that_ends_late_does_not_spoil_the_others(
    heads: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as where the interpreter refuses what a quantizer wrote."""
    from edgenets.converters.sources.source import open_source

    (content,) = Conversion(Job(heads)).convert("tflite", "fp32").files.values()
    (tmp_path / "net.tflite").write_bytes(content)

    def refused(*_: Any) -> None:
        raise ModelError("net.tflite: TFLite refuses it: no kernel")

    monkeypatch.setattr(litert, "rounded", refused)
    source = open_source(tmp_path / "net.tflite")
    found = convert_source(Job(source, wholes.items(source, 8)), ("tflite",), ("fp32", "int8"))
    assert [w.artifact.id for w in found.written] == ["tflite-fp32", "tflite-int8"]
    assert found.written[1].route[-1] == "TFLiteConverter (tensorflow)"  # a longer one


def test_zeros_of_a_net_that_was_trained_with_its_own() -> None:
    learner = aware.aware(wholes.built("images"))
    source = source_of(learner, Path("net.keras"))
    job = Job(source, quantize=QuantizeRecipe(symmetric=True))
    closed = [seen.closed for seen in Conversion(job).routes("tflite", "int8")]
    assert closed and all(closed), closed
    assert any("chooses the zeros" in why for why in closed)


def test_figures_that_are_none() -> None:
    """What makes no figure is said to be broken: JSON has no word for it."""
    wide = np.full((3, 2), np.inf, np.float32)
    ones = np.ones((3, 2), np.float32)
    for outputs, stream in (((wide, ones), (ones, ones)), ((ones, ones), (wide, ones))):
        assert not comparison.compare([outputs], stream).finite


def test_every_converter_says_why_it_is_closed() -> None:
    """Symmetric integers are refused by all but the one that makes them."""
    job = Job(
        source_of(wholes.built("images"), Path("net.keras")),
        quantize=QuantizeRecipe(symmetric=True),
    )
    for edge in table.CONVERTERS:
        if edge.target == "tflite" and edge.name != "write":
            assert edge.closed(job, "int8")
