"""Images as streams: raw, or packed by xz, zstd, gzip or zip, known by their first bytes."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from edgenets.errors import FlashError
from edgenets.extras import require

if TYPE_CHECKING:
    import zstandard

# Bytes of the file that are unpacked at a time. Zeros shrink by 30,000: a slice of this size
# unfolds to 128 MB at most.
_SLICE = 4 << 10

# The longest piece that an unpacker that can be held back gives at a time.
_PIECE = 4 << 20

# First bytes → what packed it. What is none of these is a raw image.
_MAGIC = {
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"\x1f\x8b": "gz",
    b"PK\x03\x04": "zip",
}

# First bytes of what people take for images, and what to do.
_OTHERS = {
    b"BZh": "is packed by bzip2; unpack it: bunzip2",
    b"7z\xbc\xaf": "is packed by 7-Zip; unpack it: 7z x",
    b"Rar!": "is packed by RAR; unpack it",
    b"QFI\xfb": "is a disk of QEMU; make a raw one: qemu-img convert -O raw",
    b"<!DO": "is a web page, and no image; the download went wrong",
    b"<htm": "is a web page, and no image; the download went wrong",
    b"ANDR": "is an Android boot image; fastboot writes it to a partition",
    b"\x3a\xff\x26\xed": "is an Android sparse image; make a raw one: simg2img",
}

_INSIDE = (".img", ".raw", ".wic", ".iso")

# No card has smaller sectors.
SECTOR = 512


class Image:
    """An image in a file, whose bytes are taken once."""

    def __init__(self, path: Path) -> None:
        """Look at what it is.

        Raises:
            FlashError: it cannot be read, or is no image.
        """
        self.path = path
        try:
            self.packed_size = path.stat().st_size  # bytes of the file
            with path.open("rb") as file:
                first = file.read(8)
        except OSError as exc:
            raise FlashError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
        for magic, why in _OTHERS.items():
            if first[: len(magic)].upper() == magic.upper():
                raise FlashError(f"{path}: {why}")
        if not first:
            raise FlashError(f"{path}: is empty")
        self.packing = next((p for m, p in _MAGIC.items() if first.startswith(m)), "raw")
        self.size: int | None = None  # of what it holds, bytes; None: not known before its end
        self.read = 0  # bytes of the file that were taken so far
        if self.packing == "raw":
            self.size = self.packed_size
        elif self.packing == "zip":
            self.size = self._member().file_size
        if self.size is not None and self.size % SECTOR:
            raise FlashError(f"{path}: {self.size} bytes are no whole sectors: it was cut short")

    def fill(
        self, buffers: Iterator[memoryview], wanted: Callable[[int, int], bool]
    ) -> Iterator[tuple[memoryview, int]]:
        """Its bytes, in memory that is given.

        Args:
            buffers: to be filled, one after the other.
            wanted: whether anything of a range matters, from its offset and size in bytes. What
                does not need not be read, and is anything.

        Returns:
            each of them with how much of it is filled: all, but for the last one.

        Raises:
            FlashError: the file is damaged, or ends early.
        """
        made = 0
        try:
            with self.path.open("rb") as file:
                filled = (
                    self._fill_raw(file, buffers, wanted)
                    if self.packing == "raw"
                    else self._fill_unpacked(file, buffers)
                )
                for into, count in filled:
                    made += count
                    yield into, count
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as e:
            raise FlashError(f"{self.path}: damaged after {made:,} bytes: {e}") from e
        if not made or made % SECTOR or (self.size is not None and made != self.size):
            raise FlashError(f"{self.path}: gives {made:,} bytes, which is no whole image")
        self.size = made

    def _fill_raw(
        self, file: BinaryIO, buffers: Iterator[memoryview], wanted: Callable[[int, int], bool]
    ) -> Iterator[tuple[memoryview, int]]:
        for into in buffers:
            left = self.packed_size - self.read
            if left >= len(into) and not wanted(self.read, len(into)):
                count = len(into)
                file.seek(count, os.SEEK_CUR)
            else:
                count = file.readinto(into)  # type: ignore[attr-defined]
            if count:
                self.read += count
                yield into, count
            if count < len(into):
                return

    def _fill_unpacked(
        self, file: BinaryIO, buffers: Iterator[memoryview]
    ) -> Iterator[tuple[memoryview, int]]:
        into, filled = next(buffers), 0
        for piece in self._pieces(file):
            rest = memoryview(piece)
            while rest:
                count = min(len(rest), len(into) - filled)
                into[filled : filled + count] = rest[:count]
                filled, rest = filled + count, rest[count:]
                if filled == len(into):
                    yield into, filled
                    into, filled = next(buffers), 0
        if filled:
            yield into, filled

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        if self.packing == "zip":
            with zipfile.ZipFile(file) as archive, archive.open(self._member()) as member:
                while piece := member.read(_PIECE):
                    self.read = file.tell()
                    yield piece
        else:
            yield from self._unpacked(file)

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        """One stream after the other: all three formats may have several in a file."""
        rest = b""
        while True:
            rest = rest or self._slice(file)
            if not rest:
                return
            stream, pieces = _open(self.packing)
            while not stream.eof:
                data, rest = rest or self._slice(file), b""
                if not data:
                    raise EOFError("the file ends in the middle of it")
                try:
                    yield from pieces(data)
                except Exception as exc:
                    if type(exc).__name__ == "ZstdError":  # known only where it is installed
                        raise ValueError(str(exc)) from exc
                    raise
            rest = stream.unused_data
            if self.packing == "xz":
                rest = rest.lstrip(b"\0")  # streams of xz may be padded

    def _slice(self, file: BinaryIO) -> bytes:
        data = file.read(_SLICE)
        self.read += len(data)
        return data

    def _member(self) -> zipfile.ZipInfo:
        """The one image in a zip.

        Raises:
            FlashError: there is none, or several, or it is encrypted.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                found = [m for m in archive.infolist() if m.filename.lower().endswith(_INSIDE)]
        except (OSError, zipfile.BadZipFile) as exc:
            raise FlashError(f"{self.path}: damaged: {exc}") from exc
        if len(found) != 1:
            names = ", ".join(m.filename for m in found) or "none"
            raise FlashError(f"{self.path}: one image is needed in it, and there are: {names}")
        if found[0].flag_bits & 1:
            raise FlashError(f"{self.path}: is encrypted; unpack it first")
        return found[0]


class _Unpacker(Protocol):
    """One packed stream; the objects of all three libraries have these."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def _xz(unpacker: lzma.LZMADecompressor, data: bytes) -> Iterator[bytes]:
    yield unpacker.decompress(data, _PIECE)
    while not unpacker.eof and not unpacker.needs_input:
        yield unpacker.decompress(b"", _PIECE)


def _gz(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    while data:
        yield unpacker.decompress(data, _PIECE)
        data = unpacker.unconsumed_tail


def _zst(unpacker: zstandard.ZstdDecompressionObj, data: bytes) -> Iterator[bytes]:
    yield unpacker.decompress(data)


def _open(packing: str) -> tuple[_Unpacker, Callable[[bytes], Iterator[bytes]]]:
    """What unpacks a stream, and what gives its next bytes in pieces that memory need not fear."""
    if packing == "xz":
        xz = lzma.LZMADecompressor()
        return xz, partial(_xz, xz)
    if packing == "gz":
        gz = zlib.decompressobj(31)  # with gzip's header and checksum
        return gz, partial(_gz, gz)
    zst = require("zstandard").ZstdDecompressor().decompressobj()
    return zst, partial(_zst, zst)
