"""The container of a bundle: a zip whose members are stored, aligned and checked.

What is computed with is not compressed, so it can be mapped into memory. XML alone,
which shrinks to a twentieth, is deflated, and no small file can unfold into one of
more than 16 MB. The reader trusts no header: names, sizes, offsets and overlaps are
checked before a byte is used, and nothing is ever unpacked to disk. It reads the
part of the format that `write` uses, and refuses the rest (ZIP64, comments, several
disks, bytes before or after): what is not needed cannot be abused.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import BundleError
from edgenets.files import replacing

# Where a member's data may begin: what vector instructions and FlatBuffers want.
ALIGNMENT = 64

# Members that are deflated, and what one may unfold to: a network's IR is a megabyte at most.
_DEFLATED = ".xml"
_LARGEST_UNFOLDED = 16 << 20

# Far more members than any bundle has.
MOST_MEMBERS = 1000

# A time stamp would make two equal bundles differ, and so would the system it was made on.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
# Two bits of the flags say how thoroughly data were deflated, which is nobody's concern.
_LEVEL = 0b110

_PADDING_FIELD = 0xED6E  # id of the extra field that only fills

# The headers of a zip (PKWARE's APPNOTE 4.3), of which the fields that are not looked at are x.
# End: signature, number of this disk, members on it, members, size and offset of the directory,
# length of the comment.
_END = struct.Struct("<4sH2xHHIIH")
# Entry of the directory: signature, flags, method, CRC-32, size stored and size unfolded, lengths
# of name, extra field and comment, offset of the local header.
_ENTRY = struct.Struct("<4s4xHH4xIIIHHH8xI")
# Local header: signature, flags, method, CRC-32, size stored and size unfolded, lengths of name
# and extra field.
_LOCAL = struct.Struct("<4s2xHH4xIIIHH")


def begins_with(path: Path, member: str) -> bool:
    """Whether a file is an archive whose first member is called so."""
    with path.open("rb") as file:
        head = file.read(_LOCAL.size + len(member))
    return head[:4] == b"PK\x03\x04" and head[_LOCAL.size :] == member.encode()


def member_name(text: str) -> str:
    """What people call a file, as near as a member may be called."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip(".-") or "model"


