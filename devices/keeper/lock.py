"""One command at a time: what changes a board waits for what is changing it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import KeeperError
from .layout import Home

# Two commands at once: the second one waits for the first one's step, not for its whole trial.
_PATIENCE = 30.0  # s


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Keep all other commands out for as long as the block takes.

    Raises:
        KeeperError: another one does not end.
    """
    with home.lock.open("w") as file:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise KeeperError("another command of the keeper is under way") from None
                time.sleep(0.1)
        yield
