"""Where the partitions of an image are: MBR and GPT, read from its first megabyte."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .image import SECTOR

# MBR types of FAT, and of what a GPT's protective entry is.
_FAT = {0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF}
_PROTECTIVE = 0xEE
_LINUX = 0x83

# GPT's types of the same, as they lie on a disk (UEFI 2.10, table 5.7 and Linux's own).
_GPT_FAT = {
    bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b"),  # EFI system
    bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7"),  # basic data
}
_GPT_LINUX = {
    bytes.fromhex("af3dc60f838472478e793d69d8477de4"),  # Linux file system
    bytes.fromhex("45b021b9f01dc341af444c6f280d3fae"),  # Linux root (Arm 64-bit)
}


@dataclass(frozen=True)
class Partition:
    """One partition."""

    start: int  # bytes
    size: int  # bytes
    kind: str  # "fat", "linux" or "other"


def partitions(head: bytes) -> list[Partition]:
    """The partitions in the first megabyte of an image; none where there is no table."""
    if len(head) < SECTOR or head[510:512] != b"\x55\xaa":
        return []
    found = []
    for number in range(4):
        entry = head[446 + 16 * number : 462 + 16 * number]
        kind, start, count = entry[4], *struct.unpack("<II", entry[8:16])
        if kind == _PROTECTIVE:
            return _gpt(head)
        if kind and count:
            name = "fat" if kind in _FAT else "linux" if kind == _LINUX else "other"
            found.append(Partition(start * SECTOR, count * SECTOR, name))
    return found


def _gpt(head: bytes) -> list[Partition]:
    if head[SECTOR : SECTOR + 8] != b"EFI PART":
        return []
    first, count, size = struct.unpack_from("<QII", head, SECTOR + 72)
    found = []
    for number in range(min(count, 128)):
        entry = head[first * SECTOR + number * size :][:size]
        if len(entry) < 48 or not any(entry[:16]):
            continue
        start, end = struct.unpack_from("<QQ", entry, 32)
        kind = entry[:16]
        name = "fat" if kind in _GPT_FAT else "linux" if kind in _GPT_LINUX else "other"
        found.append(Partition(start * SECTOR, (end + 1 - start) * SECTOR, name))
    return found
