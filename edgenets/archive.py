"""The container of a bundle: a zip whose members are stored, aligned and checked.

Nothing in it is compressed, so a member can be mapped into memory, and no small
file can unfold into a large one. The reader trusts no header: names, sizes,
offsets and overlaps are checked before a byte is used, and nothing is ever
unpacked to disk.
"""

from __future__ import annotations

import mmap
import re
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from edgenets.errors import BundleError
from edgenets.files import replacing

# Where a member's data may begin: what vector instructions and FlatBuffers want.
ALIGNMENT = 64

# Far more members than any bundle has.
MOST_MEMBERS = 1000

# A time stamp would make two equal bundles differ.
_EPOCH = (1980, 1, 1, 0, 0, 0)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(/[A-Za-z0-9_][A-Za-z0-9_.\-]*)*")
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, …, length of name, length of extra field
_LOCAL_SIGNATURE = b"PK\x03\x04"
_PADDING_FIELD = 0xED6E  # id of the extra field that only fills


def write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write an archive, whole or not at all; the same members give the same bytes."""
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as out:
        for name, data in members.items():
            if not _NAME.fullmatch(name):
                raise BundleError(f"'{name}' cannot be the name of a bundle's member")
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            start = out.start_dir + _LOCAL_HEADER.size + len(name.encode()) + 4
            info.extra = struct.pack("<HH", _PADDING_FIELD, -start % ALIGNMENT) + bytes(
                -start % ALIGNMENT
            )
            out.writestr(info, data)


class Archive:
    """An open archive; members are views into the mapped file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, "rb") as handle:
                self._map = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
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
        """The bytes of a member.

        Raises:
            BundleError: there is no such member.
        """
        if name not in self._members:
            raise BundleError(f"{self.path}: damaged: '{name}' is missing")
        start, end = self._members[name]
        return self._view[start:end]

    def _index(self) -> dict[str, tuple[int, int]]:
        """Where the data of each member lies."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except Exception as exc:  # zipfile raises a dozen types on broken headers
            raise BundleError(
                f"{self.path}: not a bundle, or a truncated or damaged one ({exc})"
            ) from exc
        if len(infos) > MOST_MEMBERS:
            raise BundleError(f"{self.path}: hostile: {len(infos)} members")
        members: dict[str, tuple[int, int]] = {}
        for info in infos:
            if info.filename in members:
                raise BundleError(f"{self.path}: hostile: two members named '{info.filename}'")
            members[info.filename] = self._place(info)
        end = 0
        for name, (start, stop) in sorted(members.items(), key=lambda item: item[1]):
            if start < end:
                raise BundleError(f"{self.path}: hostile: '{name}' overlaps another member")
            end = stop
        return members

    def _place(self, info: zipfile.ZipInfo) -> tuple[int, int]:
        """First and last offset of a member's data, after every check."""
        shown = info.filename[:60]
        if not _NAME.fullmatch(info.filename):
            raise BundleError(f"{self.path}: hostile: a member is named {shown!r}")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise BundleError(f"{self.path}: hostile: '{shown}' is compressed or encrypted")
        if info.file_size != info.compress_size:
            raise BundleError(f"{self.path}: damaged: '{shown}' has two sizes")
        header = bytes(self._view[info.header_offset : info.header_offset + _LOCAL_HEADER.size])
        if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_SIGNATURE):
            raise BundleError(f"{self.path}: damaged: '{shown}' has no header")
        _, name, extra = _LOCAL_HEADER.unpack(header)
        start = info.header_offset + _LOCAL_HEADER.size + name + extra
        if start + info.file_size > len(self._view):
            raise BundleError(f"{self.path}: damaged: '{shown}' reaches past the end of the file")
        return start, start + info.file_size
