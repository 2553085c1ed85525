"""`LineRun`: the lines of a source through a task's pipeline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import Event, Notice, Summary
from edgenets.tasks import line_task
from edgenets.tasks.lines import Events
from edgenets.tasks.options import RunOptions

from .lines import open_lines
from .run import Run
from .sources import SourceNotice


class LineRun(Run[Summary]):
    """One run of a bundle over the lines of a source."""

    def __init__(
        self, bundle: Bundle, session: Session, uris: Sequence[str], spec: Any, options: RunOptions
    ) -> None:
        """Open the source.

        Raises:
            SourceError: it cannot be opened.
            DataError: something that the bundle carries beside its model is damaged.
        """
        task = line_task(spec.task)
        self._pipeline = task.lines(bundle, session, spec, options)
        super().__init__(self._pipeline.summary)
        (uri,) = uris
        self._source = open_lines(uri)
        self.source_name = self._source.name

    def stop(self) -> None:
        """See `Run.stop`."""
        self._source.close()

    def __iter__(self) -> Iterator[Event]:
        pipeline = self._pipeline
        with self._timed(), closing(self._source):
            pipeline.begin(self.source_name, self._source.live)
            for item in self._source:
                if isinstance(item, SourceNotice):
                    yield from self._heeded(self._noticed(item))
                elif (yield from self._pushed(pipeline.push(item))):
                    self.vitals.infer(time.monotonic() - item.captured)
            yield from self._heeded(pipeline.finish())
            yield from self._heeded(pipeline.rest())

    def _noticed(self, item: SourceNotice) -> Iterator[Event]:
        """What a source has to say; lines that it lost are counted with those that are skipped."""
        if item.kind in ("skipped", "overrun"):
            return self._pipeline.lose(item.kind, item.text, item.count)
        return iter([self._pipeline.notice(item.kind, item.text, item.count)])

    def _pushed(self, events: Events) -> Events:
        """The events of a line; in the end, whether the model was asked."""
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return bool(end.value)
            yield from self._heeded([event])

    def _heeded(self, events: Iterable[Event]) -> Iterator[Event]:
        """Events, of which notices are remembered."""
        for event in events:
            if isinstance(event, Notice):
                self.vitals.notice(event.kind, event.text)
            yield event
