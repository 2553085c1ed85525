"""ONNX artifacts on an NVIDIA GPU: ONNX Runtime on the CPU and by CUDA, and TensorRT's engines.

    python -m tests.benchmarks.gpu [BUNDLE]...

Needs a GPU, `onnxruntime-gpu` and, for the last, `tensorrt` or `tensorrt-rtx`; what is not there is
said and left out. Every artifact is held against its golden output; times are of one inference with
its copies to the GPU and back, the median of 500 after 50.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from edgenets import backend, zoo
from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.errors import EdgenetsError
from edgenets.runtime.selftest import TOLERANCE
from edgenets.tasks import task_of

_CPU = backend.Options(providers=("CPUExecutionProvider",))
_RUNNERS = {
    "CPU": ("onnx", _CPU),
    "ONNX Runtime": ("onnx", backend.Options()),
    "TensorRT": ("tensorrt", backend.Options()),
}


def main(names: list[str]) -> None:
    for name in names or ["kws-gru", "kws-dscnn", "char-lm", "image-classify", "object-detect"]:
        bundle = zoo.load(name)
        for artifact in bundle.artifacts:
            if artifact.format == "onnx" and not artifact.part:
                for runner in _RUNNERS:
                    found = row(bundle, artifact, runner)
                    print(f"{name:<15} {artifact.id:<11} {runner:<13} {found}", flush=True)


def row(bundle: Bundle, artifact: Artifact, runner: str) -> str:
    """Equality and time, or why there is neither."""
    name, options = _RUNNERS[runner]
    if not backend.runs(name, artifact):
        return "–  takes no such artifact"
    if (why := backend.why_not(name)) is not None:
        return f"–  {why}"
    try:
        session = backend.load(name, artifact, bundle.files(artifact), options)
        difference = np.abs(
            task_of(bundle.spec.task).replay(bundle)(session) - bundle.golden_output(artifact)
        ).max()
        session.reset()
        p50 = median_us(session)
    except EdgenetsError as exc:
        return f"FAILS  {exc}"
    word = "equal" if difference <= TOLERANCE[artifact.precision] else "DIFFERENT"
    return f"{word:<9} {difference:8.2g}  p50 {p50:8.1f} µs  {session.runs_on}"


def median_us(session: backend.Session) -> float:
    """Microseconds of one inference."""
    rng = np.random.default_rng(0)
    inputs = {
        i.name: (
            rng.integers(0, 10, i.shape).astype(np.int32)
            if i.dtype == "int32" else rng.standard_normal(i.shape).astype(np.float32)
        )
        for i in session.artifact.inputs
    }  # fmt: skip
    times = []
    for _ in range(550):
        begun = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - begun)
    return 1e6 * float(np.median(times[50:]))


if __name__ == "__main__":
    main(sys.argv[1:])
