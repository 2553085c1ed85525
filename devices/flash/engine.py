"""An image to a card: written past every cache, read back from the card itself, and only then
given its partition table.

Until all else was found to be right the first megabyte says no more than that, so a card that was
interrupted never looks as if it could be started from. A card that begins anew at its real end
shows itself by it too: the sentence is where the image should be, or the other way round.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgenets.errors import FlashError
from edgenets.progress import Progress, Task

from . import capacity, faults
from .blocks import BLOCK, HEAD, Block, Blocks, Extents, digester
from .bmap import BlockMap
from .faults import megabytes
from .image import Image
from .journal import Journal
from .target import Target, buffer

# What stands in the first megabyte meanwhile: no partition table, and no file system's.
_NOT_YET = b"edgenets is writing this card: it is not whole yet. ".ljust(64)

# The card is asked to keep what it has this often; what was written since is written again after
# an interruption.
_FLUSH_EVERY = 64 << 20  # bytes


@dataclass(frozen=True)
class Report:
    """What became of a card."""

    image_bytes: int  # that the image stands for
    written_bytes: int
    verified_bytes: int  # read back and found equal
    resumed_bytes: int  # that an interrupted run had written already
    rewritten_bytes: int  # zeros that the card did not have by itself
    write_seconds: float
    read_seconds: float


@dataclass(frozen=True)
class _Expected:
    """What is to be read back."""

    offset: int
    matters: Extents
    filled: Extents
    digest: bytes


@dataclass
class _Counts:
    written: int = 0
    resumed: int = 0
    rewritten: int = 0
    verified: int = 0
    expected: list[_Expected] = field(default_factory=list)
    head: bytes = b""
    expected_head: _Expected | None = None


def write(
    image: Image, target: Target, journal: Journal, *, map: BlockMap | None = None,
    before_head: Callable[[bytes], None] | None = None, progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Write an image to a card.

    Args:
        journal: of this job; what it says was kept is not written again.
        map: the ranges of the image that matter.
        before_head: called when all but the first megabyte is right, with that megabyte: what is
            to be put into the file systems is put there now.
        progress: shows how far it is.

    Raises:
        CardFault: the card is counterfeit, damaged, unreadable, gone, protected or too small.
        FlashError: the image is damaged.
    """
    progress = progress or Progress()
    try:
        return _once(image, target, journal, map, before_head, progress)
    except _Stale:
        journal.forget()
        return _once(Image(image.path), target, journal, map, before_head, progress)


class _Stale(Exception):
    """A card does not hold what the journal says: it may be another one, or was used meanwhile."""


def _once(
    image: Image,
    target: Target,
    journal: Journal,
    map: BlockMap | None,
    before_head: Callable[[bytes], None] | None,
    progress: Progress,
) -> Report:
    """One run, from what the journal says is kept to the last byte read.

    Raises:
        _Stale: of what an earlier run wrote something is not there.
    """
    size = map.image_size if map else image.size
    if size is not None and size > target.size:
        raise faults.too_small(target.path, target.size, size)
    counts = _Counts()
    if not journal.kept:
        capacity.check(target)
    if target.size < HEAD:
        raise faults.too_small(target.path, target.size, HEAD)
    target.write(0, _not_yet())
    target.flush()
    journal.begin()
    done = False
    try:
        started = time.monotonic()
        with progress.task("writing", in_bytes=True) as task:
            _write(image, target, journal, map, counts, _Pace(task, image.packed_size, "written"))
        written = time.monotonic()
        with progress.task("reading back", in_bytes=True) as task:
            _read_back(target, counts, task)
        if before_head is not None:
            journal.forget()  # from here on the card holds more than the image
            before_head(counts.head)
        assert counts.expected_head is not None
        _write_head(target, counts.head, counts.expected_head)
        counts.verified += len(counts.head)
        counts.written += len(counts.head)
        done = True
    finally:
        journal.close(done)
    target.read_partitions()
    assert image.size is not None
    return Report(
        image.size, counts.written, counts.verified, counts.resumed, counts.rewritten,
        written - started, time.monotonic() - written,
    )  # fmt: skip


