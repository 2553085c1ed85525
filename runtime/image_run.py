"""`ImageRun`: sources of images through one model to sinks, until they or the user end it.

Each source is read and decoded by a thread of its own; this thread looks at their
images, one of each in turn; another one delivers. Between them stand short
queues, so a slow sink holds up neither, and a slow model only means that live
images are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import RecipeError
from edgenets.events import Event, Notice, Seen, WatchSummary
from edgenets.spec import spec_as
from edgenets.tasks.options import RunOptions
from edgenets.tasks.vision.pipeline import ImagePipeline, Smoother
from edgenets.tasks.vision.results import Findings, Found
from edgenets.tasks.vision.spec import ImageSpec
from edgenets.tasks.vision.tracking import Tracker
from edgenets.tasks.vision.zones import LineCounter, Scene, foot

from .cameras import Frame, SourceNotice, open_camera
from .cameras.feed import Ended, Feed
from .run import DeliveryQueue, Run
from .sinks import Sinks

# A live source that gives nothing for longer is marked stale: what a page shows of it is old.
STALE_AFTER = 3.0  # s

# How long a source that hangs in third-party code is waited for at the end.
_LAST_WAIT = 1.0  # s

# Causes of images' being dropped.
NEWER, SLOW_SINKS = "a newer one came", "sinks too slow"


class _Stream:
    """One source, and what is remembered of it from image to image."""

    def __init__(self, feed: Feed, name: str, scene: Scene) -> None:
        self.feed, self.name = feed, name
        self.tracker = Tracker(scene.rules) if scene.track else None
        self.smoother = Smoother(scene.smoothing) if scene.smoothing else None
        self.lines = LineCounter(scene.lines)
        self.followed: set[int] = set()
        self.stale = False
        self.time = 0.0  # s of the last image
        self.origin: float | None = None  # s of time.monotonic() of its time 0
        self.recorded = False  # whether it has a time of its own: a video file

    def time_of(self, at: float) -> float:
        """The time of what happens at `at`, s of time.monotonic().

        In a recording it is the last image's; of a live source, whose images may have stopped
        long ago, its own.
        """
        if not self.feed.camera.live:
            return self.time
        begun = self.feed.started_at if self.origin is None else self.origin
        return max(self.time, at - begun)


class ImageRun(Run[WatchSummary]):
    """One run of a bundle on sources of images. Iterate over it for the results."""

    def __init__(
        self, bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
    ) -> None:
        """Open the sources.

        Args:
            spec: the bundle's, with other thresholds perhaps.
            options: the `scene` to report, and the `seconds` after which it ends, of a recording
                in its own time.

        Raises:
            SourceError: one cannot be opened.
            RecipeError: the scene is about another model.
        """
        super().__init__(WatchSummary(str(bundle.path), session.artifact.id, session.runs_on))
        self.scene = options.scene or Scene()
        self.spec = _asked(spec_as(spec, ImageSpec), self.scene)
        self.pipeline = ImagePipeline(self.spec, session)
        self._seconds = options.seconds
        self._ready: SimpleQueue[Feed | None] = SimpleQueue()
        self._streams: dict[Feed, _Stream] = {}
        self._closed = False
        try:
            for uri in uris:
                feed = Feed(open_camera(uri), self._ready, alone=len(uris) == 1)
                self._streams[feed] = _Stream(feed, self._unused(feed.camera.name), self.scene)
        except Exception:
            self.stop()
            raise
        self.source_name = ", ".join(s.name for s in self._streams.values())

    def _unused(self, name: str) -> str:
        """A name for a source that no other has: one may be given twice."""
        taken = {stream.name for stream in self._streams.values()}
        number = 1
        while (shown := name if number == 1 else f"{name} ({number})") in taken:
            number += 1
        return shown

    def stop(self) -> None:
        """End the run soon; safe from a signal handler or another thread."""
        self._closed = True
        for feed in self._streams:
            feed.close()
        self._ready.put(None)

    def set_threshold(self, label: str, value: float) -> None:
        """Change a label's threshold while the run goes on; safe from another thread.

        Raises:
            ValueError: it is no label, or the value is not in (0, 1].
        """
        self.spec = self.spec.with_threshold(label, value)
        self.pipeline.use(self.spec)

    @property
    def dropped(self) -> dict[str, int]:
        """Images that nobody looked at so far, by cause."""
        passed = sum(feed.dropped for feed in self._streams)
        return {**self.summary.dropped, **({NEWER: passed} if passed else {})}

    @property
    def damaged(self) -> dict[str, int]:
        """Images so far that came, or should have, and could not be read, by source."""
        counts = {stream.name: stream.feed.camera.damaged for stream in self._streams.values()}
        return {name: count for name, count in counts.items() if count}

    def __iter__(self) -> Iterator[Event]:
        """Results and notices, as they come.

        Raises:
            SourceError: the last source that was left failed.
        """
        for feed in self._streams:
            feed.start()
        with self._timed() as started:
            try:
                yield from self._until_the_end(started)
            finally:
                self.stop()
                for feed in self._streams:
                    feed.join(_LAST_WAIT)
                self.summary.dropped = self.dropped
                self.summary.count_damaged(self.damaged)

    def _until_the_end(self, started: float) -> Iterator[Event]:
        while not self._closed and not all(f.ended for f in self._streams):
            try:
                ready = self._ready.get(timeout=STALE_AFTER / 2)
            except Empty:
                ready = None
            self.vitals.turn()
            if ready is not None:
                yield from self._take(self._streams[ready])
            yield from self._stale()
            over = self._seconds is not None and time.monotonic() - started >= self._seconds
            # A recording goes on to its own time, however fast or slow it is read.
            if over and not any(s.recorded and not f.ended for f, s in self._streams.items()):
                break

    def _into(self, sinks: Sinks, complain: Callable[[str], None]) -> None:
        """All events into sinks, by a thread of its own."""
        live = any(f.camera.live for f in self._streams)
        queue = DeliveryQueue(sinks, live, lambda: self._closed, complain)
        try:
            for event in self:
                queue.give(event)
        finally:
            queue.close()
            self.summary.deliveries({**sinks.undelivered, SLOW_SINKS: queue.dropped})
            if queue.dropped:
                self.summary.dropped[SLOW_SINKS] = queue.dropped

    def _take(self, stream: _Stream) -> Iterator[Event]:
        item = stream.feed.take()
        if isinstance(item, Frame):
            stream.stale = False
            stream.recorded = not stream.feed.camera.live and item.path is None
            if stream.recorded and self._seconds is not None and item.time >= self._seconds:
                stream.feed.close()
            else:
                yield self._look(stream, item)
        elif isinstance(item, SourceNotice):
            at = stream.time_of(item.at)
            self.summary.count_damaged(self.damaged)
            yield self._notice(stream.name, item.kind, item.text, at, item.count)
        elif isinstance(item, Ended) and item.error is not None:
            if all(f.ended for f in self._streams) and not self._closed:
                raise item.error
            at = stream.time_of(time.monotonic())
            yield self._notice(stream.name, "failed", str(item.error), at)

    def _look(self, stream: _Stream, frame: Frame) -> Seen:
        findings = self.pipeline.look(frame.image)
        stream.time, stream.origin = frame.time, frame.captured - frame.time
        height, width = frame.image.shape[:2]
        still = frame.path is not None  # single images have nothing to do with each other
        found = self._chosen(stream, findings, None if still else frame.time)
        zones: tuple[tuple[str, ...], ...] = ()
        if self.scene.zones:
            zones = tuple(self._zones_of(f, width, height) for f in found)
        crossings = tuple(stream.lines.update(found, width, height)) if self.scene.lines else ()
        self._count(stream, found, still)
        for crossing in crossings:
            key = f"{crossing.line} {crossing.direction}"
            self.summary.crossings[key] = self.summary.crossings.get(key, 0) + 1
        age = time.monotonic() - frame.captured
        self._ages.append(age)
        self.vitals.infer(age)
        return Seen(
            stream.name, frame.number, frame.time, age, found, zones, crossings,
            frame.image, findings.mask, frame.path, self.spec.labels,
            self.spec.decoding.background,
        )  # fmt: skip

    def _zones_of(self, found: Found, width: int, height: int) -> tuple[str, ...]:
        """The zones that a finding stands in; what has no box stands nowhere."""
        if found.box is None:
            return ()
        place = foot(found, width, height)
        return tuple(zone.name for zone in self.scene.zones if zone.holds(*place))

    def _chosen(self, stream: _Stream, findings: Findings, at: float | None) -> tuple[Found, ...]:
        """The findings that the scene asks for, followed and smoothed where time goes on."""
        scene, found = self.scene, findings.found
        if scene.labels:
            found = tuple(f for f in found if f.label in scene.labels)
        if at is None:
            return found
        if stream.tracker is not None and self.spec.task == "detect":
            found = stream.tracker.update(found, at)
        if stream.smoother is not None and self.spec.task == "classify":
            best = found[0] if found else None
            label, score = stream.smoother.update(
                best.label if best else None, best.score if best else 0.0, at
            )
            found = (Found(label, score),) if label is not None else ()
        return found

    def _count(self, stream: _Stream, found: Sequence[Found], still: bool) -> None:
        frames, objects = self.summary.frames, self.summary.objects
        frames[stream.name] = frames.get(stream.name, 0) + 1
        follows = stream.tracker is not None and self.spec.task == "detect" and not still
        for thing in found:
            if follows and (thing.track is None or thing.track in stream.followed):
                continue
            if thing.track is not None:
                stream.followed.add(thing.track)
            objects[thing.label] = objects.get(thing.label, 0) + 1

    def _stale(self) -> Iterator[Notice]:
        now = time.monotonic()
        for stream in self._streams.values():
            feed = stream.feed
            if not feed.camera.live or feed.ended or stream.stale:
                continue
            if now - feed.seen_at > STALE_AFTER:
                stream.stale = True
                text = f"{stream.name}: no image for {now - feed.seen_at:.0f} s"
                yield self._notice(stream.name, "stale", text, stream.time_of(now))


def _asked(spec: ImageSpec, scene: Scene) -> ImageSpec:
    """The spec with the thresholds of a scene, which must be about this model.

    Raises:
        RecipeError: it names labels that the model has not, or asks what the task cannot tell.
    """
    if unknown := sorted({*scene.labels, *scene.thresholds} - set(spec.reported)):
        raise RecipeError(
            f"the scene names {', '.join(unknown)}; "
            f"{spec.name} tells of {', '.join(spec.reported[:20])}"
        )
    if scene.lines and spec.task != "detect":
        raise RecipeError(f"the scene has lines; a model that is to {spec.task} follows nothing")
    try:
        for label, value in scene.thresholds.items():
            spec = spec.with_threshold(label, value)
    except ValueError as exc:
        raise RecipeError(f"the scene: {exc}") from exc
    return spec
