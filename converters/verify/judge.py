"""The one judge: whether an artifact equals its model.

Artifacts of streams, images, translation and users' own models are all judged here. A reference
knows the model's answers and runs an artifact on the same samples, on the backend that a device
would use; the task brings its metric and its decisions, the recipe its gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Protocol

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import Precision
from edgenets.errors import EdgenetsError
from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.tasks.task import Measured

from ..formats import Written
from .comparison import Differences, Pair, compare
from .confidence import highest, is_few, least_drop
from .outputs import Numbers, Output, worst_channel
from .siblings import beside_siblings, errors_of
from .verdicts import DECIDED, Check, Compiled, Report, Verdict, number

# Mean |difference| over the standard deviation of an output. Models that are only rounded stay far
# below this, steps of recurrent ones at a fifth of it; a scale that is wrong goes beyond it, even
# where the items are so easy that no decision changes.
_RELATIVE_ERROR = 0.25

# The part of a channel's variance that an artifact has to explain: one of many may be gone where
# the whole still agrees, and one that is only rounded stays far above this.
_CHANNEL = 0.5

# In place of an output that is not there.
_NOTHING: Array = np.empty(0)


@dataclass(frozen=True)
class Outputs:
    """What an artifact gives, beside what its model gives for the same samples."""

    runs_on: str
    # One an output, (samples, …); of streaming models one a sample, (steps, numbers).
    found: Sequence[Array]
    wanted: Sequence[Array]  # the model's
    # The task's metric, and the share of decisions that equal the model's; asked where the shapes
    # are the model's.
    score: Callable[[], tuple[float, float]]
    stream: Pair | None = None  # streaming models alone: of one long stream, (steps, numbers)
    outputs: Sequence[Output] = ()  # what each is; none: the task knows
    # What the task measures beside that; asked where the shapes are the model's, too.
    apart: Callable[[], Sequence[Measured]] = tuple


@dataclass(frozen=True)
class _Judged:
    """A verdict, and how far each channel is from the model's; None: the task knows it."""

    verdict: Verdict
    errors: Numbers | None = None


class Reference(Protocol):
    """A model's answers, against which its artifacts are held."""

    header: Report  # without verdicts
    gate: GateRecipe

    def run(self, items: Sequence[Written]) -> Sequence[Outputs]:
        """What artifacts give that are one model together: mostly one, or one of each part.

        Raises:
            EdgenetsError: they cannot be run.
        """
        ...


