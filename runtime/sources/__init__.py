"""Where sound comes from: a URI names a source, and a source is an iterator of blocks.

`SOURCES` names the module of each; it is imported when it is used. A source
module has `open_source(rest, sample_rate)`, where `rest` is the URI after its scheme.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgenets.errors import SourceError
from edgenets.sound.audio import Sound

# Scheme → its module. To add one: a file here, and a line.
SOURCES = {
    "mic": "edgenets.runtime.sources.microphone",
    "file": "edgenets.runtime.sources.file",
    "dir": "edgenets.runtime.sources.folder",
    "-": "edgenets.runtime.sources.standard_input",
    "null": "edgenets.runtime.sources.null",
}

HOW = "there are mic:NAME, a sound file, a folder or glob, - (raw PCM on stdin), null:SECONDS"

# A path's option. It may be part of the path as well, which then goes first.
_CHANNEL = re.compile(r"(.*)\?channel=([0-9]{1,2})", re.DOTALL)

# Sound is passed on in blocks this long: short beside the time a keyword detector needs to tell
# a word, long enough that the cost of a block does not matter.
BLOCK_SECONDS = 0.04


@dataclass(frozen=True)
class Block:
    """A piece of sound."""

    samples: Sound  # (n,) mono at the model's sample rate, n > 0
    captured: float  # s of time.monotonic() when the last sample was captured
    lost: int = 0  # samples known to be lost just before the first one


@dataclass(frozen=True)
class SourceNotice:
    """Something that the user should know, and that the stream survives."""

    # What happened to the source, or the kind of an `edgenets.sound.check.Finding`: "clipped", …
    kind: str
    text: str
    count: int = 1  # overruns, files or devices that it stands for
    samples: int = 0  # samples lost by it, as far as is known


@dataclass(frozen=True)
class Boundary:
    """A new recording begins: what follows has nothing to do with what went before."""

    path: Path


Item = Block | SourceNotice | Boundary


@dataclass
class Counters:
    """What happened to a source so far."""

    overruns: int = 0  # times that sound was dropped because nobody took it
    lost: int = 0  # samples known to be lost, for whatever reason
    reconnects: int = 0  # times that the device went away and came back


class Source(ABC):
    """A stream of sound. It is iterated over once, by one thread."""

    live = False  # whether sound comes in real time and is lost when it is not taken

    def __init__(self, name: str) -> None:
        self.name = name
        self.counters = Counters()
        self._closed = False

    @abstractmethod
    def __iter__(self) -> Iterator[Item]:
        """Blocks, notices and boundaries until the sound ends or `close` is called.

        Raises:
            SourceError: the sound cannot be read, and there is nothing to wait for.
        """

    def close(self) -> None:
        """Let the source go and make its iterator end.

        It never blocks, takes no lock, and may be called again, from any thread or
        signal handler. An override must keep to this.
        """
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(uri: str, sample_rate: int) -> Source:
    """Open what a URI names, as sound at `sample_rate` Hz.

    Raises:
        SourceError: no such scheme, device or file, or it cannot be opened.
        MissingExtra: a package that this source needs is not installed.
    """
    scheme, rest = _split(uri)
    module = importlib.import_module(SOURCES[scheme])
    source: Source = module.open_source(rest, sample_rate)
    return source


def split_channel(rest: str) -> tuple[str, int | None]:
    """A path, and the channel that is to be taken alone, from 1, where it says `?channel=N`."""
    found = _CHANNEL.fullmatch(rest)
    if found is None or Path(rest).exists():
        return rest, None
    if found[2] == "0":
        raise SourceError(f"'{rest}': channels are counted from 1")
    return found[1], int(found[2])


def _split(uri: str) -> tuple[str, str]:
    """The scheme that stands in `SOURCES`, and the rest."""
    if uri == "-" or uri.startswith("-?"):
        return "-", uri[1:]
    scheme, colon, rest = uri.partition(":")
    if colon and scheme in SOURCES and scheme != "file":
        return scheme, rest
    rest = rest if colon and scheme == "file" else uri
    path, _ = split_channel(rest)
    if not path:
        raise SourceError(f"'{uri}' names no source; {HOW}")
    if Path(path).is_dir():
        return "dir", rest
    if Path(path).exists():
        return "file", rest  # before the glob: a file may be called 'take[1].wav'
    if rest is uri and colon and scheme.isalnum():
        raise SourceError(f"no source is called '{scheme}:'; {HOW}")
    return ("dir" if any(mark in path for mark in "*?[") else "file"), rest
