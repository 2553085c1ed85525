"""What libraries tell a terminal that nobody asked for, native ones past Python's stderr."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# The descriptor is one for all threads: two that turn it away at once would lose it.
_LOCK = threading.RLock()


@contextmanager
def quiet_logging(highest: int = logging.WARNING) -> Iterator[None]:
    """Keep what tools log to themselves.

    Args:
        highest: level up to which they do; ERROR, where a tool raises what it logs besides.
    """
    before = logging.root.manager.disable
    logging.disable(highest)
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


# How image decoders begin what they write to stderr, and what OpenCV puts around it.
_DECODERS = re.compile(
    r"libpng|Corrupt JPEG|Premature end|Unsupported (JPEG|marker)|Invalid (JPEG|SOS|component)|"
    r"Warning: unknown JFIF|TIFF|OpenJPEG|imdecode_|\[ ?(WARN|ERROR|INFO):|\[OPENCV|"
    r"Unknown Adobe|Inconsistent progression|$"
)
_PREFIX = re.compile(r"^\[ ?(WARN|ERROR|INFO):\S*\] global \S+ \S+ |^libpng (error|warning): ")


@contextmanager
def decoder_messages() -> Iterator[list[str]]:
    """What image decoders say of one image; lines of other threads still go to stderr.

    The lines come in the list, without prefixes, when the block has ended.
    """
    said: list[str] = []
    with captured_stderr() as lines:
        yield said
    others = [line for line in lines if not _DECODERS.match(line)]
    if others:
        sys.stderr.write("".join(f"{line}\n" for line in others))
    said += [_PREFIX.sub("", line) for line in lines if line and line not in others]
