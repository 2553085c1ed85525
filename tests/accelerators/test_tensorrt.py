"""TensorRT: engines that are built once and kept, and sessions whose states stay on the GPU.

A stand-in for its package and for the driver's library computes here; what the real package makes
of our files is tried where it is installed: pip install tensorrt-rtx-cu12
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import backend, zoo
from edgenets.artifact import OPEN, Artifact
from edgenets.bundle import Bundle
from edgenets.choice import Limits
from edgenets.cli.measuring import measured
from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.whole.samples import one_by_one
from edgenets.devices.board import load as board
from edgenets.devices.deploy.needs import ServeOptions, selection_of
from edgenets.devices.preflight import of_board, preflight
from edgenets.errors import BackendError, ConversionError, DeviceError, MissingExtra
from edgenets.extras import require
from edgenets.recipeparts import QuantizeRecipe
from edgenets.runtime import cuda, engines, measuring
from edgenets.runtime.bench import measure
from edgenets.runtime.load import load
from edgenets.runtime.pick import candidates, pick
from edgenets.runtime.selftest import TOLERANCE
from edgenets.selection import Request, select
from edgenets.tasks import task_of
from tests.accelerators import stand_ins
from tests.converters import wholes


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return zoo.load("kws-gru")


@pytest.fixture
def artifact(bundle: Bundle) -> Artifact:
    return bundle.artifact("onnx-fp16")


@pytest.fixture
def builds(gpu: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line of every build: the flags that were set."""
    monkeypatch.setenv("STAND_IN_BUILDS", str(tmp_path / "builds"))
    return tmp_path / "builds"


def opened(bundle: Bundle, artifact: Artifact) -> backend.Session:
    return backend.load("tensorrt", artifact, bundle.files(artifact))


def symmetric() -> tuple[Any, Any, Any]:
    """A network of images in integers whose zero is 0, items, and the model's answers."""
    source = source_of(wholes.built("images"), Path("net.keras"))
    items = wholes.items(source, 16)
    job = Job(source, items, quantize=QuantizeRecipe(symmetric=True))
    (written,) = convert_source(job, ["onnx"], ["int8"]).written
    return written, items, source.answer(items)


