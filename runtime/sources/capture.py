"""One open input stream of PortAudio: which device, which format, and the queue it fills.

Everything here but `Capture.taken` and `Capture.muted` belongs to the errands of `portaudio`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from edgenets.errors import SourceError

from . import BLOCK_SECONDS, portaudio

# A reader may stall this long before sound is dropped: longer than a slow disk or a garbage
# collection, and not so long that words are answered which nobody remembers saying.
QUEUE_SECONDS = 2.0

# Asked of PortAudio beside the block being filled: on ALSA a ring of four periods, each a block.
LATENCY_SECONDS = 3 * BLOCK_SECONDS


@dataclass(frozen=True)
class Device:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    host: str  # ALSA, Core Audio, …
    channels: int  # at most
    rate: int  # Hz, its default

    def __str__(self) -> str:
        return f"{self.name} ({self.host}, {self.channels} channels, {self.rate} Hz)"


@dataclass(frozen=True)
class CaptureOptions:
    """What is asked for; None where the device may choose."""

    device: str  # part of its name, any case; "default" for PortAudio's default
    sample_rate: int  # Hz; another rate is resampled later
    rate: int | None = None  # Hz, forced
    channels: int | None = None  # forced


@dataclass(frozen=True)
class Chunk:
    """What one callback brought."""

    capture: Capture
    data: bytes  # interleaved native int16
    # s of time.monotonic() at the callback. When the sound reached the card is not to be had:
    # through PulseAudio, PortAudio's times are off by up to half a second, and drift.
    captured: float
    dropped: int  # frames before it for which the queue was full
    overflows: int  # times before it that PortAudio itself lost sound

    @property
    def frames(self) -> int:
        """How many samples of each channel."""
        return len(self.data) // (2 * self.capture.channels)


@dataclass(frozen=True)
class Ended:
    """The device ended its stream."""

    capture: Capture


class Capture:
    """An open stream. Its callback only counts and puts chunks into `inbox`."""

    def __init__(self, device: Device, inbox: SimpleQueue[Any]) -> None:
        self.device, self.rate, self.channels = device, 0, 0
        self.muted = True  # until its owner knows of it, and once its owner has given it up
        self.taken = 0  # frames, counted by the reader alone
        self._put = 0  # frames, counted by the callback alone; the difference is what waits
        self._dropped, self._overflows = 0, 0
        self._inbox = inbox
        self._stream: Any = None
        self._error: Any = None  # sounddevice.PortAudioError

    def open(self, sounddevice: Any, rate: int, channels: int) -> None:
        """Start the stream; sounddevice.PortAudioError where the device cannot do this."""
        self.rate, self.channels = rate, channels
        self._error = sounddevice.PortAudioError
        self._stream = sounddevice.RawInputStream(
            device=self.device.index,
            samplerate=rate,
            channels=channels,
            dtype="int16",  # bounded, and a broken driver's NaN cannot come through
            blocksize=round(BLOCK_SECONDS * rate),
            latency=LATENCY_SECONDS,
            dither_off=True,
            callback=self._callback,
            finished_callback=self._finished,
        )
        portaudio.open_streams.add(self._stream)
        try:
            self._stream.start()
        except self._error:
            self.close()
            raise

    def close(self) -> None:
        """Close the stream. This is the call that hangs with a frozen sound server."""
        self.muted = True
        try:
            self._stream.close()
        except self._error:
            pass  # the device is gone already, and so is the stream
        finally:
            portaudio.open_streams.discard(self._stream)

    def _callback(self, data: Any, frames: int, _: Any, status: Any) -> None:
        """PortAudio's thread: no waiting, no work."""
        now = time.monotonic()
        if self.muted:
            return
        if status.input_overflow:
            self._overflows += 1
        if self._put - self.taken + frames > QUEUE_SECONDS * self.rate:
            self._dropped += frames
            return
        self._inbox.put(Chunk(self, bytes(data), now, self._dropped, self._overflows))
        self._put += frames
        self._dropped = self._overflows = 0

    def _finished(self) -> None:
        if not self.muted:
            self._inbox.put(Ended(self))


def open_capture(requested: CaptureOptions, inbox: SimpleQueue[Any]) -> Capture:
    """Open what is wished for, in the first format that the device takes.

    Raises:
        SourceError: there is no such device, more than one, or it cannot be opened.
        MissingExtra: sounddevice or libportaudio is not installed.
    """
    sounddevice = portaudio.library()
    device = _choose(sounddevice, requested.device)
    # Two channels first: asked for one, PortAudio gives the left of a stereo device, which
    # may be the silent one.
    formats = [
        (rate, channels)
        for rate in _in_order(requested.rate, requested.sample_rate, device.rate)
        for channels in _in_order(requested.channels, min(2, device.channels), 1, device.channels)
    ]
    capture = _first(sounddevice, device, formats, inbox)
    taken = formats.index((capture.rate, capture.channels))
    if taken:
        # A device that is just being plugged in refuses everything until it is there, and then
        # takes whatever is asked for next: what is better may go by now.
        capture.close()
        capture = _first(sounddevice, device, formats[: taken + 1], inbox)
    return capture


def _first(
    sounddevice: Any, device: Device, formats: list[tuple[int, int]], inbox: SimpleQueue[Any]
) -> Capture:
    """An open capture in the first format that the device takes, or SourceError."""
    refusal: Exception | None = None
    for rate, channels in formats:
        capture = Capture(device, inbox)
        try:
            capture.open(sounddevice, rate, channels)
            return capture
        except (sounddevice.PortAudioError, ValueError) as exc:
            refusal = exc
    raise SourceError(f"{device}: cannot be opened: {refusal}") from refusal


def _in_order(forced: int | None, *preferred: int) -> list[int]:
    return [forced] if forced else list(dict.fromkeys(preferred))


def _choose(sounddevice: Any, wanted: str) -> Device:
    """The one device that is meant, or SourceError with the list of those there are."""
    devices = _inputs(sounddevice)
    if not devices:
        raise SourceError(
            "there is no microphone: PortAudio lists no input device. "
            "Is it plugged in, and may this user use it (group audio)?"
        )
    if wanted in ("", "default"):
        found = [d for d in devices if d.index == sounddevice.default.device[0]]
        problem = "there is no default microphone"
    else:
        folded = wanted.casefold()
        exact = [d for d in devices if d.name.casefold() == folded]
        found = exact or [d for d in devices if folded in f"{d.name}, {d.host}".casefold()]
        problem = f"{len(found) or 'no'} microphones are called '{wanted}'"
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  mic:{d.name:<30} {d}" for d in devices)
    raise SourceError(f"{problem}; there are:{listed}")


def _inputs(sounddevice: Any) -> list[Device]:
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    return [
        Device(
            index=d["index"],
            name=d["name"],
            host=hosts[d["hostapi"]],
            channels=d["max_input_channels"],
            rate=round(d["default_samplerate"]),
        )
        for d in sounddevice.query_devices()
        if d["max_input_channels"] > 0
    ]
