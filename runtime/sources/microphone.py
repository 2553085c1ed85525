"""A microphone: `mic:default`, or `mic:NAME` with a part of its name.

Options are `?rate=…&channels=…&channel=…`: Hz, how many, and the one that is taken alone, from 1.

The reader waits at one queue, `_inbox`, and nowhere else: PortAudio's callback puts
sound there, its thread of errands puts the outcome of opening a device, `close` puts None.
A queue's `put` takes no lock that a signal handler could find taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import numpy as np

from edgenets.errors import SourceError
from edgenets.sound.audio import Resampler, to_mono
from edgenets.sound.check import SoundCheck
from edgenets.uri import split_options

from . import Block, Item, Source, SourceNotice, portaudio, query
from .capture import Capture, CaptureOptions, Chunk, Ended, open_capture
from .findings import Findings
from .overflow import OverflowGauge

# A healthy stream calls back every block (40 ms); a whole second without is no jitter.
SILENCE_PATIENCE = 1.0  # s

# A device that has just been opened may take longer: a null sink's monitor gives its first sound
# after 2 s, a Bluetooth headset has to change its profile.
FIRST_PATIENCE = 5.0  # s

# Listing and opening devices takes well under a second, also on a Pi with a USB hub.
OPEN_PATIENCE = 5.0  # s

# While a device is away: at once, then ever slower. A try starts PortAudio anew, which takes
# 50 ms; but a device that opens and stays silent costs a core for as long as it is listened to,
# since PortAudio polls PulseAudio without rest until the first sound comes.
RETRY_FIRST = 0.5  # s
RETRY_LONGEST = 5.0  # s

Message = Chunk | Ended | Capture | Exception | None


def open_source(rest: str, sample_rate: int) -> Source:
    """The microphone `rest`; errors as `edgenets.runtime.sources.open_source`."""
    name, options = split_options(rest, ("rate", "channels", "channel"), "rate=44100")
    requested = CaptureOptions(name, sample_rate, query.rate(options), query.channels(options))
    return Microphone(requested, query.channel(options))


class Microphone(Source):
    """A live input device. It is waited for when it goes away, not when it was never there."""

    live = True

    def __init__(self, requested: CaptureOptions, channel: int | None = None) -> None:
        super().__init__(f"mic:{requested.device or 'default'}")
        self._requested, self._channel = requested, channel
        self._findings = Findings()
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._owned: Capture | None = None  # for errands only
        self._last: float | None = None  # captured time of the last sound passed on
        self._lost = 0  # samples lost before the next block
        self._gone: float | None = None  # time.monotonic() since when the device is away
        self._delay = 0.0  # s until it is tried again
        portaudio.start()
        portaudio.ask(self._open)
        try:
            answer = self._inbox.get(timeout=OPEN_PATIENCE)
        except Empty:
            self.close()
            portaudio.give_back_stderr()
            raise SourceError(
                f"{self.name}: the sound system has not answered for {OPEN_PATIENCE:.0f} s; "
                f"is its server (PulseAudio, PipeWire) stuck?"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Capture)  # nothing else comes before `_use` unmutes it
        if channel is not None and channel > answer.channels:
            self.close()
            raise SourceError(
                f"{self.name}: there is no channel {channel}: {answer.device} is open with "
                f"{answer.channels}; with channels={channel} more are asked for"
            )
        self._use(answer)

    def close(self) -> None:
        """See `Source.close`. The stream itself is closed in PortAudio's thread."""
        if not self._closed:
            self._closed = True
            self._inbox.put(None)
            portaudio.ask(self._hang_up)

    def __iter__(self) -> Iterator[Item]:
        patience = FIRST_PATIENCE
        while not self._closed:
            try:
                message = self._inbox.get(timeout=patience)
            except Empty:
                yield from self._reconnect(f"no sound has come for {patience:.0f} s")
                patience = FIRST_PATIENCE
                continue
            if isinstance(message, Chunk) and message.capture is self._capture:
                self._capture.taken += message.frames
                for chunk, overflowed in self._gauge.push(message):
                    yield from self._pass_on(chunk, overflowed)
                patience = SILENCE_PATIENCE
            elif isinstance(message, Ended) and message.capture is self._capture:
                yield from self._reconnect("the device ended its stream")
                patience = FIRST_PATIENCE

    def _use(self, capture: Capture) -> None:
        self._capture = capture
        self._gauge = OverflowGauge(capture.rate)
        self._resampler = Resampler(capture.rate, self._requested.sample_rate)
        # A device may come back with fewer channels than it had.
        self._taken = self._channel if (self._channel or 0) <= capture.channels else None
        self._check = SoundCheck(capture.rate, "s16le", self._taken)
        capture.muted = False

    def _pass_on(self, chunk: Chunk, overflowed: float) -> Iterator[Item]:
        """A chunk as a block, after notices of what went wrong before it.

        Args:
            overflowed: s of sound that the sound card lost before it, as far as is known.
        """
        capture = chunk.capture
        frames = np.frombuffer(chunk.data, np.int16).reshape(-1, capture.channels)
        if self._gone is not None:
            yield self._back(chunk)
        yield from self._overruns(chunk, overflowed)
        if found := self._check.push(frames, chunk.data):
            yield from self._findings.notices(self.name, found)
        samples = self._resampler.push(to_mono(frames, self._taken))
        self._last = chunk.captured
        if len(samples):
            lost, self._lost = self._lost, 0
            yield Block(samples, chunk.captured, lost)

    def _overruns(self, chunk: Chunk, overflowed: float) -> Iterator[SourceNotice]:
        if chunk.dropped:
            seconds = chunk.dropped / chunk.capture.rate
            samples = self._lose(seconds)
            self.counters.overruns += 1
            text = f"{self.name}: {seconds:.2f} s of sound were dropped, since nobody took them"
            yield SourceNotice("overrun", text, samples=samples)
        if chunk.overflows or overflowed:
            count = max(1, chunk.overflows)
            self.counters.overruns += count
            samples = self._lose(overflowed)
            what = "overflowed" if chunk.overflows else "passed sound over"
            much = f"about {overflowed:.1f} s are lost" if samples else "what is lost is not known"
            text = f"{self.name}: the sound card {what}; {much}"
            yield SourceNotice("overrun", text, count=count, samples=samples)

    def _lose(self, seconds: float) -> int:
        samples = round(max(0.0, seconds) * self._requested.sample_rate)
        self._lost += samples
        self.counters.lost += samples
        return samples

    def _back(self, chunk: Chunk) -> SourceNotice:
        """The device is there when its sound is, not when it could be opened."""
        assert self._gone is not None
        away, self._gone = time.monotonic() - self._gone, None
        began = chunk.captured - chunk.frames / chunk.capture.rate
        samples = self._lose(began - self._last) if self._last is not None else 0
        self.counters.reconnects += 1
        text = f"{self.name}: {chunk.capture.device} is back after {away:.1f} s"
        return SourceNotice("back", text, samples=samples)

    def _reconnect(self, why: str) -> Iterator[Item]:
        """Wait until the device can be opened again, or `close` is called."""
        self._capture.muted = True
        portaudio.ask(self._hang_up)
        for chunk, overflowed in self._gauge.rest():
            yield from self._pass_on(chunk, overflowed)
        if self._gone is None:
            self._gone, self._delay = time.monotonic(), 0.0
            yield SourceNotice("lost", f"{self.name}: {self._capture.device} is lost: {why}")
        while not self._closed:
            self._wait(self._delay)
            self._delay = min(max(2 * self._delay, RETRY_FIRST), RETRY_LONGEST)
            portaudio.ask(self._reopen)
            if self._answer():
                return

    def _answer(self) -> bool:
        """Whether the device was opened; waits as long as that takes.

        Raises:
            MissingExtra: what was there a while ago is not now.
        """
        patience: float | None = OPEN_PATIENCE
        while not self._closed:
            try:
                message = self._inbox.get(timeout=patience)
            except Empty:
                portaudio.give_back_stderr()  # it hangs; it may go on yet
                patience = None
                continue
            if isinstance(message, Capture):
                self._use(message)
                return True
            if isinstance(message, SourceError):
                return False
            if isinstance(message, Exception):
                raise message
        return False

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._closed and (left := until - time.monotonic()) > 0:
            try:
                self._inbox.get(timeout=left)  # old sound, or None from `close`
            except Empty:
                return

    # Errands: in PortAudio's thread.

    def _open(self) -> None:
        try:
            self._owned = open_capture(self._requested, self._inbox)
        except Exception as exc:  # whatever it is, the reader must not wait for ever
            self._inbox.put(exc)
        else:
            self._inbox.put(self._owned)

    def _reopen(self) -> None:
        try:
            portaudio.refresh()
        except Exception as exc:  # PortAudio does not start: no sound system at all, for now
            self._inbox.put(SourceError(f"PortAudio does not start: {exc}"))
        else:
            self._open()

    def _hang_up(self) -> None:
        capture, self._owned = self._owned, None
        if capture is not None:
            capture.close()
