"""What a run tells its sinks, and what it came to; each is in the folder of its task."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from edgenets.files import Json
from edgenets.painter import Painter, harmless
from edgenets.redaction import redacted

if TYPE_CHECKING:
    from edgenets.tasks.embed.pipeline import Embedding as Embedding
    from edgenets.tasks.keywords.events import Result as Result
    from edgenets.tasks.language.events import Suggested as Suggested
    from edgenets.tasks.language.events import TextSummary as TextSummary
    from edgenets.tasks.language.events import Written as Written
    from edgenets.tasks.series.events import Anomaly as Anomaly
    from edgenets.tasks.series.events import Forecast as Forecast
    from edgenets.tasks.series.events import SeriesSummary as SeriesSummary
    from edgenets.tasks.sound_summary import SoundSummary as SoundSummary
    from edgenets.tasks.sounds.pipeline import SoundEvent as SoundEvent
    from edgenets.tasks.speech.events import Transcript as Transcript
    from edgenets.tasks.text.events import Classified as Classified
    from edgenets.tasks.translation.events import Translation as Translation
    from edgenets.tasks.vision.events import Seen as Seen
    from edgenets.tasks.vision.events import WatchSummary as WatchSummary

# Module of `edgenets.tasks` → what of it can be imported from here as well.
_HOMES = {
    "embed.pipeline": ("Embedding",),
    "keywords.events": ("Result",),
    "language.events": ("Suggested", "TextSummary", "Written"),
    "series.events": ("Anomaly", "Forecast", "SeriesSummary"),
    "sound_summary": ("SoundSummary",),
    "sounds.pipeline": ("SoundEvent",),
    "speech.events": ("Transcript",),
    "text.events": ("Classified",),
    "translation.events": ("Translation",),
    "vision.events": ("Seen", "WatchSummary"),
}

# Names that scripts of before use, and what is called so now: attributes, then classes.
_OLD_NAMES = {
    "artefact": "artifact",
    "remarks": "notices",
    "told": "reported",
    "foreseen": "forecasts",
    "picture": "image",
    "surprise": "anomaly_score",
    "pieces": "tokens",
}
_OLD_CLASSES = {"Remark": "Notice", "Surprising": "Anomaly"}

# What a run can lose, and what its last line calls one and several of it. Nothing else is lost: an
# image of a live source that is faster than its model is left out by design, and counted under
# `dropped`.
LOSSES = {
    "results": ("result not delivered", "results not delivered"),
    "rows": ("row or message not read", "rows or messages not read"),
    "images": ("image not read", "images not read"),
    "files": ("file not read to its end", "files not read to their end"),
    "samples": ("sample of sound missing", "samples of sound missing"),
    "overruns": (
        "overrun of a sound card, of unknown length",
        "overruns of a sound card, of unknown length",
    ),
    "sources": ("source that failed", "sources that failed"),
}


class Record:
    """What events and summaries have in common."""

    if not TYPE_CHECKING:  # a misspelt name stays a type error

        def __getattr__(self, name: str) -> Any:
            """An attribute by its old name."""
            if (new := _OLD_NAMES.get(name)) in getattr(type(self), "__dataclass_fields__", ()):
                return getattr(self, new)
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


class Event(Record, ABC):
    """What sinks are given; a frozen dataclass of these fields and its own."""

    source: str  # where the input came from: a device, a file
    time: float  # s of stream, or since the run began
    # Those that are results have an `age`, too: s from capture to result.

    # Whether the next event goes on in the same line of a console.
    unfinished: ClassVar[bool] = False

    @abstractmethod
    def plain(self) -> Json:
        """As JSON has it; the field `event` says its kind."""

    @abstractmethod
    def console(self, painter: Painter) -> str:
        """What a console shows of it, with the ends of its lines; empty: nothing."""

    def _plain(self, kind: str, **fields: Any) -> Json:
        """What all events have, around what one has of its own."""
        plain = {"event": kind, "source": self.source, **fields, "time": round(self.time, 3)}
        age: float | None = getattr(self, "age", None)
        return plain if age is None else {**plain, "age_ms": round(1e3 * age, 2)}


@dataclass(frozen=True)
class Notice(Event):
    """Something that a person should know: an overrun, a microphone lost, a file skipped."""

    source: str
    kind: str
    text: str
    time: float  # s of stream

    def __post_init__(self) -> None:
        """Leave secrets of URIs out: a notice goes to every sink."""
        object.__setattr__(self, "text", redacted(self.text))

    def plain(self) -> Json:
        """See `Event.plain`."""
        return self._plain(self.kind, text=self.text)

    def console(self, painter: Painter) -> str:
        """See `Event.console`."""
        text = harmless(f"{self.time:8.2f} s  {self.kind}: {self.text}")
        return painter.paint(text, "33") + "\n"


@dataclass
class Summary(Record):
    """What a run came to; it grows while the run goes on."""

    bundle: str
    artifact: str
    runs_on: str
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    notices: dict[str, int] = field(default_factory=dict)  # per kind
    sink_failures: int = 0
    lost: Counter[str] = field(default_factory=Counter)  # per kind of `LOSSES`
    undelivered: dict[str, int] = field(default_factory=dict)  # results, per sink

    # Kinds of notices that stand for input that was lost → the kind of loss.
    losses: ClassVar[dict[str, str]] = {}

    def lose(self, kind: str, count: int = 1) -> None:
        """Count what was lost; it is reported at the end, and makes the exit code 3.

        Raises:
            KeyError: the kind is not one of `LOSSES`.
        """
        if count > 0:
            LOSSES[kind]
            self.lost[kind] += count

    def notice(self, kind: str, count: int = 1) -> None:
        """Count a notice, and the input that was lost where it stands for some."""
        self.notices[kind] = self.notices.get(kind, 0) + count
        if kind in self.losses:
            self.lose(self.losses[kind], count)

    def deliveries(self, undelivered: dict[str, int]) -> None:
        """Take what each sink did not deliver, by the sink's name."""
        self.undelivered = {sink: count for sink, count in undelivered.items() if count}
        self.sink_failures = sum(self.undelivered.values())
        self.lose("results", self.sink_failures - self.lost["results"])

    def losses_in_words(self) -> str:
        """What was lost, as a line for people; empty where nothing was."""
        parts = []
        for kind, count in self.lost.items():
            by = " ".join(f"{sink} ×{n:,}" for sink, n in self.undelivered.items())
            what = LOSSES[kind][count > 1]
            parts.append(f"{count:,} {what}" + (f" ({by})" if kind == "results" else ""))
        return " · ".join(parts)

    def plain(self) -> Json:
        """As JSON has it."""
        return vars(self)

    def sentence(self) -> str:
        """As a line for people."""
        parts = self._counted()
        parts += [f"{kind} ×{n:,}" for kind, n in sorted(self.notices.items())]
        parts += self._lost()
        return " · ".join(parts)

    def _counted(self) -> list[str]:
        """What was done, in words."""
        return []

    def _lost(self) -> list[str]:
        """What was not taken of the input, in words."""
        return []


@dataclass
class LineSummary(Summary):
    """The same, of lines: texts or readings."""

    @property
    def skipped(self) -> int:
        """Lines that were not taken: no text, no reading, out of order, too fast."""
        return self.lost["rows"]

    def plain(self) -> Json:
        """See `Summary.plain`."""
        return {**super().plain(), "skipped": self.skipped}


@dataclass
class AgedSummary(Summary):
    """The same, of live input, whose results have ages worth a summary."""

    age_ms_p50: float | None = None  # from capture to result
    age_ms_p95: float | None = None


def ages(p50: float | None, p95: float | None) -> list[str]:
    """From capture to result, ms, in words."""
    return [] if p50 is None or p95 is None else [f"age p50 {p50:.0f} ms, p95 {p95:.0f} ms"]


if not TYPE_CHECKING:  # a misspelt name stays a type error

    def __getattr__(name: str) -> Any:
        """What the folders of tasks have; imported when it is used, since they import this."""
        name = _OLD_CLASSES.get(name, name)
        if name in globals():
            return globals()[name]
        for module, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(f"edgenets.tasks.{module}"), name)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
