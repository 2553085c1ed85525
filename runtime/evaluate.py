"""`evaluate`: the task's metric, through the very pipeline that a device runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.selection import Request, Selection, select
from edgenets.tasks import task_of
from edgenets.tasks.evaluation import Evaluation
from edgenets.tasks.task import Streams

from .load import load

if TYPE_CHECKING:
    from edgenets.tasks.series.tableformat import TableFormat


@dataclass(frozen=True)
class Evaluated:
    """What was measured, and on what it ran."""

    result: Evaluation
    selected: Selection
    runs_on: str  # package, version and device that really computed


def evaluate(
    bundle: Bundle,
    data: Path,
    request: Request | None = None,
    split: Split | None = None,
    progress: Progress | None = None,
    *,
    table: TableFormat | None = None,
) -> Evaluated:
    """Measure a bundle on labeled data.

    Args:
        data: in a layout of the task.
        request: which artifact; None: the one that would run here.
        split: take this part of it alone; None: all, that which the model was trained on too.
        table: how a table is to be read; None: as the model's recipe said, and as is found.

    Raises:
        ModelError: the model is measured on no table.
        BackendError: nothing of what was requested can run here.
        DataError: the data cannot be used, or nothing of it is in the split.
    """
    if table is not None:
        bundle = bundle.with_spec(bundle.spec.with_table(table))
    selected = select(bundle, request)
    session = load(bundle, selected)
    task = task_of(bundle.spec.task)
    found = task.evaluate(bundle, session, data, split, progress or Progress())
    return Evaluated(found, selected, session.runs_on)


def listen(
    bundle: Bundle,
    streams: Streams,
    request: Request | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Measure a bundle by what it hears in streams: false accepts an hour, and recall.

    Args:
        request: which artifact; None: the one that would run here.

    Raises:
        ModelError: a model of its task accepts nothing.
        BackendError: nothing of what was requested can run here.
        DataError: there is nothing to listen to, or a recording cannot be read.
    """
    selected = select(bundle, request)
    session = load(bundle, selected)
    found = task_of(bundle.spec.task).listened(
        bundle.spec, session, streams, progress or Progress()
    )
    return Evaluated(found, selected, session.runs_on)