class TestSession:
    @pytest.mark.usefixtures("gpu")
    def test_it_answers_as_onnx_runtime_does(self, bundle: Bundle, artifact: Artifact) -> None:
        found = task_of(bundle.spec.task).replay(bundle)(opened(bundle, artifact))
        assert np.abs(found - bundle.golden_output(artifact)).max() <= TOLERANCE["fp16"]

    def test_it_says_what_computes(self, bundle: Bundle, artifact: Artifact, gpu: Any) -> None:
        assert (
            "tensorrt 10.3.0 on Stand-in GPU, sm_87, CUDA 12.6" in opened(bundle, artifact).runs_on
        )
        assert backend.version("tensorrt").startswith("tensorrt 10.3.0, Stand-in GPU")

    def test_what_it_took_is_given_back(
        self, bundle: Bundle, artifact: Artifact, gpu: ctypes.CDLL
    ) -> None:
        live = ctypes.c_int.in_dll(gpu, "stand_in_live")
        gc.collect()
        before = live.value
        session = opened(bundle, artifact)
        task_of(bundle.spec.task).replay(bundle)(session)
        assert live.value > before
        del session
        gc.collect()
        assert live.value == before

    @pytest.mark.usefixtures("gpu")
    def test_what_it_gave_stays_readable(self, bundle: Bundle, artifact: Artifact) -> None:
        """Results lie in memory that the driver gave; it is not given back under them."""
        session = opened(bundle, artifact)
        (place,) = session.places().values()
        result = next(iter(session.infer().values()))
        kept = result.copy()
        del session
        gc.collect()
        place[...] = 1.0
        assert np.array_equal(result, kept)

    @pytest.mark.usefixtures("gpu")
    def test_another_thread_may_run_it(self, bundle: Bundle, artifact: Artifact) -> None:
        session, found = opened(bundle, artifact), []
        thread = threading.Thread(
            target=lambda: found.append(task_of(bundle.spec.task).replay(bundle)(session))
        )
        thread.start()
        thread.join()
        assert np.abs(found[0] - bundle.golden_output(artifact)).max() <= TOLERANCE["fp16"]

    @pytest.mark.usefixtures("gpu")
    def test_integers_with_a_zero_of_their_own_are_not_for_it(self, bundle: Bundle) -> None:
        with pytest.raises(BackendError, match=r"Non-zero zero point.*--symmetric, or take fp16"):
            opened(bundle, bundle.artifact("onnx-int8"))
        other = bundle.artifact("tflite-int8")
        with pytest.raises(BackendError, match="tensorrt runs onnx artifacts in fp32 or fp16 or"):
            opened(bundle, other)

    @pytest.mark.usefixtures("gpu")
    def test_symmetric_integers(self) -> None:
        written, items, wanted = symmetric()
        session = backend.load("tensorrt", written.artifact, written.files)
        found = one_by_one(session.run, items, session.artifact.inputs)
        by_cpu = backend.load("onnx", written.artifact, written.files)
        same = one_by_one(by_cpu.run, items, session.artifact.inputs)
        for name, value in wanted.items():
            assert np.ptp(same[name], axis=0).max() > 0.01  # items are told apart
            assert np.allclose(found[name], same[name], atol=1e-6)
            assert np.abs(found[name] - value).max() < 0.1

    def test_a_driver_that_does_not_fit_is_no_missing_gpu(self, gpu: Any) -> None:
        stand_in = ctypes.c_int.in_dll(gpu, "stand_in_gpus")
        stand_in.value = -1
        cuda.name_of_gpu.cache_clear()
        with pytest.raises(MissingExtra, match=r"cannot use it: .*\(803\)"):
            cuda.name_of_gpu()

    def test_without_a_gpu_it_says_so(self, bundle: Bundle, monkeypatch: Any) -> None:
        monkeypatch.syspath_prepend(str(stand_ins.SITE))
        stand_ins.library("libcuda.so.1")
        cuda.name_of_gpu.cache_clear()
        assert "an NVIDIA GPU is needed" in str(backend.why_not("tensorrt"))
        with pytest.raises(BackendError, match="none of onnx-fp16, onnx-int8 can run"):
            select(bundle, Request("tensorrt"))


