"""The lines of a file: its path, or `file:PATH`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import SourceError

from ..sources import SourceNotice
from . import Line, LineSource
from .splitter import Splitter

_BLOCK = 1 << 16  # bytes of a read


def open_lines(rest: str) -> LineSource:
    """A file, or a named pipe.

    Raises:
        SourceError: there is none, or it is a folder.
    """
    path = Path(rest)
    try:
        if not rest or not path.exists():
            raise SourceError(f"{rest or 'nothing'}: no such file; a text file, or - is needed")
        if path.is_dir():
            raise SourceError(f"{path}: is a folder; a text file is needed")
    except OSError as exc:  # a name that is too long
        raise SourceError(f"{rest[:80]}: cannot be read: {exc.strerror}") from exc
    return FileLines(path)


class FileLines(LineSource):
    """Lines of a file, from the first to the last."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self.live = not path.is_file()  # a named pipe, a serial line
        self._closed = False

    def close(self) -> None:
        """See `LineSource.close`."""
        self._closed = True

    def __iter__(self) -> Iterator[Line | SourceNotice]:
        splitter = Splitter(self.name, self.live)
        try:
            with self._path.open("rb", buffering=0) as handle:
                while not self._closed and (data := handle.read(_BLOCK)):
                    yield from splitter.push(data)
        except OSError as exc:
            raise SourceError(f"{self._path}: cannot be read: {exc.strerror}") from exc
        if not self._closed:
            yield from splitter.finish()
