"""Where results go. One file a sink; `SINKS` is the table.

A sink that fails (a full disk, a broken pipe) never stops the run: the failure
is said once, counted, and the sink is opened again after a while.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edgenets.errors import SinkError
from edgenets.events import Event
from edgenets.redaction import redacted, remember_uri
from edgenets.uri import shown

from .reader import ReaderWatch

if TYPE_CHECKING:
    from ..run import Run

# URI scheme → module with `open_sink(rest)`. To add one: a file here, and a line. The rest of a
# web address is the whole of it.
SINKS = {
    "console": "edgenets.runtime.sinks.console",
    "jsonl": "edgenets.runtime.sinks.jsonl",
    "video": "edgenets.runtime.sinks.video",
    "frames": "edgenets.runtime.sinks.frames",
    "mqtt": "edgenets.runtime.sinks.mqtt",
    "mqtts": "edgenets.runtime.sinks.mqtt",
    "http": "edgenets.runtime.sinks.webhook",
    "https": "edgenets.runtime.sinks.webhook",
    "web": "edgenets.runtime.web.sink",
}

_WHOLE = frozenset({"http", "https", "mqtts"})

# A disk that is full or a file system that is gone rarely recovers sooner.
REOPEN_AFTER = 5.0  # s

# Closing a sink takes longer only where it hangs: a slow card writes a long video in this time.
CLOSE_WAIT = 60.0  # s


class Sink(Protocol):
    """One place that results go to. Errors are OSError or SinkError."""

    def write(self, event: Event) -> None:
        """Deliver one event at once."""
        ...

    def close(self) -> None:
        """Deliver what is held back, and let go."""
        ...


@runtime_checkable
class Steering(Protocol):
    """A sink through which a person looks at the run itself, and changes it."""

    def steer(self, run: Run[Any] | None) -> str:
        """Take the run whose events will come; what the person at the terminal should know."""
        ...


@runtime_checkable
class Holding(Protocol):
    """A sink whose events are delivered some time after it took them."""

    @property
    def held(self) -> int:
        """Events that were taken and are not delivered yet."""
        ...


@runtime_checkable
class Continuing(Protocol):
    """A sink that is opened again beside what it has written before it failed."""

    def go_on(self, before: Sink) -> None:
        """Take over from the one that failed."""
        ...


@runtime_checkable
class Talking(Protocol):
    """A sink that has to tell of trouble when no event is being written."""

    complain: Callable[[str], None]


def open_sink(uri: str) -> Sink:
    """Open a sink by its URI, such as `console:` or `jsonl:out.jsonl`.

    Raises:
        SinkError: the scheme is unknown, or the place cannot be written to.
    """
    remember_uri(uri)
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme not in SINKS:
        known = ", ".join(f"{name}:" for name in SINKS)
        raise SinkError(f"{uri}: no such sink; there are {known}")
    opener: Callable[[str], Sink] = importlib.import_module(SINKS[scheme]).open_sink
    try:
        return opener(uri if scheme in _WHOLE else rest)
    except (OSError, ValueError) as exc:
        raise SinkError(f"{shown(uri)}: cannot be written: {exc}") from exc


class Sinks:
    """Several sinks, of which any may fail without the others noticing."""

    def __init__(
        self, uris: Sequence[str], complain: Callable[[str], None], run: Run[Any] | None = None
    ) -> None:
        """Open all; an error here is the user's to see, so it is raised.

        Args:
            uris: of the sinks.
            complain: called with what a person should know.
            run: what sinks that steer are given.
        """
        self._uris, self._run = list(uris), run
        self._complain: Callable[[str], None] = lambda text: complain(redacted(text))
        self._open: list[Sink | None] = []
        self._failed: dict[int, Sink] = {}  # the last one of each place that failed
        self._on_stdout: list[bool] = []
        self._watch: ReaderWatch | None = None
        self._left = False  # whether the reader of stdout has gone
        self._retry_at = [0.0] * len(self._uris)
        self._lost = [0] * len(self._uris)  # events that each sink did not deliver
        self._giving: int | None = None  # the sink that is given an event just now
        try:
            for uri in uris:
                self._open.append(self._opened(uri))
        except SinkError:
            self.close()
            raise
        self._on_stdout = [getattr(sink, "on_stdout", False) for sink in self._open]
        alone = bool(self._open) and all(self._on_stdout)
        if alone and run is not None:
            self._watch = ReaderWatch(self._leave)

    @property
    def deserted(self) -> bool:
        """Whether nobody is there any more to give results to."""
        return self._left and all(self._on_stdout)

    @property
    def undelivered(self) -> dict[str, int]:
        """Events that were not delivered, by the URI of each sink, without its secrets."""
        found: dict[str, int] = {}
        for uri, count in zip(self._uris, self._lost, strict=True):
            found[shown(uri)] = found.get(shown(uri), 0) + count
        return found

    @property
    def failures(self) -> int:
        """Events that a sink did not deliver, of all sinks together."""
        return sum(self._lost)

    def write(self, event: Event) -> None:
        """Give an event to every sink that works."""
        for i, sink in enumerate(self._open):
            if sink is None:
                sink = self._reopen(i)
            if sink is None:
                self._lost[i] += 1
                continue
            self._giving = i
            try:
                sink.write(event)
            except Exception as exc:  # a sink's library may raise anything, and ends no run
                self._lost[i] += 1
                if isinstance(exc, BrokenPipeError) and self._on_stdout[i]:
                    self._leave()
                self._drop(i, sink, exc)
        self._giving = None

    def give_up(self, waiting: int) -> None:
        """Count what a sink that hangs keeps from all.

        Args:
            waiting: events that no sink has been given yet.
        """
        hangs = self._giving
        for i in range(len(self._uris)):
            self._lost[i] += waiting + (hangs is not None and i >= hangs)
        name = "a sink" if hangs is None else shown(self._uris[hangs])
        self._complain(f"{name}: hangs; {waiting + 1:,} results were not delivered")
        if hangs is not None:
            self._lost[hangs] += _held(self._open[hangs])
            self._open[hangs] = None
            self.close()

    def close(self) -> None:
        """Close all, side by side: one that waits for its server holds up no file."""
        if self._watch is not None:
            self._watch.close()
        closing = {
            i: threading.Thread(target=self._close, args=(i, sink), daemon=True)
            for i, sink in enumerate(self._open)
            if sink is not None
        }
        for thread in closing.values():
            thread.start()
        until = time.monotonic() + CLOSE_WAIT
        for i, thread in closing.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                self._lost[i] += _held(self._open[i]) or 1
                self._complain(f"{shown(self._uris[i])}: hangs as it is closed; it is left")

    def _close(self, i: int, sink: Sink) -> None:
        try:
            sink.close()
        except Exception as exc:
            if self.deserted:
                return
            self._lost[i] += exc.count if isinstance(exc, SinkError) else _held(sink) or 1
            self._complain(f"{shown(self._uris[i])}: failed as it was closed: {exc}")

    def _opened(self, uri: str) -> Sink:
        sink = open_sink(uri)
        if isinstance(sink, Talking):
            sink.complain = self._complain
        if isinstance(sink, Steering):
            self._complain(sink.steer(self._run))
        return sink

    def _leave(self) -> None:
        """The reader of stdout has left: without another sink there is nothing to run for."""
        self._left = True
        if self.deserted and self._run is not None:
            self._run.stop()

    def _drop(self, i: int, sink: Sink, exc: Exception) -> None:
        again = f"tried again in {REOPEN_AFTER:g} s"
        if isinstance(exc, BrokenPipeError) and self._on_stdout[i]:
            again = "its reader has left"
        if not self.deserted:
            self._complain(f"{shown(self._uris[i])}: failed ({exc}); {again}")
        try:
            sink.close()
        except SinkError as more:  # what it took before, and could not keep
            self._lost[i] += more.count if "count" in vars(more) else 0
        except Exception:  # it is said already
            self._lost[i] += _held(sink)
        self._open[i], self._failed[i] = None, sink
        self._retry_at[i] = time.monotonic() + REOPEN_AFTER

    def _reopen(self, i: int) -> Sink | None:
        if time.monotonic() < self._retry_at[i] or (self._left and self._on_stdout[i]):
            return None
        try:
            sink = self._opened(self._uris[i])
            if isinstance(sink, Continuing):
                sink.go_on(self._failed[i])
            self._open[i] = sink
            self._complain(f"{shown(self._uris[i])}: works again")
        except SinkError:
            self._retry_at[i] = time.monotonic() + REOPEN_AFTER
        return self._open[i]


def _held(sink: Sink | None) -> int:
    """Events that a sink has taken and not delivered."""
    return sink.held if isinstance(sink, Holding) else 0
