"""Sets of data: see `edgenets.api`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenets.data.survey import Finding, Survey, findings_of
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.tasks import TASKS, task_of

# Tasks that a set is read for where nothing is said, the first that can.
_TRIED = ("detect", "segment", "classify", "keywords", "forecast", "text")


@dataclass(frozen=True)
class Checked:
    """A set of data, and what there is to say of it."""

    task: str  # that it was read for
    survey: Survey
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether a training can be begun with it."""
        return not any(finding.severe for finding in self.findings)


def check_data(
    data: Path,
    task: str | None = None,
    *,
    page: Path | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Read a set of data item by item, and say what a training would stumble over.

    Args:
        data: a folder, or the file that holds its labels.
        task: that it is for; None: the first whose layouts it has.
        page: where to write it as HTML, with a contact sheet.

    Raises:
        DataError: it is in no layout that is known.
        MissingExtra: what reads it is not installed.
    """
    progress = progress or Progress()
    if task is not None and task not in TASKS:
        raise DataError(f"--task {task}: no such task; there are {', '.join(TASKS)}")
    name, survey = _read(data, _TRIED if task is None else (task,), progress)
    found = Checked(name, survey, tuple(findings_of(survey)))
    if page is not None:
        from edgenets.converters import datapage

        datapage.write(page, data.resolve().name, name, survey, found.findings)
    return found


def _read(data: Path, names: tuple[str, ...], progress: Progress) -> tuple[str, Survey]:
    if not data.exists():
        raise DataError(f"{data}: no such folder")
    refused = []
    for name in names:
        try:
            return name, task_of(name).survey(data, progress)
        except DataError as exc:
            refused.append((name, exc))
    if len(refused) == 1:
        raise refused[0][1]
    reasons = "\n".join(f"  {name}: {str(exc).splitlines()[0][:160]}" for name, exc in refused)
    raise DataError(f"{data}: can be read for none of these tasks:\n{reasons}")
