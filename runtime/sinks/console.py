"""`console:`: a line a word, a text, or a change of what is seen, for people."""

from __future__ import annotations

import sys
from collections import Counter
from functools import singledispatchmethod
from typing import TextIO

from edgenets.errors import SinkError
from edgenets.events import (
    Anomaly,
    Classified,
    Event,
    Forecast,
    Notice,
    Result,
    Seen,
    Suggested,
    Transcript,
    Translation,
    Written,
)
from edgenets.sparkline import sparkline
from edgenets.tasks.series.readings import stamp_of

_BAR = 12  # characters of a full score
_TEXT = 70  # characters of a text that are shown


def open_sink(rest: str) -> ConsoleSink:
    """Write to stdout, or to stderr for `console:stderr`.

    Raises:
        SinkError: it is neither.
    """
    if rest not in ("", "stdout", "stderr"):
        raise SinkError(f"console:{rest}: there are console: and console:stderr")
    return ConsoleSink(sys.stderr if rest == "stderr" else sys.stdout)


class ConsoleSink:
    """Time, word, score and age; colored on a terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._color = out.isatty()
        self._shown: dict[str, str] = {}  # what was last said of each source
        self._within = False  # a line that goes on

    def write(self, event: Event) -> None:
        """What an event has to say, if anything."""
        text = self._text(event)
        if text:
            self._put(text)

    @singledispatchmethod
    def _text(self, event: Notice) -> str:
        return self._paint(f"{event.time:8.2f} s  {event.kind}: {event.text}", "33") + "\n"

    @_text.register
    def _(self, event: Result) -> str:
        word = self._paint(f"{event.label:<12}", "1;36")
        return (
            f"{event.time:8.2f} s  {word} {self._bar(event.score)} {event.score:4.2f}  "
            f"{1e3 * event.age:5.1f} ms\n"
        )

    @_text.register
    def _(self, event: Classified) -> str:
        label = self._paint(f"{event.label:<12}", "1;36")
        unknown = f"  ({event.unknown} of {event.tokens} unknown)" if event.unknown else ""
        text = _harmless(event.text)
        text = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
        return f"{label} {self._bar(event.score)} {event.score:4.2f}  {text}{unknown}\n"

    @_text.register
    def _(self, event: Written) -> str:
        self._within = True
        return _harmless(event.text, keep="\n")

    @_text.register
    def _(self, event: Suggested) -> str:
        words = "  ".join(f"{self._paint(w, '1;36')} {p:.2f}" for w, p in event.words) or "–"
        return f"{words}\n"

    @_text.register
    def _(self, event: Translation) -> str:
        text = self._paint(_harmless(event.translation), "1;36")
        unknown = f"  ({event.unknown} of {event.tokens} unknown)" if event.unknown else ""
        return f"{text}{'' if event.whole else ' …'}{unknown}\n"

    @_text.register
    def _(self, event: Transcript) -> str:
        """An utterance; on a terminal also while it goes on, always on the same line."""
        if not event.final and not self._color:
            return ""
        start = "\r\x1b[2K" if self._color else ""
        text = self._paint(event.text, "1;36" if event.final else "36")
        line = f"{start}{event.start:8.2f} s  {text}"
        return line + (f"  {1e3 * event.age:5.1f} ms\n" if event.final else "")

    @_text.register
    def _(self, event: Forecast) -> str:
        """A line a column: what comes next, at last, and in between as an image."""
        when = "" if event.stamp is None else f"after {stamp_of(event.stamp)}: "
        width = max(map(len, event.columns))
        steps = len(event.median)
        lines = [self._paint(f"{when}{steps} readings ahead, from {event.readings:,}", "1")]
        for i, column in enumerate(event.columns):
            median = event.median[:, i]
            line = f"  {self._paint(f'{column:<{width}}', '1;36')}  {median[0]:>10.4g} → "
            line += f"{median[-1]:<10.4g} {self._paint(sparkline(median), '36')}"
            if event.low is not None and event.high is not None:
                line += f"  at last {event.low[-1, i]:.4g} … {event.high[-1, i]:.4g}"
            lines.append(line)
        return "\n".join(lines) + "\n"

    @_text.register
    def _(self, event: Anomaly) -> str:
        when = f"line {event.line}" if event.stamp is None else stamp_of(event.stamp)
        mark = self._paint("!", "1;31") if event.alarm else " "
        column = self._paint(f"{_harmless(event.column):<12}", "1;36")
        return (
            f"{mark} {when}  {column} {event.value:.6g} where {event.expected:.6g} is usual, "
            f"{event.anomaly_score:.2f} of the record\n"
        )

    @_text.register
    def _(self, event: Seen) -> str:
        """What an image shows, if it is an image on disk or something has changed."""
        counts = Counter(found.label for found in event.found)
        labels = sorted(counts)
        if event.path is not None:  # of live images an order that changes would be news
            scores = {x: max(f.score for f in event.found if f.label == x) for x in labels}
            labels.sort(key=lambda label: -scores[label])
        text = " · ".join(f"{counts[x]} × {x}" if counts[x] > 1 else x for x in labels) or "–"
        changed = event.path is not None or self._shown.get(event.source) != text
        self._shown[event.source] = text
        crossed = "".join(f"  {c.label} → {c.line} {c.direction}" for c in event.crossings)
        if not changed and not crossed:
            return ""
        best = max((found.score for found in event.found), default=0.0)
        where = event.path.name if event.path is not None else f"{event.time:8.2f} s"
        score = f"{best:4.2f}" if event.found else "    "
        return (
            f"{where}  {self._paint(f'{text:<28}', '1;36')} {score}  {1e3 * event.age:5.1f} ms"
            f"{self._paint(crossed, '35')}\n"
        )

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

    def _bar(self, score: float) -> str:
        return self._paint(f"{'█' * max(1, round(_BAR * score)):<{_BAR}}", "36")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _harmless(text: str, keep: str = "") -> str:
    """A text from anywhere, without what would steer a terminal."""
    return "".join(c if c.isprintable() or c in keep else "·" for c in text)
