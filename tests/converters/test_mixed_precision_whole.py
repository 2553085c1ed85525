"""Whole forms that leave their model: where, and the fewest layers in float that make them pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from onnx import load_model_from_string
from onnx.numpy_helper import to_array

from edgenets import backend
from edgenets.artifact import FORMATS, Format
from edgenets.converters import project, store
from edgenets.converters.formats import Written
from edgenets.converters.routes import folder as folders
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.routes.folder import convert_file, job_of, verify_folder
from edgenets.converters.sources import tflite_file
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source
from edgenets.converters.verify import judge as judging
from edgenets.converters.verify import mixed_precision
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.mixed_precision import MIXED_PRECISION, LayerError, Repair
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.verify.subjects import Subjects, whole_errors, whole_subject
from edgenets.converters.whole.function import freeze
from edgenets.converters.whole.integers import Integers, OnnxIntegers, TFLiteIntegers
from edgenets.converters.whole.samples import one_by_one
from edgenets.data.items import Items, read_items
from edgenets.errors import ConversionError, ModelError
from edgenets.recipeparts import GateRecipe, QuantizeRecipe
from edgenets.training.train import train
from tests.commands import Call, call
from tests.converters import wholes
from tests.test_aware import broken_net, stripes
from tests.vision import sets
from tests.vision.test_road import recipe_of

__all__ = ["call"]  # a fixture

pytestmark = pytest.mark.slow


def source(name: str = "images") -> Source:
    return source_of(wholes.built(name), Path("net.keras"))


def integers(format: Format, one: Source | None = None) -> Integers:
    one = one or source()
    job = Job(one, wholes.items(one, 16))
    if format == "tflite":
        return TFLiteIntegers(freeze(one.model, [o.name for o in one.outputs]), job.samples or {})
    given = Conversion(job).convert("onnx", "fp32")
    return OnnxIntegers(given, job.samples or {}, openvino=format == "openvino")


class TestLayers:
    @pytest.mark.parametrize("format", FORMATS)
    def test_they_are_the_model_s(self, format: Format) -> None:
        # Keras numbers names on from network to net.
        kinds = [name.rstrip("_0123456789") for name in integers(format).layers]
        known = {x.name.rstrip("_0123456789") for x in wholes.built("images").layers}
        assert set(kinds) <= known and kinds.count("conv2d") == 2
        assert {"depthwise_conv2d", "add", "dense", "global_average_pooling2d"} <= set(kinds)

    @pytest.mark.parametrize("format", FORMATS)
    def test_each_can_be_kept_alone(self, format: Format) -> None:
        made = integers(format)
        plain = made.write().files
        for layer in made.layers:
            # What adds up between roundings that stay is in float anyway.
            if format == "tflite" or "conv" in layer or "dense" in layer:
                assert made.write((layer,)).files != plain, layer

    @pytest.mark.parametrize("format", FORMATS)
    def test_errors_of_a_sound_artefact(self, format: Format) -> None:
        made = integers(format)
        errors = whole_errors(made, wholes.items(source(), 8, 1))
        assert len(errors) >= 4
        assert all(1e-4 < e.error < 0.1 for e in errors), errors

    @pytest.mark.parametrize("format", ["onnx", "openvino"])
    def test_with_what_computes_in_float_it_is_the_model(self, format: Format) -> None:
        one = source()
        made = integers(format, one)
        items = wholes.items(one, 6, 2)
        subject = whole_subject(made, items, one.answer(items), lambda written: pytest.fail("no"))
        # What adds up between floats is in float with them.
        layers = [layer for layer in made.layers if not layer.startswith("add")]
        plain, kept = (subject.distance(made.write(x)) for x in ((), layers))
        assert 5 * kept < plain < 0.2

    @pytest.mark.parametrize("format", FORMATS)
    def test_something_is_left_to_round(self, format: Format) -> None:
        made = integers(format)
        with pytest.raises(ConversionError, match="take fp32"):
            made.write(made.layers)


@dataclass(frozen=True)
class Broken:
    """A network that eight bits do not hold, as a user brings it."""

    folder: Path

    @property
    def test(self) -> Path:
        return self.folder / "test.npz"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    folder = tmp_path_factory.mktemp("broken")
    (x, y), (test, truth) = stripes(1500, 0), stripes(400, 1)
    broken_net(x, y).save(folder / "stripes.keras")
    np.save(folder / "calibration.npy", x[:100])
    np.savez(folder / "test.npz", x=test, y=truth)
    job = job_of(folder / "stripes.keras", folder / "calibration.npy")
    convert_file(job, folder / "out", precisions=("fp32", "int8"))
    return Broken(folder)


def test_the_net_that_breaks_passes_in_every_format(broken: Broken, call: Call) -> None:
    """And the report shows times, layers, repairs and boards, which decide nothing."""
    out = broken.folder / "out"
    board = ("--target", "coral-usb")
    failed = call("verify", out, "--data", broken.test, *board, "--json")
    before = failed.json()
    assert failed.code == 1
    assert {v["id"] for v in before["verdicts"] if not v["passed"]} == {
        f"{f}-int8" for f in FORMATS
    }
    beside = before["beside"]
    assert set(beside["step_us"]) == {f"{f}-{p}" for f in FORMATS for p in ("fp32", "int8")}
    assert all(us > 0 for us in beside["step_us"].values()) and "cores" in beside["machine"]
    # Without being asked, of what fails.
    assert set(beside["layers"]) == {f"{f}-int8" for f in FORMATS}
    for errors in beside["layers"].values():
        assert next(e["layer"] for e in errors if e["error"] > 0.25) == "tamed"
    (checked,) = beside["boards"].values()
    assert "6 of 6 operators would be mapped" in str(checked)
    page = (out / "report.html").read_text()
    for text in ("tflite-int8 leaves its model at tamed", "Raspberry Pi 4 with a Coral USB",
                 "Median of a call", "not every artifact"):  # fmt: skip
        assert text in page, text

    done = call("verify", out, "--data", broken.test, "--mixed-precision", "--layers", "--json")
    found = done.json()
    assert done.code == 0 and found["passed"]
    by_id = {v["id"]: v for v in found["verdicts"]}
    assert {r["id"] for r in found["repairs"]} == {f"{f}-int8" for f in FORMATS}
    for repair in found["repairs"]:
        assert repair["passed"] and 0 < len(repair["kept"]) <= 2, repair
        assert repair["first"] in {e["layer"] for e in repair["errors"]}
        assert [t["step_us"] is not None for t in repair["tries"]] == [True] * len(repair["tries"])
        after = by_id[repair["id"]]["metric"]
        assert after > before["reference"] - 0.01 > repair["tries"][0]["metric"] + 0.1
        print(f"{repair['id']}: {repair['tries'][0]['metric']:.3f} → {after:.3f} with "
              f"{', '.join(repair['kept'])} in float")  # fmt: skip
    assert len(found["beside"]["repairs"]) == len(FORMATS)
    page = (out / "report.html").read_text()
    assert "tflite-int8, mixed precision" in page and "with all layers in integers" in page
    assert "every artifact " in page and "not every" not in page
    assert (out / MIXED_PRECISION).is_file()
    written, _ = store.load(out)
    notes = {w.artifact.id: w.artifact.note for w in written}
    assert all("kept float" in notes[f"{f}-int8"] for f in FORMATS)
    assert store.origin(out) is not None  # it can be verified again
    # Nothing is left to do.
    assert folders.search_folder(out, broken.test)[0] == ()


def test_what_it_was_calibrated_on_is_needed(broken: Broken, tmp_path: Path) -> None:
    calibration = tmp_path / "calibration.npy"
    calibration.write_bytes((broken.folder / "calibration.npy").read_bytes())
    job = job_of(broken.folder / "stripes.keras", calibration)
    convert_file(job, tmp_path, to=("tflite",), precisions=("int8",))
    with pytest.raises(ModelError, match="not verified yet"):
        folders.search_folder(tmp_path, broken.test)
    assert not verify_folder(tmp_path, broken.test).passed
    before = calibration.read_bytes()
    for spoil in (lambda: calibration.write_bytes(before + b"x"), calibration.unlink):
        spoil()
        with pytest.raises(ConversionError, match=r"calibrated on are not there.*--calibration"):
            folders.search_folder(tmp_path, broken.test)


def test_a_run_of_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held to less than its rounding: some layers have to be float then."""
    data = sets.WRITERS["folders"](tmp_path / "data", 48)
    schedule = {**sets.RECIPES["classify"]["schedule"], "epochs": 4}
    run = train(recipe_of("classify", schedule=schedule), data, tmp_path / "run")
    project.convert_run(run, data, ("onnx",), ("fp32", "int8"))
    limits = [
        c.value for v in project.verify_run(run, data).verdicts for c in v.checks
        if c.name == "relative_error" and v.precision == "int8"
    ]  # fmt: skip
    monkeypatch.setattr(judging, "_RELATIVE_ERROR", 0.6 * min(x for x in limits if x is not None))
    assert not project.verify_run(run, data).passed
    repairs, report = project.search_run(run, data)
    assert report.passed, report
    assert {r.id for r in repairs} == {"onnx-int8"}
    for repair in repairs:
        assert isinstance(repair, Repair) and repair.passed and repair.kept
        assert set(repair.kept) <= {layer.name for layer in run.model().layers}


