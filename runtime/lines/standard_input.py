"""Lines on standard input: `-`. On a terminal they are typed."""

from __future__ import annotations

from collections.abc import Iterator

from edgenets.errors import SourceError

from ..sources import SourceNotice
from ..sources.descriptor import Descriptor
from . import Line, LineSource
from .splitter import Splitter

_BLOCK = 1 << 16  # bytes of a read


def open_lines(rest: str) -> LineSource:
    """Standard input.

    Raises:
        SourceError: it is closed, or something follows the '-'.
    """
    if rest:
        raise SourceError(f"'-{rest}': standard input is '-'")
    return TypedLines()


class TypedLines(LineSource):
    """Lines as soon as they are complete."""

    live = True

    def __init__(self) -> None:
        super().__init__("-")
        self._input = Descriptor()

    def close(self) -> None:
        """See `LineSource.close`."""
        self._input.close()

    def __iter__(self) -> Iterator[Line | SourceNotice]:
        splitter = Splitter("standard input", live=True)
        while not self._input.closed:
            data = self._input.read(_BLOCK)
            if data is None:
                continue
            if not data:
                yield from splitter.finish()
                break
            yield from splitter.push(data)
        if splitter.no_text:
            raise SourceError("standard input: no line is text; UTF-8, a line each, is needed")
