"""Readings in, a line each: what forecasts and anomalies have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from edgenets.errors import DataError, SourceError
from edgenets.events import Event
from edgenets.tasks.lines import Events, Line, LinePipeline
from edgenets.tasks.series.dateformats import Ambiguous
from edgenets.tasks.series.events import GapNotice, SeriesSummary
from edgenets.tasks.series.layout import HEAD, Undecided
from edgenets.tasks.series.order import Gaps, Order
from edgenets.tasks.series.readings import Reading, ReadingParser, stamp_of
from edgenets.tasks.series.tableformat import TableFormat
from edgenets.tasks.series.times import length_of

# Lines of a file that are looked at where the first ones leave a question: days of minutes.
_MOST_HEAD = 100_000


class ReadingLines(LinePipeline[SeriesSummary]):
    """A line is a reading, or is reported to be none."""

    def __init__(
        self, summary: SeriesSummary, columns: Sequence[str] | None, format: TableFormat | None
    ) -> None:
        """Begin.

        Args:
            columns: to read; None: all that have numbers.
            format: what is known of the lines; the rest is found.
        """
        super().__init__(summary)
        self.parser = ReadingParser(columns, format)
        self._held: list[Line] = []  # until it is known how they are to be read
        self._enough = HEAD  # lines that may say it
        self._asked = False  # whether it was said that they do not
        self._newest_first: list[tuple[Reading, Line]] = []  # until the end of the file
        self._fault = ""  # the first
        self._order = Order()
        self._gaps: Gaps | None = Gaps()  # None: the model's own interval says what is one

    @abstractmethod
    def take(self, reading: Reading, line: Line) -> Iterator[Event]:
        """What a reading leads to."""

    def restart(self) -> None:
        """The clock was put back: what comes does not follow what came."""

    def within(self, reading: Reading) -> Reading:
        """A reading without numbers that the model cannot compute with."""
        return reading

    def push(self, line: Line) -> Events:
        """See `LinePipeline.push`."""
        if self.parser.ready:
            return (yield from self._parsed(line))
        self._held.append(line)
        # Of a live source the first reading is to be answered, not the two-hundredth.
        many = len(self._held) > 20 and len(self._held) % 10
        if len(self._held) < self._enough and (not self.live or many):
            return False
        return (yield from self._learned(whole=False))

    def finish(self) -> Iterator[Event]:
        """See `LinePipeline.finish`."""
        if not self.parser.ready and self._held:
            yield from self._learned(whole=True)
        if self._newest_first:
            yield from self._sorted()
        yield from self.rest()
        if not self.summary.readings:
            why = f"; the first line that could not: {self._fault}" if self._fault else ""
            raise SourceError(f"{self.source}: no reading in it could be taken{why}")
        yield from self.conclude()

    def conclude(self) -> Iterator[Event]:
        """What the end of the readings leaves to be said; SourceError where nothing was done."""
        return iter(())

    def _learned(self, whole: bool) -> Events:
        """Lines that were held, once they say how they are to be read."""
        try:
            self.parser.learn([line.text for line in self._held], whole)
        except Ambiguous as exc:
            yield from self._left_open(exc, whole)
            return False
        except DataError as exc:
            if not self.live:
                raise SourceError(f"{self.source}: {exc}") from exc
            yield from self._refused(exc)
            return False
        held, self._held = self._held, []
        taken = False
        for line in held:
            taken = (yield from self._parsed(line)) or taken
        return taken

    def _left_open(self, why: Ambiguous, whole: bool) -> Iterator[Event]:
        """What to do with lines that do not say how they are to be read."""
        undecided = isinstance(why, Undecided)
        if not self.live:
            if len(self._held) >= self._enough:
                self._enough *= 2
            if whole or self._enough > _MOST_HEAD:
                if not undecided:
                    raise SourceError(f"{self.source}: {why}") from why
                yield from self._refused(why)
        elif whole or len(self._held) >= HEAD:
            yield from self._refused(why)
        elif not undecided and not self._asked:
            self._asked = True
            yield self.notice(
                "format", f"{self.source}: {why}; lines are held until one of them says it"
            )

    def _refused(self, why: DataError) -> Iterator[Event]:
        """Lines that were held, and are none."""
        held, self._held = self._held, []
        for line in held:
            if line.text.strip():
                yield from self._skip(line, why)

    def _skip(self, line: Line, why: DataError) -> Iterator[Event]:
        text = f"{self.source}, line {line.number}: {why}"
        self._fault = self._fault or str(why)
        yield from self.lose("skipped", f"{text}; dropped")

    def _parsed(self, line: Line) -> Events:
        """What a line leads to, once it is known how to read it."""
        try:
            reading = self.parser.parse(line.text)
        except DataError as exc:
            yield from self._skip(line, exc)
            return False
        for kind, text in self.parser.notices():
            yield from self.say(kind, f"{self.source}: {text}")
        if reading is None:
            return False
        if self.parser.newest_first and not self.live:
            self._newest_first.append((reading, line))
            return False
        yield from self._in_order(reading, line)
        return True

    def _sorted(self) -> Iterator[Event]:
        """A table that steps back in time, from its oldest reading on."""
        yield self.notice("format", f"{self.source}: newest first: sorted by time")
        rows, self._newest_first = self._newest_first, []
        rows.reverse()  # rows of one time were written newest first, too
        rows.sort(key=lambda row: row[0].time or 0.0)
        for reading, line in rows:
            yield from self._in_order(reading, line)

    def _in_order(self, reading: Reading, line: Line) -> Iterator[Event]:
        """A reading, unless it comes late; with what there is to say of it."""
        reading = self.within(reading)
        if reading.unheld:
            yield from self._unheld(reading, line)
        if reading.time is not None:
            before = self._order.last
            verdict = self._order.push(reading.time, reading.values)
            if verdict in ("late", "repeated"):
                late = f"{stamp_of(reading.time)} does not come after {stamp_of(before or 0.0)}"
                text = f"line {line.number}: {late}; dropped"
                # Delivered twice, nothing is lost.
                yield from (self.say if verdict == "repeated" else self.lose)("order", text)
                return
            if verdict == "back":
                if self._gaps is not None:
                    self._gaps.restart(reading.time)
                self.restart()
                yield from self.say(
                    "clock",
                    f"line {line.number}: the clock was put back, from "
                    f"{stamp_of(before or 0.0)} to {stamp_of(reading.time)}; taken from here on",
                )
            yield from self._gap(reading.time, line)
        yield from self.take(reading, line)

    def _unheld(self, reading: Reading, line: Line) -> Iterator[Event]:
        """Numbers that are too large to be computed with are missing; all of them: no reading."""
        count, every = reading.unheld, len(reading.values)
        text = (
            f"line {line.number}: {count} of {every} numbers are too large to be computed with; "
            f"taken as missing"
        )
        if reading.missing == every:
            self.summary.lose("rows")
        yield from self.say("range", text, count)

    def _gap(self, at: float, line: Line) -> Iterator[Event]:
        """A gap that a reading ends."""
        found = self._gaps.push(at) if self._gaps is not None else None
        if found is None:
            return
        step, usual = found
        yield from self.say_gap(
            f"line {line.number}: {length_of(step)} without a reading before {stamp_of(at)}, "
            f"where {length_of(usual)} is usual",
            step,
        )

    def say_gap(self, text: str, seconds: float | None) -> Iterator[Event]:
        """A gap, by its length, where it has one."""
        for notice in self.say("gap", text):
            if seconds is None:
                yield notice
            else:
                yield GapNotice(notice.source, notice.kind, notice.text, notice.time, seconds)
