"""What the page shows of a run: the newest image of each source, figures, and what happened.

The run writes here and never waits; viewers read when they can.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.events import Event, Notice, Result, Seen
from edgenets.extras import require
from edgenets.files import Json
from edgenets.tasks.heard import HeardSpec
from edgenets.tasks.vision.drawing import color_of, draw
from edgenets.uri import shown

from .sound import Spectrogram

_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*://\S+")

# Figures are those of the last so many results.
_RECENT = 120

# What happened: so much is kept.
_MOST_EVENTS = 200

# Numbers of objects that are remembered as reported.
_MOST_NUMBERS = 10_000

# JPEG's quality: what a person looks at, not what is measured.
_QUALITY = 80

# What an image is old by, however young it looks.
_TROUBLES = frozenset({"lost", "stale", "failed"})

# The processor is asked for its load and temperature no more often.
_MACHINE_EVERY = 1.0  # s


@dataclass
class Source:
    """One source as the page shows it."""

    name: str
    seen: Seen
    came: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))  # monotonic s
    ages: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))  # s
    trouble: str = ""  # of _TROUBLES, until images come again
    version: int = 0  # of the newest image

    @property
    def rate(self) -> float:
        """Images a second, of late."""
        if len(self.came) < 2:
            return 0.0
        return (len(self.came) - 1) / max(1e-6, self.came[-1] - self.came[0])


class State:
    """Of one run. Every method is safe from any thread."""

    def __init__(self) -> None:
        self.run: Any = None
        self.started = time.monotonic()
        self.last_result: float | None = None  # monotonic s
        self.results = 0
        self.notices: dict[str, int] = {}
        self.sound: Spectrogram | None = None
        self.refused: Mapping[str, int] = {}  # cause → connections of the page
        self._sources: dict[str, Source] = {}
        self._troubles: dict[str, str] = {}
        self._events: deque[Json] = deque(maxlen=_MOST_EVENTS)
        self._known: dict[str, set[object]] = {}
        self._lock = threading.Lock()
        self._jpegs: dict[str, tuple[int, bytes]] = {}
        self._encoding = threading.Lock()
        self._machine: Json = {}
        self._machine_at = 0.0
        self._process = require("psutil").Process()
        self._process.cpu_percent()  # the first answer means nothing

    def take(self, event: Event) -> None:
        """Take in what the run tells."""
        with self._lock:
            if isinstance(event, Seen):
                self._take_seen(event)
            elif isinstance(event, Result):
                self.results += 1
                self._tell(event.source, "heard", f"{event.label} ({event.score:.2f})")
            elif isinstance(event, Notice):
                self.notices[event.kind] = self.notices.get(event.kind, 0) + 1
                if event.kind in _TROUBLES and event.source in self._sources:
                    self._sources[event.source].trouble = event.kind
                self._tell(event.source, event.kind, event.text)

    def version(self, source: str) -> int:
        """A number that changes with each image of a source; 0: there is none yet."""
        found = self._sources.get(source)
        return found.version if found else 0

    def jpeg(self, source: str) -> tuple[int, bytes] | None:
        """The newest image with what was found, encoded once for all viewers."""
        with self._encoding:
            found = self._sources.get(source)
            if found is None:
                return None
            version = found.version
            done = self._jpegs.get(source)
            if done is None or done[0] != version:
                cv2 = require("cv2")
                settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
                _, data = cv2.imencode(".jpg", draw(found.seen), settings)
                done = self._jpegs[source] = (version, bytes(data))
            return done

    def names(self) -> list[str]:
        """The sources that have shown something, in the order in which they did."""
        with self._lock:
            return list(self._sources)

    def healthy(self, within: float) -> bool:
        """Whether a result came within so many seconds."""
        return self.last_result is not None and time.monotonic() - self.last_result <= within

    def attach(self, run: Any) -> None:
        """Take the run that is shown."""
        self.run = run
        if isinstance(run.spec, HeardSpec):
            self.sound = Spectrogram(run.spec)
            run.observe(self._hear)

    def _hear(self, frames: NDArray[np.float32], posterior: NDArray[np.float32]) -> None:
        assert self.sound is not None, "attached"
        self.sound.take(frames, posterior)
        self.last_result = time.monotonic()

    def snapshot(self, heard: int = 0) -> Json:
        """All figures, as JSON has them.

        Args:
            heard: how much of the sound's features the viewer has already.
        """
        machine = self._measured()
        with self._lock:
            return {
                **self._about(),
                "seconds": round(time.monotonic() - self.started, 1),
                "results": self.results,
                "sources": [_shown(source) for source in self._sources.values()],
                "dropped": dict(getattr(self.run, "dropped", {})),
                "notices": dict(self.notices),
                "machine": machine,
                "sound": None if self.sound is None else self.sound.since(heard),
                "events": list(self._events)[::-1],
            }

    def _take_seen(self, seen: Seen) -> None:
        now = time.monotonic()
        source = self._sources.get(seen.source)
        if source is None:
            source = self._sources[seen.source] = Source(seen.source, seen)
        source.seen, source.trouble = seen, ""
        source.version += 1
        source.came.append(now)
        source.ages.append(seen.age)
        self.last_result, self.results = now, self.results + 1
        self._tell_changes(seen)

    def _tell_changes(self, seen: Seen) -> None:
        """An event for every object, or label of a whole image, that was not there before."""
        before = self._known.get(seen.source, set())
        # Objects that have no number yet are not sure enough to tell of.
        news = {f.track or f.label: f for f in seen.found if f.box is None or f.track is not None}
        for key, found in news.items():
            if key not in before:
                name = found.label if found.track is None else f"{found.label} #{found.track}"
                self._tell(seen.source, "seen", f"{name} ({found.score:.2f})")
        # A number is reported once, though its object may be hidden now and then.
        numbers = {key for key in before if isinstance(key, int)}
        if len(numbers) > _MOST_NUMBERS:
            numbers = set(sorted(numbers)[-_MOST_NUMBERS // 2 :])
        self._known[seen.source] = numbers | set(news)
        for crossing in seen.crossings:
            text = f"{crossing.label} #{crossing.track} → {crossing.line} {crossing.direction}"
            self._tell(seen.source, "crossing", text)

    def _tell(self, source: str, kind: str, text: str) -> None:
        event = {
            "at": round(time.time(), 2),
            "source": _safe(source),
            "kind": kind,
            "text": _safe(text),
        }
        self._events.append(event)

    def _about(self) -> Json:
        if self.run is None:
            return {"labels": []}
        spec, summary = self.run.spec, self.run.summary
        return {
            "model": spec.name,
            "task": spec.task,
            "artifact": summary.artifact,
            "runs_on": summary.runs_on,
            "labels": [
                {
                    "label": x,
                    "threshold": spec.threshold_of(x),
                    "color": "#{2:02x}{1:02x}{0:02x}".format(*color_of(x, spec.labels)),
                }
                for x in spec.reported
            ],
            "counts": dict(summary.detections if self.sound is not None else summary.objects),
            "crossings": dict(getattr(summary, "crossings", {})),
        }

    def _measured(self) -> Json:
        """Load, memory and temperature; asked for at most once a second."""
        with self._encoding:
            if time.monotonic() - self._machine_at >= _MACHINE_EVERY:
                self._machine_at = time.monotonic()
                self._machine = {
                    "cpu_percent": self._process.cpu_percent(),
                    "memory_mb": round(self._process.memory_info().rss / 1e6, 1),
                    "temperature": temperature(),
                }
            return self._machine


def temperature() -> float | None:
    """The hottest part that the machine has a thermometer for, °C; None where it has none."""
    sensors: Json = getattr(require("psutil"), "sensors_temperatures", dict)()
    values = [entry.current for entries in sensors.values() for entry in entries]
    values = [value for value in values if -40 < value < 150]
    return round(max(values), 1) if values else None


def _safe(text: str) -> str:
    """A text without the secrets of the URLs in it: whoever made it should have seen to that."""
    return _URL.sub(lambda found: shown(found[0]), text) if "://" in text else text


def _shown(source: Source) -> Json:
    ages = np.array(source.ages or [0.0])
    seen = source.seen
    height, width = seen.image.shape[:2] if seen.image is not None else (0, 0)
    return {
        "name": _safe(source.name), "rate": round(source.rate, 1), "trouble": source.trouble,
        "frame": seen.frame, "time": round(seen.time, 2), "width": width, "height": height,
        "age_ms_p50": round(1e3 * float(np.percentile(ages, 50)), 1),
        "age_ms_p95": round(1e3 * float(np.percentile(ages, 95)), 1),
        "idle_s": round(time.monotonic() - source.came[-1], 1) if source.came else None,
        "found": [
            {"label": f.label, "score": round(f.score, 3), "track": f.track, "area": f.area}
            for f in seen.found
        ],
    }  # fmt: skip
