"""`calibrate`: thresholds by what a bundle hears, and the bundle that has them."""

from __future__ import annotations

from pathlib import Path

from edgenets import bundle as bundles
from edgenets.bundle import Bundle
from edgenets.progress import Progress
from edgenets.selection import Request, select
from edgenets.tasks import task_of
from edgenets.tasks.task import SetByStreams, Streams

from .evidence import rewrite
from .load import load


def calibrate(
    bundle: Bundle,
    streams: Streams,
    per_hour: float,
    out: Path,
    request: Request | None = None,
    progress: Progress | None = None,
) -> SetByStreams:
    """Set thresholds by streams, and write a bundle that has them, with the evidence.

    Args:
        per_hour: false accepts that are allowed.
        out: the bundle to write; may be the same.
        request: which artifact listens; None: the one that would run here.

    Raises:
        ModelError: a model of its task accepts nothing.
        BackendError: nothing of what was requested can run here.
        DataError: there is nothing to listen to, or a recording cannot be read.
        BundleError: something else is in the place of the bundle.
    """
    bundles.check_place(out)
    selected = select(bundle, request)
    session = load(bundle, selected)
    found = task_of(bundle.spec.task).set_by_streams(
        bundle.spec, session, streams, per_hour, progress or Progress()
    )
    evidence = {**found.evidence, "artifact": selected.artifact.id, "runs_on": session.runs_on}
    said = ("Thresholds", (*found.said, f"by {selected.artifact.id}"))
    rewrite(bundle, out, found.spec, {"thresholds": evidence}, said)
    return found
