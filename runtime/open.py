"""From a bundle and its sources to the run of its task."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import SourceError
from edgenets.redaction import remember_uri
from edgenets.spec import ModelSpec
from edgenets.tasks import task_of, usual_source
from edgenets.tasks.options import RunOptions as RunOptions
from edgenets.tasks.task import Medium

if TYPE_CHECKING:
    from .image_run import ImageRun
    from .line_run import LineRun
    from .sound_run import SoundRun

    AnyRun: TypeAlias = SoundRun | ImageRun | LineRun

# Medium → the run over its sources; imported when it is used.
_RUNS: dict[Medium, tuple[str, str]] = {
    "sound": ("edgenets.runtime.sound_run", "SoundRun"),
    "images": ("edgenets.runtime.image_run", "ImageRun"),
    "lines": ("edgenets.runtime.line_run", "LineRun"),
}


def open_run(
    bundle: Bundle, session: Session, sources: Sequence[str] = (), *,
    spec: ModelSpec | None = None, options: RunOptions | None = None,
) -> AnyRun:  # fmt: skip
    """Open the sources of a run; iterate over it for its events.

    Args:
        sources: URIs; none: the usual one of the task. Models of images take several.
        spec: the bundle's spec with other thresholds; None: the bundle's own.

    Raises:
        SourceError: one cannot be opened, or the task takes one alone.
    """
    task = task_of(bundle.spec.task)
    uris = tuple(sources) or (usual_source(bundle.spec),)
    for uri in uris:
        remember_uri(uri)
    if len(uris) > 1 and task.medium != "images":
        raise SourceError(f"one source of {task.medium} for this model, not {len(uris)}")
    module, name = _RUNS[task.medium]
    kind: Any = getattr(importlib.import_module(module), name)
    run: AnyRun = kind(bundle, session, uris, spec or bundle.spec, options or RunOptions())
    return run