def _write(
    image: Image,
    target: Target,
    journal: Journal,
    map: BlockMap | None,
    counts: _Counts,
    pace: _Pace,
) -> None:
    unkept: dict[int, bytes] = {}
    unflushed = 0
    for block in Blocks(image, map):
        if block.offset + len(block.data) > target.size:
            raise faults.too_small(target.path, target.size, block.offset + len(block.data))
        expected = _Expected(block.offset, block.matters, block.filled, block.digest)
        if block.offset == 0:
            counts.head, counts.expected_head = bytes(block.data), expected
            continue
        counts.expected.append(expected)
        if journal.kept.get(block.offset) == block.digest:
            counts.resumed += sum(e - s for s, e in block.filled)
        else:
            unflushed += _put(target, block)
            unkept[block.offset] = block.digest
        if unflushed >= _FLUSH_EVERY:
            target.flush()
            journal.keep(unkept)
            counts.written += unflushed
            unkept, unflushed = {}, 0
        pace.show(image.read, counts.written + unflushed)
    target.flush()
    journal.keep(unkept)
    counts.written += unflushed
    if counts.expected_head is None:
        raise FlashError(f"{image.path}: its block map leaves out the partition table")


def _put(target: Target, block: Block) -> int:
    """Write what of a block is not zeros, and discard the rest; how many bytes were written."""
    for first, last in _holes(block.matters, block.filled):
        target.discard(block.offset + first, last - first)
    for first, last in block.filled:
        target.write(block.offset + first, block.data[first:last])
    return sum(last - first for first, last in block.filled)


def _read_back(target: Target, counts: _Counts, task: Task) -> None:
    """Read all that matters from the card, but the head, and compare."""
    data = buffer(BLOCK)
    total = sum(e - s for x in counts.expected for s, e in x.matters)
    pace = _Pace(task, total, "read")
    known = {x.digest: x.offset for x in counts.expected}
    not_yet = _Expected(0, ((0, HEAD),), ((0, HEAD),), _digest_of(_not_yet()))
    for expected in (not_yet, *counts.expected):
        found = _digest(target, expected, data)
        if found != expected.digest:
            _repair(target, expected, data, known, found, counts)
        if expected is not not_yet:
            counts.verified += sum(e - s for s, e in expected.matters)
            pace.show(counts.verified, counts.verified)


def _repair(
    target: Target,
    expected: _Expected,
    data: memoryview,
    known: dict[bytes, int],
    found: bytes,
    counts: _Counts,
) -> None:
    """What differs is read once more; zeros that the card has not are written; else it is bad."""
    zeros = _holes(expected.matters, expected.filled)
    if zeros:
        for start, stop in zeros:
            target.write(expected.offset + start, buffer(stop - start))
            counts.rewritten += stop - start
        target.flush()
    if _digest(target, expected, data) == expected.digest:
        return
    if counts.resumed:
        raise _Stale
    if found in known or expected.offset == 0:
        raise faults.counterfeit(target.path, target.size, None)
    raise faults.damaged(target.path, expected.offset, None)


def _holes(matters: Extents, filled: Extents) -> list[tuple[int, int]]:
    """The zeros of what matters, which are not written."""
    holes = []
    for first, last in matters:
        at = first
        for start, stop in filled:
            if start >= last or stop <= first:
                continue
            if start > at:
                holes.append((at, start))
            at = stop
        if at < last:
            holes.append((at, last))
    return holes


def _digest(target: Target, expected: _Expected, data: memoryview) -> bytes:
    sum = digester()
    for start, stop in expected.matters:
        target.read(expected.offset + start, data[: stop - start])
        sum.update(data[: stop - start])
    return sum.digest()


def _not_yet() -> memoryview:
    """The first megabyte of a card that is being written."""
    data = buffer(HEAD)
    data[:] = _NOT_YET * (HEAD // len(_NOT_YET))
    return data


def _digest_of(data: memoryview) -> bytes:
    sum = digester()
    sum.update(data)
    return sum.digest()


def _write_head(target: Target, head: bytes, expected: _Expected) -> None:
    """The last thing: what makes it a card to start from. One that does not keep it has none."""
    data = buffer(len(head))
    data[:] = head
    target.write(0, data)
    target.flush()
    if _digest(target, expected, buffer(BLOCK)) != expected.digest:
        target.write(0, _not_yet())
        raise faults.damaged(target.path, 0, None)


class _Pace:
    """How fast it goes, and how long it will take."""

    def __init__(self, task: Task, total: int, verb: str) -> None:
        self._task, self._total, self._verb = task, total, verb
        self._started = time.monotonic()

    def show(self, done: int, moved: int) -> None:
        """Report how much of the total is done, and how many bytes were moved for it."""
        seconds = max(time.monotonic() - self._started, 1e-6)
        left = seconds * (self._total - done) / done if done else 0.0
        note = f"{megabytes(moved)} {self._verb}, {moved / seconds / 1e6:.1f} MB/s"
        if done < self._total:
            note += f", {int(left // 60)}:{int(left % 60):02d} left"
        self._task.update(done, self._total, note)
