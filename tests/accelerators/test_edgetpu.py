"""Artifacts for the Edge TPU: what its compiler says, `attach`, and that it is used where it is.

Its compiler and its library are not for everybody; stand-ins speak in their place, and the one pair
of a source and what was really compiled of it is Coral's own.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets import bundle as bundles
from edgenets import records, zoo
from edgenets.bundle import Bundle, golden_name
from edgenets.choice import Chosen, Limits, choice_of, record
from edgenets.converters import store
from edgenets.converters.accelerators import edgetpu, edgetpu_compiler
from edgenets.converters.accelerators.attach import attach, extract
from edgenets.converters.accelerators.said import Said, Share
from edgenets.converters.check.check import Target, check
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion, convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.report import page_of_file
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from edgenets.errors import (
    BundleError,
    ConversionError,
    MissingExtra,
    ModelError,
)  # fmt: skip
from tests.accelerators import compiler, logs, stand_ins
from tests.commands import Call, call
from tests.converters import wholes

__all__ = ["call"]  # a fixture

ROOT = Path(__file__).parents[2]
CORAL = ROOT.parent / "shared" / "models" / "coral"
SOURCE = CORAL / "mobilenet_v1_0.25_128_quant.tflite"
COMPILED = CORAL / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"

needs_coral = pytest.mark.skipif(not SOURCE.is_file(), reason="shared/models/coral is not there")


# Of a log, whole or damaged.
LINES = (
    st.from_regex(
        r"(On-chip memory used for caching|Off-chip memory used for streaming uncached) model "
        r"parameters: [0-9.]{1,5}(B|KiB|MiB)\n", fullmatch=True,
    )
    | st.sampled_from(logs.VERSION_15.splitlines(keepends=True))
    | st.text()
)  # fmt: skip


def faces(model: bytes) -> list[Any]:
    """What a file's inputs and outputs are, by the schema alone."""
    graph = schema_py_generated.ModelT.InitFromPackedBuf(model, 0).subgraphs[0]
    found = []
    for tensor in (graph.tensors[i] for i in (*graph.inputs, *graph.outputs)):
        q = tensor.quantization
        scaled = q is not None and q.scale is not None and len(q.scale)
        scale = (float(q.scale[0]), int(q.zeroPoint[0])) if scaled else ()
        found.append((tensor.name, tuple(tensor.shape), tensor.type, scale))
    return sorted(found)


class TestLog:
    def test_what_it_says_is_read(self) -> None:
        said = edgetpu_compiler.parse(logs.VERSION_15)
        assert said.version == "15.0.340273435"
        assert (said.mapped, said.every, said.parts) == (31, 32, 1)
        assert said.shares[-1] == Share(
            "CUSTOM", 1, "Operation is working on an unsupported data type"
        )
        assert said.on_chip == round(1.92 * 2**20) and said.off_chip == round(3.23 * 2**20)
        assert "31 of 32" in str(said) and "3.4 MB of weights sent" in str(said)

    def test_kinds_that_fared_differently_stand_apart(self) -> None:
        said = edgetpu_compiler.parse(logs.VERSION_2)
        assert [(s.operator, s.count, s.mapped) for s in said.shares] == [
            ("LOGISTIC", 1, False), ("ADD", 10, True), ("CONCATENATION", 1, False),
            ("CONCATENATION", 3, True),
        ]  # fmt: skip

    def test_without_a_table_the_memory_is_known(self) -> None:
        said = edgetpu_compiler.parse(logs.VERSION_16_WITHOUT_A_TABLE)
        assert not said.shares and said.on_chip == 604.5 * 1024 and said.parts == 1

    def test_its_file_is_read_too(self) -> None:
        said = edgetpu_compiler.parse(logs.FILE_14)
        assert said.version == "14.1.317412892" and said.on_chip is None
        assert (said.mapped, said.every) == (37, 109)

    @given(st.lists(LINES).map("".join))
    def test_any_other_text_says_nothing_wrong(self, text: str) -> None:
        said = edgetpu_compiler.parse(text)
        assert 0 <= said.mapped <= said.every
        assert all(size is None or size >= 0 for size in (said.on_chip, said.off_chip))


