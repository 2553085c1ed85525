"""A sound file, as fast as it is taken."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError, SourceError
from edgenets.sound.audio import read_blocks
from edgenets.sound.check import Finding

from . import BLOCK_SECONDS, Block, Item, Source, SourceNotice, split_channel
from .findings import Findings


def open_source(rest: str, sample_rate: int) -> Source:
    """The sound file at the path `rest`; errors as `edgenets.runtime.sources.open_source`."""
    path, channel = split_channel(rest)
    return SoundFile(Path(path), sample_rate, channel)


class SoundFile(Source):
    """One recording. Its first block is read as it is opened, so a broken file is refused there."""

    def __init__(self, path: Path, sample_rate: int, channel: int | None = None) -> None:
        super().__init__(str(path))
        self._found: list[Finding] = []
        self._blocks = blocks_of(path, sample_rate, self._found, channel)
        self._first = next(self._blocks)

    def __iter__(self) -> Iterator[Item]:
        with closing(self._blocks):
            for samples in chain((self._first,), self._blocks):
                if self._closed:
                    return
                if self._found:
                    yield from self._notices()
                yield Block(samples, time.monotonic())
        yield from self._notices()

    def _notices(self) -> Iterator[SourceNotice]:
        found = [*self._found]
        self._found.clear()
        return Findings().notices(self.name, found)


def blocks_of(
    path: Path, sample_rate: int, found: list[Finding], channel: int | None = None
) -> Generator[NDArray[np.float32], None, None]:
    """The sound of a file in blocks of `BLOCK_SECONDS`, the last one shorter; at least one.

    Args:
        found: gets what is odd about the file and its sound, as it is read.
        channel: the one that is taken alone, from 1; None: the mean of all.

    Raises:
        SourceError: the file cannot be read, or holds no sound.
        MissingExtra: the file needs soundfile or soxr and it is not installed.
    """
    empty = True
    try:
        # A second at once, as it is measured, and not to be put together where rates are the same.
        read = read_blocks(path, sample_rate, sample_rate, found.append, channel)
        for samples in cut(read, round(BLOCK_SECONDS * sample_rate)):
            empty = False
            yield samples
    except (DataError, OSError) as exc:
        raise SourceError(str(exc)) from exc
    if empty:
        why = f": {found[-1].text}" if found else ""
        raise SourceError(f"{path}: holds no sound{why}")


def cut(pieces: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Pieces of any length to blocks of `size` samples; only the last may be shorter."""
    rest = np.empty(0, np.float32)
    for piece in pieces:
        sound = np.concatenate((rest, piece)) if len(rest) else piece
        whole = len(sound) - len(sound) % size
        for start in range(0, whole, size):
            yield sound[start : start + size]
        rest = sound[whole:]
    if len(rest):
        yield rest
