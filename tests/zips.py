"""Zip archives made by hand, so that every field of them can lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A member. What is None is as it should be."""

    name: bytes
    data: bytes = b"sound"
    flags: int = 0
    method: int = 0
    stored: int | None = None  # size in the archive, bytes
    unfolded: int | None = None  # size when it is unpacked, bytes
    offset: int | None = None  # of its local header
    local_name: bytes | None = None
    local_signature: bytes = b"PK\x03\x04"
    local_size: int | None = None
    local_extra: bytes = b""


def build(
    entries: Sequence[Entry], *, count: int | None = None, comment: bytes = b"",
    before: bytes = b"", moved: int = 0,
) -> bytes:  # fmt: skip
    """The bytes of an archive.

    Args:
        count: members that it says it has.
        comment: behind its end.
        before: bytes in front of the first member that no offset knows of.
        moved: how far off the directory is said to lie.
    """
    body, directory = b"", b""
    for entry in entries:
        size = len(entry.data)
        stored = size if entry.stored is None else entry.stored
        unfolded = size if entry.unfolded is None else entry.unfolded
        local_size = size if entry.local_size is None else entry.local_size
        local_name = entry.name if entry.local_name is None else entry.local_name
        offset = len(body) if entry.offset is None else entry.offset
        check = zlib.crc32(entry.data)
        body += struct.pack(
            "<4s5H3I2H", entry.local_signature, 20, entry.flags, entry.method, 0, 33, check,
            local_size, unfolded if entry.local_size is None else local_size, len(local_name),
            len(entry.local_extra),
        )  # fmt: skip
        body += local_name + entry.local_extra + entry.data
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, entry.flags, entry.method, 0, 33, check, stored,
            unfolded, len(entry.name), 0, 0, 0, 0, 0, offset,
        )  # fmt: skip
        directory += entry.name
    members = len(entries) if count is None else count
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, members, members, len(directory), len(body) + moved,
        len(comment),
    )  # fmt: skip
    return before + body + directory + end + comment