class TestRefusals:
    @pytest.mark.usefixtures("gpu")
    def test_an_engine_that_does_not_run_here(
        self, bundle: Bundle, artifact: Artifact, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(engines.tensorrt(), "supported", False)
        with pytest.raises(BackendError, match=r"does not run its engine here: .*capability 9\.0"):
            opened(bundle, artifact)

    @pytest.mark.usefixtures("gpu")
    def test_a_step_that_fails(self, bundle: Bundle, artifact: Artifact, monkeypatch: Any) -> None:
        session = opened(bundle, artifact)
        monkeypatch.setattr(engines.tensorrt(), "supported", False)
        with pytest.raises(BackendError, match="a step failed on the GPU"):
            task_of(bundle.spec.task).replay(bundle)(session)


class TestEngines:
    def test_one_is_built_once(self, bundle: Bundle, artifact: Artifact, builds: Path) -> None:
        assert "engine built in" in opened(bundle, artifact).runs_on
        assert "kept engine" in opened(bundle, artifact).runs_on
        assert builds.read_text().splitlines() == ["FP16,TF32"]

    def test_another_precision_is_another(
        self, bundle: Bundle, artifact: Artifact, builds: Path
    ) -> None:
        (model,) = bundle.files(artifact).values()
        engines.engine_of(model, "fp32", "x.onnx")
        engines.engine_of(model, "fp16", "x.onnx")
        # What is compared with fp32 is not computed with ten bits.
        assert builds.read_text().splitlines() == ["", "FP16,TF32"]

    @pytest.mark.parametrize("what", ["version", "gpu", "model"])
    def test_it_is_built_anew_for_what_is_new(
        self, bundle: Bundle, artifact: Artifact, builds: Path, what: str, monkeypatch: Any
    ) -> None:
        (model,) = bundle.files(artifact).values()
        engines.engine_of(model, "fp16", "x.onnx")
        if what == "version":
            monkeypatch.setattr(engines.tensorrt(), "__version__", "10.4.0")
        elif what == "gpu":
            monkeypatch.setattr(engines, "name_of_gpu", lambda: "Orin, sm_87, CUDA 12.6")
        else:
            onnx = require("onnx")
            tree = onnx.load_model_from_string(model)
            tree.doc_string = "another"
            model = tree.SerializeToString()
        assert not engines.engine_of(model, "fp16", "x.onnx").kept
        assert len(builds.read_text().splitlines()) == 2

    @pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "no json"])
    def test_a_damaged_one_is_built_again(
        self, bundle: Bundle, artifact: Artifact, builds: Path, damage: str
    ) -> None:
        (model,) = bundle.files(artifact).values()
        engines.engine_of(model, "fp16", "x.onnx")
        (plan,) = engines.folder().glob("*.engine")
        content = bytearray(plan.read_bytes())
        if damage == "cut":
            plan.write_bytes(content[:-5])
        elif damage == "flipped":
            content[len(content) // 2] ^= 4
            plan.write_bytes(content)
        elif damage == "gone":
            plan.unlink()
        else:
            plan.with_suffix(".json").write_text("{")
        again = engines.engine_of(model, "fp16", "x.onnx")
        assert not again.kept and engines.engine_of(model, "fp16", "x.onnx").kept

    @pytest.mark.usefixtures("builds")
    def test_where_nothing_can_be_kept_it_runs_all_the_same(
        self, bundle: Bundle, artifact: Artifact, tmp_path: Path, monkeypatch: Any
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert "engine built" in opened(bundle, artifact).runs_on

    @pytest.mark.usefixtures("gpu")
    def test_few_are_kept(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(engines, "_KEPT", 3)
        for number in range(5):
            key = engines.Key(f"{number:064}", "tensorrt 10.3.0", "a GPU", "fp16")
            path = engines.folder() / f"{key.name}.engine"
            engines._keep(path, key, engines.Engine(b"plan", 1.0, False))
        names = {p.suffix for p in engines.folder().iterdir()}
        assert len(list(engines.folder().iterdir())) == 6 and names == {".engine", ".json"}

    @pytest.mark.usefixtures("gpu")
    def test_what_is_used_is_kept(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(engines, "_KEPT", 2)
        keys = [engines.Key(f"{n:064}", "onnxruntime 1", "a GPU", "fp16") for n in range(3)]
        for number, key in enumerate(keys[:2]):
            engines.place_of(key)
            os.utime(engines.folder() / key.name, (number, number))
        engines.place_of(keys[0])
        engines.place_of(keys[2])
        assert {p.name for p in engines.folder().iterdir()} == {keys[0].name, keys[2].name}

    @pytest.mark.usefixtures("gpu")
    def test_a_crash_is_no_crash_of_ours(
        self, bundle: Bundle, artifact: Artifact, monkeypatch: Any
    ) -> None:
        monkeypatch.setenv("STAND_IN_CRASHES", "1")
        with pytest.raises(BackendError, match=r"onnx-fp16\.onnx: .*ended by SIGABRT"):
            opened(bundle, artifact)
        assert not list(engines.folder().glob("*")) if engines.folder().exists() else True

    @pytest.mark.usefixtures("gpu")
    def test_a_refusal_is_told(self, bundle: Bundle) -> None:
        (model,) = bundle.files(bundle.artifact("onnx-int8")).values()
        with pytest.raises(BackendError, match=r"tensorrt refuses it: .*Non-zero zero point"):
            engines.engine_of(model, "fp32", "x.onnx")


class TestChoice:
    @pytest.mark.usefixtures("gpu")
    def test_it_is_run_where_it_is_asked_for(self, bundle: Bundle) -> None:
        choice = select(bundle, Request("tensorrt"))
        assert (choice.artifact.id, choice.backend) == ("onnx-fp16", "tensorrt")
        assert "tensorrt" in load(bundle, choice).runs_on
        assert select(bundle).backend == "tflite"  # a step of a small network is faster there

    @pytest.mark.usefixtures("gpu")
    def test_it_is_measured_beside_the_others(self, bundle: Bundle) -> None:
        rows = [measure(bundle, "onnx-fp16", 1, 1.0, name) for name in ("onnx", "tensorrt")]
        assert [r.name for r in rows] == ["onnx-fp16", "onnx-fp16 by tensorrt"]
        found = candidates(bundle, rows)
        chosen = pick([c for c in found if c.backend], Limits())
        assert chosen is not None and (chosen.id, chosen.backend) == ("onnx-fp16", "tensorrt")

    @pytest.mark.usefixtures("gpu")
    def test_what_it_refuses_does_not_stop_the_others(
        self, bundle: Bundle, capsys: Any, monkeypatch: Any
    ) -> None:
        """The shipped int8 has zeros of its own."""
        monkeypatch.setattr(measuring, "bench", lambda b, id, t, s, n: measure(b, id, t, 1.0, n))
        rows = measured(bundle, ("onnx", "tensorrt"), ("fp16", "int8"), [1], 1.0)
        assert [r.name for r in rows] == ["onnx-fp16", "onnx-fp16 by tensorrt", "onnx-int8"]
        told = " ".join(capsys.readouterr().err.split())
        assert "left out: onnx-int8 by tensorrt × 1: " in told and "Non-zero zero point" in told
        with pytest.raises(BackendError, match="Non-zero zero point"):
            measured(bundle, ("tensorrt",), ("int8",), [1], 1.0)

    def test_it_is_no_release_s(self, bundle: Bundle) -> None:
        """Whose environment has none of JetPack's packages."""
        place = of_board(board("jetson-orin-nano"))
        with pytest.raises(DeviceError, match="on the board itself `edgenets run"):
            selection_of(bundle, ServeOptions(backend="tensorrt"), place.why_not)
        found = {f.about: f for f in preflight(bundle, place)}["NVIDIA Jetson GPU"]
        assert found.level == "note" and "--backend tensorrt" in found.text
        found = {f.about: f for f in preflight(zoo.load("char-lm"), place)}["NVIDIA Jetson GPU"]
        assert "has no artifact for it" in found.text  # integers alone


class TestRealBuilds:
    """What NVIDIA's own parser and builder make of our files; it needs no GPU for that."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("tensorrt_rtx", reason="opt-in: pip install tensorrt-rtx-cu12")

    @pytest.mark.parametrize("form", ["step", "whole"])
    @pytest.mark.parametrize("name", wholes.NETS)
    def test_float_artefacts_become_engines(self, name: str, form: Any) -> None:
        source = source_of(wholes.built(name), Path("net.keras"))
        shapes = {i.name: (wholes.STEPS, *i.shape[2:]) for i in source.inputs
                  if OPEN in i.shape and form == "whole"}  # fmt: skip
        try:
            found = convert_source(
                Job(source, variant=form, shapes=shapes), ["onnx"], ["fp32", "fp16"]
            )
        except ConversionError:
            assert form == "step"
            pytest.skip("it has no step form")
        for written in found.written:
            (model,) = written.files.values()
            assert len(engines.build(model, written.artifact.precision)) > 1000

    def test_what_ships_becomes_an_engine(self, bundle: Bundle, artifact: Artifact) -> None:
        (model,) = bundle.files(artifact).values()
        assert len(engines.build(model, "fp16")) > 1000

    def test_symmetric_integers_become_an_engine(self) -> None:
        written, _, _ = symmetric()
        (model,) = written.files.values()
        assert len(engines.build(model, "int8")) > 1000

    def test_integers_whose_zero_is_not_0_are_refused(self, bundle: Bundle) -> None:
        (model,) = bundle.files(bundle.artifact("onnx-int8")).values()
        with pytest.raises(BackendError, match="Non-zero zero point"):
            engines.build(model, "fp32")


def test_the_key_is_written_beside(bundle: Bundle, artifact: Artifact, builds: Path) -> None:
    opened(bundle, artifact)
    (about,) = engines.folder().glob("*.json")
    said = json.loads(about.read_text())
    assert said["key"]["gpu"] == "Stand-in GPU, sm_87, CUDA 12.6"
    assert said["key"]["builder"] == "tensorrt 10.3.0" and said["seconds"] > 0
