"""Tasks: a folder a job, with all that it needs from its spec to its metric.

`TASKS` names them. To add one: a folder here, and a line in the table.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from edgenets.errors import ModelError, RecordError

if TYPE_CHECKING:
    from edgenets.spec import ModelSpec
    from edgenets.tasks.task import LineTask, SequenceTask, SoundTask, Task

# Task → what it is; imported when it is used.
TASKS = {
    "keywords": "edgenets.tasks.keywords.task:Keywords",
    "speech": "edgenets.tasks.speech.task:Speech",
    "language": "edgenets.tasks.language.task:Language",
    "text": "edgenets.tasks.text.task:Text",
    "translation": "edgenets.tasks.translation.task:Translation",
    "forecast": "edgenets.tasks.series.forecast_task:Forecast",
    "anomaly": "edgenets.tasks.series.anomaly_task:Anomaly",
    "classify": "edgenets.tasks.vision.task:Classify",
    "detect": "edgenets.tasks.vision.task:Detect",
    "segment": "edgenets.tasks.vision.task:Segment",
    "embed": "edgenets.tasks.embed.task:Embed",
    "sounds": "edgenets.tasks.sounds.task:Sounds",
}


@cache
def task_of(name: str) -> Task:
    """A task by its name.

    Raises:
        KeyError: there is none of that name.
    """
    module, _, attribute = TASKS[name].partition(":")
    made: Task = getattr(importlib.import_module(module), attribute)()
    return made


def usual_source(spec: ModelSpec) -> str:
    """Where a model's input comes from, if nothing is said."""
    from edgenets.tasks.task import SOURCES

    return SOURCES[task_of(spec.task).medium]


def sequence_task(name: str) -> SequenceTask:
    """A task of models that are run step by step.

    Raises:
        ModelError: it is another's.
    """
    return cast("SequenceTask", _having(name, "decisions", "are run step by step"))


def sound_task(name: str) -> SoundTask:
    """A task of models that listen.

    Raises:
        ModelError: it is another's.
    """
    return cast("SoundTask", _having(name, "stepper", "listen"))


def line_task(name: str) -> LineTask:
    """A task of models that take lines.

    Raises:
        ModelError: it is another's.
    """
    return cast("LineTask", _having(name, "lines", "take lines"))


def _having(name: str, method: str, what: str) -> Task:
    """A task whose protocol has a method; `what` its models do, for the message."""
    found = task_of(name)
    if not hasattr(found, method):
        raise ModelError(f"{name}: is no task of models that {what}")
    return found


def named(data: Mapping[str, Any], where: str, default: str | None = None) -> Task:
    """The task that plain data names.

    Args:
        data: of a spec or a recipe.
        where: its path inside its file, for messages.
        default: where it names none.

    Raises:
        RecordError: there is no such task.
    """
    from edgenets.records import describe

    name = data.get("task", default)
    if not isinstance(name, str) or name not in TASKS:
        place = f"{where}.task" if where else "task"
        raise RecordError(f"{place}: {describe(name)} is not one of {', '.join(TASKS)}")
    return task_of(name)
