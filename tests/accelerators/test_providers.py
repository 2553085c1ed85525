"""Which providers ONNX Runtime is asked for where none is requested: a GPU if there is no state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgenets import backend, zoo
from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.errors import BackendError, MissingExtra
from edgenets.runtime import cuda, engines
from edgenets.runtime.backends import onnx as onnx_backend
from tests.accelerators import stand_ins

ALL = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return zoo.load("kws-gru")


@pytest.fixture
def artifact(bundle: Bundle) -> Artifact:
    return replace(
        bundle.artifact("onnx-fp16"), states=()
    )  # of a network that takes all of an item


def test_streams_stay_on_the_cpu(bundle: Bundle, gpu: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    assert asked(bundle.artifact("onnx-fp16"), *ALL) == ["CPUExecutionProvider"]


def asked(artifact: Artifact, *has: str) -> list[Any]:
    ort: Any = SimpleNamespace(
        __name__="onnxruntime", __version__="1.31.0", get_available_providers=lambda: list(has)
    )
    return onnx_backend._fastest(ort, artifact, b"model")


def test_tensorrt_then_cuda_then_the_cpu(artifact: Artifact, gpu: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    first, second, third = asked(artifact, *ALL)
    assert (first[0], second[0], third) == ALL
    assert first[1]["trt_engine_cache_enable"] and first[1]["trt_fp16_enable"]
    place = Path(first[1]["trt_engine_cache_path"])
    assert place.parent == engines.folder() and place.is_dir()
    assert second[1] == {"use_tf32": 0}


def test_what_tensorrt_would_make_less_exact_is_not_for_it(
    artifact: Artifact, gpu: Any, monkeypatch: Any
) -> None:
    """Of fp32 it makes TF32."""
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    first, _ = asked(replace(artifact, precision="fp32"), *ALL)
    assert first[0] == "CUDAExecutionProvider"


def test_a_kept_engine_that_was_cut_off(artifact: Artifact, gpu: Any, monkeypatch: Any) -> None:
    """It is gone the next time, and until then the next provider computes; which is said."""
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    tried: list[Any] = []

    class Sessions:
        __version__ = "1.32.0"

        def InferenceSession(self, model: bytes, settings: Any, providers: Any, **_: Any) -> str:
            tried.append([p if isinstance(p, str) else p[0] for p in providers])
            if len(providers) == 3:
                raise RuntimeError("EP_FAIL : could not deserialize engine from cache")
            return "a session"

    first, *others = asked(artifact, *ALL)
    place = Path(first[1]["trt_engine_cache_path"])
    (place / "cut.engine").write_bytes(b"half of it")
    trials = [[first, *others], others, others[1:]]
    session, why = onnx_backend._opened(Sessions(), artifact, b"", None, trials)
    assert session == "a session" and tried == [list(ALL), list(ALL[1:])]
    assert why.startswith("; TensorrtExecutionProvider does not begin: EP_FAIL")
    assert not place.exists()


def test_integers_are_not_for_tensorrt(artifact: Artifact, gpu: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    first, _ = asked(replace(artifact, precision="int8"), *ALL)
    assert first[0] == "CUDAExecutionProvider"


def test_where_nothing_can_be_kept(
    artifact: Artifact, gpu: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "library_is_here", lambda: True)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    first, *_ = asked(artifact, *ALL)
    assert first[1] == {"trt_fp16_enable": True}


def test_what_a_gpu_cannot_begin_the_cpu_does(
    bundle: Bundle, artifact: Artifact, monkeypatch: Any
) -> None:
    """Unless the GPU was asked for."""
    trials = [("NoSuchProvider", {}), "CPUExecutionProvider"]
    monkeypatch.setattr(onnx_backend, "_fastest", lambda *_: trials)
    whole = bundle.artifact("onnx-fp16")
    session = backend.load("onnx", whole, bundle.files(whole))
    assert "CPUExecutionProvider" in session.runs_on
    assert "; NoSuchProvider does not begin: " in session.runs_on
    with pytest.raises(BackendError, match="ONNX Runtime refuses it"):
        options = backend.Options(providers=("NoSuchProvider",))
        backend.load("onnx", whole, bundle.files(whole), options)


def test_without_tensorrt_s_library_it_is_not_asked(
    artifact: Artifact, gpu: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(engines, "library_is_here", lambda: False)
    assert [p if isinstance(p, str) else p[0] for p in asked(artifact, *ALL)] == [*ALL[1:]]


def test_without_a_gpu_the_cpu(artifact: Artifact) -> None:
    stand_ins.library("libcuda.so.1")
    cuda.name_of_gpu.cache_clear()
    assert asked(artifact, *ALL) == ["CPUExecutionProvider"]
    with pytest.raises(MissingExtra):
        cuda.name_of_gpu()


def test_a_package_for_cpus(artifact: Artifact, gpu: Any) -> None:
    assert asked(artifact, "CPUExecutionProvider") == ["CPUExecutionProvider"]
