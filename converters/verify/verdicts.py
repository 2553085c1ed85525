"""What verification finds: one verdict an artifact, one report a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgenets.metrics import metric_of

from .confidence import lowest

# Metrics that are shares of decisions, each right or wrong.
DECIDED = ("accuracy", "agreement", "top1")

# Agreement from which on an artifact is called the model's equal.
_EQUAL = 0.9995

# Items from which on a pass says enough to need no caution.
_ENOUGH = 200


@dataclass(frozen=True)
class Check:
    """One condition of the gate."""

    name: str
    value: float | None  # None: not a number
    limit: float
    passed: bool
    # What it is of all, with a confidence of 0.95, where items are so few that it is held by that.
    likely: float | None = None

    def __str__(self) -> str:
        """What was found beside the limit, in digits that tell them apart."""
        sign = "<" if self.value is not None and self.value < self.limit else ">"
        for digits in range(2, 9):
            found = "–" if self.value is None else f"{self.value:.{digits}g}"
            limit = f"{self.limit:.{max(digits, 6)}g}"
            if self.value is None or float(found) != float(limit):
                break
        return f"{self.name} {found} {sign} {limit}"


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

    @property
    def why(self) -> str:
        """Why it did not pass, in words; nothing where it did."""
        return self.error or ", ".join(str(c) for c in self.checks if not c.passed)

    @property
    def said(self) -> str:
        """That it passed, and by what where a few items more would be needed to tell."""
        close = [c for c in self.checks if c.likely is not None]
        few = ", ".join(f"{c}, of all perhaps {c.likely:.2g}" for c in close)
        return f"passed, as far as so few items tell: {few}" if few else "passed"


@dataclass(frozen=True)
class Compiled:
    """An artifact that a compiler made, and that no accelerator here can run."""

    id: str
    said: str  # by its compiler, in short
    why: str  # it was not run
    operators: tuple[tuple[str, str, str], ...] = ()  # kind, how many, what became of them


@dataclass(frozen=True)
class JudgedOutput:
    """What an output of the model was judged as."""

    name: str
    kind: str
    why: str
    ranges: int = 1  # groups of channels that were judged each by itself


@dataclass(frozen=True)
class Report:
    """The verification of one model."""

    model: str
    labels: tuple[str, ...]
    metric: str  # what the task is measured by
    reference: float  # the Keras model's, of the same items
    items: int
    kind: str  # of the items: clips, images
    verdicts: tuple[Verdict, ...] = ()
    missing: tuple[str, ...] = ()  # precisions that a format lacks, and why
    compiled: tuple[Compiled, ...] = ()  # what was compiled from artifacts, and not run
    outputs: tuple[JudgedOutput, ...] = ()  # of a model of one's own
    truth: bool = True  # whether it is known what is right; else the model's own answers are

    @property
    def passed(self) -> bool:
        """Whether every artifact passed, and there was one."""
        return bool(self.verdicts) and all(v.passed for v in self.verdicts)

    @property
    def summary(self) -> str:
        """What can be said of all artifacts together, and no more."""
        if not self.passed:
            return "not every artifact equals the model"
        least = min(self.verdicts, key=lambda v: v.agreement)
        if least.agreement >= _EQUAL:
            return "every artifact equals the model"
        return f"every artifact passed; the least agreement is {least.agreement:.1%} ({least.id})"

    @property
    def caution(self) -> str:
        """How little so few items prove; nothing where they are enough."""
        if metric_of(self.metric).name not in DECIDED or self.items >= _ENOUGH:
            return ""
        least = lowest(1.0, self.items)
        return (
            f"{self.items} {self.kind} prove little: an artifact that decides all of them as the "
            f"model does may still decide {1 - least:.0%} of others otherwise (95 % confidence). "
            f"With {_ENOUGH} it is {1 - lowest(1.0, _ENOUGH):.0%}"
        )


def number(value: float) -> float | None:
    """A value as JSON can hold it: None where it is not a number."""
    return value if math.isfinite(value) else None
