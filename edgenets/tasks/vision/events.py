"""What a run over images tells its sinks, and what it came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.events import AgedSummary, Event, ages
from edgenets.files import Json
from edgenets.painter import Painter, harmless
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.results import Found, Point, Ring
from edgenets.tasks.vision.zones import Crossing


@dataclass(frozen=True)
class Seen(Event):
    """What was found in one image."""

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

    def plain(self) -> Json:
        """See `Event.plain`."""
        found = [_plain(thing) for thing in self.found]
        for thing, zones in zip(found, self.zones, strict=False):
            thing["zones"] = list(zones)
        line = {**self._plain("seen", frame=self.frame), "found": found}
        if self.path is not None:
            line["path"] = str(self.path)
        if self.crossings:
            line["crossings"] = [vars(crossing) for crossing in self.crossings]
        return line

    def console(self, painter: Painter) -> str:
        """What an image shows, if it is an image on disk or something has changed."""
        text = self._labels_in_words()
        news = painter.is_news(self.source, text) or self.path is not None
        crossed = "".join(harmless(f"  {c.label} → {c.line} {c.direction}") for c in self.crossings)
        if not news and not crossed:
            return ""
        best = max((found.score for found in self.found), default=0.0)
        where = harmless(self.path.name) if self.path is not None else f"{self.time:8.2f} s"
        score = f"{best:4.2f}" if self.found else "    "
        what = painter.paint(f"{text:<{painter.column(28)}}", "1;36")
        return f"{where}  {what} {score}  {1e3 * self.age:5.1f} ms{painter.paint(crossed, '35')}\n"

    def _labels_in_words(self) -> str:
        counts = Counter(found.label for found in self.found)
        labels = sorted(counts)
        if self.path is not None:  # of live images an order that changes would be news
            scores = {x: max(f.score for f in self.found if f.label == x) for x in labels}
            labels.sort(key=lambda label: -scores[label])
        return (
            " · ".join((f"{counts[x]} × " if counts[x] > 1 else "") + harmless(x) for x in labels)
            or "–"
        )


@dataclass
class WatchSummary(AgedSummary):
    """What a run over images came to; it grows while the run goes on."""

    frames: dict[str, int] = field(default_factory=dict)  # images looked at, per source
    dropped: dict[str, int] = field(default_factory=dict)  # images nobody looked at, per cause
    # Images that came, or should have, and could not be read, per source: cut off, damaged, of
    # no kind that is read. Not those of `dropped`, which were whole.
    damaged: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)  # followed objects or findings, a label
    crossings: dict[str, int] = field(default_factory=dict)  # per line and direction

    losses: ClassVar = {"failed": "sources"}

    def count_damaged(self, damaged: dict[str, int]) -> None:
        """Take how many images of each source could not be read so far; they were lost.

        Not counted by the notices about them: those come now and then, and a run that is stopped
        ends before the last one.
        """
        self.damaged = damaged
        self.lose("images", sum(damaged.values()) - self.lost["images"])

    @property
    def rate(self) -> float | None:
        """Images a second, of all sources together."""
        return sum(self.frames.values()) / self.wall_seconds if self.wall_seconds else None

    def plain(self) -> Json:
        """See `Summary.plain`."""
        return {**vars(self), "frames_per_s": self.rate}

    def _counted(self) -> list[str]:
        objects = (f"{harmless(x)} ×{n}" for x, n in sorted(self.objects.items()))
        things = ", ".join(objects) or "nothing"
        count = sum(self.frames.values())
        parts = [f"saw {things} in {count:,} images"]
        if self.rate is not None and count:
            parts.append(f"{self.rate:.1f} a second")
            parts.append(f"{1e3 * self.cpu_seconds / count:.1f} ms CPU each")
        parts += ages(self.age_ms_p50, self.age_ms_p95)
        return parts + [f"{harmless(name)} ×{n}" for name, n in sorted(self.crossings.items())]

    def _lost(self) -> list[str]:
        lost = [f"{n:,} dropped ({cause})" for cause, n in sorted(self.dropped.items())]
        damaged = sum(self.damaged.values())
        return lost + ([f"{damaged:,} images could not be read"] if damaged else [])


def _plain(thing: Found) -> Json:
    line: Json = {"label": thing.label, "score": round(thing.score, 4)}
    if thing.box is not None:
        line["box"] = [round(v, 1) for v in thing.box]
    if thing.corners:
        line["corners"] = _rounded(thing.corners)
    if thing.keypoints:
        line["keypoints"] = [_point(point) for point in thing.keypoints]
    if thing.outline:
        line["outline"] = [_rounded(ring) for ring in thing.outline]
    if thing.area is not None:
        line["area"] = round(thing.area, 5)
    if thing.track is not None:
        line["track"] = thing.track
    return line


def _point(point: Point) -> list[float]:
    """x, y and, where the model says it, the score."""
    score = [] if point.score is None else [round(point.score, 4)]
    return [round(point.x, 1), round(point.y, 1), *score]


def _rounded(ring: Ring) -> list[list[float]]:
    return [[round(x, 1), round(y, 1)] for x, y in ring]
