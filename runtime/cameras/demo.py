"""A drawn blood smear under a moving microscope: `demo:smear?rate=25&seconds=20`, in real time.

It gives the shipped detector something to find where no camera is at hand.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from edgenets.errors import SourceError
from edgenets.uri import split_options
from edgenets.vision.smear import Smear

from . import Camera, Frame, Item, options

_USUAL_RATE = 25.0


def open_camera(rest: str) -> Camera:
    """The drawing `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = split_options(rest, ("rate", "seconds"))
    if name not in ("", "smear"):
        raise SourceError(f"demo:{rest}: there is demo:smear")
    rate = options.number(given, "rate", 0.1, 1000) or _USUAL_RATE
    return Microscope(rate, options.number(given, "seconds", 0, 1e9))


class Microscope(Camera):
    """Pictures of the smear, as a camera would give them."""

    live = True

    def __init__(self, rate: float, seconds: float | None) -> None:
        super().__init__("demo:smear")
        self._rate = rate
        self._count = math.inf if seconds is None else round(seconds * rate)
        self._smear = Smear()

    def items(self) -> Iterator[Item]:
        """See `Camera.items`."""
        opened, number = time.monotonic(), 0
        while number < self._count and not self._closed:
            at = number / self._rate
            time.sleep(max(0.0, opened + at - time.monotonic()))
            yield Frame(self._smear.view(at), number, at, time.monotonic())
            number += 1
