"""How a terminal shows an event: in color, or plain."""

from __future__ import annotations

import os
from typing import TextIO

_BAR = 12  # characters of a full score

# A terminal that has fewer columns shows an event without its bar, and with less space between.
_NARROW = 60


def color_setting() -> bool | None:
    """What the environment says of colors: none, or everywhere; None: where there is a terminal.

    NO_COLOR (no-color.org) forbids them, FORCE_COLOR asks for them where there is no terminal, and
    a terminal that calls itself dumb has none.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def colored(stream: TextIO | None) -> bool:
    """Whether what is written to a stream may have colors."""
    setting = color_setting()
    return is_terminal(stream) if setting is None else setting


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at a stream, which may be closed or missing."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it was closed
        return False


def is_animated(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can write over what it shows."""
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO | None) -> int | None:
    """Columns of a terminal, or what COLUMNS says; None: lines may be of any length."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    if stream is None or not is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # a terminal that has no size
        return None


class Painter:
    """Colors where there are some, and what was last shown of each source."""

    def __init__(self, color: bool, width: int | None = None) -> None:
        """Make it; `width`: columns of the terminal, None: any number."""
        self.color = color
        self.narrow = width is not None and width < _NARROW
        self._shown: dict[str, str] = {}

    def paint(self, text: str, code: str) -> str:
        """A text in a color, by its number of ECMA-48; a plain one where there are none."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def bar(self, score: float) -> str:
        """A score of 0 to 1 as a bar, where there is room for one."""
        if self.narrow:
            return ""
        return self.paint(f"{'█' * max(1, round(_BAR * score)):<{_BAR}}", "36")

    def column(self, wanted: int) -> int:
        """How wide a column of a line is that has so many characters where there is room."""
        return wanted // 2 if self.narrow else wanted

    def is_news(self, source: str, text: str) -> bool:
        """Whether a source shows something else than before; it is remembered."""
        before = self._shown.get(source)
        self._shown[source] = text
        return before != text


def harmless(text: str, keep: str = "") -> str:
    """A text from anywhere, without what would steer a terminal."""
    return "".join(c if c.isprintable() or c in keep else "·" for c in text)