def write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write an archive, whole or not at all; the same members give the same bytes.

    Raises:
        BundleError: a member cannot be called so.
    """
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as out:
        for name, data in members.items():
            if not _NAME.fullmatch(name):
                raise BundleError(f"'{name}' cannot be the name of a bundle's member")
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = 0o644 << 16
            start = out.start_dir + _LOCAL.size + len(name.encode()) + 4
            info.extra = struct.pack("<HH", _PADDING_FIELD, -start % ALIGNMENT) + bytes(
                -start % ALIGNMENT
            )
            if name.endswith(_DEFLATED):
                out.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)
            else:
                out.writestr(info, data)


@dataclass(frozen=True)
class _Place:
    """Where a member lies, in bytes from the beginning of the file."""

    header: int  # its local header
    start: int  # its data
    end: int  # one past its data
    check: int  # CRC-32 of its data, unfolded
    unfolded: int | None  # size of deflated data, bytes; None: it is stored


class Archive:
    """An open archive; members are views into the mapped file."""

    def __init__(self, path: Path) -> None:
        """Map a file and check its index.

        Raises:
            BundleError: there is no such file, or it is no archive that can be trusted.
        """
        self.path = path
        try:
            # A pipe or a device is asked for what it is, not waited for.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise BundleError(f"{path}: cannot be read as a bundle: it is no regular file")
                self._map = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(handle)
        except FileNotFoundError as exc:
            raise BundleError(f"{path}: no such bundle") from exc
        except (OSError, ValueError) as exc:  # a folder, no permission, an empty file
            raise BundleError(f"{path}: cannot be read as a bundle: {exc}") from exc
        self._view = memoryview(self._map)
        self._members = self._index()

    @property
    def names(self) -> list[str]:
        """Names of all members."""
        return list(self._members)

    def read(self, name: str) -> memoryview:
        """The bytes of a member, held against its CRC-32: no seal, but damage is noticed.

        Raises:
            BundleError: there is no such member, or it is damaged.
        """
        if name not in self._members:
            raise BundleError(f"{self.path}: damaged: '{name}' is missing")
        place = self._members[name]
        data = self._view[place.start : place.end]
        if place.unfolded is not None:
            data = self._unfolded(name, data, place.unfolded)
        if zlib.crc32(data) != place.check:
            raise BundleError(f"{self.path}: damaged: '{name}' fails its CRC-32")
        return data

    def _unfolded(self, name: str, data: memoryview, size: int) -> memoryview:
        """Deflated data, which must be just as long as was said."""
        unfolding = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            whole = unfolding.decompress(data, size + 1)
        except zlib.error as exc:
            raise BundleError(f"{self.path}: damaged: '{name}' cannot be unfolded") from exc
        if len(whole) != size or not unfolding.eof or unfolding.unused_data:
            raise BundleError(f"{self.path}: damaged: '{name}' does not unfold to its size")
        return memoryview(whole)

    def _index(self) -> dict[str, _Place]:
        """Where each member lies."""
        count, directory, end = self._directory()
        at = directory
        members: dict[str, _Place] = {}
        for _ in range(count):
            name, place, at = self._entry(at, end)
            if name in members:
                raise BundleError(f"{self.path}: hostile: two members named '{name}'")
            members[name] = place
        if at != end:
            raise BundleError(f"{self.path}: damaged: its directory is longer than its entries")
        free_from = 0
        for name, place in sorted(members.items(), key=lambda item: item[1].header):
            if place.header < free_from:
                raise BundleError(f"{self.path}: hostile: '{name}' overlaps another member")
            free_from = place.end
            if free_from > directory:
                raise BundleError(f"{self.path}: damaged: '{name}' reaches past the last member")
        return members

    def _directory(self) -> tuple[int, int, int]:
        """How many entries the directory has, where it begins, and where it ends."""
        end = len(self._view) - _END.size
        if end < 0:
            raise BundleError(f"{self.path}: not a bundle, or a truncated one")
        signature, disk, here, count, size, offset, comment = _END.unpack_from(self._view, end)
        if signature != b"PK\x05\x06" or disk or comment or here != count:
            raise BundleError(f"{self.path}: not a bundle, or a truncated or damaged one")
        if count > MOST_MEMBERS:
            raise BundleError(f"{self.path}: hostile: {count} members")
        if offset + size != end:
            raise BundleError(f"{self.path}: damaged: its directory is not where it should be")
        return count, offset, end

    def _entry(self, at: int, end: int) -> tuple[str, _Place, int]:
        """A member of the directory: its name, its place, and where the next entry begins."""
        if at + _ENTRY.size > end:
            raise BundleError(f"{self.path}: damaged: its directory is cut off")
        signature, flags, method, check, stored, unfolded, name_size, extra, comment, header = (
            _ENTRY.unpack_from(self._view, at)
        )
        following = at + _ENTRY.size + name_size + extra + comment
        if signature != b"PK\x01\x02" or following > end:
            raise BundleError(f"{self.path}: damaged: its directory is broken")
        raw_name = bytes(self._view[at + _ENTRY.size : at + _ENTRY.size + name_size])
        name = raw_name.decode("latin-1")
        if not _NAME.fullmatch(name):
            raise BundleError(f"{self.path}: hostile: a member is named {name[:60]!a}")
        shown = name[:60]
        deflated = method == zipfile.ZIP_DEFLATED and name.endswith(_DEFLATED)
        if flags & ~_LEVEL or not (deflated or method == zipfile.ZIP_STORED):
            raise BundleError(f"{self.path}: hostile: '{shown}' is compressed or encrypted")
        if deflated and unfolded > _LARGEST_UNFOLDED:
            raise BundleError(f"{self.path}: hostile: '{shown}' unfolds to {unfolded:,} bytes")
        if not deflated and (flags or stored != unfolded):
            raise BundleError(f"{self.path}: damaged: '{shown}' has two sizes")
        said = (flags, method, check, stored, unfolded)
        return name, self._place(raw_name, header, said), following

    def _place(self, name: bytes, header: int, said: tuple[int, int, int, int, int]) -> _Place:
        """Where a member lies, when its local header says what the directory says."""
        shown = name[:60].decode()
        if header + _LOCAL.size > len(self._view):
            raise BundleError(f"{self.path}: damaged: '{shown}' has no header")
        signature, *local, name_size, extra = _LOCAL.unpack_from(self._view, header)
        start = header + _LOCAL.size + name_size + extra
        local_name = bytes(self._view[header + _LOCAL.size : start - extra])
        if signature != b"PK\x03\x04" or local_name != name:
            raise BundleError(f"{self.path}: damaged: '{shown}' has no header")
        if tuple(local) != said:
            raise BundleError(f"{self.path}: damaged: '{shown}' has two headers that differ")
        _, method, check, stored, unfolded = said
        folded = unfolded if method == zipfile.ZIP_DEFLATED else None
        return _Place(header, start, start + stored, check, folded)
