"""Where lines come from, texts or readings: a URI names a source, and a source gives lines.

`LINES` names the module of each; it is imported when it is used. A module has
`open_lines(rest)`, where `rest` is the URI after its scheme.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

from edgenets.errors import SourceError
from edgenets.tasks.lines import Line as Line
from edgenets.uri import shown

from ..sources import SourceNotice

# Scheme → its module. To add one: a file here, and a line. What has no scheme is a file.
LINES = {
    "-": "edgenets.runtime.lines.standard_input",
    "file": "edgenets.runtime.lines.file",
    "mqtt": "edgenets.runtime.lines.mqtt",
    "mqtts": "edgenets.runtime.lines.mqtt",
}


class LineSource(ABC):
    """A stream of lines. It is iterated over once, by one thread."""

    live = False  # whether lines come as time goes by

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def __iter__(self) -> Iterator[Line | SourceNotice]:
        """Lines, and notices of those that were dropped, until the end or `close`.

        Raises:
            SourceError: it cannot be read, or is no text from its first line on.
        """

    @abstractmethod
    def close(self) -> None:
        """Make the iterator end; from any thread or signal handler, and never blocking."""


def open_lines(uri: str) -> LineSource:
    """Open what a URI names.

    Raises:
        SourceError: there is no such scheme or file, or it cannot be opened.
        MissingExtra: a package that this source needs is not installed.
    """
    scheme, colon, rest = uri.partition(":")
    if uri == "-":
        scheme, rest = "-", ""
    elif not colon or scheme not in LINES:
        if colon and "/" in rest[:2] and scheme.isalnum():
            known = ", ".join(("-", "a file", *(f"{s}:…" for s in LINES if s not in ("-", "file"))))
            raise SourceError(f"{shown(uri)}: no source of lines is called '{scheme}:'; {known}")
        scheme, rest = "file", uri
    elif scheme == "mqtts":  # its module has to know
        rest = uri
    source: LineSource = importlib.import_module(LINES[scheme]).open_lines(rest)
    return source
