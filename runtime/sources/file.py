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

from . import BLOCK_SECONDS, Block, Item, Source


def open_source(rest: str, sample_rate: int) -> Source:
    """The sound file at the path `rest`; errors as `edgenets.runtime.sources.open_source`."""
    return SoundFile(Path(rest), sample_rate)


class SoundFile(Source):
    """One recording. Its first block is read as it is opened, so a broken file is refused there."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        super().__init__(str(path))
        self._blocks = blocks_of(path, sample_rate)
        self._first = next(self._blocks)

    def __iter__(self) -> Iterator[Item]:
        with closing(self._blocks):
            for samples in chain((self._first,), self._blocks):
                if self._closed:
                    return
                yield Block(samples, time.monotonic())


def blocks_of(path: Path, sample_rate: int) -> Generator[NDArray[np.float32], None, None]:
    """The sound of a file in blocks of `BLOCK_SECONDS`, the last one shorter; at least one.

    Raises:
        SourceError: the file cannot be read, or holds no sound.
        MissingExtra: the file needs soundfile or soxr and it is not installed.
    """
    empty = True
    try:
        for samples in cut(read_blocks(path, sample_rate), round(BLOCK_SECONDS * sample_rate)):
            empty = False
            yield samples
    except (DataError, OSError) as exc:
        raise SourceError(str(exc)) from exc
    except RuntimeError as exc:  # what `wave` raises for a chunk that ends outside its file
        raise SourceError(f"{path}: not a sound file that can be read") from exc
    if empty:
        raise SourceError(f"{path}: holds no sound")


def cut(pieces: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Subwords of any length to blocks of `size` samples; only the last may be shorter."""
    rest = np.empty(0, np.float32)
    for piece in pieces:
        sound = np.concatenate((rest, piece)) if len(rest) else piece
        whole = len(sound) - len(sound) % size
        for start in range(0, whole, size):
            yield sound[start : start + size]
        rest = sound[whole:]
    if len(rest):
        yield rest
