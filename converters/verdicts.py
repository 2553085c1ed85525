"""What verification finds: one verdict an artifact, one report a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.progress import Progress

from .formats import Written

# An output whose values differ by less than this part of them hardly changes; one that is smaller
# than this is nothing.
_HARDLY, _NOTHING = 1e-3, 1e-6


@dataclass(frozen=True)
class Check:
    """One condition of the gate."""

    name: str
    value: float | None  # None: no number
    limit: float
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """What verification found of one artifact."""

    id: str
    format: str
    precision: str
    size: int  # bytes
    runs_on: str
    metric: float  # of the task, 0…1; streaming, where the model is a step model
    agreement: float  # decisions equal to the Keras model's, 0…1
    # Largest |output difference| over all items, and its mean; None: no number came.
    max_error: float | None
    mean_error: float | None
    checks: tuple[Check, ...]
    error: str = ""  # why it could not be run at all
    note: str = ""
    # Of step models alone: a stream long enough for drift to show.
    stream_steps: int = 0
    stream_error: float | None = None  # largest |output difference| in the stream
    drift: float | None = None  # RMS error late in the stream over RMS error early in it

    @property
    def passed(self) -> bool:
        """Whether it may enter a bundle."""
        return not self.error and all(c.passed for c in self.checks)


@dataclass(frozen=True)
class Compiled:
    """An artifact that a compiler made, and that no accelerator here can run."""

    id: str
    said: str  # by its compiler, in short
    why: str  # it was not run
    operators: tuple[tuple[str, str, str], ...] = ()  # kind, how many, what became of them


@dataclass(frozen=True)
class Report:
    """The verification of one model."""

    model: str
    labels: tuple[str, ...]
    metric: str  # what the task is measured by
    reference: float  # the Keras model's, of the same items
    items: int
    kind: str  # of the items: clips, images
    verdicts: tuple[Verdict, ...]
    missing: tuple[str, ...] = ()  # precisions that a format lacks, and why
    compiled: tuple[Compiled, ...] = ()  # what was compiled from artifacts, and not run

    @property
    def passed(self) -> bool:
        """Whether every artifact passed, and there was one."""
        return bool(self.verdicts) and all(v.passed for v in self.verdicts)


def broken(item: Written, why: str) -> Verdict:
    """The verdict of an artifact that cannot be run."""
    artifact = item.artifact
    return Verdict(
        artifact.id, artifact.format, artifact.precision, item.size, "", 0.0, 0.0, None, None, (),
        why, artifact.note,
    )  # fmt: skip


def verdicts_of(
    written: Sequence[Written], judge: Callable[[Written], Verdict], progress: Progress | None
) -> tuple[Verdict, ...]:
    """Every artifact judged, one after another."""
    found = []
    with (progress or Progress()).task("verifying") as task:
        for done, item in enumerate(written, 1):
            found.append(judge(item))
            task.update(done, len(written), found[-1].id)
    return tuple(found)


def spread_of(values: NDArray[Any]) -> float:
    """The standard deviation of what a model gives, by which errors are measured; of what hardly
    changes, a little of its size."""
    real = np.asarray(values, np.float64)
    size = float(np.sqrt(np.mean(np.square(real))))
    return max(float(np.std(real)), _HARDLY * size, _NOTHING)


def checks(
    found: Mapping[str, float], at_most: Mapping[str, float], at_least: Mapping[str, float]
) -> tuple[Check, ...]:
    """The conditions of the gate, held against what was found."""
    # A comparison with NaN is false, so what is no number passes nothing.
    held = [Check(n, number(found[n]), x, bool(found[n] <= x)) for n, x in at_most.items()]
    held += [Check(n, number(found[n]), x, bool(found[n] >= x)) for n, x in at_least.items()]
    return tuple(held)


def number(value: float) -> float | None:
    """A value as JSON can hold it: None where it is no number."""
    return value if np.isfinite(value) else None
