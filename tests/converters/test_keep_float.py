"""Layers that a user keeps in float: they stay so, whatever makes the artifact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import load_model_from_string

from edgenets import backend
from edgenets.artifact import FORMATS, Format
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.routes.folder import convert_file, job_of, verify_folder
from edgenets.converters.sources.onnx_file import read as read_onnx
from edgenets.converters.verify.appendix import Wanted
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.verify.subjects import Subjects
from edgenets.converters.whole import onnxround
from edgenets.converters.whole.integers import OnnxIntegers
from edgenets.converters.whole.samples import one_by_one
from edgenets.data.items import Items
from edgenets.errors import ConversionError
from edgenets.recipeparts import QuantizeRecipe
from tests.converters import wholes
from tests.converters.test_mixed_precision_whole import source

pytestmark = pytest.mark.slow


class TestKeepFloat:
    def test_a_recipe_s_wish_is_heard(self) -> None:
        one = source()
        layer = next(x.name for x in one.model.layers if "depthwise" in x.name)
        plain = Job(one, wholes.items(one, 16))
        kept = Job(one, wholes.items(one, 16), quantize=QuantizeRecipe(keep_float=(layer,)))
        for format in FORMATS:
            before, after = (Conversion(job).convert(format, "int8") for job in (plain, kept))
            assert before.files != after.files
            floats = [Conversion(job).convert(format, "fp32").size for job in (plain, kept)]
            assert floats[0] == floats[1]

    @pytest.mark.parametrize("format", FORMATS)
    def test_it_is_heard_when_an_artefact_is_made_anew(self, format: Format) -> None:
        """What is made with nothing else in float is the artifact that there was."""
        one = source()
        layer = next(x.name for x in one.model.layers if "depthwise" in x.name)
        items = wholes.items(one, 16)
        job = Job(one, items, quantize=QuantizeRecipe(keep_float=(layer,)))
        before = Conversion(job).convert(format, "int8")
        reference = SourceReference(one, Items(items))
        judge = Judge(reference)
        subject = Subjects(job, items, reference.wanted, judge.verdict).of(before.artifact)
        assert layer not in subject.layers
        again = subject.make(frozenset())
        given = [one_by_one(backend.load(format, w.artifact, w.files).run, items, w.artifact.inputs)
                 for w in (before, again)]  # fmt: skip
        for a, b in zip(*(g.values() for g in given), strict=True):
            assert np.array_equal(a, b)
        assert subject.errors is not None and layer not in {e.layer for e in subject.errors()}

    def test_what_came_rounded_is_not_made_anew(self, tmp_path: Path) -> None:
        one = source()
        job = Job(one, wholes.items(one, 16))
        (content,) = Conversion(job).convert("onnx", "int8").files.values()
        (tmp_path / "net.onnx").write_bytes(content)
        items = tmp_path / "items.npz"
        np.savez(items, **wholes.items(one, 16))
        given = job_of(tmp_path / "net.onnx", items)
        convert_file(given, tmp_path, ("onnx",), ("int8",))
        report = verify_folder(tmp_path, items, wanted=Wanted(layers=True))
        assert report.verdicts[0].id == "onnx-int8" and not report.verdicts[0].error

    @pytest.mark.parametrize("format", FORMATS)
    def test_an_unknown_layer_is_named(self, format: Format) -> None:
        one = source()
        job = Job(one, wholes.items(one, 16), quantize=QuantizeRecipe(keep_float=("con2d",)))
        with pytest.raises(ConversionError, match=r"none of the model's: con2d; known: .*conv2d"):
            convert_source(job, [format], ["int8"])

    def test_a_layer_that_is_folded_is_kept_by_another_road(self) -> None:
        """No node of the ONNX file is the normalisation's; an operator of the TFLite file is."""
        one = source()
        norm = next(x.name for x in one.model.layers if "normalization" in x.name)
        job = Job(one, wholes.items(one, 16), quantize=QuantizeRecipe(keep_float=(norm,)))
        found = convert_source(job, FORMATS, ["int8"])
        assert len(found.written) == len(FORMATS) and not found.missing
        assert all("TFLiteConverter (tensorflow)" in w.route for w in found.written)
        (content,) = Conversion(Job(one)).convert("onnx", "fp32").files.values()
        with pytest.raises(ConversionError, match=f"part of another layer, .*: {norm}"):
            onnxround.quantized(load_model_from_string(content), {}, job.quantize)

    def test_nodes_of_an_onnx_file(self, tmp_path: Path) -> None:
        """Whose names are its maker's own."""
        one = source()
        written = Conversion(Job(one)).convert("onnx", "fp32")
        (tmp_path / "net.onnx").write_bytes(written.files[written.artifact.files[0]])
        again = read_onnx(tmp_path / "net.onnx")
        samples = wholes.items(again, 16)
        layer = OnnxIntegers(written, samples).layers[1]
        kept = QuantizeRecipe(keep_float=(layer,))
        found = Conversion(Job(again, samples, quantize=kept)).convert("onnx", "int8")
        assert found.files != Conversion(Job(again, samples)).convert("onnx", "int8").files

    def test_a_tflite_file_has_no_names(self, tmp_path: Path) -> None:
        from edgenets.converters.sources.tflite_file import read

        written = Conversion(Job(source())).convert("tflite", "fp32")
        (tmp_path / "net.tflite").write_bytes(written.files[written.artifact.files[0]])
        again = read(tmp_path / "net.tflite")
        job = Job(again, wholes.items(again, 8), quantize=QuantizeRecipe(keep_float=("t1",)))
        with pytest.raises(ConversionError, match="known: none by name"):
            convert_source(job, ["tflite"], ["int8"])
