"""An image cut into blocks for a card: what of each is to be written, and its digest.

Runs of zeros are not written: a card that is asked to discard what it had there gives zeros, and
where it does not, reading back will tell. What a block map leaves out is not even read back.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

import numpy as np

from edgenets.errors import FlashError
from edgenets.extras import require

from .bmap import BlockMap, Range
from .image import Image
from .target import ALIGNMENT, buffer

if TYPE_CHECKING:
    import xxhash

# Long enough that a card's own overhead does not count, short enough to be several at a time.
BLOCK = 4 << 20  # bytes

# The first block: where partition tables are, MBR, and GPT with its entries. It is written last.
HEAD = 1 << 20  # bytes

# The unit in which zeros are left out.
_RUN = 64 << 10  # bytes

# Blocks that are filled, digested and written at the same time.
_AT_ONCE = 3

# How often a thread that waits looks whether it is still wanted.
_PATIENCE = 0.2  # s

Extents = tuple[tuple[int, int], ...]  # (start, end) in a block, bytes


@dataclass(frozen=True)
class Block:
    """A part of an image that is to be on the card."""

    offset: int  # bytes
    data: memoryview  # BLOCK bytes at most; whole units of `ALIGNMENT`
    matters: Extents  # what is to be read back
    filled: Extents  # what of it is not zeros
    digest: bytes  # of what matters, by `digester`


class Blocks:
    """The blocks of an image, made by a thread of their own while others are written."""

    def __init__(self, image: Image, map: BlockMap | None) -> None:
        self._image = image
        self._ranges = list(map.ranges) if map else None
        self._free: Queue[memoryview] = Queue()
        for _ in range(_AT_ONCE + 1):
            self._free.put(buffer(BLOCK))
        self._made: Queue[Block | BaseException | None] = Queue(_AT_ONCE)
        self._ended = threading.Event()
        self._sum = hashlib.sha256()  # of the range of the map that is being read

    def __iter__(self) -> Iterator[Block]:
        """Each block; its memory is another's when the next one is asked for.

        Raises:
            FlashError: the image is damaged, or not that of its block map.
        """
        thread = threading.Thread(target=self._make, name="image", daemon=True)
        thread.start()
        try:
            while True:
                item = self._made.get()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
                self._free.put(memoryview(item.data.obj))
        finally:
            self._ended.set()
            thread.join()

    def _make(self) -> None:
        try:
            for block in self._blocks():
                self._hand_over(block)
            self._hand_over(None)
        except _Unwanted:
            return
        except BaseException as exc:  # it is the taker's
            with suppress(_Unwanted):
                self._hand_over(exc)

    def _hand_over(self, item: Block | BaseException | None) -> None:
        while not self._ended.is_set():
            try:
                return self._made.put(item, timeout=_PATIENCE)
            except Full:
                continue
        raise _Unwanted

    def _buffer(self) -> memoryview:
        while not self._ended.is_set():
            try:
                return self._free.get(timeout=_PATIENCE)
            except Empty:
                continue
        raise _Unwanted

    def _blocks(self) -> Iterator[Block]:
        offset = 0
        for into, count in self._image.fill(self._buffers(), self._matters):
            if block := self._block(offset, into, count):
                yield block
            else:
                self._free.put(memoryview(into.obj))
            offset += len(into)
        if self._ranges:
            raise FlashError(f"{self._image.path}: is shorter than its block map says")

    def _matters(self, offset: int, size: int) -> bool:
        """Whether any of a block is in the map; its ranges are used up in their order."""
        return self._ranges is None or any(
            r.start < offset + size and r.end > offset for r in self._ranges[:1]
        )

    def _buffers(self) -> Iterator[memoryview]:
        yield self._buffer()[:HEAD]
        while True:
            yield self._buffer()

    def _block(self, offset: int, data: memoryview, size: int) -> Block | None:
        """A block, or None where nothing of it matters."""
        end = -(-size // ALIGNMENT) * ALIGNMENT
        data[size:end] = bytes(end - size)
        matters = ((0, end),) if self._ranges is None else self._mapped(offset, data, size)
        if not matters:
            return None
        sum = digester()
        for start, stop in matters:
            sum.update(data[start:stop])
        return Block(offset, data[:end], matters, _filled(data, matters), sum.digest())

    def _mapped(self, offset: int, data: memoryview, size: int) -> Extents:
        """What of a block is in the map; ranges that end in it are held against their digest."""
        assert self._ranges is not None
        found = []
        while self._ranges and self._ranges[0].start < offset + size:
            range = self._ranges[0]
            start, stop = max(range.start - offset, 0), min(range.end - offset, size)
            self._sum.update(data[start:stop])
            found.append((start // ALIGNMENT * ALIGNMENT, -(-stop // ALIGNMENT) * ALIGNMENT))
            if range.end > offset + size:
                break
            self._end(range)
            del self._ranges[0]
        return _joined(found)

    def _end(self, range: Range) -> None:
        if range.sha256 is not None and self._sum.hexdigest() != range.sha256:
            raise FlashError(
                f"{self._image.path}: is not the image of its block map: bytes {range.start:,} to "
                f"{range.end:,} are others"
            )
        self._sum = hashlib.sha256()


class _Unwanted(Exception):
    """Nobody takes blocks any more."""


def digester() -> xxhash.xxh3_128:
    """What blocks are compared by: XXH3 of 128 bits, as fast as memory; nobody is to be fooled."""
    made: xxhash.xxh3_128 = require("xxhash").xxh3_128()
    return made


def _filled(data: memoryview, matters: Extents) -> Extents:
    """The runs of what matters that are not zeros."""
    found = []
    for first, last in matters:
        whole = first + (last - first) // _RUN * _RUN
        runs = np.frombuffer(data[first:whole], np.uint64).reshape(-1, _RUN // 8)
        starts = first + _RUN * np.flatnonzero(runs.any(axis=1))
        found += [(int(start), int(start) + _RUN) for start in starts]
        if np.frombuffer(data[whole:last], np.uint64).any():
            found.append((whole, last))
    return _joined(found)


def _joined(extents: list[tuple[int, int]]) -> Extents:
    """Extents of which none touches the next."""
    out: list[tuple[int, int]] = []
    for start, stop in extents:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(stop, out[-1][1]))
        else:
            out.append((start, stop))
    return tuple(out)
