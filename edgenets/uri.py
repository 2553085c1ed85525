"""URIs: their options (`NAME?rate=44100&channels=2`), and how they are shown."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qsl

from edgenets.errors import SourceError
from edgenets.redaction import redacted_uri

# What stands before the path of a file that holds a URI, which then is in no list of processes.
URI_FILE = "uri:"

_LONGEST = 65_536  # characters


def resolved(uri: str) -> str:
    """The URI that is meant: `uri:PATH` is what the file says.

    Raises:
        SourceError: the file cannot be read, or holds no line.
    """
    if not uri.startswith(URI_FILE):
        return uri
    path = Path(uri.removeprefix(URI_FILE))
    try:
        with path.open(encoding="utf-8") as file:
            found = file.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError(f"{uri}: {getattr(exc, 'strerror', None) or 'it is no text'}") from exc
    if not found or "\n" in found or found.startswith(URI_FILE):
        raise SourceError(f"{uri}: one line with a URI is needed in it")
    return found


def shown(uri: str) -> str:
    """A URI without its secrets, for messages."""
    return redacted_uri(uri)


def split_options(
    rest: str, known: Collection[str], example: str = "rate=30"
) -> tuple[str, dict[str, str]]:
    """The part before the last '?', and the options after it.

    Raises:
        SourceError: an option is unknown, given twice or without a value.
    """
    name, mark, query = rest.rpartition("?")
    if not mark:
        return rest, {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as exc:
        raise SourceError(f"'?{query}' cannot be read as options, as in '?{example}'") from exc
    options = dict(pairs)
    if options.keys() - set(known) or len(options) < len(pairs):
        raise SourceError(f"'?{query}': options are {', '.join(known)}, each once")
    return name, options
