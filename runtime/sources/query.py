"""The options of a URI: `NAME?rate=44100&channels=2`."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from edgenets.audio import RATES
from edgenets.errors import SourceError

# A microphone array has up to 16 channels, ALSA's plugins claim up to 32.
CHANNELS = range(1, 65)


def split(rest: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """The part before the last '?', and the options after it.

    Raises:
        SourceError: an option is unknown, given twice or without a value.
    """
    name, mark, query = rest.rpartition("?")
    if not mark:
        return rest, {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as exc:
        raise SourceError(f"'?{query}' cannot be read as options, as in '?rate=44100'") from exc
    options = dict(pairs)
    unknown = sorted(options.keys() - set(known))
    if unknown or len(options) < len(pairs):
        raise SourceError(f"'?{query}': options are {', '.join(known)}, each once")
    return name, options


def rate(options: dict[str, str]) -> int | None:
    """The option `rate`, in Hz, or None where it is not given."""
    return _integer(options, "rate", RATES)


def channels(options: dict[str, str]) -> int | None:
    """The option `channels`, or None where it is not given."""
    return _integer(options, "channels", CHANNELS)


def _integer(options: dict[str, str], name: str, allowed: range) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed):
        raise SourceError(f"{name}={text}: must be {allowed.start} to {allowed.stop - 1}")
    return int(text)
