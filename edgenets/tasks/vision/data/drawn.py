"""What somebody drew on an image: a box, an outline or run lengths of pixels, as layouts write it.

A `Canvas` says what of it can be right. What cannot is left out or clipped, and a fault says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.files import Json
from edgenets.tasks.vision.data.catalogue import Fault, Thing, Where, checked_box
from edgenets.tasks.vision.data.extent import STAY, Extent, Move, Points, extent_of, move_from

Box = tuple[float, float, float, float]  # left, top, right, bottom

# An outline has at least so many corners.
CORNERS = 3

# Fractions of an image; what tools round may lie so far outside.
FRACTIONS = (-0.01, 1.01)

# Nobody draws so far from an image, and what fills outlines takes memory for every pixel around.
_FARTHEST = 1e6  # pixels


@dataclass(frozen=True)
class Drawn:
    """One object, in pixels of the image that it was drawn on."""

    label: str
    box: Box | None = None  # None: the one around its outline
    rings: tuple[Points, ...] = ()  # the outline's closed rings
    runs: Json | None = None  # in place of rings: run lengths, as COCO has them


class Canvas:
    """An image that objects were drawn on."""

    def __init__(self, extent: Extent, move: Move = STAY, outlines: bool = False) -> None:
        """See `opened`, which makes one of a file."""
        self.extent, self.outlines, self._move = extent, outlines, move

    @classmethod
    def opened(
        cls,
        image: Path,
        stated: tuple[float, float] | None,
        where: Where,
        faults: list[Fault],
        outlines: bool = False,
    ) -> Canvas | None:
        """The canvas of a file; None, and a fault, where nothing on it can be right.

        Args:
            stated: width and height of the image that was drawn on, pixels; None: of the file.
            where: the annotations are.
            faults: more are added to.
            outlines: things are wanted with their pixels.
        """
        extent = extent_of(image)
        if extent is None:
            faults.append(Fault(image, "is no image that can be read; left out"))
            return None
        move = STAY if stated is None else move_from(stated, extent)
        if move is None:
            assert stated is not None, "what is not stated is as the file has it"
            faults.append(
                where.fault(
                    f"the size of {image.name} is said to be {stated[0]:g} × {stated[1]:g}, and is "
                    f"{extent.width} × {extent.height}, another shape; left out"
                )
            )
            return None
        if move.said:
            faults.append(where.fault(f"{image.name}: {move.said}"))
        return cls(extent, move, outlines)

    def thing(self, drawn: Drawn, where: Where, faults: list[Fault]) -> Thing | None:
        """What of an object lies on the image, in pixels of the image as it is shown; None, and a
        fault, where nothing does.
        """
        try:
            box, pixels = self._placed(drawn)
        except ValueError as exc:
            faults.append(where.fault(f"{drawn.label}: {exc}; left out"))
            return None
        drawn_thing = Thing(drawn.label, *box, pixels)
        thing, fault = checked_box(drawn_thing, self.extent.width, self.extent.height, where)
        if fault is not None:
            faults.append(fault)
        return thing

    def _placed(self, drawn: Drawn) -> tuple[Box, bytes]:
        """Its box and, where that is wanted, its pixels; ValueError where there is neither."""
        outlined, pixels = self._outlined(drawn)
        if drawn.box is None:
            if outlined is None:
                raise ValueError("has neither a box nor an outline")
            return outlined, pixels
        corners = self._move.points(np.array(drawn.box).reshape(2, 2))
        if not self._move.is_none and (corners[0] != corners[1]).all():
            # A turn may swap corners; what was drawn the wrong way round stays that.
            corners = np.stack((corners.min(axis=0), corners.max(axis=0)))
        (left, top), (right, bottom) = corners.tolist()
        box = (left, top, right, bottom)
        if outlined is not None and self.outlines and _are_apart(outlined, box):
            raise ValueError("its box and its outline lie apart")
        return box, pixels

    def _outlined(self, drawn: Drawn) -> tuple[Box | None, bytes]:
        """The box around an outline, and its pixels where these are wanted."""
        if drawn.runs is not None:
            mask = self._unrolled(drawn.runs)
            return _around_pixels(mask), _packed(mask) if self.outlines else b""
        if not drawn.rings:
            return None, b""
        rings = [self._move.points(_checked_ring(ring)) for ring in drawn.rings]
        every = np.concatenate(rings)
        (left, top), (right, bottom) = every.min(axis=0).tolist(), every.max(axis=0).tolist()
        return (left, top, right, bottom), self._filled(rings) if self.outlines else b""

    def _filled(self, rings: Sequence[Points]) -> bytes:
        mask = require("pycocotools.mask")
        width, height = self.extent.width, self.extent.height
        inside = [np.clip(ring, 0, (width, height)).ravel().tolist() for ring in rings]
        merged: Json = mask.merge(mask.frPyObjects(inside, height, width))
        return bytes(merged["counts"])

    def _unrolled(self, runs: Json) -> NDArray[np.uint8]:
        """Run lengths as a mask of the image as it is shown."""
        height, width = _size_of(runs)
        counts = _counts_of(runs["counts"])
        if sum(counts) != height * width:
            raise ValueError(
                f"its run lengths come to {sum(counts):,} pixels, where the {width} × {height} "
                f"that it says are {width * height:,}"
            )
        if self._move.is_none and (width, height) != (self.extent.width, self.extent.height):
            raise ValueError(f"its mask is {width} × {height}, and its image is not")
        values = np.arange(len(counts)) % 2
        mask = np.repeat(values, counts).astype(np.uint8).reshape(width, height).T
        if self._move.is_none:
            return np.ascontiguousarray(mask)
        cv2 = require("cv2")
        # Of middles of pixels: half a pixel there and back.
        shift = self._move.matrix @ (0.5, 0.5) + self._move.offset - 0.5
        matrix = np.column_stack((self._move.matrix, shift))
        size = (self.extent.width, self.extent.height)
        moved: NDArray[np.uint8] = cv2.warpAffine(
            np.ascontiguousarray(mask), matrix, size, flags=cv2.INTER_NEAREST
        )
        return moved


def unpacked(pixels: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The pixels of a `Thing`, (height, width), 1 where it is."""
    mask = require("pycocotools.mask")
    found: NDArray[np.uint8] = mask.decode({"size": [height, width], "counts": pixels})
    return found


