"""How a run ends by a signal: the first lets it finish, a second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

# Ctrl-C, the service manager, and a terminal or SSH connection that is gone.
ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def finishing(stop: Callable[[], None]) -> Iterator[None]:
    """For as long as the block lasts, signals end a run with whole files and a summary.

    A signal calls `stop`; from then on each of them does what the system has for it, which is to
    end the process where it stands. A SIGHUP that is ignored, as by `nohup`, stays ignored.
    """
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    if hasattr(signal, "SIGHUP") and before[signal.SIGHUP] is signal.SIG_IGN:
        del before[signal.SIGHUP]

    def first(number: int, frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        stop()

    try:
        for number in before:
            signal.signal(number, first)
        yield
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # one that was not set from Python
                signal.signal(number, handler)
