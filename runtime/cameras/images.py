"""Images on disk: one, a folder of them, or a glob, in sorted order."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import DataError, SourceError
from edgenets.tasks.vision import image

from . import Camera, Frame, Item, SourceNotice


def open_camera(rest: str) -> Camera:
    """The image, folder or glob `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    return Images(rest)


class Images(Camera):
    """Images one after another. A broken one is skipped with a notice."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self._paths = _found(pattern)

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        readable = False
        for number, path in enumerate(self._paths):
            if self._closed:
                return
            try:
                pixels = image.read(path)
            except DataError as exc:
                yield SourceNotice("skipped", f"skipped an image: {exc}")
                continue
            readable = True
            yield Frame(pixels, number, float(number), time.monotonic(), path)
        if not readable:
            raise SourceError(f"{self.name}: not one of {len(self._paths)} images can be read")


def _found(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        paths = list(path.iterdir())
    elif path.is_file():
        return [path]
    else:
        # Path.glob would do, but takes no absolute pattern.
        paths = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    found = sorted(p for p in paths if p.is_file() and image.is_image(p))
    if not found and not glob.has_magic(pattern) and not path.exists():
        raise SourceError(f"{pattern}: there is no such file or folder")
    if not found:
        kinds = ", ".join(sorted(image.SUFFIXES))
        raise SourceError(f"{pattern}: no images ({kinds}) here")
    return found