def _are_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes have nothing in common."""
    return any(one[a] >= other[a + 2] or other[a] >= one[a + 2] for a in (0, 1))


def _packed(mask: NDArray[np.uint8]) -> bytes:
    tools = require("pycocotools.mask")
    return bytes(tools.encode(np.asfortranarray(mask))["counts"])


def _checked_ring(ring: Points) -> Points:
    if len(ring) < CORNERS:
        raise ValueError(f"its outline has {len(ring)} corners")
    if not np.abs(ring).max() < _FARTHEST:  # also of NaN
        raise ValueError("its outline is no outline")
    return ring


def _around_pixels(mask: NDArray[np.uint8]) -> Box:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("no pixel of its mask is set")
    return (float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1)


def _size_of(runs: Json) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in runs["size"])
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise ValueError("its run lengths do not say of what size") from exc
    if not (0 < height < 1 << 16 and 0 < width < 1 << 16):
        raise ValueError(f"its run lengths are of {width} × {height} pixels")
    return height, width


def _counts_of(counts: object) -> list[int]:
    """Run lengths as numbers: they are, or COCO's text of them (its API's `rleFrString`)."""
    if isinstance(counts, list):
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise ValueError("its run lengths are no whole numbers")
        return counts
    if not isinstance(counts, str):
        raise ValueError("it has no run lengths")
    found: list[int] = []
    for value in _numbers_of(counts):
        found.append(value + found[-2] if len(found) > 2 else value)  # from the last but one
        if found[-1] < 0:
            raise ValueError("its run lengths are no whole numbers")
    return found


def _numbers_of(text: str) -> Iterator[int]:
    """The numbers of a text of run lengths: digits of 6 bits, 5 of the number and whether more
    follow.
    """
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ValueError("its run lengths are no text of run lengths")
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            yield value | -1 << shift if digit & 16 else value
            value = shift = 0
    if shift:
        raise ValueError("its run lengths are cut off")
