"""`console:`: a line a word, a text, or a change of what is seen, for people."""

from __future__ import annotations

import sys
from typing import TextIO

from edgenets.errors import SinkError
from edgenets.events import Event
from edgenets.painter import Painter, colored, width_of


def open_sink(rest: str) -> ConsoleSink:
    """Write to stdout, or to stderr for `console:stderr`.

    Raises:
        SinkError: it is neither.
    """
    if rest not in ("", "stdout", "stderr"):
        raise SinkError(f"console:{rest}: there are console: and console:stderr")
    return ConsoleSink(sys.stderr if rest == "stderr" else sys.stdout)


class ConsoleSink:
    """What each event says of itself; colored on a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.on_stdout = out is sys.stdout
        self._painter = Painter(colored(out), width_of(out))
        self._within = False  # a line that goes on

    def write(self, event: Event) -> None:
        """What an event has to say, if anything."""
        text = event.console(self._painter)
        self._within = self._within or event.unfinished
        if text:
            self._put(text)

    def _put(self, text: str) -> None:
        # Not every terminal has every letter, and the name of a file need not be text.
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._out.flush()

    def close(self) -> None:
        """End a line that was begun; stdout is not this sink's to close."""
        if self._within:
            self._within = False
            self._put("\n")
