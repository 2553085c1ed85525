"""Lines in, events out: the pipelines of models that take text or readings, a line at a time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgenets.errors import DataError
from edgenets.events import Event, LineSummary, Notice
from edgenets.tasks.language.events import TextSummary

# Of the notices of one kind so many are shown one by one …
_SHOWN = 3

# … and of a live source, which may never end, one more after this long.
_AGAIN = 600.0  # s

AnySummary = TypeVar("AnySummary", bound=LineSummary)


class Repeats:
    """Keeps notices of one kind from filling a screen."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}
        self._last: dict[str, float] = {}  # s of time.monotonic() when one was shown
        self._hidden: dict[str, int] = {}  # since then

    def show(self, kind: str, count: int, live: bool) -> bool:
        """Whether to show one more, which stands for so many; it is counted where not."""
        now = time.monotonic()
        if self._shown.get(kind, 0) < _SHOWN or (live and now - self._last[kind] >= _AGAIN):
            self._shown[kind] = self._shown.get(kind, 0) + 1
            self._last[kind] = now
            return True
        self._hidden[kind] = self._hidden.get(kind, 0) + count
        return False

    def hidden(self, kind: str) -> int:
        """How many were not shown since the last that was; it begins anew."""
        return self._hidden.pop(kind, 0)

    def rest(self) -> dict[str, int]:
        """How many of each kind were not shown."""
        found, self._hidden = self._hidden, {}
        return found


@dataclass(frozen=True)
class Line:
    """One line of text, without its end."""

    text: str
    number: int  # in its source, from 1
    captured: float  # s of time.monotonic() when it was read


# Events, as they come; in the end, whether the model was asked.
Events = Generator[Event, None, bool]


class LinePipeline(ABC, Generic[AnySummary]):
    """One model over the lines of one source."""

    def __init__(self, summary: AnySummary) -> None:
        self.summary = summary  # grows as lines are taken
        self.source, self.live, self.started = "", False, time.monotonic()
        self._repeats = Repeats()

    def begin(self, source: str, live: bool) -> None:
        """Lines come now.

        Args:
            source: its name, for events.
            live: whether lines come as time goes by.
        """
        self.source, self.live, self.started = source, live, time.monotonic()

    @abstractmethod
    def push(self, line: Line) -> Events:
        """What a line leads to."""

    def finish(self) -> Iterator[Event]:
        """What the end of the source leaves to be said; SourceError where nothing was done."""
        return iter(())

    def notice(self, kind: str, text: str, count: int = 1) -> Notice:
        """Something that a person should know; it is counted."""
        self.summary.notice(kind, count)
        return Notice(self.source, kind, text, time.monotonic() - self.started)

    def say(self, kind: str, text: str, count: int = 1) -> Iterator[Notice]:
        """The same of what may come in every line: the first few are shown, all are counted."""
        if self._repeats.show(kind, count, self.live):
            more = self._repeats.hidden(kind)
            yield self.notice(kind, f"{text}; {more:,} more before" if more else text, count)
        else:
            self.summary.notice(kind, count)

    def lose(self, kind: str, text: str, count: int = 1) -> Iterator[Notice]:
        """The same of lines that were not taken."""
        if kind not in self.summary.losses:  # said of lines that are taken as well
            self.summary.lose("rows", count)
        yield from self.say(kind, text, count)

    def rest(self) -> Iterator[Notice]:
        """How many notices of each kind were not shown, at the end."""
        for kind, count in self._repeats.rest().items():
            text = f"{count:,} more like these, {self.summary.notices[kind]:,} in all"
            yield Notice(self.source, kind, text, time.monotonic() - self.started)

    def times(self, line: Line) -> tuple[float, float]:
        """An event's `time` and `age`: s since the run began, and since the line was read."""
        now = time.monotonic()
        return now - self.started, now - line.captured


class AnswerPipeline(LinePipeline[TextSummary]):
    """One answer for each line; blank ones are dropped, and what cannot be read is reported."""

    @abstractmethod
    def answer(self, line: Line) -> Event:
        """What a line is answered; DataError where it cannot be read."""

    def push(self, line: Line) -> Events:
        """See `LinePipeline.push`."""
        if not line.text.strip():
            return False
        try:
            found = self.answer(line)
        except DataError as exc:
            yield from self.lose("skipped", f"{self.source}, line {line.number}: {exc}")
            return False
        self.summary.texts += 1
        yield found
        return True
