"""Images on disk: one, a folder of them, or a glob, in sorted order.

`DIR?depth=12` says what images of 16 bits a channel really hold, `DIR?max-pixels=100000000` lets
larger ones pass. JPEGs of more pixels are decoded 2, 4 or 8 times smaller.
"""

from __future__ import annotations

import glob
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgenets.errors import DataError, SourceError
from edgenets.painter import harmless
from edgenets.tasks.vision import image

from . import Camera, Frame, Item, SourceNotice, options


def open_camera(rest: str) -> Camera:
    """The image, folder or glob `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    pattern, given = options.of_images(rest)
    rules = replace(options.rules(given, image.MOST_PIXELS), reduce=True)
    return Images(pattern, rules)


# What a folder of images may have besides, and what of it is not read.
_BESIDES = image.UNREAD | {".gif", ".jp2", ".ppm", ".pgm", ".pnm"}


class Images(Camera):
    """Images one after another. A broken one is skipped with a notice."""

    def __init__(self, pattern: str, rules: image.Rules) -> None:
        super().__init__(harmless(pattern))
        self._rules = rules
        self._paths, unread = _found(pattern)
        self._unread = Counter(path.suffix.lower() for path in unread)

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        readable = False
        for suffix, count in sorted(self._unread.items()):
            text = f"{count} files {suffix} are not read here; save them as JPEG or PNG"
            self.damaged += count
            yield SourceNotice("skipped", f"{self.name}: {text}", count)
        for number, path in enumerate(self._paths):
            if self._closed:
                return
            where = harmless(str(path))
            try:
                data = image.load(path, self._rules)
                factor = image.reduction(image.checked_header(data, where), self._rules)
                pixels = image.decode(data, where, self._rules)
            except DataError as exc:
                self.damaged += 1
                yield SourceNotice("skipped", f"skipped an image: {exc}")
                continue
            readable = True
            if factor > 1:
                height, width = pixels.shape[:2]
                text = f"{where}: decoded {factor} times smaller; boxes are of {width} × {height}"
                yield SourceNotice("reduced", text)
            yield Frame(pixels, number, float(number), time.monotonic(), path)
        if not readable:
            raise SourceError(f"{self.name}: not one of {len(self._paths)} images can be read")


def _found(pattern: str) -> tuple[list[Path], list[Path]]:
    """The images, and what is an image by its name that is not read here."""
    path = Path(pattern)
    if path.is_dir():
        paths = list(path.iterdir())
    elif path.is_file():
        return [path], []
    else:
        # Path.glob would do, but takes no absolute pattern.
        paths = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    paths = sorted(p for p in paths if not p.name.startswith(".") and p.is_file())
    found = [p for p in paths if image.is_image(p)]
    unread = [p for p in paths if p.suffix.lower() in _BESIDES]
    if not found:
        raise SourceError(f"{harmless(pattern)}: {_nothing(pattern, unread)}")
    return found, unread


def _nothing(pattern: str, unread: list[Path]) -> str:
    """Why there is no image."""
    if not glob.has_magic(pattern) and not Path(pattern).exists():
        return "there is no such file or folder"
    others = ", ".join(sorted({path.suffix.lower() for path in unread}))
    also = f"; {others} are not read here" if others else ""
    return f"no images ({', '.join(sorted(image.SUFFIXES))}) here{also}"
