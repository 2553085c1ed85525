"""What a step of an artefact takes on this machine."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend

from .formats import Written

# Steps that a step's time is the median of; the first eighth warms up.
_STEPS = 400

# Every vocabulary has so many tokens.
_FEWEST = 2


def step_us(item: Written) -> float:
    """Microseconds of a step, the median.

    Raises:
        BackendError: the artefact cannot be run.
    """
    artefact = item.artefact
    session = backend.load(backend.backend_of(artefact), artefact, item.files)
    (source,) = artefact.inputs
    rng = np.random.default_rng(0)
    frame: NDArray[Any] = rng.standard_normal(source.shape).astype(np.float32)
    if source.dtype == "int32":
        frame = rng.integers(0, _FEWEST, source.shape).astype(np.int32)
    times = []
    for _ in range(_STEPS):
        start = time.perf_counter_ns()
        session.run({source.name: frame})
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[_STEPS // 8 :]) / 1e3
