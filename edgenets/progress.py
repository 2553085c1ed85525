"""How long work reports its progress: bars on a terminal, else plain lines, or nothing.

Library functions take a `Progress` and never print. All of it goes to stderr,
so that stdout holds results alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from edgenets.painter import colored, is_animated

# A plain log gets a line of progress this often, so that a CI log stays readable.
PLAIN_INTERVAL = 5.0  # s

# Narrower terminals are not shown how long a task may take.
_ROOM = 60  # columns


class Task:
    """One piece of work that is counted."""

    def update(self, done: int, total: int, note: str = "") -> None:
        """Say how far the work is; `note` is a short figure such as a loss."""


class Progress:
    """The silent reporter, and the interface of the others."""

    def say(self, text: str) -> None:
        """One line for the person who waits."""

    @contextmanager
    def task(self, name: str, in_bytes: bool = False) -> Iterator[Task]:
        """A counted piece of work; what is counted in bytes is shown in parts of a hundred."""
        yield Task()


class _PlainTask(Task):
    def __init__(self, name: str, in_bytes: bool) -> None:
        self._name, self._in_bytes = name, in_bytes
        self._next = time.monotonic() + PLAIN_INTERVAL

    def update(self, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + PLAIN_INTERVAL
            count = f"{100 * done / max(total, 1):.0f} %" if self._in_bytes else f"{done}/{total}"
            print(f"{self._name}: {count} {note}".rstrip(), file=sys.stderr, flush=True)


class PlainProgress(Progress):
    """Lines on stderr."""

    def say(self, text: str) -> None:
        """See `Progress.say`."""
        print(text, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, name: str, in_bytes: bool = False) -> Iterator[Task]:
        """See `Progress.task`."""
        yield _PlainTask(name, in_bytes)


class TerminalProgress(Progress):
    """Bars on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, no_color=not colored(sys.stderr))

    def say(self, text: str) -> None:
        """See `Progress.say`."""
        self._console.print(text, markup=False)

    @contextmanager
    def task(self, name: str, in_bytes: bool = False) -> Iterator[Task]:
        """See `Progress.task`."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        count = TextColumn("{task.percentage:>3.0f} %") if in_bytes else MofNCompleteColumn()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=min(32, max(4, self._console.width // 4))),
            count,
            *((TimeRemainingColumn(),) if self._console.width >= _ROOM else ()),
            TextColumn("{task.fields[note]}"),
        )
        with Bars(*columns, console=self._console) as bars:
            handle = bars.add_task(name, total=None, note="")

            class _BarTask(Task):
                def update(self, done: int, total: int, note: str = "") -> None:
                    bars.update(handle, completed=done, total=total, note=note)

            yield _BarTask()


def for_stderr() -> Progress:
    """Bars where stderr is a terminal that can show them, else plain lines."""
    return TerminalProgress() if is_animated(sys.stderr) else PlainProgress()
