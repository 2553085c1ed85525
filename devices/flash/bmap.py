"""Block maps (`.bmap`, as `bmaptool` makes them): the ranges of an image that matter.

The rest is free space of its file systems, and is neither written nor read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from edgenets.errors import FlashError

# A map of a terabyte in blocks of 4 kB, each its own range, is no longer than this.
_LONGEST = 64 << 20


@dataclass(frozen=True)
class Range:
    """A part of an image, in bytes; `end` is the first one after it."""

    start: int
    end: int
    sha256: str | None


@dataclass(frozen=True)
class BlockMap:
    """Which ranges of an image matter."""

    image_size: int  # bytes
    ranges: tuple[Range, ...]

    @property
    def mapped(self) -> int:
        """Bytes of all ranges."""
        return sum(r.end - r.start for r in self.ranges)


def load(path: Path) -> BlockMap:
    """Read a block map.

    Raises:
        FlashError: it is none, damaged, or of a newer version.
    """
    raw, root = _parsed(path)
    _check_own(path, raw, root)
    try:
        size, block = _number(root, "ImageSize"), _number(root, "BlockSize")
        ranges = tuple(_range(e, block, size) for e in root.iterfind("BlockMap/Range"))
    except (TypeError, ValueError) as exc:
        raise FlashError(f"{path}: damaged: {exc}") from exc
    ends = [0, *(r.end for r in ranges)]
    if not ranges or any(r.start < end for r, end in zip(ranges, ends, strict=False)):
        raise FlashError(f"{path}: damaged: its ranges do not follow one another")
    return BlockMap(size, ranges)


def _parsed(path: Path) -> tuple[bytes, ElementTree.Element]:
    """The file, and its document, of a kind and a version that are known."""
    try:
        raw = path.read_bytes()
        if len(raw) > _LONGEST or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
            raise FlashError(f"{path}: hostile: no block map has that")
        root = ElementTree.fromstring(raw)
    except OSError as exc:
        raise FlashError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except ElementTree.ParseError as exc:
        raise FlashError(f"{path}: no block map: {exc}") from exc
    if root.tag != "bmap":
        raise FlashError(f"{path}: no block map: it is <{root.tag}>")
    version = root.get("version", "")
    if not re.fullmatch(r"[12]\.\d+", version):
        raise FlashError(f"{path}: a block map of version {version}; 1 and 2 are known")
    if (root.findtext("ChecksumType") or "sha256").strip() != "sha256":
        raise FlashError(f"{path}: its checksums are no SHA-256")
    return raw, root


def _range(element: ElementTree.Element, block: int, size: int) -> Range:
    first, dash, last = (element.text or "").strip().partition("-")
    start, end = int(first) * block, min(size, (int(last if dash else first) + 1) * block)
    if not 0 <= start < end:
        raise ValueError(f"no range of the image: {element.text!r}")
    return Range(start, end, element.get("chksum"))


def _number(root: ElementTree.Element, name: str) -> int:
    value = int(root.findtext(name) or "")
    if value <= 0:
        raise ValueError(f"{name} is {value}")
    return value


def _check_own(path: Path, raw: bytes, root: ElementTree.Element) -> None:
    """Its own checksum is that of the file with zeros in its place."""
    digest = (root.findtext("BmapFileChecksum") or root.findtext("BmapFileSHA1") or "").strip()
    if not digest:
        return
    blank = raw.replace(digest.encode(), b"0" * len(digest), 1)
    found = hashlib.sha256(blank) if len(digest) == 64 else hashlib.sha1(blank)
    if found.hexdigest() != digest:
        raise FlashError(f"{path}: damaged: it fails its own checksum")
