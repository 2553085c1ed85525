"""Silence, for tests and benches: `null:SECONDS`, or `null:` without end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from edgenets.errors import SourceError

from . import BLOCK_SECONDS, Block, Item, Source


def open_source(rest: str, sample_rate: int) -> Source:
    """Silence of `rest` seconds; errors as `edgenets.runtime.sources.open_source`."""
    if not rest:
        return Silence(math.inf, sample_rate)
    try:
        seconds = float(rest)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise SourceError(f"null:{rest}: how many seconds of silence? As in null:10, or null:")
    return Silence(seconds, sample_rate)


class Silence(Source):
    """Zeros, as fast as they are taken."""

    def __init__(self, seconds: float, sample_rate: int) -> None:
        super().__init__("null:" if math.isinf(seconds) else f"null:{seconds:g}")
        endless = math.isinf(seconds)
        self._left: float = math.inf if endless else round(seconds * sample_rate)  # samples
        self._block = np.zeros(round(BLOCK_SECONDS * sample_rate), np.float32)
        self._block.flags.writeable = False  # every block is this one

    def __iter__(self) -> Iterator[Item]:
        while self._left > 0 and not self._closed:
            samples = self._block[: int(min(self._left, len(self._block)))]
            self._left -= len(samples)
            yield Block(samples, time.monotonic())
