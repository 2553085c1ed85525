"""`http://host/path` or `https://…`: every event is posted there as JSON.

`?redirects=1` follows a server to another path of the same host, with the event; without it, and to
another host, what a server passes on is not delivered. Who posts may be said by EDGENETS_SINK_TOKEN
(`Authorization: Bearer`), or EDGENETS_SINK_USER and EDGENETS_SINK_PASSWORD (Basic), in the
environment or in files (`edgenets.credentials`).
"""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.parse
import urllib.request

from edgenets.credentials import credential
from edgenets.errors import SinkError
from edgenets.uri import shown

from .remote import RemoteSink

_PATIENCE = 5.0  # s for an answer

# Answers that say that the same request may go well later.
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})

# Answers that pass a request on as it is; 303 means that another one is to be made.
_PASSED_ON = frozenset({301, 302, 307, 308})

# A chain of redirections that is longer is a circle.
_MOST_REDIRECTS = 5


def open_sink(rest: str) -> WebhookSink:
    """Post to a URL. A server that is away is no error: it is tried again."""
    try:
        parts = urllib.parse.urlsplit(rest)
        plain = rest.isascii() and parts.port != 0 and parts.username is None
    except ValueError:  # a port that is not a number
        raise _no_address(rest) from None
    if not parts.hostname or not plain:
        raise _no_address(rest)
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    asked = [value for name, value in query if name == "redirects"]
    if asked not in ([], ["0"], ["1"]):
        raise SinkError(f"{shown(rest)}: redirects=0 or redirects=1, once")
    if asked:
        kept = (p for p in parts.query.split("&") if not p.startswith("redirects="))
        rest = urllib.parse.urlunsplit(parts._replace(query="&".join(kept)))
    return WebhookSink(rest, redirects=asked == ["1"])


def _no_address(uri: str) -> SinkError:
    return SinkError(
        f"{shown(uri)}: a host and perhaps a port are needed, in ASCII and without a user; "
        f"as in http://host:8080/events?token=…"
    )


class WebhookSink(RemoteSink):
    """POST, one event each; it is delivered when the answer is 2xx.

    What a server refuses for good is not sent again.
    """

    def __init__(self, url: str, redirects: bool = False) -> None:
        self._url, self._redirects = url, redirects
        self._opener = _opener()
        self._headers = {"Content-Type": "application/json", "User-Agent": "edgenets"}
        if (authorization := _authorization()) is not None:
            self._headers["Authorization"] = authorization
        self._refuses = False  # whether that was said
        super().__init__(shown(url))
        self.start()

    def send(self, data: bytes) -> bool:
        """See `RemoteSink.send`."""
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            request = urllib.request.Request(url, data, self._headers)
            try:
                with self._opener.open(request, timeout=_PATIENCE):
                    self._refuses = False
                    return True
            except urllib.error.HTTPError as exc:
                exc.close()
                status = f"{exc.code} {http.client.responses.get(exc.code, '')}".strip()
                if exc.code in _LATER:
                    self.trouble = f"the server answers {status}"
                    return False
                if exc.code not in _PASSED_ON:
                    return self._refused(f"the server answers {status}")
                target = exc.headers.get("Location") or ""
                if why := self._may_not_follow(url, target):
                    return self._refused(f"{status} to {shown(target)}: {why}")
                url = urllib.parse.urljoin(url, target)
        return self._refused(f"more than {_MOST_REDIRECTS} redirections")

    def _refused(self, why: str) -> bool:
        """Count an event that is not sent again; True: it is done with."""
        self.refused += 1
        if not self._refuses:
            self._refuses = True
            self.say(f"not delivered, and not tried again: {why}")
        return True

    def _may_not_follow(self, url: str, target: str) -> str:
        """Why a redirection is not followed; empty: it is."""
        if not self._redirects:
            return "redirections are followed with ?redirects=1 only"
        if not target or _place(url) != _place(target, url):
            return "another host, port or protocol may not get what is posted here"
        return ""


def _opener() -> urllib.request.OpenerDirector:
    """What opens URLs of the web alone, and takes every redirection as an answer like another."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _place(url: str, base: str = "") -> tuple[str, str | None, int | None] | None:
    """Protocol, host and port of a URL, seen from another; None: it has none that can be read."""
    try:
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, url))
        usual = {"http": 80, "https": 443}[parts.scheme]
        return parts.scheme, parts.hostname, parts.port or usual
    except (KeyError, ValueError):
        return None


def _authorization() -> str | None:
    """What says who posts, or None where nothing does.

    Raises:
        SinkError: it has letters that a header cannot have.
    """
    if (token := credential("SINK_TOKEN")) is not None:
        if not (token.isascii() and token.isprintable()):
            raise SinkError("SINK_TOKEN: a token has printable ASCII letters only")
        return f"Bearer {token}"
    user = credential("SINK_USER")
    if user is None:
        return None
    password = credential("SINK_PASSWORD") or ""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