def test_many_layers_are_not_all_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.converters.test_mixed_precision import subject

    one, made = subject({"e"}, {"e": 0.5})
    errors = tuple(LayerError(x, {"e": 0.6}.get(x, 0.1)) for x in "abcdef")
    monkeypatch.setattr(mixed_precision, "_TRIED", 2)
    from dataclasses import replace

    found: Any = mixed_precision.search(replace(one, errors=lambda: errors))
    assert found.best.kept == ("e",)
    # Where errors grow, one more, and that with the one before.
    assert {m for m in made if m} == {frozenset("a"), frozenset("e"), frozenset("de")}


@pytest.mark.parametrize("format", FORMATS)
def test_one_scale_a_layer(format: Format) -> None:
    """Channels of a convolution that differ widely are the worse for it."""
    one = source()
    conv = next(x for x in one.model.layers if "depthwise" in x.name)
    kernel = conv.kernel.numpy()
    conv.kernel.assign(kernel * np.logspace(-2, 1, kernel.shape[2], dtype=np.float32)[:, None])
    items, away = wholes.items(one, 16), []
    for per_channel in (True, False):
        job = Job(one, items, quantize=QuantizeRecipe(per_channel=per_channel))
        written = Conversion(job).convert(format, "int8")
        (name,) = one.answer(items)
        session = backend.load(format, written.artifact, written.files)
        found = one_by_one(
            session.run, {"image": next(iter(items.values()))}, session.artifact.inputs
        )
        away.append(float(np.abs(found[name] - one.answer(items)[name]).mean()))
        if format != "openvino":
            assert (most_scales(written) == 1) != per_channel
    assert away[1] > away[0], away


