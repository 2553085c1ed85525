"""What is odd about sound: level, clipping, channels, encoding; measured all along, said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from edgenets.sound.level import measure
from edgenets.sound.misread import Misread, resembles
from edgenets.sound.pcm import Sound
from edgenets.sound.rules import RULES, Rule

# Sound is measured by the second.
_WINDOW = 1.0  # s
_SHORTEST = 0.05  # s, of the rest at an end

# Samples beyond it are none: more than 32 bits have.
LIMIT = float(1 << 33)


@dataclass(frozen=True)
class Finding:
    """Something odd about a file or its sound."""

    kind: str
    text: str  # without the name of the source
    samples: int = 0  # of sound that is missing, at the model's rate


class SoundCheck:
    """Measures one stream. It costs some 30 µs a second of sound."""

    def __init__(self, rate: int, encoding: str = "", channel: int | None = None) -> None:
        """Begin a stream.

        Args:
            rate: Hz of the source, before it is resampled.
            encoding: of `pcm.ENCODINGS`, where the bytes are known.
            channel: the one that is taken, from 1; None: the mean of all.
        """
        self._rate, self._encoding, self._channel = rate, encoding, channel
        self._window = round(_WINDOW * rate)
        self._waiting: list[Sound] = []
        self._raw: list[bytes] = []
        self._frames = 0  # that wait
        self._measured_any = False
        self._rules: list[Rule] = [rule() for rule in RULES]
        self._misread = Misread(encoding) if encoding else None

    def push(self, samples: Sound, raw: bytes = b"") -> Sequence[Finding]:
        """Take (n,) or (n, channels) samples and perhaps the bytes that they were read from."""
        self._waiting.append(samples)
        if raw:
            self._raw.append(raw)
        self._frames += len(samples)
        return list(self._measured(self._window)) if self._frames >= self._window else ()

    def finish(self) -> Sequence[Finding]:
        """What can be said at the end of a recording, however short it was."""
        found = list(self._measured(self._window))
        if self._frames > 1 and (self._frames > _SHORTEST * self._rate or not self._measured_any):
            found += self._measured(self._frames)
        if self._misread is not None and (text := self._misread.finish()):
            found.append(Finding("format", text))
            return found
        for rule in self._rules:
            if text := rule.finish():
                found.append(Finding(rule.kind, text))
        self._rules.clear()
        return found

    def _measured(self, size: int) -> Iterator[Finding]:
        """Measure what waits, `size` frames at a time; the rest waits on."""
        if self._frames < size:
            return
        joined = self._waiting[0]
        if len(self._waiting) > 1:
            joined = cast("Sound", np.concatenate(self._waiting))
        raw = b"".join(self._raw)
        width = len(raw) // len(joined)  # bytes of a frame, 0 where they are not known
        whole = len(joined) - len(joined) % size
        for start in range(0, whole, size):
            end = start + size
            yield from self._second(joined[start:end], raw[width * start : width * end])
        self._frames = len(joined) - whole
        self._waiting = [joined[whole:]] if self._frames else []
        self._raw = [raw[width * whole :]] if width and self._frames else []

    def _second(self, samples: Sound, raw: bytes) -> Iterator[Finding]:
        self._measured_any = True
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        if channels > 1 and self._channel is not None:
            samples = samples[:, self._channel - 1]
        level = measure(samples, self._rate)
        if self._misread is not None and (found := self._misread.take(level, raw, channels)):
            self._misread = None
            # What it measures is not the sound's, then.
            self._rules.clear()
            yield Finding(*found)
        for rule in list(self._rules):
            if text := rule.take(level):
                self._rules.remove(rule)
                yield Finding(rule.kind, text)


def plausible(samples: Sound) -> bool:
    """Whether samples are finite numbers that sound may have."""
    if samples.dtype == np.int16 or not samples.size:
        return True
    return bool(samples.min() > -LIMIT and samples.max() < LIMIT)


def why_not(samples: Sound, raw: bytes, encoding: str, channels: int) -> str | None:
    """Why samples cannot be any sound, or None where they can."""
    if plausible(samples):
        return None
    text = "holds samples that are not finite numbers"
    other = resembles(raw, encoding, channels) if raw else None
    return f"{text}; its bytes are sound if they are read as {other}" if other else text
