"""What libraries tell a terminal that nobody asked for, native ones past Python's stderr."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# The descriptor is one for all threads: two that turn it away at once would lose it.
_LOCK = threading.RLock()


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Keep what tools log as warnings and below to themselves; errors go through."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Keep what C and C++ code writes to stderr from the terminal; lines come in the list.

    It is the file descriptor of the whole process that is turned away, so this
    belongs around a short call, not around a run.
    """
    lines: list[str] = []
    with _LOCK, ExitStack() as stack:
        try:
            sys.stderr.flush()
            file = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(2)
        except (OSError, ValueError):  # a process without stderr, or without room for a file
            yield lines
            return
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode("utf-8", "replace").splitlines()
