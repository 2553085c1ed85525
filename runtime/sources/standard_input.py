"""Raw PCM on standard input: `-`, or `-?rate=44100&channels=2&format=f32le&channel=1`.

Without options it is mono, signed 16-bit little-endian, at the model's rate. A WAV header at its
beginning, as `arecord` and `ffmpeg -f wav -` write it, is taken for what it is. Nothing else
marks raw PCM as sound, so whatever bytes come are sound; `SoundCheck` says where they do not look
like it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from edgenets.errors import SourceError
from edgenets.sound.audio import RATES, Resampler, Sound, to_mono
from edgenets.sound.check import LIMIT, Finding, SoundCheck, plausible
from edgenets.sound.misread import resembles
from edgenets.sound.pcm import ENCODINGS, Encoding
from edgenets.sound.wav import WavHeader, is_name, read_header
from edgenets.uri import split_options

from . import BLOCK_SECONDS, Block, Item, Source, query
from .descriptor import STDIN, Buffered
from .findings import Findings

FORMATS = ENCODINGS

# How files begin that are no raw PCM, and what they are. Sound begins so once in billions.
_WAV = (b"RIFF", b"RF64")
_FILES = {
    rb"fLaC[\x00\x80]\x00\x00\x22": "FLAC",
    rb"OggS\x00[\x00-\x07]": "Ogg",
    rb"FORM....AIF[FC]": "AIFF",
    rb"caff\x00\x01": "CAF",
    rb"ID3[\x02-\x04][\x00-\x0a]": "MP3",
    rb"....ftyp": "MP4 (AAC)",
}
_FIRST = (b"f", b"O", b"F", b"c", b"I", b"R", b"\0")

# Where the first byte is one of these the others of a header are waited for; they come at once.
_PATIENCE = 0.2  # s

# Bytes by which it is seen what samples are that are no numbers.
_LOOK = 1 << 15


@dataclass(frozen=True)
class RawFormat:
    """How raw PCM is written."""

    rate: int  # Hz
    channels: int
    encoding: Encoding
    channel: int | None = None  # the one that is taken alone, from 1; None: the mean of all
    given: frozenset[str] = frozenset()  # options that a header does not change

    @property
    def frame(self) -> int:
        """Bytes of a frame, a sample of each channel."""
        return self.channels * self.encoding.width

    def by(self, header: WavHeader) -> RawFormat:
        """This with what a WAV header says, but for what was given."""
        return RawFormat(
            self.rate if "rate" in self.given else header.rate,
            self.channels if "channels" in self.given else header.channels,
            self.encoding if "format" in self.given else header.encoding,
            self.channel,
            self.given,
        )

    def __str__(self) -> str:
        return f"{self.rate} Hz, {self.channels} channel(s), {self.encoding.name}"


def open_source(rest: str, sample_rate: int) -> Source:
    """Standard input as `rest` describes it; errors as `edgenets.runtime.sources.open_source`."""
    known = ("rate", "channels", "format", "channel")
    name, options = split_options(rest, known, "rate=44100")
    if name:
        raise SourceError(f"'-{rest}': standard input is '-', or '-?rate=…'")
    form = options.get("format", "s16le")
    if form not in FORMATS:
        raise SourceError(f"format={form}: must be one of {', '.join(FORMATS)}")
    if os.isatty(STDIN):
        raise SourceError("standard input is a terminal; pipe raw PCM into it")
    rate, channels = query.rate(options) or sample_rate, query.channels(options) or 1
    return RawInput(rate, channels, FORMATS[form], sample_rate, STDIN, options)


class RawInput(Source):
    """PCM from a descriptor, passed on as soon as it is there. The writer waits for us."""

    def __init__(
        self,
        rate: int,
        channels: int,
        encoding: Encoding,
        sample_rate: int,
        descriptor: int,
        options: dict[str, str] | None = None,
    ) -> None:
        """Take a descriptor.

        Args:
            rate: Hz.
            sample_rate: Hz of the sound that is passed on.
            options: of the URI; those that are given stand against a WAV header.
        """
        super().__init__("-")
        self._bytes = Buffered(descriptor)
        self._sample_rate = sample_rate
        self._left: int | None = None  # bytes of sound to come by a header; None: no end is known
        self._findings = Findings()
        given = options or {}
        self._use(RawFormat(rate, channels, encoding, query.channel(given), frozenset(given)))

    def close(self) -> None:
        """See `Source.close`."""
        self._closed = True
        self._bytes.close()

    def __iter__(self) -> Iterator[Item]:
        yield from self._begin()
        yield from self._take()  # what was looked at
        while self._bytes.fill(max(1, round(BLOCK_SECONDS * self._raw.rate)) * self._raw.frame):
            yield from self._take()
            while self._left is not None and self._left < self._raw.frame:
                if not (yield from self._next()):
                    break
                yield from self._take()
        if not self._closed:
            yield from self._end()

    def _use(self, raw: RawFormat) -> None:
        if raw.channel is not None and raw.channel > raw.channels:
            raise SourceError(f"standard input: no channel {raw.channel}; there are {raw.channels}")
        self._raw = raw
        self._resampler = Resampler(raw.rate, self._sample_rate)
        self._check = SoundCheck(raw.rate, raw.encoding.name, raw.channel)

    def _begin(self) -> Iterator[Item]:
        """Take a header for what it is, or refuse what is no PCM."""
        start = self._bytes.peek(1)
        if start not in _FIRST:
            return
        start = self._bytes.peek(12, _PATIENCE)
        for pattern, name in _FILES.items():
            if re.match(pattern, start, re.DOTALL):
                raise SourceError(
                    f"standard input is {name}, not raw PCM; give the file by its name, or decode "
                    f"it: ffmpeg -i FILE -f s16le -ar {self._sample_rate} -ac 1 - | edgenets run …"
                )
        if start[:4] in _WAV and start[8:] == b"WAVE":
            yield from self._header()

    def _header(self) -> Iterator[Item]:
        header = read_header(self._bytes)
        if header is None:
            raise SourceError(
                "standard input begins as a WAV file does, but its header cannot be read, or its "
                "encoding is not known here; decode it: ffmpeg -i FILE -f s16le -ac 1 - | …"
            )
        if header.rate not in RATES:
            raise SourceError(f"standard input: {header.rate} Hz in its header cannot be right")
        raw = self._raw.by(header)
        self._left = None if header.open_end else header.claimed
        if raw != self._raw:
            self._use(raw)
        there = RawFormat(header.rate, header.channels, header.encoding)
        text = f"begins with a WAV header: {there}; read so"
        if str(raw) != str(there):
            text = f"begins with a WAV header: {there}; read as given: {raw}"
        yield from self._findings.notices(self.name, [Finding("header", text)])

    def _next(self) -> Generator[Item, None, bool]:
        """What follows the sound that a header has promised; whether there is more sound."""
        assert self._left is not None
        self._bytes.read(self._left + self._left % 2)  # a cut frame, and what makes it even
        self._left = 0
        while len(head := self._bytes.peek(8)) == 8:
            if head[:4] in _WAV:
                yield from self._header()
                return True
            if not is_name(head[:4]):
                text = "more sound follows than its header promises; it is read, too"
                yield from self._findings.notices(self.name, [Finding("header", text)])
                self._left = None
                return True
            self._bytes.skip(8 + -(-int.from_bytes(head[4:], "little") // 2) * 2)
        return False

    def _take(self) -> Iterator[Item]:
        """Whole frames of what has come, as a block."""
        there = len(self._bytes.pending)
        size = there if self._left is None else min(there, self._left)
        at = self._bytes.offset
        data = self._bytes.read(size - size % self._raw.frame)
        if self._left is not None:
            self._left -= len(data)
        if not data:
            return
        samples = self._raw.encoding.decode(data).reshape(-1, self._raw.channels)
        if not plausible(samples):
            raise SourceError(self._no_sample(samples, data, at))
        if found := self._check.push(samples, data):
            yield from self._findings.notices(self.name, found)
        yield from self._blocks(to_mono(samples, self._raw.channel))

    def _blocks(self, samples: Sound, last: bool = False) -> Iterator[Item]:
        out = self._resampler.push(samples, last=last)
        step = max(1, round(BLOCK_SECONDS * self._sample_rate))
        for start in range(0, len(out), step):
            yield Block(out[start : start + step], time.monotonic())

    def _end(self) -> Iterator[Item]:
        yield from self._blocks(np.empty(0, np.float32), last=True)
        cut = bool(self._bytes.pending)
        missing = int(cut) if self._left is None else -(-self._left // self._raw.frame)
        found = [*self._check.finish()]
        if missing:
            samples = max(1, round(missing * self._sample_rate / self._raw.rate))
            why = (
                "it ends in the middle of a sample"
                if self._left is None
                else (f"{missing / self._raw.rate:.2f} s that its header promises are missing")
            )
            found.append(Finding("short", f"it is cut off: {why}", samples))
        yield from self._findings.notices(self.name, found)
        yield from self._findings.rest()

    def _no_sample(self, samples: Sound, data: bytes, at: int) -> str:
        """What to say of the first sample that is none."""
        encoding = self._raw.encoding
        flat = samples.reshape(-1)
        first = int(np.flatnonzero(~(np.abs(flat) < LIMIT))[0])
        while len(data) < _LOOK and self._bytes.fill(_LOOK):
            data += self._bytes.read(len(self._bytes.pending))
        whole = data[: len(data) - len(data) % self._raw.frame]
        other = resembles(whole, encoding.name, self._raw.channels)
        hint = (
            f"its bytes are sound as {other}: give format={other}"
            if other
            else (f"is it {encoding.name} at all?")
        )
        place = at + first * encoding.width
        return f"standard input: {flat[first]} at byte {place} is no sample; {hint}"
