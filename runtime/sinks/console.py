"""`console:`: a line a word, or a line whenever what is seen changes, for people."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TextIO

from edgenets.errors import SinkError
from edgenets.events import Event, Result, Seen, Transcript

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
        self._shown: dict[str, str] = {}  # what was last said of each source

    def write(self, event: Event) -> None:
        """One line, or none where a source shows what it showed before."""
        if isinstance(event, Seen):
            text = self._seen(event)
            if text is None:
                return
            line = text
        elif isinstance(event, Transcript):
            self._say(event)
            return
        elif isinstance(event, Result):
            bar = "█" * max(1, round(_BAR * event.score))
            word = self._paint(f"{event.label:<12}", "1;36")
            score = self._paint(f"{bar:<{_BAR}}", "36")
            line = (
                f"{event.time:8.2f} s  {word} {score} {event.score:4.2f}  {1e3 * event.age:5.1f} ms"
            )
        else:
            line = self._paint(f"{event.time:8.2f} s  {event.kind}: {event.text}", "33")
        self._put(line + "\n")

    def _say(self, event: Transcript) -> None:
        """An utterance; on a terminal also while it goes on, always on the same line."""
        if not event.final and not self._colour:
            return
        start = "\r\x1b[2K" if self._colour else ""
        text = self._paint(event.text, "1;36" if event.final else "36")
        line = f"{start}{event.start:8.2f} s  {text}"
        self._put(line + (f"  {1e3 * event.age:5.1f} ms\n" if event.final else ""))

    def _put(self, text: str) -> None:
        # Not every terminal has every letter, and the name of a file need not be text.
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._out.flush()

    def _seen(self, event: Seen) -> str | None:
        """What a picture shows, if it is a picture on disk or something has changed."""
        counts = Counter(found.label for found in event.found)
        text = ", ".join(f"{n} × {x}" if n > 1 else x for x, n in sorted(counts.items())) or "–"
        changed = event.path is not None or self._shown.get(event.source) != text
        self._shown[event.source] = text
        crossed = "".join(f"  {c.label} → {c.line} {c.direction}" for c in event.crossings)
        if not changed and not crossed:
            return None
        best = max((found.score for found in event.found), default=0.0)
        where = event.path.name if event.path is not None else f"{event.time:8.2f} s"
        score = f"{best:4.2f}" if event.found else "    "
        return (
            f"{where}  {self._paint(f'{text:<28}', '1;36')} {score}  {1e3 * event.age:5.1f} ms"
            f"{self._paint(crossed, '35')}"
        )

    def close(self) -> None:
        """Stdout is not this sink's to close."""

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
