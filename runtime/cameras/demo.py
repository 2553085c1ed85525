"""A drawn blood smear under a moving microscope: `demo:smear?rate=25&seconds=20`, in real time.

It gives the shipped detector something to find where no camera is at hand.
"""

from __future__ import annotations

from edgenets.errors import SourceError
from edgenets.tasks.vision.smear import Smear
from edgenets.uri import split_options

from . import Camera, options
from .pattern import Drawing

_USUAL_RATE = 25.0


def open_camera(rest: str) -> Camera:
    """The drawing `rest`; errors as `edgenets.runtime.cameras.open_camera`."""
    name, given = split_options(rest, ("rate", "seconds"))
    if name not in ("", "smear"):
        raise SourceError(f"demo:{rest}: there is demo:smear")
    rate = options.number(given, "rate", 0.1, 1000) or _USUAL_RATE
    seconds = options.number(given, "seconds", 0, 1e9)
    return Drawing("demo:smear", Smear().view, rate, seconds, live=True)
