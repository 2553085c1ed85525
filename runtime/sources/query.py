"""The options of a URI: `NAME?rate=44100&channels=2`."""

from __future__ import annotations

from edgenets.errors import SourceError
from edgenets.sound.audio import RATES

# A microphone array has up to 16 channels, ALSA's plugins claim up to 32.
CHANNELS = range(1, 65)


def rate(options: dict[str, str]) -> int | None:
    """The option `rate`, in Hz, or None where it is not given."""
    return _integer(options, "rate", RATES)


def channels(options: dict[str, str]) -> int | None:
    """The option `channels`, or None where it is not given."""
    return _integer(options, "channels", CHANNELS)


def channel(options: dict[str, str]) -> int | None:
    """The option `channel`, the one that is taken alone, from 1, or None for the mean of all."""
    found = _integer(options, "channel", CHANNELS)
    among = channels(options)
    if found is not None and among is not None and found > among:
        raise SourceError(f"channel={found}: there are {among} channels")
    return found


def _integer(options: dict[str, str], name: str, allowed: range) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed):
        raise SourceError(f"{name}={text}: must be {allowed.start} to {allowed.stop - 1}")
    return int(text)
