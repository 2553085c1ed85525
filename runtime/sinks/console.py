"""`console:`: a line a word, for people."""

from __future__ import annotations

import sys
from typing import TextIO

from edgenets.errors import SinkError
from edgenets.events import Remark, Result

_BAR = 12  # characters of a full score


def open_sink(rest: str) -> ConsoleSink:
    """Write to stdout, or to stderr for `console:stderr`.

    Raises:
        SinkError: it is neither.
    """
    if rest not in ("", "stdout", "stderr"):
        raise SinkError(f"console:{rest}: there are console: and console:stderr")
    return ConsoleSink(sys.stderr if rest == "stderr" else sys.stdout)


class ConsoleSink:
    """Time, word, score and age; coloured on a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty()

    def write(self, event: Result | Remark) -> None:
        """One line."""
        if isinstance(event, Result):
            bar = "█" * max(1, round(_BAR * event.score))
            word = self._paint(f"{event.label:<12}", "1;36")
            score = self._paint(f"{bar:<{_BAR}}", "36")
            line = (
                f"{event.time:8.2f} s  {word} {score} {event.score:4.2f}  {1e3 * event.age:5.1f} ms"
            )
        else:
            line = self._paint(f"{event.time:8.2f} s  {event.kind}: {event.text}", "33")
        # Not every terminal has every letter, and the name of a file need not be text.
        encoding = self._out.encoding or "utf-8"
        line = line.encode(encoding, "backslashreplace").decode(encoding)
        self._out.write(line + "\n")
        self._out.flush()

    def close(self) -> None:
        """Stdout is not this sink's to close."""

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
