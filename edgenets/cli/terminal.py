"""What commands print cannot steer a terminal, whatever a file, a label or a camera is called.

A name may hold control characters: they would set a window's title, write over what stands there,
or turn the direction of writing. Everything that a command prints goes through here, so that no
message has to think of it; colors and the movements of a progress bar are let through where the
stream has them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from edgenets.painter import colored

# C0 and C1 but tab and the ends of lines, and what turns the direction of writing (UAX 9).
_DIRECTIONS = r"\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROL = rf"(?:[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_DIRECTIONS}]|\r(?!\n))"

_ANYTHING = re.compile(_CONTROL)
# A color (ECMA-48, SGR) is left whole; and of a progress bar, which moves, any control sequence.
_BUT_COLORS = re.compile(rf"(\x1b\[[0-9;]*m)|{_CONTROL}")
_BUT_MOVEMENTS = re.compile(rf"(\x1b\[[0-9;?]*[A-Za-z]|\r)|{_CONTROL}")

_INSTEAD = "·"


class Cleaned:
    """A text stream without control characters; in all else it is the stream that it is made of."""

    def __init__(self, stream: TextIO, harmful: re.Pattern[str]) -> None:
        self._stream, self._harmful = stream, harmful

    def write(self, text: str) -> int:
        """Write a text; what is taken out is seen."""
        return self._stream.write(self._harmful.sub(_kept, text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def cleaned_streams() -> Iterator[None]:
    """For as long as it lasts, what this process prints is cleaned."""
    before = sys.stdout, sys.stderr
    for name, moves in (("stdout", _BUT_COLORS), ("stderr", _BUT_MOVEMENTS)):
        stream = getattr(sys, name)
        setattr(sys, name, Cleaned(stream, moves if colored(stream) else _ANYTHING))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _kept(found: re.Match[str]) -> str:
    return found[1] if found.lastindex else _INSTEAD
