"""From a bundle and its sources to the run of its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import SourceError
from edgenets.spec import ModelSpec
from edgenets.tasks import task_of, usual_source

if TYPE_CHECKING:
    from edgenets.tasks.speech.ctc import Grammar
    from edgenets.tasks.vision.zones import Scene

    from .anomalyrun import AnomalyRun
    from .seriesrun import SeriesRun
    from .stream import Run
    from .textrun import TextRun
    from .translationrun import TranslationRun
    from .watch import Watch

    AnyRun: TypeAlias = Run | Watch | TextRun | SeriesRun | AnomalyRun | TranslationRun


@dataclass(frozen=True)
class RunOptions:
    """How a bundle is run; None: as its model has it. A task takes no notice of another's."""

    seconds: float | None = None  # end after this long
    scene: Scene | None = None  # images: zones, lines and labels to report
    grammar: Grammar | None = None  # speech: what may be said
    suggestions: int = 3  # language: words after each line
    every: int | None = None  # series: report every so many readings
    beam: int | None = None  # translation: beam width; 1: greedy


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
    if len(uris) > 1 and task.medium != "images":
        raise SourceError(f"one source of {task.medium} for this model, not {len(uris)}")
    found = spec or bundle.spec
    return _RUNS[found.task](bundle, session, uris, found, options or RunOptions())


def _sound(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> Run:
    from .stream import Run

    return Run(
        bundle, session, uris[0], spec=spec, seconds=options.seconds, grammar=options.grammar
    )


def _images(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> Watch:
    from .watch import Watch

    return Watch(bundle, session, uris, spec=spec, scene=options.scene, seconds=options.seconds)


def _text(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> TextRun:
    from .textrun import TextRun

    return TextRun(bundle, session, uris[0], options.suggestions)


def _translation(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> TranslationRun:
    from .translationrun import TranslationRun

    return TranslationRun(bundle, session, uris[0], options.beam)


def _forecast(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> SeriesRun:
    from .seriesrun import SeriesRun

    return SeriesRun(bundle, session, uris[0], options.every)


def _anomaly(
    bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
) -> AnomalyRun:
    from .anomalyrun import AnomalyRun

    return AnomalyRun(bundle, session, uris[0], options.every, spec)


_RUNS: dict[str, Callable[..., AnyRun]] = {
    "keywords": _sound, "speech": _sound,
    "classify": _images, "detect": _images, "segment": _images,
    "language": _text, "text": _text, "translation": _translation,
    "forecast": _forecast, "anomaly": _anomaly,
}  # fmt: skip
