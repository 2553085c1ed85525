"""How a terminal shows an event: in color, or plain."""

from __future__ import annotations

import os
from typing import TextIO

_BAR = 12  # characters of a full score


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


class Painter:
    """Colors where there are some, and what was last shown of each source."""

    def __init__(self, color: bool) -> None:
        self.color = color
        self._shown: dict[str, str] = {}

    def paint(self, text: str, code: str) -> str:
        """A text in a color, by its number of ECMA-48; a plain one where there are none."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text

    def bar(self, score: float) -> str:
        """A score of 0 to 1 as a bar."""
        return self.paint(f"{'█' * max(1, round(_BAR * score)):<{_BAR}}", "36")

    def is_news(self, source: str, text: str) -> bool:
        """Whether a source shows something else than before; it is remembered."""
        before = self._shown.get(source)
        self._shown[source] = text
        return before != text


def harmless(text: str, keep: str = "") -> str:
    """A text from anywhere, without what would steer a terminal."""
    return "".join(c if c.isprintable() or c in keep else "·" for c in text)
