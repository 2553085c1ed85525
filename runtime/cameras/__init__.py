"""Where images come from: a URI names a camera, a stream, a video or images on disk.

`CAMERAS` names the module of each; it is imported when it is used. A module has
`open_camera(rest)`, where `rest` is the URI after its scheme. What it gives is
read by a thread of its own (`feed.py`), which passes on the newest image of a
live source and every image of the others.
"""

from __future__ import annotations

import importlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgenets.errors import SourceError
from edgenets.painter import harmless
from edgenets.tasks.vision.image import SUFFIXES, UNREAD, Image

# Scheme → its module. To add one: a file here, and a line.
CAMERAS = {
    "camera": "edgenets.runtime.cameras.v4l",
    "csi": "edgenets.runtime.cameras.csi",
    "rtsp": "edgenets.runtime.cameras.network",
    "rtsps": "edgenets.runtime.cameras.network",
    "http": "edgenets.runtime.cameras.network",
    "https": "edgenets.runtime.cameras.network",
    "video": "edgenets.runtime.cameras.video",
    "images": "edgenets.runtime.cameras.images",
    "null": "edgenets.runtime.cameras.pattern",
    "demo": "edgenets.runtime.cameras.demo",
}

# Images by their names, those included that are only named to be refused.
IMAGES = SUFFIXES | UNREAD

# What may stand behind the name of images or a video; a glob has '?' as well.
_OPTIONS, _GLOB = re.compile(r"\?(max-pixels|depth)=.*$"), re.compile(r"[*?[]")

# These need their scheme to know where to connect.
_WHOLE = frozenset({"rtsp", "rtsps", "http", "https"})

HOW = (
    "there are camera:0, csi:0, rtsp://…, http://… (MJPEG), a video file, an image, a folder or "
    "glob of images, null: (a test pattern), demo:smear (a drawing that moves)"
)


@dataclass(frozen=True)
class Frame:
    """One image of a source."""

    image: Image
    number: int  # of the source's images from 0, lost ones included
    time: float  # s: in a recording, its own time; live, since the source was opened
    captured: float  # s of time.monotonic() when it was captured, or read from disk
    path: Path | None = None  # of an image on disk


@dataclass(frozen=True)
class SourceNotice:
    """Something that a person should know, and that the source survives."""

    kind: Literal["lost", "back", "stale", "skipped", "dropped", "reduced", "guessed", "away"]
    text: str
    count: int = 1  # of images, where they were lost
    at: float = field(default_factory=time.monotonic)  # s of time.monotonic()


Item = Frame | SourceNotice


class Camera(ABC):
    """A source of images. Its items are taken by one thread, which may wait in them."""

    live = False  # whether images come in real time, and only the newest matters

    def __init__(self, name: str) -> None:
        self.name = name
        self.damaged = 0  # images that came, or should have, and could not be read
        self._closed = False

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Frames and notices until the source ends, or `close` is called.

        No image is ever made up: where none comes, there is none.

        Raises:
            SourceError: nothing can be read, and there is nothing to wait for.
        """

    def close(self) -> None:
        """Let `items` end soon. It never blocks, and may be called from a signal handler."""
        self._closed = True


def open_camera(uri: str) -> Camera:
    """Open what a URI names.

    Raises:
        SourceError: there is no such scheme, device or file, or it cannot be opened.
        MissingExtra: OpenCV is not installed.
    """
    scheme, rest = _split(uri)
    module = importlib.import_module(CAMERAS[scheme])
    camera: Camera = module.open_camera(rest)
    return camera


def _split(uri: str) -> tuple[str, str]:
    """The scheme that stands in `CAMERAS`, and what its module gets."""
    scheme, colon, rest = uri.partition(":")
    if colon and scheme in CAMERAS:
        return scheme, uri if scheme in _WHOLE else rest
    if not uri:
        raise SourceError(f"no source is given; {HOW}")
    name = uri.removeprefix("file:")
    there = Path(name).exists() or Path(_OPTIONS.sub("", name)).exists()
    if not there and colon and scheme.isalnum() and len(scheme) > 1:
        raise SourceError(f"no source of images is called '{harmless(scheme)}:'; {HOW}")
    return ("images" if _is_of_images(name) else "video"), name


def _is_of_images(name: str) -> bool:
    """Whether a path or glob, with options or without, is of images and not of a video."""
    path = Path(name)
    if not path.exists():
        path = Path(_OPTIONS.sub("", name))
    if path.is_dir() or path.suffix.lower() in IMAGES:
        return True
    return not path.exists() and _GLOB.search(str(path)) is not None
