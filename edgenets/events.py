"""What a run tells its sinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.results import Found
from edgenets.tasks.vision.zones import Crossing

# Attributes that scripts of before call otherwise, and what they are called now.
_OLD_NAMES = {
    "artefact": "artifact", "remarks": "notices", "told": "reported", "foreseen": "forecasts",
    "picture": "image", "surprise": "anomaly_score", "pieces": "tokens",
}  # fmt: skip


class Record:
    """What events and summaries have in common."""

    if not TYPE_CHECKING:  # a misspelt name stays a type error

        def __getattr__(self, name: str) -> Any:
            """An attribute by its old name."""
            if (new := _OLD_NAMES.get(name)) in getattr(type(self), "__dataclass_fields__", ()):
                return getattr(self, new)
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


@dataclass(frozen=True)
class Result(Record):
    """A word that was heard, as sinks get it."""

    source: str  # where the sound came from: a device, a file
    label: str
    score: float  # smoothed posterior, 0…1
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result


@dataclass(frozen=True)
class Transcript(Record):
    """What was said, or, until it is final, what that seems to be; as sinks get it."""

    source: str
    text: str
    final: bool
    start: float  # s of stream at which its first symbol was seen
    end: float  # s, of the last
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result


@dataclass(frozen=True)
class Classified(Record):
    """What a text is, as sinks get it."""

    source: str
    text: str
    label: str
    score: float  # of the label, 0…1
    scores: Mapping[str, float]  # of every label, 0…1
    tokens: int  # that the text has
    unknown: int  # of them that the model does not know
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result


@dataclass(frozen=True)
class Written(Record):
    """A token that a model of language wrote, as sinks get it."""

    source: str
    text: str  # of the token, with the space before it where one belongs there
    probability: float  # that it was drawn with
    number: int  # in what was written, from 0
    time: float  # s since the run began


@dataclass(frozen=True)
class Suggested(Record):
    """Words that may come next after a text, as sinks get it."""

    source: str
    text: str
    words: tuple[tuple[str, float], ...]  # with their probability, the likeliest first
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result


@dataclass(frozen=True)
class Translation(Record):
    """A sentence in another language, as sinks get it."""

    source: str
    text: str  # what was read
    translation: str
    probability: float  # of a piece, the geometric mean
    whole: bool  # False: it was broken off where it became too long
    tokens: int  # that were read
    unknown: int  # pieces that the model does not know
    line: int  # in its source, from 1
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result


@dataclass(frozen=True, eq=False)
class Forecast:
    """How series go on, as sinks get it."""

    source: str
    columns: tuple[str, ...]
    median: NDArray[np.float64]  # (horizon, columns)
    low: NDArray[np.float64] | None  # (horizon, columns) of the lower quantile
    high: NDArray[np.float64] | None  # the same of the higher
    readings: int  # that it was forecast from
    line: int  # of the last of them in its source, from 1
    stamp: float | None  # s since 1970 of the last of them
    interval: float | None  # s from one reading to the next
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result


@dataclass(frozen=True)
class Anomaly(Record):
    """What is thought of a reading, as sinks get it."""

    source: str
    column: str
    value: float
    expected: float  # in the same units
    anomaly_score: float  # error as a part of its record; 0: nothing to speak of
    alarm: bool
    line: int  # in its source, from 1
    stamp: float | None  # s since 1970
    time: float  # s since the run began
    age: float  # s from the reading of the line to this result


@dataclass(frozen=True)
class Seen(Record):
    """What was found in one image, as sinks get it."""

    source: str  # the camera, stream or file
    frame: int  # number of the image in its source, from 0
    time: float  # s: in a recording, its own time; live, since the source was opened
    age: float  # s from the capture of the image to this result
    found: tuple[Found, ...]
    zones: tuple[tuple[str, ...], ...] = ()  # the zones that each of `found` is in
    crossings: tuple[Crossing, ...] = ()
    # For sinks that show images; never written as data.
    image: Image | None = None
    mask: NDArray[np.uint8] | None = None  # segment: label number a pixel, over the image
    path: Path | None = None  # of an image on disk
    labels: tuple[str, ...] = ()  # of the model
    background: tuple[str, ...] = ()  # those of them that are no finding


@dataclass(frozen=True)
class Notice(Record):
    """Something that a person should know: an overrun, a microphone lost, a file skipped."""

    source: str
    kind: str
    text: str
    time: float  # s of stream


# What sinks are given.
Event = (
    Result
    | Transcript
    | Classified
    | Written
    | Suggested
    | Translation
    | Forecast
    | Anomaly
    | Seen
    | Notice
)


@dataclass
class Summary(Record):
    """What a run came to; it grows while the run goes on."""

    bundle: str
    artifact: str
    runs_on: str
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    steps: int = 0
    detections: dict[str, int] = field(default_factory=dict)  # per word
    utterances: int = 0  # that ended
    notices: dict[str, int] = field(default_factory=dict)  # per kind
    samples_lost: int = 0
    sink_failures: int = 0
    age_ms_p50: float | None = None
    age_ms_p95: float | None = None

    @property
    def cpu_ms_per_audio_s(self) -> float | None:
        """CPU time for a second of sound, in ms."""
        return 1e3 * self.cpu_seconds / self.audio_seconds if self.audio_seconds else None

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {**vars(self), "cpu_ms_per_audio_s": self.cpu_ms_per_audio_s}


@dataclass
class WatchSummary(Record):
    """What a run over images came to; it grows while the run goes on."""

    bundle: str
    artifact: str
    runs_on: str
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    frames: dict[str, int] = field(default_factory=dict)  # images looked at, per source
    dropped: dict[str, int] = field(default_factory=dict)  # images nobody looked at, per cause
    objects: dict[str, int] = field(default_factory=dict)  # followed objects or findings, a label
    crossings: dict[str, int] = field(default_factory=dict)  # per line and direction
    notices: dict[str, int] = field(default_factory=dict)  # per kind
    sink_failures: int = 0
    age_ms_p50: float | None = None
    age_ms_p95: float | None = None

    @property
    def rate(self) -> float | None:
        """Images a second, of all sources together."""
        return sum(self.frames.values()) / self.wall_seconds if self.wall_seconds else None

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {**vars(self), "frames_per_s": self.rate}


@dataclass
class TextSummary(Record):
    """What a run over texts came to; it grows while the run goes on."""

    bundle: str
    artifact: str
    runs_on: str
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    texts: int = 0  # that were read, or written
    tokens: int = 0
    unknown: int = 0  # tokens that the model does not know
    labels: dict[str, int] = field(default_factory=dict)  # texts of each
    notices: dict[str, int] = field(default_factory=dict)  # per kind
    sink_failures: int = 0
    text: str = ""  # what was written

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens that a second of CPU time has read or written."""
        return self.tokens / self.cpu_seconds if self.cpu_seconds else None

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {**vars(self), "tokens_per_s": self.tokens_per_s}


@dataclass
class SeriesSummary(Record):
    """What a run over readings came to; it grows while the run goes on."""

    bundle: str
    artifact: str
    runs_on: str
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    readings: int = 0  # that were measured and taken
    forecasts: int = 0  # readings after which a forecast was made
    reported: int = 0  # results that were reported
    alarms: dict[str, int] = field(default_factory=dict)  # per column
    notices: dict[str, int] = field(default_factory=dict)  # per kind
    sink_failures: int = 0

    @property
    def cpu_us_per_reading(self) -> float | None:
        """CPU time for a reading of all columns, in µs."""
        return 1e6 * self.cpu_seconds / self.readings if self.readings else None

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {**vars(self), "cpu_us_per_reading": self.cpu_us_per_reading}


AnySummary = Summary | WatchSummary | TextSummary | SeriesSummary

# As scripts of before call them.
Remark, Surprising = Notice, Anomaly
