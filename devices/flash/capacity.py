"""Has a card the memory that it says it has?

A counterfeit one wraps around or forgets what is written beyond its real memory. Marks that are
all different are written all over it, at its end and at doubling distances, and then read back: a
few seconds instead of the hour after which an image is found to be damaged. (F3's `f3probe` looks
in the same places.)
"""

from __future__ import annotations

import hashlib
import math
import os

from . import faults
from .target import ALIGNMENT, Target, buffer

# Counterfeit cards hold at least this much; nearer marks would only cost time.
_FIRST = 1 << 20  # bytes


def check(target: Target) -> None:
    """Write marks over the whole card and read them back.

    Raises:
        CardFault: it is counterfeit, damaged, unreadable or gone.
    """
    salt = os.urandom(16)
    data = buffer(ALIGNMENT)
    places = _places(target.size)
    for place in places:
        data[:] = _mark(salt, place)
        target.write(place, data)
    target.flush()
    marks = {_mark(salt, place): place for place in places}
    wrong: dict[int, int | None] = {}  # place → that of the mark which is there instead
    for place in places:
        target.read(place, data)
        if bytes(data) != _mark(salt, place):
            wrong[place] = marks.get(bytes(data))
            bits = sum(bin(a ^ b).count("1") for a, b in zip(data, _mark(salt, place), strict=True))
    if not wrong:
        return
    # What was meant for one place is at another: they are one place, a multiple of its size apart.
    apart = [abs(place - other) for place, other in wrong.items() if other is not None]
    if apart:
        raise faults.counterfeit(target.path, target.size, math.gcd(*apart))
    first = min(wrong)
    if len(wrong) > 1 and set(wrong) == {place for place in places if place >= first}:
        raise faults.counterfeit(target.path, target.size, first)
    raise faults.damaged(target.path, first, bits if len(wrong) == 1 else None)


def _places(size: int) -> list[int]:
    """Where marks are put, in order: 0, powers of two, the middle of each gap, and the end."""
    places = {0, (size - ALIGNMENT) // ALIGNMENT * ALIGNMENT}
    step = _FIRST
    while step < size - ALIGNMENT:
        places |= {step, step + step // 2}
        step *= 2
    return sorted(p // ALIGNMENT * ALIGNMENT for p in places if p <= size - ALIGNMENT)


def _mark(salt: bytes, place: int) -> bytes:
    seed = hashlib.sha256(salt + str(place).encode()).digest()
    return seed * (ALIGNMENT // len(seed))
