"""`pack`: what passed the gate becomes one `.edge` bundle."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgenets import __version__, backend, records
from edgenets.bundle import CARD, REPORT, Bundle, golden_name, write
from edgenets.errors import GateFailed, ModelError
from edgenets.spec import ModelSpec
from edgenets.tasks import task_of

from .formats import Written
from .verify.verdicts import Report


@dataclass(frozen=True)
class Contents:
    """What a bundle is made of."""

    spec: ModelSpec
    written: Sequence[Written]
    report: Report  # the verification of just these artifacts
    card: str  # the model card, Markdown
    licence: str  # of the model
    # Files that the model needs, or a training that goes on from it, by name.
    assets: Mapping[str, bytes] = field(default_factory=dict)


def pack(path: Path, contents: Contents, only: Collection[str] | None = None) -> Bundle:
    """Write a bundle of the artifacts that passed, and open it.

    Args:
        path: the `.edge` file.
        only: ids of the artifacts to take, or forms of a model of several networks, such as
            `tflite-int8`; None takes all that passed.

    Raises:
        GateFailed: none passed, or one that was asked for did not.
        ModelError: one that was asked for does not exist.
    """
    spec, chosen = contents.spec, _chosen(contents.written, contents.report, only)
    task = task_of(spec.task)
    others = {
        REPORT: json.dumps(records.to_plain(contents.report), indent=1, allow_nan=False).encode(),
        CARD: contents.card.encode(),
        **task.golden(spec),
        **contents.assets,
    }
    for item in chosen:
        name = backend.backend_of(item.artifact)
        session = backend.load(name, item.artifact, item.files)
        output = task.golden_output(spec, session)
        if not np.isfinite(output).all():
            raise GateFailed(f"{item.artifact.id} answers the golden data with no numbers")
        others[golden_name(item.artifact)] = output.astype("<f4").tobytes()
    write(
        path,
        spec,
        {w.artifact: w.files for w in chosen},
        others,
        contents.licence,
        f"edgenets {__version__}",
    )
    bundle = Bundle(path)
    bundle.check()
    return bundle


def _chosen(
    written: Sequence[Written], report: Report, only: Collection[str] | None
) -> list[Written]:
    """What passed, and of it what is to be taken; see `pack`."""
    known = {w.artifact.id: w for w in written}
    passed = _passed(known, report)
    wanted = known.keys() if only is None else _requested(known, only)
    if only is not None and (failed := sorted(wanted - passed)):
        raise GateFailed(f"{', '.join(failed)} did not pass the gate and cannot enter a bundle")
    chosen = [item for id, item in known.items() if id in passed and id in wanted]
    if not chosen:
        raise GateFailed("no artifact passed the gate: there is nothing to put into a bundle")
    return chosen


def _passed(known: Mapping[str, Written], report: Report) -> Set[str]:
    """The ids of the artifacts that passed; a network without its other half is no model."""
    passed = known.keys() & {v.id for v in report.verdicts if v.passed}
    halves = {w.artifact.form for id, w in known.items() if w.artifact.part and id not in passed}
    return {id for id in passed if known[id].artifact.form not in halves}


def _requested(known: Mapping[str, Written], only: Collection[str]) -> Set[str]:
    """The ids of the artifacts that are named, by their own ids or by that of their form."""
    forms = {item.artifact.form for item in known.values()}
    if absent := sorted(set(only) - known.keys() - forms):
        raise ModelError(f"no such artifacts: {', '.join(absent)}; there are {', '.join(known)}")
    return {id for id, item in known.items() if {id, item.artifact.form} & set(only)}
