"""`http://host/path` or `https://…`: every event is posted there as JSON."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request

from edgenets.errors import SinkError
from edgenets.uri import shown

from .remote import RemoteSink

_PATIENCE = 5.0  # s for an answer

# Answers that say that the same request may go well later.
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


def open_sink(rest: str) -> WebhookSink:
    """Post to a URL. A server that is away is no error: it is tried again."""
    parts = urllib.parse.urlsplit(rest)
    try:
        plain = rest.isascii() and parts.port != 0 and parts.username is None
    except ValueError:  # a port that is no number
        plain = False
    if not parts.hostname or not plain:
        raise SinkError(
            f"{shown(rest)}: a host and perhaps a port are needed, in ASCII and without a user; "
            f"as in http://host:8080/events?token=…"
        )
    return WebhookSink(rest)


class WebhookSink(RemoteSink):
    """POST, one event each. What a server refuses for good is not sent again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.refused = 0  # events that the server answered with an error of ours
        super().__init__(url)

    def send(self, data: bytes) -> bool:
        """See `RemoteSink.send`."""
        request = urllib.request.Request(
            self._url, data, {"Content-Type": "application/json", "User-Agent": "edgenets"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                return True
        except urllib.error.HTTPError as exc:
            exc.close()
            if exc.code in _LATER:
                return False
            self.refused += 1
            return True

    def close(self) -> None:
        """See `RemoteSink.close`."""
        super().close()
        if self.refused:
            raise SinkError(f"the server refused {self.refused} events")
