"""How a model that takes a whole clip is fed by a stream: frames of which input, which way."""

from __future__ import annotations

from dataclasses import dataclass

from edgenets.artifact import TensorInfo
from edgenets.errors import ModelError

from .options import Layout


@dataclass(frozen=True)
class Geometry:
    """How frames lie in an input."""

    frames: int
    turned: bool  # (numbers, frames)


def geometry(where: str, info: TensorInfo, width: int, layout: Layout | None) -> Geometry:
    """Where the frames are in the input of a model of a window.

    Args:
        where: the model, for messages.
        width: numbers a frame, as the front end makes them.
        layout: as the user says; None: by the one axis that has so many numbers.

    Raises:
        ModelError: no axis has, or two have.
    """
    wrong = f"{where}: takes '{info.name}' {list(info.shape)}"
    if info.shape[:1] != (1,):
        raise ModelError(f"{wrong}, not one item at a time")
    sides = [d for d in info.shape[1:] if d != 1] or [1]
    if len(sides) == 1 and sides[0] % width == 0:  # frames one after another in a row
        return Geometry(sides[0] // width, False)
    if len(sides) != 2 or width not in sides:
        raise ModelError(
            f"{wrong}, and the front end makes {width} numbers a frame; [1, frames, {width}] or "
            f"[1, {width}, frames] is needed"
        )
    return _of_two(wrong, sides[0], sides[1], width, layout)


def _of_two(wrong: str, first: int, second: int, width: int, layout: Layout | None) -> Geometry:
    """Which of two sides are the frames."""
    if first == second and layout is None:
        raise ModelError(
            f"{wrong}: {first} frames of {width} numbers, or {width} numbers of {first} frames? "
            f"Say --layout frames-first or numbers-first"
        )
    turned = second != width if first != second else layout == "numbers-first"
    return Geometry(second if turned else first, turned)
