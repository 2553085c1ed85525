"""`video:out.mp4`: what was seen, drawn into a video; one file a source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgenets.errors import SinkError
from edgenets.events import Event, Seen
from edgenets.extras import require
from edgenets.tasks.vision.drawing import draw
from edgenets.tasks.vision.image import Image

# A video's rate is that of its first two images, within what players play.
_SLOWEST, _FASTEST = 1.0, 120.0


def open_sink(rest: str) -> VideoSink:
    """Write to a file; its suffix says the container."""
    path = Path(rest)
    if path.suffix.lower() not in (".mp4", ".avi", ".mkv", ".mov"):
        raise SinkError(f"video:{rest}: a name that ends in .mp4, .avi, .mkv or .mov is needed")
    if not path.parent.is_dir():
        raise SinkError(f"video:{rest}: there is no folder {path.parent}")
    return VideoSink(path)


class VideoSink:
    """Writes beside and renames at the end: a file that is there can be played."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._films: dict[str, _Film] = {}

    def write(self, event: Event) -> None:
        """One image."""
        if not isinstance(event, Seen) or event.image is None:
            return
        if event.source not in self._films:
            number = len(self._films)
            stem = self._path.stem if not number else f"{self._path.stem}-{number + 1}"
            self._films[event.source] = _Film(self._path.with_name(stem + self._path.suffix))
        self._films[event.source].add(draw(event), event.time)

    def close(self) -> None:
        """Finish the files."""
        films, self._films = self._films, {}
        for film in films.values():
            film.close()


class _Film:
    """One file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        self._first: tuple[Image, float] | None = None
        self._writer: Any = None
        self._size = (0, 0)

    def add(self, image: Image, time: float) -> None:
        if self._writer is None:
            if self._first is None:
                self._first = image, time
                return
            gap = max(time - self._first[1], 1 / _FASTEST)
            self._open(min(max(1 / gap, _SLOWEST), _FASTEST))
        self._put(image)

    def close(self) -> None:
        if self._writer is None and self._first is not None:
            self._open(_SLOWEST)
        if self._writer is None:
            return
        self._writer.release()
        if not self._beside.exists() or not self._beside.stat().st_size:
            raise SinkError(f"{self._path}: nothing was written; is the disk full?")
        with self._beside.open("rb+") as written:
            os.fsync(written.fileno())
        self._beside.replace(self._path)

    def _open(self, rate: float) -> None:
        cv2 = require("cv2")
        assert self._first is not None
        first = self._first[0]
        # Codecs want even sides, and some of them sixteen pixels.
        self._size = (max(16, first.shape[1] & ~1), max(16, first.shape[0] & ~1))
        code = "MJPG" if self._path.suffix.lower() == ".avi" else "mp4v"
        self._writer = cv2.VideoWriter(
            str(self._beside), cv2.VideoWriter.fourcc(*code), rate, self._size
        )
        if not self._writer.isOpened():
            self._writer = None
            raise SinkError(f"{self._path}: OpenCV cannot write this kind of video here")
        self._put(first)

    def _put(self, image: Image) -> None:
        width, height = self._size
        if image.shape[1::-1] != self._size:
            image = require("cv2").resize(image, (width, height))
        self._writer.write(image)
