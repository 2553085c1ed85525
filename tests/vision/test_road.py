"""The whole path for images: a set of shapes, a model that learns it, artifacts, gate, bundle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edgenets.converters.families.images import ImageReference
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.store import load as load_artefacts
from edgenets.converters.verify.judge import Judge
from edgenets.errors import ConversionError, DataError, ModelError
from edgenets.recipe import parse
from edgenets.runtime.selftest import selftest
from edgenets.tasks.vision import samples, training
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.training.train import train
from tests import tiny
from tests.commands import Call, call
from tests.tiny import Made

from . import sets

__all__ = ["call"]  # a fixture

pytestmark = pytest.mark.slow

# What a network of this size reaches in seconds on these sets; chance is far below.
LEAST = {"classify": 0.9, "detect": 0.5, "segment": 0.8}


def recipe_of(task: str, **changes: Any) -> ImageRecipe:
    found = parse({**sets.recipe_of(task), **changes})
    assert isinstance(found, ImageRecipe)
    return found


@pytest.fixture(scope="module", params=sets.LAYOUT)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny.made(request.param, tmp_path_factory)


class TestRoad:
    def test_it_learns_and_leaves_what_it_promises(self, made: Made) -> None:
        metrics = made.run.metrics
        assert metrics["test"][metrics["metric"]] >= LEAST[made.run.spec.task]
        assert metrics["parameters"] == made.run.model().count_params()
        for name in ("curves.png", "report.html", "report.json"):
            assert (made.run.folder / name).is_file()
        assert not (made.run.folder / "checkpoint.keras").exists()

    def test_every_artefact_equals_the_model(self, made: Made) -> None:
        assert len(made.report.verdicts) == 14  # OpenVINO has no int16x8
        for verdict in made.report.verdicts:
            assert verdict.passed, (verdict.id, verdict.checks, verdict.error)
            if verdict.precision == "fp32":
                assert verdict.max_error < 1e-3 and verdict.agreement == 1.0
        assert "16-bit" in made.report.missing[0]

    def test_integers_are_small_and_take_pixels(self, made: Made) -> None:
        found = {w.artifact.id: w for w in load_artefacts(made.run.folder)[0]}
        assert found["tflite-int8"].size < 0.85 * found["tflite-fp32"].size
        (source,) = found["tflite-int8"].artifact.inputs
        assert source.dtype == "int8" and source.quantization is not None
        # Pixels 0 … 255 over 255: the integers are the pixels, moved by 128.
        assert source.quantization.zero_point == -128
        assert source.quantization.scale == pytest.approx(1 / 255, rel=0.01)

    def test_the_bundle_answers_as_it_did(self, made: Made) -> None:
        made.bundle.check()
        assert all(trial.passed for trial in selftest(made.bundle))
        assert set(made.bundle.verified()) == {v.id for v in made.report.verdicts}
        assert "**Figures**" in made.bundle.card()

    @pytest.mark.parametrize("backend", ["tflite", "onnx", "openvino"])
    def test_eval_finds_what_verification_found(self, made: Made, backend: str, call: Call) -> None:
        done = call(
            "eval", made.bundle.path, "--data", made.data, "--split", "validation",
            "--backend", backend, "--precision", "int8", "--json",
        )  # fmt: skip
        assert done.code == 0, done.err
        found = done.json()
        verdict = next(v for v in made.report.verdicts if v.id == f"{backend}-int8")
        # The same images, through the runtime's own preprocessing.
        assert found["value"] == pytest.approx(verdict.metric, abs=0.03)
        assert found["n"] == made.report.items

    def test_it_runs(self, made: Made, tmp_path: Path, call: Call) -> None:
        images = made.data / {"detect": "JPEGImages", "segment": "images"}.get(
            made.run.spec.task, "disc"
        )
        done = call("run", made.bundle.path, images, "--sink", f"jsonl:{tmp_path}/o.jsonl")
        assert done.code == 0, done.err
        lines = [json.loads(x) for x in (tmp_path / "o.jsonl").read_text().splitlines()]
        labels = {f["label"] for line in lines for f in line["found"]}
        assert labels and labels <= set(made.run.spec.labels)


def test_the_same_recipe_gives_the_same_model_and_an_interrupted_one_goes_on(
    tmp_path: Path,
) -> None:
    from tests.test_training import Stops

    data = sets.write_folders(tmp_path / "data", 16)
    small = {"architecture": "image-classify", "channels": [8], "blocks": [1]}
    recipe = recipe_of("classify", model=small).with_epochs(2)
    whole = train(recipe, data, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "b", Stops(1))
    again = train(recipe, data, tmp_path / "b")
    for one, other in zip(whole.model().weights, again.model().weights, strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("task", sets.LAYOUT)
def test_a_set_of_another_task_is_refused(task: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match=f"no layout known for '{task}'"):
        train(recipe_of(task), tmp_path / "data", tmp_path / "run")


def test_a_set_too_small_to_divide(tmp_path: Path) -> None:
    data = sets.write_masks(tmp_path / "data", 1)
    with pytest.raises(DataError, match=r"the \w+ split is empty; more images"):
        train(recipe_of("segment"), data, tmp_path / "run")


class TestGate:
    """A gate that cannot be failed would prove nothing."""

    @pytest.fixture(scope="class")
    def judge(self, made: Made) -> Judge:
        recipe = made.run.recipe
        assert isinstance(recipe, ImageRecipe)
        spec: Any = made.run.spec
        part = samples.shown(made.run, made.data, "validation", 1000, training.Progress())
        return Judge(ImageReference(made.run.model(), spec, part, recipe.gate))

    def test_another_model_in_the_same_shape(self, made: Made, judge: Judge) -> None:
        model = made.run.model()
        for weight in model.trainable_variables:
            if len(weight.shape) == 4:
                weight.assign(np.asarray(weight) * 0.7 + 0.02)
                break
        other = carried(model, None, "onnx", "fp32")
        verdict = judge.verdict(other)
        assert not verdict.passed and "max_error" in {
            c.name for c in verdict.checks if not c.passed
        }

    def test_calibrated_on_what_is_no_picture(self, made: Made, judge: Judge) -> None:
        shape = made.run.spec.input.shape[1:]  # type: ignore[union-attr]
        dark = np.full((4, *shape), 1e-4, np.float32)
        model = made.run.model()
        bad = carried(model, dark, "onnx", "int8")
        assert not judge.verdict(bad).passed

    def test_a_file_that_cannot_be_run(self, made: Made, judge: Judge) -> None:
        (good, *_) = load_artefacts(made.run.folder)[0]
        broken = dataclasses.replace(good, files=dict.fromkeys(good.files, b"\x00" * 99))
        verdict = judge.verdict(broken)
        assert not verdict.passed and verdict.error


def carried(model: Any, images: Any, format: Any, precision: Any) -> Written:
    """A model as an artifact, calibrated on images."""
    source = source_of(model, Path("net.keras"), training.output_names(model))
    samples = None if images is None else {source.inputs[0].name: images}
    return Conversion(Job(source, samples, "whole")).convert(format, precision)


def test_integers_need_pictures() -> None:
    model = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Flatten(name="x")])
    with pytest.raises(ConversionError, match="need items to calibrate on"):
        convert_source(Job(source_of(model, Path("x"))), ("tflite",), ("int8",))


def test_a_bundle_whose_face_is_not_its_specs(made: Made, tmp_path: Path) -> None:
    from edgenets.signature import check_face

    spec: Any = made.run.spec
    for artifact in made.bundle.artifacts:
        check_face(spec, artifact)
        other = dataclasses.replace(spec, input=dataclasses.replace(spec.input, height=99))
        with pytest.raises(ValueError, match="where the spec has"):
            check_face(other, artifact)
        more = dataclasses.replace(spec, labels=(*spec.labels, "star"))
        with pytest.raises(ValueError, match=r"at its end is needed|plane\(s\) as nhwc are needed"):
            check_face(more, artifact)
    assert isinstance(ModelError("x"), Exception)
