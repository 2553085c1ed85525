"""What a training step takes, by length and batch, on one core and on all: in a process of its own.

A process of its own may be held to one core before TensorFlow counts them, sees no accelerator, and
its peak memory is that of one network. It is `python -m edgenets.converters.compare.speed RUN
CORES`, which prints JSON.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets import child, records
from edgenets.errors import ModelError
from edgenets.extras import require
from edgenets.runs import load_keras

if TYPE_CHECKING:
    from keras import Model

LENGTHS = (64, 256, 512)  # steps of the network
BATCH, LARGE_BATCH = 16, 64
_PATIENCE = 600.0  # s

# A call is repeated so often at least and at most, until it took so long together.
_FEWEST, _MOST, _ENOUGH = 5, 40, 1.0  # calls, calls, s

# Two batches of other shapes: after them Keras's step knows any shape, and is not traced again.
_TINY = ((2, 3), (3, 5))  # sequences, steps


@dataclass(frozen=True)
class Timing:
    """One network, on so many cores."""

    cores: int
    training_ms: dict[str, float]  # of a step on a batch of BATCH sequences, by their length
    inference_ms: dict[str, float]  # the same, of inference
    large_training_ms: float  # of LARGE_BATCH sequences of the middle length
    large_inference_ms: float  # the same, of inference
    training_mb: (
        float  # memory of a training step on LARGE_BATCH of the longest, beside the network's
    )


def timing(model: Path, frames: int, cores: int) -> Timing:
    """Measure a network's training steps.

    Args:
        model: a `.keras` file.
        frames: that one step takes.
        cores: 1, or all.

    Raises:
        ModelError: the process ends badly.
    """
    alone = {"CUDA_VISIBLE_DEVICES": "-1"}
    found = child.ask(
        __name__, (model, frames, cores), _PATIENCE, f"{model}: measuring", ModelError, alone
    )
    return records.parse(Timing, found)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def measure(path: Path, frames: int, count: int) -> Timing:
    """Measure in this process, which must not have imported TensorFlow yet."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    require("tensorflow")
    model: Model = load_keras(path)
    model.compile("adam", "mean_squared_error")
    for items, length in _TINY:
        came, wanted = _batch(model, items, length * frames)
        model.train_on_batch(came, wanted)
    # Memory first: what earlier steps gave back, the process keeps, and a later one takes no more.
    came, wanted = _batch(model, LARGE_BATCH, LENGTHS[-1] * frames)
    taken = memory_of(partial(model.train_on_batch, came, wanted))
    training, inference = {}, {}
    for length in LENGTHS:
        training[str(length)], inference[str(length)] = _times(model, BATCH, length * frames)
    large = _times(model, LARGE_BATCH, LENGTHS[1] * frames)
    return Timing(count, training, inference, *large, round(taken, 1))


def memory_of(call: Callable[[], object]) -> float:
    """Memory that a call takes at most beyond what the process has before it, MB."""
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Linux then begins its peak anew
    call()
    return _status("VmHWM") - before


def _times(model: Model, count: int, time: int) -> tuple[float, float]:
    """Milliseconds of a training step and of inference."""
    came, wanted = _batch(model, count, time)
    return (
        _median(partial(model.train_on_batch, came, wanted)),
        _median(partial(model.predict_on_batch, came)),
    )


def _batch(model: Model, count: int, time: int) -> tuple[Any, Any]:
    """Random inputs, of the shapes that the network takes and gives."""
    rng = np.random.default_rng(0)
    shape = (count, time, *model.input_shape[2:])
    if model.inputs[0].dtype == "int32":
        table = next(layer for layer in model.layers if type(layer).__name__ == "Embedding")
        came: Any = rng.integers(0, table.input_dim, shape).astype(np.int32)
    else:
        came = rng.standard_normal(shape).astype(np.float32)
    given = tuple(time if n is None else n for n in model.compute_output_shape(shape)[1:])
    return came, np.zeros((count, *given), np.float32)


def _median(call: Callable[[], object]) -> float:
    """Milliseconds of a call, once it was traced."""
    call()
    times: list[float] = []
    while len(times) < _FEWEST or (sum(times) < _ENOUGH and len(times) < _MOST):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(1e3 * statistics.median(times), 3)


def _status(name: str) -> float:
    """A figure of this process, MB, as Linux has it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) / 1024


def _asked() -> Any:
    path, frames, count = sys.argv[1:]
    return records.to_plain(measure(Path(path), int(frames), int(count)))


if __name__ == "__main__":
    child.answer(_asked)
