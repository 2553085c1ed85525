"""`frames:DIR?raw=1&every=1&most=500`: images on which something was found, as JPEG.

`raw=1` keeps them as they came, without what was found drawn in; `every` is the
least time between two of a source in seconds; `most` is what the folder may take
in MB: beyond it the oldest that this sink wrote go. What a run that was killed left half-written
is removed at the next start, and said.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from edgenets.errors import SinkError, SourceError
from edgenets.events import Event, Seen
from edgenets.extras import require
from edgenets.files import remove_leftovers, replacing
from edgenets.tasks.vision.drawing import draw
from edgenets.uri import split_options

_MOST = 500.0  # MB
_BEGINNING = "seen-"
_NAME = f"{_BEGINNING}*.jpg"


def open_sink(rest: str) -> FramesSink:
    """Write into a folder, which is made where it is missing."""
    try:
        name, options = split_options(rest, ("raw", "every", "most"), "every=1&most=500")
        every, most = float(options.get("every", 0)), float(options.get("most", _MOST))
    except (SourceError, ValueError) as exc:
        raise SinkError(f"frames:{rest}: {exc}") from exc
    if not (0 <= every < 1e9 and 0 < most < 1e9 and options.get("raw", "0") in "01"):
        raise SinkError(f"frames:{rest}: as in frames:found?raw=1&every=1&most=500")
    folder = Path(name or "frames")
    folder.mkdir(parents=True, exist_ok=True)
    return FramesSink(folder, options.get("raw") == "1", every, int(most * 1e6))


class FramesSink:
    """A folder of bounded size."""

    def __init__(self, folder: Path, raw: bool, every: float, most: int) -> None:
        self._folder, self._raw, self._every, self._most = folder, raw, every, most
        self._last: dict[str, float] = {}
        self._left, self._left_bytes = remove_leftovers(folder, _BEGINNING)
        # What a run before kept here counts as well; names sort by time.
        before = sorted(folder.glob(_NAME))
        self._complain: Callable[[str], None] = _nobody
        self._written = deque((path, path.stat().st_size) for path in before)
        self._bytes = sum(size for _, size in self._written)

    @property
    def complain(self) -> Callable[[str], None]:
        """What hears of trouble; see `edgenets.runtime.sinks.Talking`."""
        return self._complain

    @complain.setter
    def complain(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        if self._left:
            complain(
                f"frames:{self._folder}: {self._left} image(s) that a run left half-written when "
                f"it was killed were removed ({self._left_bytes:,} bytes)"
            )
            self._left = 0

    def write(self, event: Event) -> None:
        """Keep an image, if something is on it."""
        if not isinstance(event, Seen) or event.image is None or not event.found:
            return
        now = time.monotonic()
        if now - self._last.get(event.source, float("-inf")) < self._every:
            return
        self._last[event.source] = now
        image = event.image if self._raw else draw(event)
        done, data = require("cv2").imencode(".jpg", image)
        if not done:
            raise SinkError(f"{self._folder}: OpenCV cannot encode an image {image.shape}")
        self._make_room(len(data))
        labels = "-".join(sorted({f.label for f in event.found}))
        plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in labels)[:60]
        path = self._folder / f"{_BEGINNING}{time.time_ns() // 1000}-{event.frame}-{plain}.jpg"
        with replacing(path) as beside:
            beside.write_bytes(data)
        self._written.append((path, len(data)))
        self._bytes += len(data)

    def close(self) -> None:
        """Every image is on disk already."""

    def _make_room(self, size: int) -> None:
        while self._written and self._bytes + size > self._most:
            path, freed = self._written.popleft()
            path.unlink(missing_ok=True)
            self._bytes -= freed


def _nobody(_: str) -> None:
    """Whom a sink complains to that is used by itself."""
