"""Messages of a broker, a line or several each: `mqtt://[user:password@]host[:port]/topic`.

`mqtts://` speaks TLS, and `?ca=FILE` names who is trusted. A broker that is away is waited for.
What a URI does not say of user and password, EDGENETS_MQTT_USER and EDGENETS_MQTT_PASSWORD do, or
files (`edgenets.credentials`).
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue, SimpleQueue

from edgenets.errors import SinkError, SourceError

from ..mqtt import Broker, Link
from ..sources import SourceNotice
from . import Line, LineSource
from .splitter import Splitter

# Messages that wait to be read; what comes beyond is lost, and said.
_WAITING = 1000


def open_lines(rest: str) -> LineSource:
    """Subscribe to a topic, which may have + and #.

    Raises:
        SourceError: the URI names no host or no topic.
        MissingExtra: paho-mqtt is not installed.
    """
    uri = rest if rest.startswith("mqtts:") else f"mqtt:{rest}"
    try:
        return Subscription(Broker.of(uri, wildcards=True))
    except SinkError as exc:
        raise SourceError(str(exc)) from exc


class Subscription(LineSource):
    """What comes under a topic."""

    live = True

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker.name)
        self._inbox: Queue[bytes | SourceNotice | None] = Queue(_WAITING)
        self._urgent: SimpleQueue[SourceNotice] = SimpleQueue()
        self._lost = 0
        self._closed = False
        self._link = Link(broker, self._away, self._again, self._put)
        self._client = self._link.client

    def close(self) -> None:
        """See `LineSource.close`."""
        self._closed = True
        self._put(None)

    def __iter__(self) -> Iterator[Line | SourceNotice]:
        splitter = Splitter(self.name, live=True, one_text=False)
        try:
            while not self._closed:
                item = self._inbox.get()
                if item is None:
                    continue
                if isinstance(item, SourceNotice):
                    yield item
                    continue
                if self._lost:
                    lost, self._lost = self._lost, 0
                    yield SourceNotice(
                        "overrun", f"{self.name}: {lost:,} messages came too fast", lost
                    )
                # A message is a line at least, and a broken one ends no subscription.
                yield from splitter.push(item if item.endswith(b"\n") else item + b"\n")
        finally:
            self._link.close()

    def _put(self, item: bytes | SourceNotice | None) -> None:
        try:
            self._inbox.put_nowait(item)
        except Full:
            self._lost += 1

    def _away(self, reason: str) -> None:
        self._put(SourceNotice("lost", f"{self.name}: {reason}; waited for"))

    def _again(self) -> None:
        self._put(SourceNotice("back", f"{self.name}: connected again"))