def test_what_was_wished_is_kept_to(broken: Broken, tmp_path: Path) -> None:
    """One scale a layer is no reason for another artifact than the one that failed."""
    calibration, recipe = broken.folder / "calibration.npy", QuantizeRecipe(per_channel=False)
    job = job_of(broken.folder / "stripes.keras", calibration, quantize=recipe)
    convert_file(job, tmp_path, to=("tflite", "onnx"), precisions=("int8",))
    assert not verify_folder(tmp_path, broken.test).passed
    repairs, report = folders.search_folder(tmp_path, broken.test)
    origin = store.origin(tmp_path)
    assert origin is not None and origin.quantize == recipe
    assert {r.id for r in repairs} == {"tflite-int8", "onnx-int8"}
    by_id = {v.id: v.passed for v in report.verdicts}
    assert all(by_id[r.id] == r.passed for r in repairs), (repairs, by_id)
    # What is made has one scale a layer.
    items = read_items(broken.test, job.source.inputs)
    reference = SourceReference(job.source, items)
    subjects = Subjects(job, items.samples, reference.wanted, Judge(reference).verdict)
    for item in store.load(tmp_path)[0]:
        made = subjects.of(item.artifact).make(frozenset())
        assert most_scales(made) == 1, made.artifact.id


def most_scales(written: Written) -> int:
    """Of the tensors of an artifact in integers, the most that one has."""
    (content,) = written.files.values()
    if written.artifact.format == "tflite":
        tensors = tflite_file.tree_of(Path("a"), content).subgraphs[0].tensors
        found = [t.quantization.scale for t in tensors if t.quantization is not None]
        return max(len(scales) for scales in found if scales is not None)
    model = load_model_from_string(content)
    held = {t.name: to_array(t) for t in model.graph.initializer}
    rounded = [n for n in model.graph.node if n.op_type.endswith("Linear")]
    return max(held[n.input[1]].size for n in rounded)


