"""Where labels stand in an image: none covers another, none leaves the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Place = tuple[int, int]  # left, top; pixels


@dataclass(frozen=True)
class Plate:
    """A label to be placed: its own size, and the box that it names; pixels."""

    width: int
    height: int
    box: tuple[int, int, int, int]  # left, top, right, bottom
    score: float  # where there is no room for all, the best have it


def places(plates: Sequence[Plate], width: int, height: int) -> list[Place | None]:
    """A place for each plate in an image, at its box or as near as there is room.

    Args:
        plates: what is to be placed.
        width: of the image, pixels.
        height: the same.

    Returns:
        for each plate its upper left corner; None: there is no room for it.
    """
    found: list[Place | None] = [None] * len(plates)
    taken: list[tuple[int, int, int, int]] = []
    refused: list[Plate] = []  # what is as large has no room either
    for number in sorted(range(len(plates)), key=lambda n: -plates[n].score):
        plate = plates[number]
        if any(plate.width >= r.width and plate.height >= r.height for r in refused):
            continue
        place = _place(plate, taken, width, height)
        if place is None:
            refused.append(plate)
            continue
        found[number] = place
        left, top = place
        taken.append((left, top, left + plate.width, top + plate.height))
    return found


def _place(
    plate: Plate, taken: Sequence[tuple[int, int, int, int]], width: int, height: int
) -> Place | None:
    if plate.width > width or plate.height > height:
        return None
    first: Place | None = None
    for left, top in _at_its_box(plate, width, height):
        first = first or (left, top)
        right, bottom = left + plate.width, top + plate.height
        for x, y, r, b in taken:
            if x < right and left < r and y < bottom and top < b:
                break
        else:
            return left, top
    assert first is not None, "there is always one that is wanted most"
    return _nearest(plate, taken, first, (width, height))


def _at_its_box(plate: Plate, width: int, height: int) -> Iterator[Place]:
    """Above the box, in it, below it and beside it; each moved into the image."""
    left, top, right, bottom = plate.box
    beside, above, inside = right - plate.width, top - plate.height, bottom - plate.height
    most_x, most_y = width - plate.width, height - plate.height
    lefts = (left, beside, left, beside, left, beside, left, beside, right, left - plate.width)
    tops = (above, above, top, top, bottom, bottom, inside, inside, top, top)
    for x, y in zip(lefts, tops, strict=True):
        yield (0 if x < 0 else min(x, most_x)), (0 if y < 0 else min(y, most_y))


def _nearest(
    plate: Plate,
    taken: Sequence[tuple[int, int, int, int]],
    wanted: Place,
    size: tuple[int, int],
) -> Place | None:
    """The nearest free place, rows first.

    Wherever there is room, there is room at the upper or lower edge of another plate or of the
    image: a plate that touches nothing can be moved up until it does.
    """
    lowest = size[1] - plate.height
    tops = {wanted[1], 0, lowest}
    for _, top, _, bottom in taken:
        tops.update((top - plate.height, bottom))
    for top in sorted((t for t in tops if 0 <= t <= lowest), key=lambda t: abs(t - wanted[1])):
        row = sorted((x, r) for x, y, r, b in taken if y < top + plate.height and top < b)
        left = _gap(row, plate.width, wanted[0], size[0])
        if left is not None:
            return left, top
    return None


def _gap(row: Sequence[tuple[int, int]], wide: int, wanted: int, width: int) -> int | None:
    """The left edge nearest to the wanted one at which so much of a row is free."""
    free, nearest = 0, None
    for left, right in (*row, (width, width)):
        if left - free >= wide:
            here = max(free, min(wanted, left - wide))
            if nearest is None or abs(here - wanted) < abs(nearest - wanted):
                nearest = here
        free = max(free, right)
    return nearest
