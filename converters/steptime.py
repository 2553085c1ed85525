"""What a step of an artifact, or a call of a whole-sequence model, takes on this machine."""

from __future__ import annotations

import statistics
import time

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import TensorInfo

from .formats import Written

# Steps that a step's time is the median of; the first eighth warms up. Of long ones few are taken.
_STEPS, _FEWEST_STEPS = 400, 16
_LONGEST = 0.2  # s, of all of them

# Every vocabulary has so many tokens.
_FEWEST = 2


def step_us(item: Written) -> float:
    """Microseconds of a step, the median.

    Raises:
        BackendError: the artifact cannot be run.
    """
    artifact = item.artifact
    session = backend.load(backend.backend_of(artifact), artifact, item.files)
    rng = np.random.default_rng(0)

    def noise(info: TensorInfo) -> Array:
        if info.dtype in ("int32", "int64") and info.quantization is None:
            return rng.integers(0, _FEWEST, info.shape).astype(info.dtype)
        return rng.standard_normal(info.shape).astype(np.float32)

    inputs = {info.name: noise(info) for info in artifact.inputs}
    times: list[int] = []
    begun = time.perf_counter()
    while len(times) < _STEPS:
        start = time.perf_counter_ns()
        session.run(inputs)
        times.append(time.perf_counter_ns() - start)
        if len(times) >= _FEWEST_STEPS and time.perf_counter() - begun > _LONGEST:
            break
    return statistics.median(times[len(times) // 8 :]) / 1e3
