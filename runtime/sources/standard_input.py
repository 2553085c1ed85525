"""Raw PCM on standard input: `-`, or `-?rate=44100&channels=2&format=f32le`.

Without options it is mono, signed 16-bit little-endian, at the model's rate.
Nothing marks raw PCM as sound, so whatever bytes come are sound.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import SourceError
from edgenets.sound.audio import Resampler, Sound, to_mono
from edgenets.uri import split_options

from . import BLOCK_SECONDS, Block, Item, Source, query
from .descriptor import STDIN, Descriptor

FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


def open_source(rest: str, sample_rate: int) -> Source:
    """Standard input as `rest` describes it; errors as `edgenets.runtime.sources.open_source`."""
    name, options = split_options(rest, ("rate", "channels", "format"), "rate=44100")
    if name:
        raise SourceError(f"'-{rest}': standard input is '-', or '-?rate=…'")
    form = options.get("format", "s16le")
    if form not in FORMATS:
        raise SourceError(f"format={form}: must be {' or '.join(FORMATS)}")
    if os.isatty(STDIN):
        raise SourceError("standard input is a terminal; pipe raw PCM into it")
    rate, channels = query.rate(options) or sample_rate, query.channels(options) or 1
    return RawInput(rate, channels, FORMATS[form], sample_rate, STDIN)


class RawInput(Source):
    """PCM from a descriptor, passed on as soon as it is there. The writer waits for us."""

    def __init__(
        self,
        rate: int,
        channels: int,
        dtype: np.dtype[Any],
        sample_rate: int,
        descriptor: int,
    ) -> None:
        super().__init__("-")
        self._input = Descriptor(descriptor)
        self._channels, self._dtype = channels, dtype
        self._frame = channels * dtype.itemsize  # bytes
        self._most = max(1, round(BLOCK_SECONDS * rate)) * self._frame  # bytes of a read
        self._resampler = Resampler(rate, sample_rate)

    def close(self) -> None:
        """See `Source.close`."""
        self._closed = True
        self._input.close()

    def __iter__(self) -> Iterator[Item]:
        rest, offset = b"", 0
        while not self._closed:
            data = self._input.read(self._most)
            if data is None:
                continue
            if not data:
                break
            data = rest + data
            whole = len(data) - len(data) % self._frame
            rest = data[whole:]
            yield from self._blocks(self._decode(data[:whole], offset))
            offset += whole
        if not self._closed:
            yield from self._blocks(np.empty(0, np.float32), last=True)

    def _blocks(self, samples: Sound, last: bool = False) -> Iterator[Item]:
        out = self._resampler.push(samples, last=last)
        if len(out):
            yield Block(out, time.monotonic())

    def _decode(self, data: bytes, offset: int) -> Sound:
        """Whole frames to mono sound; `offset` is where they begin in the stream, in bytes."""
        values: Array = np.frombuffer(data, self._dtype)
        if values.dtype == np.int16:
            return to_mono(values.reshape(-1, self._channels))
        samples = values.astype(np.float32, copy=False)
        bad = np.flatnonzero(~np.isfinite(samples))
        if len(bad):
            at = offset + int(bad[0]) * values.itemsize
            raise SourceError(
                f"standard input: {samples[bad[0]]} at byte {at} is no sample; is it f32le at all?"
            )
        return to_mono(samples.reshape(-1, self._channels))
