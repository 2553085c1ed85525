"""How much sound a sound card lost, which PortAudio does not say, and sometimes not even that.

A callback comes as soon as its sound is there, or later, never earlier. So the earliest of many
callbacks, held against the frames that had come by then, is where the sound card's clock stands on
ours; after a loss it stands later by what was lost. What comes late is held back until it has
caught up, which happens at once where nothing was lost, or until that is not to be expected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from . import BLOCK_SECONDS
from .capture import Chunk

# Callbacks come in bursts: through a sound server, and while the processor is busy.
_KNOWN = round(2.0 / BLOCK_SECONDS)  # chunks before a loss
_HELD = 1.0  # s after it
_MOST = 2.0  # s of sound that are held back

# Less is jitter; where PortAudio does not speak of an overflow, it may be that of a sound server.
_LEAST, _LEAST_UNSAID = 2 * BLOCK_SECONDS, 0.3  # s


class OverflowGauge:
    """Passes chunks of one stream on, with what was lost before each."""

    def __init__(self, rate: int) -> None:
        self._rate, self._frames = rate, 0
        self._lags: deque[float] = deque(maxlen=_KNOWN)  # s by which chunks were behind
        self._held: list[tuple[Chunk, float]] = []  # with their lags
        self._before = 0.0  # the least lag before them

    def push(self, chunk: Chunk) -> Iterator[tuple[Chunk, float]]:
        """The next chunk; those whose turn it is, with the seconds that were lost before each."""
        self._frames += chunk.dropped + chunk.frames
        lag = chunk.captured - self._frames / self._rate
        if self._held and lag - self._held[-1][1] >= _LEAST_UNSAID:  # one more loss, it seems
            yield from self.rest()
        if not self._held:
            self._before = min(self._lags, default=lag)
            if not chunk.overflows and lag - self._before < _LEAST_UNSAID:
                self._lags.append(lag)
                yield chunk, 0.0
                return
        self._held.append((chunk, lag))
        waited = chunk.captured - self._held[0][0].captured
        long = len(self._held) * chunk.frames >= _MOST * self._rate
        if lag - self._before < _LEAST or waited >= _HELD or long:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[Chunk, float]]:
        """What is still held back."""
        held, self._held = self._held, []
        before = self._before
        for place, (chunk, lag) in enumerate(held):
            lost = 0.0
            if chunk.overflows or not place:
                now = min(behind for _, behind in _until_an_overflow(held[place:]))
                if now - before >= (_LEAST if chunk.overflows else _LEAST_UNSAID):
                    lost, before = now - before, now
                    self._lags.clear()
            self._lags.append(lag)
            yield chunk, lost


def _until_an_overflow(held: list[tuple[Chunk, float]]) -> list[tuple[Chunk, float]]:
    """The first of them, and those up to the next of which an overflow is said."""
    for place, (chunk, _) in enumerate(held[1:], 1):
        if chunk.overflows:
            return held[:place]
    return held
