"""What is said of a model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from edgenets.arrays import Array

from ..image_input import Preprocessing
from ..opened import OutputsAs

Layout = Literal["frames-first", "numbers-first"]


@dataclass(frozen=True)
class Preparation:
    """How sound, images, texts or series become a model's input; None: found, and shown.

    What was said to `convert` is kept with the artifacts, and need not be said again.
    """

    # Of sound, text and series: a TOML file, or the name of a library whose features it takes.
    front: str | None = None
    color: str | None = None
    resize: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    antialias: bool | None = None
    layout: Layout | None = None  # of the input of a model of a window
    labels: str | None = None  # a file of them, one a line, in the order of the model's scores

    @property
    def says(self) -> bool:
        """Whether anything is said."""
        return any(value is not None for value in vars(self).values())

    @property
    def image(self) -> Preprocessing:
        """Of images."""
        return Preprocessing(self.color, self.resize, self.mean, self.std, self.antialias)

    def over(self, before: Preparation) -> Preparation:
        """The same, with what was said before where it says nothing."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        return replace(before, **said)


@dataclass(frozen=True)
class Raw:
    """A user's files, and how they become items."""

    path: Path | None  # None: there are none, and it is only said how they would
    how: Preparation


@dataclass(frozen=True)
class OwnOptions:
    """What its files do not say; None: found, and shown."""

    task: str
    preparation: Preparation = field(default_factory=Preparation)
    name: str | None = None
    outputs: OutputsAs = field(default_factory=OutputsAs)  # what the model gives
    every: float | None = None  # s of stream from one answer of a model of a window to the next
    licence: str = "as its author states"
    # A user's own features with the sound that they are of, or what makes them of sound: (samples,)
    # float32 in [−1, 1) at the model's rate to (frames, numbers).
    reference: Path | Callable[[Array], Array] | None = None
    tolerance: float | None = None  # that they may differ by
