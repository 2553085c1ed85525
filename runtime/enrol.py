"""`enrol`: a bundle learns a word from recordings, where it is."""

from __future__ import annotations

from pathlib import Path

from edgenets import bundle as bundles
from edgenets.bundle import Bundle
from edgenets.progress import Progress
from edgenets.selection import Request, select
from edgenets.tasks import task_of
from edgenets.tasks.task import Enrolment, Spoken

from .evidence import rewrite
from .load import bare


def enrol(
    bundle: Bundle,
    spoken: Spoken,
    out: Path,
    request: Request | None = None,
    progress: Progress | None = None,
) -> Enrolment:
    """Learn a word from recordings, and write a bundle that hears it as well.

    Args:
        spoken: a word that the bundle does not hear, in 3 recordings at least; or one that it does,
            which is heard from then on only where the person of the recordings says it.
        out: the bundle to write; may be the same.
        request: which artifact listens; None: the one that would run here.

    Raises:
        ModelError: a model of its task learns no words, or this one cannot.
        BackendError: nothing of what was requested can run here.
        DataError: the recordings cannot be used.
        BundleError: the bundle is damaged, or something else is in the place of `out`.
    """
    bundles.check_place(out)
    selected = select(bundle, request)
    session = bare(bundle, selected)
    task = task_of(bundle.spec.task)
    found = task.enrol(bundle, session, spoken, progress or Progress())
    evidence = {**found.evidence, "artifact": selected.artifact.id, "runs_on": session.runs_on}
    known = bundle.report().get("enrolled", [])
    enrolled = [*(one for one in known if one.get("word") != spoken.word), evidence]
    first, *others = found.said
    said = ("Enrolled", (f"{spoken.word}: {first}", *others, f"by {selected.artifact.id}"))
    rewrite(bundle, out, found.spec, {"enrolled": enrolled}, said, found.members)
    return found
