"""An open sound file, whatever reads it: blocks of its channels, and what is odd about it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from edgenets.errors import DataError
from edgenets.sound import decoder, wav
from edgenets.sound.check import Finding
from edgenets.sound.pcm import Sound


class File(Protocol):
    """An open sound file."""

    rate: int  # Hz
    channels: int
    encoding: str  # of `pcm.ENCODINGS`, or "" where it is compressed
    raw: bytes  # of the last block, where they are read here
    broken: str  # why it could not be read to its end, after the last block

    def blocks(self, frames: int) -> Generator[Sound, None, None]:
        """Blocks of (n, channels)."""
        ...

    def before(self, rate: int) -> Iterator[Finding]:
        """What is odd about it, as its header tells; lost samples are counted at `rate` Hz."""
        ...

    def after(self, rate: int) -> Iterator[Finding]:
        """What is odd about it, as is known after the last block."""
        ...


class WavFile:
    """A WAV file that is read here."""

    raw, broken = b"", ""

    def __init__(self, path: Path, sound: wav.WavSound) -> None:
        header = sound.header
        self.rate, self.channels, self.encoding = header.rate, header.channels, header.encoding.name
        self._path, self._sound, self._decode = path, sound, header.encoding.decode

    def blocks(self, frames: int) -> Generator[Sound, None, None]:
        """See `File`."""
        for raw in wav.blocks(self._path, self._sound, frames):
            self.raw = raw
            yield self._decode(raw).reshape(-1, self.channels)

    def before(self, rate: int) -> Iterator[Finding]:
        """See `File`."""
        sound, header = self._sound, self._sound.header
        seconds = sound.bytes / header.frame / max(1, header.rate)
        if sound.unknown:
            yield Finding(
                "header",
                f"its header does not tell how long it is ({header.claimed:,} bytes), as where a "
                f"recorder was killed or wrote into a pipe; read to its end, {seconds:.1f} s",
            )
        if sound.missing:
            yield _short(sound.missing, self.rate, rate, f"{seconds:.1f} s are there")
        if sound.extra > header.frame * header.rate:
            yield Finding(
                "header", f"{sound.extra:,} bytes after its sound are not read: they are no chunk"
            )

    def after(self, rate: int) -> Iterator[Finding]:
        """See `File`."""
        return iter(())


class DecodedFile(decoder.Decoded):
    """A file that soundfile reads."""

    encoding, raw = "", b""

    def before(self, rate: int) -> Iterator[Finding]:
        """See `File`."""
        return iter(())

    def after(self, rate: int) -> Iterator[Finding]:
        """See `File`."""
        if self.chatter.lines:
            yield Finding("decoder", str(self.chatter))
        found = self.missing()
        if found is None:
            return
        missing, why = found
        if missing:
            yield _short(missing, self.rate, rate, why)
        else:
            yield Finding(
                "damaged",
                f"it is cut off or damaged: {why}; {self.read / self.rate:.1f} s are read",
            )


def _short(missing: int, source_rate: int, rate: int, why: str) -> Finding:
    samples = max(1, round(missing * rate / source_rate))
    return Finding(
        "short",
        f"it is cut off: {missing / source_rate:.2f} s that its header promises are missing; {why}",
        samples,
    )


@contextmanager
def open_file(path: Path) -> Iterator[File]:
    """An open sound file.

    Raises:
        DataError: it is missing, or no sound.
        MissingExtra: it needs soundfile and it is not installed.
    """
    try:
        there = path.is_file()
    except OSError as exc:  # a name that is too long, a folder that may not be looked into
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    if not there:
        raise DataError(f"{path}: no such sound file")
    try:
        with path.open("rb") as file:
            sound = wav.open_wav(file, path.stat().st_size)
    except OSError as exc:
        raise DataError(f"{path}: cannot be read: {exc.strerror}") from exc
    if sound is not None:
        yield WavFile(path, sound)
        return
    with decoder.opened(path, DecodedFile) as decoded:
        yield decoded
