"""Lines in, events out: the pipelines of models that take text or readings, a line at a time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgenets.errors import DataError
from edgenets.events import Event, Notice, Summary
from edgenets.tasks.language.events import TextSummary

AnySummary = TypeVar("AnySummary", bound=Summary)


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
            yield self.notice("skipped", f"{self.source}, line {line.number}: {exc}")
            return False
        self.summary.texts += 1
        yield found
        return True
