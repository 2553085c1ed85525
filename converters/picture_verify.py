"""Verification of nets of pictures: tensors, decisions, and the task's own metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artefact import Artefact
from edgenets.errors import EdgenetsError
from edgenets.progress import Progress
from edgenets.training.pictures import Shown, answers, judge
from edgenets.vision.metrics import Metric
from edgenets.vision.recipe import ImageGateRecipe
from edgenets.vision.spec import ImageSpec

from .formats import Written
from .verdicts import Check, Report, Verdict, broken, checks, number

Outputs = Mapping[str, NDArray[np.float32]]  # (pictures, …) by name

# Mean |difference| of integers over the standard deviation of an output: nets that are only
# rounded stay far below this, a scale that is wrong goes beyond it.
_RELATIVE_ERROR = 0.25


def verify_pictures(
    model: Any, spec: ImageSpec, written: Sequence[Written], part: Shown, gate: ImageGateRecipe,
    missing: Sequence[str] = (), progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Hold artefacts against the Keras model that they were made of.

    Args:
        part: pictures that the model was not trained on.
        gate: what an artefact must hold.

    Returns:
        a report; an artefact that cannot be run has a verdict that says why.
    """
    reference = answers(model, part.inputs)
    own = judge(reference, spec, part)
    verdicts = []
    with (progress or Progress()).task("verifying") as task:
        for done, item in enumerate(written, 1):
            verdicts.append(_verdict(item, spec, part, reference, own, gate))
            task.update(done, len(written), verdicts[-1].id)
    return Report(
        spec.name, spec.labels, own.name, own.value, len(part.examples), "pictures",
        tuple(verdicts), tuple(missing),
    )  # fmt: skip


def _verdict(
    item: Written, spec: ImageSpec, part: Shown, reference: Outputs, own: Metric,
    gate: ImageGateRecipe,
) -> Verdict:  # fmt: skip
    artefact = item.artefact
    try:
        session = backend.load(backend.backend_of(artefact), artefact, item.files)
        given = _run(session, part.inputs)
    except EdgenetsError as exc:
        return broken(item, str(exc))
    shapes = {name: value.shape for name, value in given.items()}
    if shapes != {name: value.shape for name, value in reference.items()}:
        return broken(item, f"gives {shapes}; its model gives other outputs")
    errors = {name: np.abs(given[name] - reference[name]) for name in reference}
    finite = all(np.isfinite(value).all() for value in given.values())
    judged = judge(given if finite else _zeros(given), spec, part)
    found = {
        "finite": float(finite),
        "max_error": max(float(e.max()) for e in errors.values()),
        "agreement": judged.agreement(own),
        "metric_drop": own.value - judged.value,
        "relative_error": max(
            float(e.mean() / max(reference[name].std(), 1e-12)) for name, e in errors.items()
        ),
    }
    mean = float(np.mean([e.mean() for e in errors.values()]))
    return Verdict(
        artefact.id, artefact.format, artefact.precision, item.size, session.runs_on, judged.value,
        found["agreement"], number(found["max_error"]), number(mean),
        _checks(artefact, found, gate), note=artefact.note,
    )  # fmt: skip


def _checks(
    artefact: Artefact, found: Mapping[str, float], gate: ImageGateRecipe
) -> tuple[Check, ...]:
    at_most = {"metric_drop": gate.metric_drop}
    if artefact.precision in ("fp32", "fp16"):
        limit = gate.float_error if artefact.precision == "fp32" else gate.half_error
        at_most["max_error"] = limit
    else:
        at_most["relative_error"] = _RELATIVE_ERROR
    return checks(found, at_most, {"finite": 1.0, "agreement": gate.agreement})


def _run(session: backend.Session, inputs: NDArray[np.float32]) -> dict[str, Any]:
    """The outputs of all pictures, (pictures, …) by name."""
    (source,) = session.artefact.inputs
    each = [session.run({source.name: picture[None]}) for picture in inputs]
    return {name: np.concatenate([one[name] for one in each]) for name in each[0]}


def _zeros(given: Outputs) -> Outputs:
    """Outputs that can be judged, where some are no numbers."""
    return {name: np.nan_to_num(value, posinf=0, neginf=0) for name, value in given.items()}
