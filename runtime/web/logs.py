"""What the page's server has to say: one line a kind and minute, with a count.

uvicorn and asyncio write a traceback for each connection that goes wrong. Whoever makes them go
wrong on purpose fills a board's card with them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping

from edgenets.errors import first_line

_EVERY = 60.0  # s

# Kinds that are kept apart; what comes beyond is counted as one.
_MOST_KINDS = 40

_LONGEST = 300  # characters of a line

_LOGGERS = ("uvicorn.error", "uvicorn.access", "asyncio")


class SparingLog(logging.Filter):
    """Takes over what one thread logs; safe from any thread."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        """Make it.

        Args:
            complain: called with each line.
        """
        super().__init__()
        self._complain = complain
        self.ended = False  # that viewers are cut off at the end of a run is as it should be
        self._thread = 0
        self._said: dict[str, float] = {}  # kind → monotonic s of its last line
        self._more: dict[str, tuple[int, str]] = {}  # kind → times since, and the newest text
        self._lock = threading.Lock()

    def attach(self) -> None:
        """Take over what this thread logs from now on; its running loop's errors too."""
        self._thread = threading.get_ident()
        asyncio.get_running_loop().set_exception_handler(self._trouble)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def detach(self) -> None:
        """Let go of the loggers, and say what was only counted."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)
        self.due(at_once=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record of this thread from everybody else."""
        if record.thread != self._thread:
            return True
        exc = record.exc_info[1] if record.exc_info else None
        if not self.ended:
            self.say(f"{record.msg} {type(exc).__name__}", _said(record.getMessage(), exc))
        return False

    def say(self, kind: str, text: str) -> None:
        """Say a line, or count it where one of its kind was said within a minute."""
        text = "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST]
        now = time.monotonic()
        with self._lock:
            if kind not in self._said and len(self._said) >= _MOST_KINDS:
                kind = ""
            if now - self._said.get(kind, float("-inf")) < _EVERY:
                self._more[kind] = (self._more.get(kind, (0, ""))[0] + 1, text)
                return
            self._said[kind] = now
            more = self._more.pop(kind, None)
        self._complain(f"live page: {text}{'' if more is None else _times(more[0])}")

    def due(self, at_once: bool = False) -> None:
        """Say what was counted, where a minute is over."""
        now = time.monotonic()
        with self._lock:
            kinds = [k for k in self._more if at_once or now - self._said[k] >= _EVERY]
            counted = [self._more.pop(kind) for kind in kinds]
            self._said.update(dict.fromkeys(kinds, now))
        for count, text in counted:
            self._complain(f"live page: {text}{_times(count)}")

    def _trouble(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        found = context.get("exception")
        exc = found if isinstance(found, BaseException) else None
        message = str(context.get("message", "an error"))
        if not self.ended:
            self.say(f"{message} {type(exc).__name__}", _said(message, exc))


def _times(count: int) -> str:
    return f" ({count:,} times more since the line before)"


def _said(message: str, exc: BaseException | None) -> str:
    """A message with its error in one line, and where that was raised."""
    text = first_line(Exception(message))
    if exc is None:
        return text
    places = traceback.extract_tb(exc.__traceback__)
    where = f" ({places[-1].filename.rpartition('/')[2]}:{places[-1].lineno})" if places else ""
    return f"{text.rstrip('.')}: {type(exc).__name__}: {first_line(exc)}{where}"
