"""What a training step takes, by length and batch, on one core and on all: in a process of its own.

A process of its own may be held to one core before TensorFlow counts them, and its peak memory is
that of one net. It is `python -m edgenets.converters.compare.speed RUN CORES`, which prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgenets import records
from edgenets.errors import ModelError
from edgenets.extras import require
from edgenets.runs import load_keras

LENGTHS = (64, 256, 512)  # steps of the net
BATCH, LARGE_BATCH = 16, 64
_TIMES = 3  # of which the median counts
_PATIENCE = 600.0  # s


@dataclass(frozen=True)
class Timing:
    """One net, on so many cores."""

    cores: int
    training_ms: dict[str, float]  # of a step on a batch of BATCH sequences, by their length
    inference_ms: dict[str, float]  # the same, of inference
    large_batch_ms: float  # of training on LARGE_BATCH of the middle length
    training_mb: float  # memory of a training step on LARGE_BATCH of the longest, beside the net's


def timing(model: Path, frames: int, cores: int) -> Timing:
    """Measure a net's training steps.

    Args:
        model: a `.keras` file.
        frames: that one step takes.
        cores: 1, or all.

    Raises:
        ModelError: the process ends badly.
    """
    command = [sys.executable, "-m", __name__, str(model), str(frames), str(cores)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as exc:
        raise ModelError(f"{model}: still not measured after {exc.timeout:.0f} s") from exc
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(f"{model}: could not be measured: {why}")
    return records.parse(Timing, json.loads(done.stdout.splitlines()[-1]))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def measure(path: Path, frames: int, count: int) -> Timing:
    """Measure in this process, which must not have imported TensorFlow yet."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    require("tensorflow")
    model: Any = load_keras(path)
    model.compile("adam", "mean_squared_error")
    training, inference = {}, {}
    for length in LENGTHS:
        came, wanted = _batch(model, BATCH, length * frames)
        training[str(length)] = _median(partial(model.train_on_batch, came, wanted))
        inference[str(length)] = _median(partial(model.predict_on_batch, came))
    came, wanted = _batch(model, LARGE_BATCH, LENGTHS[1] * frames)
    large = _median(partial(model.train_on_batch, came, wanted))
    came, wanted = _batch(model, LARGE_BATCH, LENGTHS[-1] * frames)
    taken = _memory_of(partial(model.train_on_batch, came, wanted))
    return Timing(count, training, inference, large, round(taken, 1))


def _batch(model: Any, count: int, time: int) -> tuple[Any, Any]:
    """Numbers of no meaning, of the shapes that the net takes and gives."""
    rng = np.random.default_rng(0)
    shape = (count, time, *model.input_shape[2:])
    if model.inputs[0].dtype == "int32":
        table = next(layer for layer in model.layers if type(layer).__name__ == "Embedding")
        came: Any = rng.integers(0, table.input_dim, shape).astype(np.int32)
    else:
        came = rng.standard_normal(shape).astype(np.float32)
    return came, np.zeros(model.predict_on_batch(came).shape, np.float32)


def _median(call: Callable[[], object]) -> float:
    """Milliseconds of a call, once it was traced."""
    call()
    times = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(1e3 * statistics.median(times), 3)


def _memory_of(call: Callable[[], object]) -> float:
    """Memory that a call takes at most beyond what the process has before it, MB."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Linux then begins its peak anew
    call()
    return _status("VmHWM") - before


def _status(name: str) -> float:
    """A figure of this process, MB, as Linux has it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) / 1024


def _child() -> None:
    path, frames, count = sys.argv[1:]
    out = os.dup(1)
    os.dup2(2, 1)  # TensorFlow may talk
    found = measure(Path(path), int(frames), int(count))
    with os.fdopen(out, "w") as handle:
        handle.write(json.dumps(records.to_plain(found)) + "\n")


if __name__ == "__main__":
    _child()
