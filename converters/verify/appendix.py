"""What a report has beside the gate: times, layers, mixed precision, boards. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from edgenets.artifact import Artifact
from edgenets.choice import is_front, this_machine
from edgenets.errors import EdgenetsError, first_line
from edgenets.metrics import metric_of
from edgenets.progress import Progress

from ..check.check import Checked, Target, check
from ..formats import Written
from ..own.options import Preparation
from ..steptime import step_us
from .mixed_precision import LayerError, Repair, Subject, is_rounded
from .outputs import Kind
from .verdicts import Report


@dataclass(frozen=True)
class Wanted:
    """What a user wants of a report, and in it beside the gate."""

    targets: tuple[Target, ...] = ()  # boards
    layers: bool = False  # of every integer artifact, not of those alone that fail
    repairs: tuple[Repair, ...] = ()  # what was done before
    only_verdict: bool = False  # nothing beside it, for those in a hurry
    # What outputs of a model of one's own are, where the user states it; see `outputs_of`.
    kinds: dict[str, Kind] = field(default_factory=dict)
    # How its items are made of files, beside what was said to `convert`.
    preparation: Preparation = field(default_factory=Preparation)


@dataclass(frozen=True)
class Appendix:
    """All of it."""

    machine: str  # on which times were taken
    # Median of a step, or of a call of a whole form, on one thread, by the artifact's id.
    step_us: dict[str, float] = field(default_factory=dict)
    # How far each layer is from the model's, likewise; of what fails, or all that is rounded.
    layers: dict[str, tuple[LayerError, ...]] = field(default_factory=dict)
    repairs: tuple[Repair, ...] = ()
    boards: dict[str, tuple[Checked, ...]] = field(default_factory=dict)  # predicted, by its name

    def front(self, report: Report) -> set[str]:
        """Artifacts than which no other is better in time, size and the task's metric alike."""
        less_is_better = metric_of(report.metric).lower
        figures = {
            v.id: (self.step_us[v.id], v.size, v.metric if less_is_better else -v.metric)
            for v in report.verdicts
            if v.id in self.step_us and v.passed
        }
        return {id for id, own in figures.items() if is_front(own, figures.values())}


def appendix_of(
    written: Sequence[Written],
    report: Report,
    wanted: Wanted,
    subjects: Callable[[], Callable[[Artifact], Subject]],
    progress: Progress,
) -> Appendix:
    """Measure and look.

    Args:
        subjects: gives what tells of an artifact's layers; it is asked where they are wanted.
    """
    if wanted.only_verdict:
        return Appendix(this_machine())
    here = [
        w for w in written if any(v.id == w.artifact.id and not v.error for v in report.verdicts)
    ]
    times = {}
    with progress.task("timing") as task:
        for done, item in enumerate(here, 1):
            # What is wrong with it the gate has said.
            with _said(progress, f"{item.artifact.id} was not timed"):
                times[item.artifact.id] = round(step_us(item), 2)
            task.update(done, len(here), item.artifact.id)
    rounded = {
        v.id
        for v in report.verdicts
        if is_rounded(v.precision) and not v.error and (wanted.layers or not v.passed)
    }
    boards = {t.name: check(written, t) for t in wanted.targets}
    # Of what is in mixed precision, layers are shown as they were before; they say why it is.
    before = {r.id: r.errors for r in wanted.repairs if r.errors}
    layers = before | _layers(here, rounded - before.keys(), subjects, progress)
    return Appendix(this_machine(), times, layers, wanted.repairs, boards)


def _layers(
    written: Sequence[Written],
    ids: Collection[str],
    subjects: Callable[[], Callable[[Artifact], Subject]],
    progress: Progress,
) -> dict[str, tuple[LayerError, ...]]:
    found: dict[str, tuple[LayerError, ...]] = {}
    chosen = [w for w in written if w.artifact.id in ids]
    if not chosen:
        return found
    progress.say("looking at layers")
    with suppress(EdgenetsError):  # of two networks, or of a file without names
        subject_of = subjects()
        for item in chosen:
            with _said(progress, f"the layers of {item.artifact.id} cannot be seen"):
                subject = subject_of(item.artifact)
                found[item.artifact.id] = subject.errors() if subject.errors else ()
    return found


@contextmanager
def _said(progress: Progress, what: str) -> Iterator[None]:
    """Let nothing that decides nothing end a verification; a fault is said."""
    try:
        yield
    except EdgenetsError:  # such as of a file whose nodes have no names
        return
    except Exception as exc:  # of a library, or of ours
        progress.say(f"{what}: {type(exc).__name__}: {first_line(exc)}")