@pytest.mark.usefixtures("on_path")
class TestCompile:
    def test_a_bundle_gains_what_the_compiler_made(self, bundle: Bundle, call: Call) -> None:
        found = call("attach", bundle.path, "--json").json()
        (one,) = found["attached"]
        assert one["id"] == "edgetpu-int8" and one["compiled_from"] == "tflite-int8"
        assert one["said"]["on_chip"] == 96.5 * 1024 and one["said"]["version"].startswith("16.0")
        new = Bundle(bundle.path)
        new.check()
        artifact = new.artifact("edgetpu-int8")
        source = stand_ins.int8_of(bundle)
        assert artifact.states == source.artifact.states
        assert artifact.files == ("tflite-int8_edgetpu.tflite",)
        assert np.array_equal(new.golden_output(artifact), bundle.golden_output(source.artifact))
        (told,) = new.report()["compiled"]
        assert records.parse(Said, told["said"]).mapped == len(operators_of(bundle))
        # What was there is there.
        assert {a.id for a in new.artifacts} == {a.id for a in bundle.artifacts} | {artifact.id}
        assert new.verified() == bundle.verified() and new.card() == bundle.card()

    def test_again_is_no_other(self, bundle: Bundle) -> None:
        attach(bundle, (), bundle.path)
        first = bundle.path.read_bytes()
        attach(Bundle(bundle.path), (), bundle.path)
        assert bundle.path.read_bytes() == first

    def test_a_refusal_is_told_and_nothing_is_written(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = bundle.path.read_bytes()
        monkeypatch.setenv("STAND_IN_COMPILER", "refuses")
        with pytest.raises(ConversionError, match=r"refuses tflite-int8: .*Model not quantized"):
            attach(bundle, (), bundle.path)
        monkeypatch.setenv("STAND_IN_COMPILER", "maps nothing")
        with pytest.raises(ConversionError, match=r"mapped nothing of tflite-int8.*unsupported"):
            attach(bundle, (), bundle.path)
        assert bundle.path.read_bytes() == before

    def test_a_choice_among_the_others_is_none_any_more(self, bundle: Bundle, call: Call) -> None:
        record(bundle, Chosen("tflite-int8", 1, 9.0, 5, 0.9, "a board", Limits()), bundle.path)
        assert choice_of(Bundle(bundle.path)) is not None
        done = call("attach", bundle.path)
        assert "took before, tflite-int8, is no choice any more" in done.out
        assert choice_of(Bundle(bundle.path)) is None

    def test_people_see_what_became_of_each_operator(self, bundle: Bundle, call: Call) -> None:
        done = call("attach", bundle.path, "--out", bundle.path.with_name("tpu.edge"))
        assert done.code == 0 and "Mapped to Edge TPU" in done.out
        assert "CONV_2D" in done.out and "--backend edgetpu" in done.out
        assert "edgetpu-int8" in call("inspect", bundle.path.with_name("tpu.edge")).out


def operators_of(bundle: Bundle) -> list[str]:
    (content,) = stand_ins.int8_of(bundle).files.values()
    return list(compiler.operators(content).elements())


class TestElsewhere:
    @pytest.mark.usefixtures("nowhere")
    def test_the_command_is_told_and_the_file_is_there(
        self, bundle: Bundle, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = call("attach", bundle.path)
        assert done.code == 1
        assert "edgetpu_compiler -s -o . kws-gru.tflite" in done.out
        # Another file of that name is not written over.
        (tmp_path / "kws-gru.tflite").write_bytes(b"mine")
        assert "is there already" in call("attach", bundle.path).err
        (tmp_path / "kws-gru.tflite").unlink()
        call("attach", bundle.path)
        assert f"edgenets attach {bundle.path} kws-gru_edgetpu.tflite" in done.out
        (content,) = stand_ins.int8_of(bundle).files.values()
        assert (tmp_path / "kws-gru.tflite").read_bytes() == content
        # What was asked for is in the command that comes next.
        elsewhere = call("attach", bundle.path, "--out", "tpu.edge").out
        assert f"attach {bundle.path} kws-gru_edgetpu.tflite --out tpu.edge" in elsewhere
        assert "--out mine.edge" in call("attach", "kws-gru", "--out", "mine.edge").out

    def test_extracting_is_no_failure(self, bundle: Bundle, call: Call, tmp_path: Path) -> None:
        done = call("attach", bundle.path, "--extract", tmp_path / "out", "--json")
        assert done.code == 0 and (tmp_path / "out" / "kws-gru.tflite").is_file()
        (command,) = done.json()["commands"]
        folder = tmp_path / "out"
        assert command == f"edgetpu_compiler -s -o {folder} {folder / 'kws-gru.tflite'}"
        assert call("attach", bundle.path, "--extract", folder, "--out", "x.edge").code == 2

    def test_a_hostile_name_stays_in_the_folder(self, bundle: Bundle, tmp_path: Path) -> None:
        artifacts, others = bundle.contents()
        spec = replace(bundle.spec, name="../../x y")
        bundles.write(bundle.path, spec, artifacts, others, "none", "edgenets")
        (path,) = extract(Bundle(bundle.path), tmp_path / "out")
        assert path == tmp_path / "out" / "x-y.tflite"

    @pytest.mark.usefixtures("nowhere")
    def test_from_python_it_is_an_error(self, bundle: Bundle) -> None:
        with pytest.raises(MissingExtra, match="edgetpu_compiler is not on the PATH"):
            attach(bundle, (), bundle.path)

    def test_its_result_is_taken_with_its_log(self, bundle: Bundle, tmp_path: Path) -> None:
        (path,) = extract(bundle, tmp_path)
        made = tmp_path / "kws-gru_edgetpu.tflite"
        made.write_bytes(compiler.compiled(path.read_bytes()))
        made.with_suffix(".log").write_text(logs.FILE_14)
        (one,) = attach(bundle, [made], tmp_path / "new.edge")
        assert one.said.version == "14.1.317412892"
        assert "37 of 109" in Bundle(tmp_path / "new.edge").artifact("edgetpu-int8").note

    def test_a_shipped_bundle_stays_as_it_is(self, call: Call, tmp_path: Path) -> None:
        path = tmp_path / "x_edgetpu.tflite"
        path.write_bytes(b"")
        done = call("attach", "kws-gru", path)
        assert done.code == 2 and "--out" in done.err


class TestGate:
    def attached(self, bundle: Bundle, model: bytes, tmp_path: Path) -> None:
        path = tmp_path / "some_edgetpu.tflite"
        path.write_bytes(model)
        attach(bundle, [path], bundle.path)

    def test_what_is_not_compiled(self, bundle: Bundle, tmp_path: Path) -> None:
        (content,) = stand_ins.int8_of(bundle).files.values()
        with pytest.raises(ModelError, match="is not compiled"):
            self.attached(bundle, content, tmp_path)

    def test_what_was_compiled_of_another_model(self, bundle: Bundle, tmp_path: Path) -> None:
        other = stand_ins.int8_of(zoo.load("kws-dscnn"))
        (content,) = other.files.values()
        with pytest.raises(ModelError, match=r"takes .* where its source takes"):
            self.attached(bundle, compiler.compiled(content), tmp_path)

    def test_one_file_is_for_one_source(self, bundle: Bundle, tmp_path: Path) -> None:
        (content,) = stand_ins.int8_of(bundle).files.values()
        paths = [tmp_path / "a_edgetpu.tflite", tmp_path / "b_edgetpu.tflite"]
        for path in paths:
            path.write_bytes(compiler.compiled(content))
        with pytest.raises(ModelError, match="each needs one file"):
            attach(bundle, paths, bundle.path)

    def test_what_was_compiled_with_other_scales(self, bundle: Bundle, tmp_path: Path) -> None:
        source = stand_ins.int8_of(bundle)
        (content,) = source.files.values()
        link = source.artifact.states[0]
        q = replace(link.input.quantization, scale=1.01 * link.input.quantization.scale)  # type: ignore[type-var, union-attr]
        ends = [replace(t, quantization=q) for t in (link.input, link.output)]
        states = (replace(link, input=ends[0], output=ends[1]), *source.artifact.states[1:])
        lie = Written(replace(source.artifact, states=states), source.files)
        why = "; ".join(edgetpu.obstacles(Path("x"), compiler.compiled(content), lie))
        assert f"'{link.input.name}'" in why and "of scale" in why

    def test_another_processor_s_operators(self, bundle: Bundle, tmp_path: Path) -> None:
        (content,) = stand_ins.int8_of(bundle).files.values()
        with pytest.raises(ModelError, match="is not compiled"):
            self.attached(bundle, compiler.compiled(content, "ethos-u"), tmp_path)

    def test_a_missing_source(self, bundle: Bundle, tmp_path: Path) -> None:
        """What was compiled does not enter a bundle without what it was compiled from."""
        (content,) = stand_ins.int8_of(bundle).files.values()
        made = edgetpu.of_file(Path("x"), compiler.compiled(content), stand_ins.int8_of(bundle))
        artifacts, others = bundle.contents()
        alone = {a: f for a, f in artifacts.items() if a.id != "tflite-int8"}
        others[golden_name(made.artifact)] = others["golden/tflite-int8.f32"]
        with pytest.raises(ValueError, match="edgetpu-int8: was compiled from an artifact that is"):
            bundles.write(
                tmp_path / "x.edge", bundle.spec, {**alone, made.artifact: made.files}, others,
                "none", "edgenets",
            )  # fmt: skip
        assert not (tmp_path / "x.edge").exists()

    @settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
    @given(place=st.floats(0, 1), bit=st.integers(0, 7))
    def test_a_damaged_file_is_taken_whole_or_refused(self, place: float, bit: int) -> None:
        source = stand_ins.int8_of(zoo.load("kws-gru"))
        (content,) = source.files.values()
        model = bytearray(compiler.compiled(content))
        model[min(int(place * len(model)), len(model) - 1)] ^= 1 << bit
        try:
            edgetpu.of_file(Path("x"), bytes(model), source)
        except ModelError:
            return
        assert faces(bytes(model)) == faces(compiler.compiled(content))

    @needs_coral
    def test_coral_s_own_pair(self, call: Call, tmp_path: Path) -> None:
        """What the real compiler made of a real model, and what was predicted of it."""
        path = tmp_path / "coral.edge"
        labels = CORAL / "imagenet_labels.txt"
        call("import", SOURCE, "--task", "classify", "--labels", labels, "--out", path)
        found = call("attach", path, COMPILED, "--json").json()
        assert found["attached"][0]["id"] == "edgetpu-int8"
        source = stand_ins.int8_of(Bundle(path))
        (checked,) = check([source], Target("a Coral", ("tflite",), 1024, edge_tpu=True))
        text = " ".join(f.text for f in checked.findings)
        assert "31 of 31 operators would be mapped" in text
        (content,) = Bundle(path).files(Bundle(path).artifact("edgetpu-int8")).values()
        assert list(compiler.custom(content)) == [edgetpu.OPERATOR]


class TestRoute:
    """A model of one's own, to the Edge TPU along the graph of converters."""

    @pytest.fixture
    def job(self) -> Job:
        source = source_of(wholes.built("images"), Path("net.keras"))
        return Job(source, wholes.items(source, 16))

    @pytest.mark.usefixtures("on_path")
    def test_it_leads_there(self, job: Job, tmp_path: Path) -> None:
        found = convert_source(job, ["tflite", "edgetpu"], ["fp32", "int8"])
        assert [w.artifact.id for w in found.written] == [
            "tflite-fp32", "tflite-int8", "edgetpu-int8",
        ]  # fmt: skip
        last = found.written[-1]
        assert last.route[-1] == "compile (edgetpu_compiler)" and last.said is not None
        store.save(tmp_path, found.written)
        assert store.load(tmp_path)[0] == list(found.written)
        items = Items(wholes.items(job.source, 20, 1))
        report = Judge(SourceReference(job.source, items)).verify(found.written)
        assert [v.id for v in report.verdicts] == ["tflite-fp32", "tflite-int8"]
        (one,) = report.compiled
        assert one.id == "edgetpu-int8" and one.operators and "of " in one.said
        page = page_of_file(report, Path("net.keras"), found.written)
        assert "Not run here" in page and "Mapped to Edge TPU" in page

    @pytest.mark.usefixtures("on_path", "tpu")
    def test_where_one_is_plugged_in_it_is_run(self, job: Job) -> None:
        """The stand-in cannot compute what its compiler made: the gate does not let it pass."""
        found = convert_source(job, ["edgetpu"], ["int8"])
        report = Judge(SourceReference(job.source, Items(wholes.items(job.source, 8, 1)))).verify(
            found.written
        )
        assert not report.compiled and not report.passed
        # A report of nothing that was run passes nothing, either.
        assert not replace(report, verdicts=()).passed
        assert "edgetpu-custom-op" in report.verdicts[0].error

    @pytest.mark.usefixtures("nowhere")
    def test_it_is_closed_without_the_compiler(self, job: Job) -> None:
        closed = " ".join(seen.closed for seen in Conversion(job).routes("edgetpu", "int8"))
        assert "edgetpu_compiler -s -o . tflite-int8.tflite" in closed
        with pytest.raises(ConversionError, match="eight-bit integers alone"):
            convert_source(job, ["edgetpu"], ["fp32"])


def test_the_report_is_json(bundle: Bundle, tmp_path: Path) -> None:
    """What somebody else wrote into a report is no reason to fail."""
    artifacts, others = bundle.contents()
    others["report.json"] = json.dumps({"compiled": "nonsense"}).encode()
    bundles.write(bundle.path, bundle.spec, artifacts, others, "none", "edgenets")
    (path,) = extract(Bundle(bundle.path), tmp_path)
    made = tmp_path / "kws-gru_edgetpu.tflite"
    made.write_bytes(compiler.compiled(path.read_bytes()))
    attach(Bundle(bundle.path), [made], bundle.path)
    assert len(Bundle(bundle.path).report()["compiled"]) == 1


def test_bundles_without_integers_have_nothing_to_compile(tmp_path: Path, bundle: Bundle) -> None:
    artifacts, others = bundle.contents()
    alone = {a: f for a, f in artifacts.items() if a.format == "onnx"}
    bundles.write(bundle.path, bundle.spec, alone, others, "none", "edgenets")
    with pytest.raises(ModelError, match="has no tflite-int8"):
        attach(Bundle(bundle.path), (), bundle.path)
    with pytest.raises(BundleError):
        Bundle(bundle.path).artifact("edgetpu-int8")
