"""Recording a word from a microphone, several times, each when the speaker is asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.sound import audio
from edgenets.tasks.keywords.takes import fault_of

from .sources import Block, Source, open_source

# s of stream that are counted down, one number each, and in which the word is said.
COUNT, SPEAK = 3, 2.0

# Recordings that are refused one after another before somebody should look for the reason.
PATIENCE = 5


def record(
    source: str, folder: Path, count: int, rate: int, say: Callable[[str], None]
) -> list[Path]:
    """Record a word so many times; what is too loud, too long or nothing is asked for again.

    Args:
        source: a URI of sound, such as `mic:default`.
        folder: for the recordings, WAV; what is in it stays.
        rate: Hz.
        say: tells the speaker what to do.

    Returns:
        the recordings, in order; those that were made before an error stay too.

    Raises:
        SourceError: the source cannot be opened.
        DataError: it ends before all is said, nothing that can be used is heard again and again, or
            the folder cannot be written.
    """
    made: list[Path] = []
    refused = 0
    with open_source(source, rate) as opened:
        sound = _Stream(opened)
        while len(made) < count:
            for number in range(COUNT, 0, -1):
                say(f"{len(made) + 1} of {count}: {number} …")
                sound.take(rate)
            say(f"{len(made) + 1} of {count}: say it now")
            heard = sound.take(int(SPEAK * rate))
            if len(heard) < SPEAK * rate:
                raise DataError(f"{source}: ended after {len(made)} of {count} recordings")
            fault = fault_of(heard, rate)
            if not fault:
                made.append(_kept(folder, heard, rate))
                refused = 0
                continue
            say(f"once more: {fault}")
            refused += 1
            if refused == PATIENCE:
                raise DataError(f"{source}: {refused} times in a row: {fault}")
    say(f"{folder}: {count} recordings")
    return made


def _kept(folder: Path, sound: NDArray[np.float32], rate: int) -> Path:
    """Write a recording beside those that are there."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000_000:09d}.wav"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        audio.write_wav(folder / name, sound, rate)
    except OSError as exc:
        raise DataError(f"{folder}: cannot be written: {exc.strerror}") from exc
    return folder / name


class _Stream:
    """A source as one stream of samples."""

    def __init__(self, source: Source) -> None:
        self._blocks = self._of(source)
        self._rest = np.zeros(0, np.float32)

    def take(self, count: int) -> NDArray[np.float32]:
        """The next samples; fewer where the source ends."""
        parts, missing = [self._rest], count - len(self._rest)
        while missing > 0 and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            missing -= len(block)
        joined = np.concatenate(parts)
        self._rest = joined[count:]
        return joined[:count]

    @staticmethod
    def _of(source: Source) -> Iterator[NDArray[np.float32]]:
        for item in source:
            if isinstance(item, Block):
                yield audio.as_float(item.samples)
