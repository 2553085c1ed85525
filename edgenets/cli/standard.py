"""Standard input, output and error as commands need them: open, and harmless when they fail."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

import click

from edgenets.painter import colored
from edgenets.redaction import redacted

# Descriptor → how it is opened where the caller has closed it, as with `>&-`: a file that is opened
# later must not take its number, and be written to by whatever prints. Nothing is read from stdin,
# and writing to stdout fails, so that results are not counted as delivered; messages go nowhere.
_CLOSED = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def open_standard_streams() -> None:
    """Give each of the three that is closed a place that has its number."""
    for descriptor, flags in _CLOSED.items():
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, flags)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, "r", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def say(text: str) -> None:
    """A line for people on stderr; a terminal that is gone, or a full disk, ends nothing."""
    with contextlib.suppress(OSError, ValueError):
        click.echo(redacted(text), err=True, color=colored(sys.stderr))


def discard_stdout() -> None:
    """Let Python's last flush go nowhere, so that it does not complain as it ends."""
    _discard(sys.stdout)


def flush() -> None:
    """Write out what is left; where a reader is gone or a disk is full, nobody is there to tell.

    Python 3.13 ends with 120 where its own last flush fails, of stderr as well.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)


def _discard(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