class Judge:
    """Holds artifacts against a reference."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def verify(
        self,
        written: Sequence[Written],
        missing: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Report:
        """Judge artifacts.

        Args:
            missing: precisions that a format lacks, and why.

        Returns:
            a report; an artifact that cannot be run has a verdict that says why.
        """
        absent = {w.artifact.id: why for w in written if (why := _no_accelerator(w))}
        groups = _together([w for w in written if w.artifact.id not in absent])
        judged: list[_Judged] = []
        with (progress or Progress()).task("verifying") as task:
            for done, items in enumerate(groups, 1):
                judged += self._judged(items)
                task.update(done, len(groups), judged[-1].verdict.id)
        errors = {j.verdict.id: j.errors for j in judged if j.errors is not None}
        verdicts = beside_siblings([j.verdict for j in judged], errors)
        compiled = [_compiled(w, absent[w.artifact.id]) for w in written if w.artifact.id in absent]
        return replace(
            self._reference.header,
            verdicts=tuple(verdicts),
            missing=tuple(missing),
            compiled=tuple(compiled),
        )

    def verdict(self, item: Written) -> Verdict:
        """What the gate says of one artifact that is a model by itself, beside no others."""
        return self._judged([item])[0].verdict

    def _judged(self, items: Sequence[Written]) -> list[_Judged]:
        try:
            outputs = self._reference.run(items)
        except EdgenetsError as exc:
            return [_Judged(_blank(item, str(exc))) for item in items]
        return [self._held(item, found) for item, found in zip(items, outputs, strict=True)]

    def _held(self, item: Written, given: Outputs) -> _Judged:
        pairs: Sequence[Pair] = list(zip_longest(given.found, given.wanted, fillvalue=_NOTHING))
        for found, wanted in (*pairs, *([given.stream] if given.stream else [])):
            if found.shape != wanted.shape:
                why = f"gives {found.shape} where its model gives {wanted.shape}"
                return _Judged(_blank(item, why))
        return _Judged(
            self._compared(item, given, pairs),
            errors_of(given.outputs, given.found, given.wanted) if given.outputs else None,
        )

    def _compared(self, item: Written, given: Outputs, pairs: Sequence[Pair]) -> Verdict:
        pairs, fit = _by_ranges(given.outputs, pairs)
        if given.stream is not None:
            pairs = [(np.concatenate(given.found), np.concatenate(given.wanted))]
        differences, (figure, agreement) = compare(pairs, given.stream), given.score()
        if not np.isfinite(figure):
            return _blank(item, "its answers are no numbers, or so large that they make no figure")
        header, drift = self._reference.header, differences.drift
        loss = metric_of(header.metric).loss(header.reference, figure)
        checks = self._checks(item.artifact.precision, differences, agreement, loss)
        if fit is not None:
            checks = (*checks, _at_least("worst_channel", fit, _CHANNEL))
        checks = (*checks, *(_at_most(m.name, m.found, m.most) for m in given.apart()))
        return replace(
            _blank(item),
            runs_on=given.runs_on,
            metric=figure,
            agreement=agreement,
            max_error=number(differences.max_error),
            mean_error=number(differences.mean_error),
            checks=checks,
            stream_steps=drift.steps if drift else 0,
            stream_error=number(drift.error) if drift else None,
            drift=number(drift.growth) if drift else None,
        )

    def _checks(
        self, precision: Precision, differences: Differences, agreement: float, loss: float
    ) -> tuple[Check, ...]:
        """The conditions of the gate for a precision, held against what was found.

        Args:
            loss: of the task's metric; see `Metric.loss`.
        """
        gate, drift = self._reference.gate, differences.drift
        header = self._reference.header
        metric = metric_of(header.metric)
        items = header.items if metric.name in DECIDED else 0
        # Where numbers are exact, so must they be after a long time; else errors must not grow.
        exact = {"fp32": gate.float_error, "fp16": gate.half_error}.get(precision)
        held = [
            *([_drop(loss, gate.limit(metric), 1 - agreement, items)] if header.truth else ()),
            # In the mean, too: where numbers are small, zero is near them.
            _at_most("relative_error", differences.relative_error, _RELATIVE_ERROR),
        ]
        if exact is not None:
            held.append(_at_most("max_error", differences.scaled_error, exact))
        if drift is not None and exact is not None:
            held.append(_at_most("stream_error", drift.scaled_error, exact))
        elif drift is not None:
            held.append(_at_most("drift", drift.growth, gate.drift_growth))
        held.append(_at_least("finite", float(differences.finite), 1.0))
        return (*held, _agreement(agreement, gate.agreement, items))


def _by_ranges(
    outputs: Sequence[Output], pairs: Sequence[Pair]
) -> tuple[Sequence[Pair], float | None]:
    """Each range of numbers by itself, and how well the channel is explained that is worst; as they
    are, where the task knows what they are."""
    if not outputs:
        return pairs, None
    known = list(zip(outputs, pairs, strict=True))
    parts = [
        part
        for output, (found, wanted) in known
        for part in zip(output.parts(found), output.parts(wanted), strict=True)
    ]
    return parts, min(worst_channel(output, *both) for output, both in known)


# A comparison with NaN is false, so what is not a number passes nothing.
def _at_most(name: str, found: float, limit: float) -> Check:
    return Check(name, number(found), limit, bool(found <= limit))


def _at_least(name: str, found: float, limit: float) -> Check:
    return Check(name, number(found), limit, bool(found >= limit))


def _drop(loss: float, limit: float, changed: float, items: int) -> Check:
    """What is lost of a metric; of few decisions, what is likely to be lost of all."""
    check = _at_most("metric_drop", loss, limit)
    if check.passed or not is_few(items, limit):
        return check
    likely = least_drop(loss, changed, items)
    return replace(check, passed=likely <= limit, likely=likely)


def _agreement(share: float, limit: float, items: int) -> Check:
    """The share of decisions that equal the model's; of few, what it is likely to be of all."""
    check = _at_least("agreement", share, limit)
    if check.passed or not is_few(items, 1 - limit):
        return check
    likely = highest(share, items)
    return replace(check, passed=likely >= limit, likely=likely)


def _blank(item: Written, why: str = "") -> Verdict:
    """A verdict without figures: of an artifact that cannot be run, and why, or before it was."""
    artifact = item.artifact
    return Verdict(
        artifact.id, artifact.format, artifact.precision, item.size, "", 0.0, 0.0, None, None, (),
        why, artifact.note,
    )  # fmt: skip


def _together(written: Sequence[Written]) -> list[list[Written]]:
    """Artifacts by the model that they are: the networks of one that has several, or one alone."""
    groups: dict[str | int, list[Written]] = {}
    for place, item in enumerate(written):
        groups.setdefault(item.artifact.form if item.artifact.part else place, []).append(item)
    return list(groups.values())


def _no_accelerator(item: Written) -> str:
    """Why what was compiled cannot be run here; nothing where it can, or was not compiled."""
    if not item.artifact.compiled_from:
        return ""
    return backend.why_not(backend.backend_of(item.artifact)) or ""


def _compiled(item: Written, why: str) -> Compiled:
    shares = item.said.shares if item.said else ()
    rows = tuple((s.operator, str(s.count), s.status) for s in shares)
    return Compiled(item.artifact.id, str(item.said or ""), why, rows)