def test_one_without_mixed_precision_does_not_stop_the_others(
    broken: Broken, tmp_path: Path
) -> None:
    job = job_of(broken.folder / "stripes.keras", broken.folder / "calibration.npy")
    convert_file(job, tmp_path, to=("tflite",), precisions=("int8", "int16x8"))
    gate = GateRecipe(metric_drop=0.05, agreement=1.0)  # which no rounding keeps altogether
    written, _ = store.load(tmp_path)
    verify_folder(tmp_path, broken.test, gate)
    from edgenets.progress import Progress

    items = read_items(broken.test, job.source.inputs)
    reference = SourceReference(job.source, items)
    subjects = Subjects(job, items.samples, reference.wanted, Judge(reference).verdict)
    failed = [w.artifact.id for w in written]
    repairs, after = mixed_precision.search_each(written, failed, subjects.of, Progress())
    assert [(r.id, bool(r.why)) for r in repairs] == [
        ("tflite-int8", False), ("tflite-int16x8", True),
    ]  # fmt: skip
    assert "in int8 alone" in repairs[1].why and after[1] == written[1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_search_begins_with_what_was_converted(format: Format) -> None:
    """Boxes in pixels beside scores: the ends of the output are in float from the first try on."""
    keras.utils.set_random_seed(3)
    image = keras.Input((24, 24, 3), name="image")
    x = layers.Conv2D(8, 3, 4, padding="same", activation="relu")(image)
    boxes, scores = (
        layers.Reshape((36, count))(layers.Conv2D(count, 1, activation="sigmoid")(x))
        for count in (4, 3)
    )
    model = keras.Model(image, layers.Concatenate()([layers.Rescaling(640.0)(boxes), scores]))
    one = source_of(model, Path("net.keras"))
    given = {"image": np.random.default_rng(0).standard_normal((40, 24, 24, 3)).astype("float32")}
    job = Job(one, given)
    (converted,) = convert_source(job, [format], ["int8"]).written
    reference = SourceReference(one, Items(given))
    judge = Judge(reference).verdict
    subject = Subjects(job, given, reference.wanted, judge).of(converted.artifact)
    first = subject.judge(subject.make(frozenset()))
    assert first.agreement == pytest.approx(judge(converted).agreement, abs=0.01)
    assert first.passed and subject.distance(converted) < 0.1


def test_symmetric_integers() -> None:
    """Their zero is 0 everywhere, biases stay float, and they hold as well."""
    one = source()
    items = wholes.items(one, 16)
    job = Job(one, items, quantize=QuantizeRecipe(symmetric=True))
    found = convert_source(job, FORMATS, ["int8"])
    assert [w.artifact.id for w in found.written] == ["onnx-int8", "openvino-int8"]
    assert "chooses the zeros" in found.missing[0]
    (content,) = found.written[0].files.values()
    model = load_model_from_string(content)
    held = {t.name: to_array(t) for t in model.graph.initializer}
    zeros = [held[n.input[2]] for n in model.graph.node if n.op_type.endswith("Linear")]
    assert zeros and not any(z.any() for z in zeros)
    assert not any(z.dtype == np.int32 for z in zeros)
    report = Judge(SourceReference(one, Items(wholes.items(one, 20, 1)))).verify(found.written)
    for verdict in report.verdicts:
        assert next(c for c in verdict.checks if c.name == "relative_error").passed, verdict
