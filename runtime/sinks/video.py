"""`video:out.mp4`: what was seen, drawn into a video; one file a source."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

from edgenets.errors import SinkError
from edgenets.events import Event, Seen
from edgenets.extras import require
from edgenets.native import captured_stderr
from edgenets.tasks.vision.drawing import draw
from edgenets.tasks.vision.image import Image

from ..cameras.capture import ffmpeg_options, opened

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
        self._made = 0  # files, of those before it failed as well

    def write(self, event: Event) -> None:
        """One image."""
        if not isinstance(event, Seen) or event.image is None:
            return
        if event.source not in self._films:
            number, self._made = self._made, self._made + 1
            stem = self._path.stem if not number else f"{self._path.stem}-{number + 1}"
            self._films[event.source] = _Film(self._path.with_name(stem + self._path.suffix))
        self._films[event.source].add(draw(event), event.time)

    @property
    def held(self) -> int:
        """Images in files that are not finished."""
        return sum(film.count for film in self._films.values())

    def go_on(self, before: object) -> None:
        """After a failure: what was written until then is not written over."""
        assert isinstance(before, VideoSink), "the same place, opened again"
        self._made = before._made

    def close(self) -> None:
        """Finish the files.

        Raises:
            SinkError: images are not in them; how many is its `count`.
        """
        lost, why = 0, []
        for source in list(self._films):
            film = self._films[source]
            try:
                film.close()
            except (OSError, SinkError) as exc:
                lost += getattr(exc, "count", film.count)
                why.append(str(exc))
            del self._films[source]
        if why:
            error = SinkError("; ".join(why))
            error.count = lost
            raise error


class _Film:
    """One file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        self._first: tuple[Image, float] | None = None
        self._writer: Any = None
        self._size = (0, 0)
        self.count = 0  # images that it was given

    def add(self, image: Image, time: float) -> None:
        self.count += 1
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
        # OpenCV does not say that a disk is full; so what is written is read back.
        kept = _images_in(self._beside, self.count)
        if not kept:
            self._beside.unlink(missing_ok=True)
            raise self._short(kept)
        with self._beside.open("rb+") as written:
            os.fsync(written.fileno())
        self._beside.replace(self._path)
        if kept < self.count:
            raise self._short(kept)

    def _short(self, kept: int) -> SinkError:
        error = SinkError(
            f"{self._path}: holds {kept:,} of {self.count:,} images; is the disk full?"
        )
        error.count = self.count - kept
        return error

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


def _images_in(path: Path, expected: int) -> int:
    """How many of so many images can be read from a video; of a whole one only the last is."""
    cv2 = require("cv2")
    with captured_stderr(), ffmpeg_options.for_files():
        for whole in (True, False):
            capture = opened(lambda: cv2.VideoCapture(str(path)))
            if capture is None:
                return 0
            try:
                if not whole:  # where its index is missing, what it says of itself is nonsense
                    return next(n for n in itertools.count() if n == expected or not capture.grab())
                count = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
                capture.set(cv2.CAP_PROP_POS_FRAMES, expected - 1)
                if round(count) == expected and capture.grab():
                    return expected
            finally:
                capture.release()
    return 0
