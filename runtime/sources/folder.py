"""The sound files of a folder or glob, one after another in sorted order."""

from __future__ import annotations

import glob
import time
from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import SourceError
from edgenets.sound.audio import SUFFIXES
from edgenets.sound.check import Finding

from . import Block, Boundary, Item, Source, SourceNotice, split_channel
from .file import blocks_of
from .findings import Findings


def open_source(rest: str, sample_rate: int) -> Source:
    """The folder or glob `rest`; errors as `edgenets.runtime.sources.open_source`."""
    return Folder(rest, sample_rate)


class Folder(Source):
    """Recordings, each announced by a `Boundary`. A broken one is skipped with a notice."""

    def __init__(self, pattern: str, sample_rate: int) -> None:
        super().__init__(pattern)
        pattern, self._channel = split_channel(pattern)
        self._paths = _sound_files(pattern)
        self._sample_rate = sample_rate
        self._findings = Findings()

    def __iter__(self) -> Iterator[Item]:
        readable = False
        for path in self._paths:
            for item in self._items(path):
                if self._closed:
                    return
                readable = readable or isinstance(item, Block)
                yield item
        yield from self._findings.rest()
        if not readable:
            raise SourceError(f"{self.name}: not one of {len(self._paths)} sound files can be read")

    def _items(self, path: Path) -> Iterator[Item]:
        begun, found = False, list[Finding]()
        try:
            for samples in blocks_of(path, self._sample_rate, found, self._channel):
                if not begun:
                    yield Boundary(path)
                    begun = True
                if found:
                    yield from self._findings.notices(path.name, found)
                    found.clear()
                yield Block(samples, time.monotonic())
            yield from self._findings.notices(path.name, found)
        except SourceError as exc:
            what = "the rest of a file" if begun else "a file"
            yield SourceNotice("skipped", f"skipped {what}: {exc}")


def _sound_files(pattern: str) -> list[Path]:
    """Sorted; hidden files are none of the user's recordings (macOS leaves ._NAME.wav behind)."""
    folder = Path(pattern)
    if folder.is_dir():
        found = list(folder.iterdir())
    else:
        # Path.glob would do, but takes no absolute pattern.
        found = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    sounds = [
        path
        for path in found
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not sounds:
        kinds = ", ".join(sorted(SUFFIXES))
        raise SourceError(f"{pattern}: no sound files ({kinds}) here")
    return sorted(sounds)
