"""A card, opened for this program alone, written and read past every cache of this machine."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgenets.errors import FlashError

from . import faults
from .faults import CardFault

# What direct I/O may need of addresses and lengths, whatever the card's sectors are.
ALIGNMENT = 4096

# A write that stops within a sector is none.
_SECTOR = 512

# ioctls of block devices (linux/fs.h).
_BLKRRPART = 0x125F
_BLKGETSIZE64 = 0x80081272
_BLKFLSBUF = 0x1261
_BLKDISCARD = 0x1277


class Target:
    """An open card; or a file of its size, which stands for one."""

    def __init__(self, path: Path) -> None:
        """Open it for itself: no other program has it, and no file system of it is mounted.

        Raises:
            CardFault: it is busy, gone, or may only be read.
            FlashError: it is neither a block device nor a file.
        """
        self.path = path
        try:
            mode = path.stat().st_mode
            self.is_block = stat.S_ISBLK(mode)
            if not self.is_block and not stat.S_ISREG(mode):
                raise FlashError(f"{path}: is no block device and no file")
            flags = os.O_RDWR | os.O_DIRECT | (os.O_EXCL if self.is_block else 0)
            self._file = os.open(path, flags)
        except OSError as exc:
            raise _unopened(exc, path) from exc
        try:
            self.size = self._measure()
        except OSError as exc:
            os.close(self._file)
            raise faults.of_error(exc, path, "looking", 0) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, offset: int, data: memoryview) -> None:
        """Write whole blocks, from memory of `buffer`.

        Raises:
            CardFault: they do not get there.
        """
        while data:
            try:
                count = os.pwritev(self._file, [data], offset)
            except OSError as exc:
                raise faults.of_error(exc, self.path, "writing", offset) from exc
            if count <= 0 or count % _SECTOR:
                raise faults.of_error(
                    OSError(errno.EIO, ""), self.path, "writing", offset + max(count, 0)
                )
            offset, data = offset + count, data[count:]

    def read(self, offset: int, into: memoryview) -> None:
        """Read whole blocks into memory of `buffer`.

        Raises:
            CardFault: they cannot be read.
        """
        while into:
            try:
                count = os.preadv(self._file, [into], offset)
            except OSError as exc:
                raise faults.of_error(exc, self.path, "reading", offset) from exc
            if count <= 0:
                raise faults.of_error(OSError(errno.EIO, ""), self.path, "reading", offset)
            offset, into = offset + count, into[count:]

    def flush(self) -> None:
        """Have the card itself keep what was written, and forget what this machine knows of it.

        Raises:
            CardFault: it cannot.
        """
        try:
            os.fsync(self._file)
            if self.is_block:
                fcntl.ioctl(self._file, _BLKFLSBUF)
            else:
                os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as exc:
            raise faults.of_error(exc, self.path, "flushing", 0) from exc

    def discard(self, offset: int, size: int) -> None:
        """Discard a range of the card; one that takes no such request stays as it is.

        What is in the range afterwards is the card's to choose; most give zeros.
        """
        if self.is_block:
            with suppress(OSError):
                fcntl.ioctl(self._file, _BLKDISCARD, struct.pack("QQ", offset, size))

    def read_partitions(self) -> None:
        """Have the kernel look at the partition table again; where it cannot, a reader may."""
        if self.is_block:
            with suppress(OSError):
                fcntl.ioctl(self._file, _BLKRRPART)

    def _measure(self) -> int:
        if not self.is_block:
            return os.fstat(self._file).st_size
        packed = fcntl.ioctl(self._file, _BLKGETSIZE64, bytes(8))
        return int(struct.unpack("Q", packed)[0])


def buffer(size: int) -> memoryview:
    """Memory that direct I/O takes: whole pages of its own."""
    return memoryview(mmap.mmap(-1, size))


def _unopened(exc: OSError, path: Path) -> FlashError:
    if exc.errno == errno.EBUSY:
        return CardFault("busy", str(path), f"is in use; unmount it: umount {path}*")
    if exc.errno == errno.ENOENT:
        return FlashError(f"{path}: there is no such device; edgenets flash --list shows them")
    if exc.errno == errno.EACCES:
        return FlashError(f"{path}: this user may not write it; run as root: sudo edgenets flash …")
    return faults.of_error(exc, path, "opening", 0)
