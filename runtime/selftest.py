"""`selftest`: does this bundle answer on this machine as it did where it was made?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgenets import backend
from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.errors import EdgenetsError
from edgenets.tasks import task_of
from edgenets.tasks.task import Replay

# Largest |logit difference| from one machine to another. Float kernels differ in the order of
# their sums; integer ones may round a tie the other way, which a recurrent network carries on.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2, "dynamic": 0.5, "int8": 1.0, "int16x8": 0.5}


@dataclass(frozen=True)
class Trial:
    """The outcome of one artifact."""

    id: str
    passed: bool | None  # None: no backend for it on this machine
    difference: float | None  # largest |logit difference| from the golden output
    tolerance: float
    runs_on: str
    reason: str = ""


def selftest(bundle: Bundle) -> list[Trial]:
    """Check every member, then replay the golden data on every backend that is here.

    Raises:
        BundleError: the bundle is damaged.
        DataError: what divides text is of another model.
        MissingExtra: a package that its runs need on any backend is not installed.
    """
    bundle.check()
    answer = task_of(bundle.spec.task).replay(bundle)
    return [_try(bundle, artifact, answer) for artifact in bundle.artifacts]


def _try(bundle: Bundle, artifact: Artifact, answer: Replay) -> Trial:
    tolerance = TOLERANCE[artifact.precision]
    name = backend.backend_of(artifact)
    obstacle = backend.why_not(name)
    if obstacle is not None:
        return Trial(artifact.id, None, None, tolerance, "", obstacle)
    golden = bundle.golden_output(artifact)
    try:
        session = backend.load(name, artifact, bundle.files(artifact))
        found = answer(session)
    except EdgenetsError as exc:
        return Trial(artifact.id, False, None, tolerance, "", str(exc))
    if found.shape != golden.shape:
        reason = f"gives {list(found.shape)} values where {list(golden.shape)} are golden"
        return Trial(artifact.id, False, None, tolerance, session.runs_on, reason)
    difference = float(np.abs(found - golden).max())  # neither is empty: `found` is like golden
    passed = bool(difference <= tolerance)  # a NaN is not
    return Trial(artifact.id, passed, difference, tolerance, session.runs_on)
