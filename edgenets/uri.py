"""URIs: their options (`NAME?rate=44100&channels=2`), and how they are shown."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from edgenets.errors import SourceError
from edgenets.redaction import redacted_uri


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
