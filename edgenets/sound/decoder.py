"""Sound files by soundfile (libsndfile); what it cannot read is named, what it says is caught."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.native import captured_stderr

# What libsndfile's log says of a chunk: "RIFF : 32850 (should be 16421)".
_SHOULD = re.compile(r": (\d+) \(should be (\d+)\)")

# What a file is by its first bytes: (offset, bytes) → its name. These are not read.
_OTHERS = (
    (4, b"ftyp", "MP4 or M4A (AAC)"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (0, b"#!AMR", "AMR"),
    (0, b"0&\xb2u", "WMA or ASF"),
    (0, b"\xff\xf1", "AAC (ADTS)"),
    (0, b"\xff\xf9", "AAC (ADTS)"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "compressed by gzip"),
    (0, b"<", "a page of HTML or XML"),
    (0, b"{", "JSON"),
    (0, b"%PDF", "PDF"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; run `git lfs pull`"),
)

# How lines of libmpg123 begin. Other threads may write to stderr meanwhile: that goes through.
_OF_DECODERS = re.compile(r"\s*(\[|Note: |Warning: |error: |warning: |Illegal |Skipped |Big |Junk)")

# An Ogg page is at most this long.
_PAGE = 65_307  # bytes


@dataclass
class Chatter:
    """What a decoder has written to stderr."""

    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        first = re.sub(r"^\[\S+\] *(error: *)?", "", self.lines[0])
        more = f" (and {len(self.lines) - 1} more lines)" if len(self.lines) > 1 else ""
        return f"the decoder says: {first}{more}"


class Decoded:
    """An open file."""

    def __init__(self, path: Path, sound: Any, chatter: Chatter) -> None:
        self.rate: int = sound.samplerate  # Hz
        self.channels: int = sound.channels
        self.frames: int = sound.frames  # that its header promises
        self.read = 0  # frames so far
        self.broken = ""  # why it could not be read to its end
        self.chatter = chatter
        self._path, self._sound = path, sound

    def blocks(self, frames: int) -> Generator[NDArray[np.float32], None, None]:
        """Blocks of (n, channels); they end, and `broken` says why, where it is damaged."""
        # SoundFile.blocks believes the header's length, and repeats itself where a file is cut off.
        while len(samples := self._next(frames)):
            self.read += len(samples)
            yield samples

    def missing(self) -> tuple[int, str] | None:
        """Frames that were promised and are not there, 0 if not known, and how that is known.

        None where nothing is missing. It is asked after the last block.
        """
        if self.broken or self.read < self.frames:
            left = max(0, self.frames - self.read)
            return left, self.broken or "it ends early"
        for claimed, there in _SHOULD.findall(self._sound.extra_info):
            if int(there) < int(claimed) < 0x7FFF0000:
                part = (int(claimed) - int(there)) / max(1, int(there))
                return max(1, round(part * self.read)), f"{there} of {claimed} bytes are there"
        if self._sound.format == "OGG" and not _ends(self._path):
            return 0, "its last page is not there"
        return None

    def _next(self, frames: int) -> NDArray[np.float32]:
        errors = require("soundfile").SoundFileError
        nothing = np.zeros((0, self._sound.channels), np.float32)
        try:
            if self._sound.format in ("MP3", "MPEG"):  # libmpg123 alone speaks
                with _heard(self.chatter):
                    found: NDArray[np.float32] = self._read(frames)
            else:
                found = self._read(frames)
        except (errors, RuntimeError) as exc:
            # libsndfile counts frames from where it was.
            self.broken = str(exc).rstrip(" .:") or "its data are damaged"
            return nothing
        return found

    def _read(self, frames: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._sound.read(frames, dtype="float32", always_2d=True)
        return found


AnyDecoded = TypeVar("AnyDecoded", bound=Decoded)


@contextmanager
def opened(path: Path, kind: Callable[[Path, Any, Chatter], AnyDecoded]) -> Iterator[AnyDecoded]:
    """A sound file, as a `kind` of `Decoded`.

    Raises:
        DataError: it is none, or of a kind that cannot be read.
        MissingExtra: soundfile is not installed.
    """
    soundfile, chatter = require("soundfile"), Chatter()
    try:
        with _heard(chatter):
            sound = soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, TypeError) as exc:  # TypeError: a .raw tells no rate
        raise DataError(f"{path}: not a sound file that can be read ({_why(path, exc)})") from exc
    with sound:
        yield kind(path, sound, chatter)


@contextmanager
def _heard(chatter: Chatter) -> Iterator[None]:
    with captured_stderr() as lines:
        yield
    chatter.lines += [line for line in lines if _OF_DECODERS.match(line)]
    for line in lines:
        if not _OF_DECODERS.match(line):
            sys.stderr.write(f"{line}\n")


def _why(path: Path, exc: Exception) -> str:
    """What a file is instead, as far as its first bytes tell."""
    try:
        with path.open("rb") as file:
            head, size = file.read(64), os.fstat(file.fileno()).st_size
    except OSError as problem:
        return problem.strerror or str(problem)
    if not size:
        return "it is empty, 0 bytes"
    for at, mark, name in _OTHERS:
        if head[at : at + len(mark)] == mark:
            return f"it is {name}; convert sound to WAV, as by `ffmpeg -i FILE out.wav`"
    if not any(head):
        return "its first bytes are all 0"
    if path.suffix.lower() in (".raw", ".pcm"):
        return "raw PCM has no header: pipe it into the source -?rate=…&channels=…&format=…"
    return str(exc)


def _ends(path: Path) -> bool:
    """Whether the last page of an Ogg file says that it is the last."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * _PAGE))
        tail = file.read()
    at = tail.rfind(b"OggS\0")
    return at >= 0 and len(tail) > at + 5 and bool(tail[at + 5] & 4)
