"""Messages of a broker, a line or several each: `mqtt://[user:password@]host[:port]/topic`.

Of a broker that is away it is waited for; what a URI does not say of user and password,
EDGENETS_MQTT_USER and EDGENETS_MQTT_PASSWORD do.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue, SimpleQueue
from typing import TYPE_CHECKING, Any

from edgenets.errors import SinkError, SourceError

from ..mqtt import Broker
from ..sources import SourceNotice
from . import Line, LineSource
from .splitter import Splitter

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

# Messages that wait to be read; what comes beyond is lost, and said.
_WAITING = 1000


def open_lines(rest: str) -> LineSource:
    """Subscribe to a topic, which may have + and #.

    Raises:
        SourceError: the URI names no host or no topic.
        MissingExtra: paho-mqtt is not installed.
    """
    try:
        return Subscription(Broker.of(f"mqtt:{rest}", wildcards=True))
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
        self._was_up = self._closed = False
        self._client = broker.client()
        self._topic = broker.topic
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._came
        self._client.connect_async(broker.host, broker.port, broker.keepalive)
        self._client.loop_start()

    def close(self) -> None:
        """See `LineSource.close`."""
        self._closed = True
        self._put(None)

    def __iter__(self) -> Iterator[Line | SourceNotice]:
        splitter = Splitter(self.name)
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
                yield from self._lines(splitter, item)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _lines(self, splitter: Splitter, message: bytes) -> Iterator[Line | SourceNotice]:
        """A message is a line at least, and a broken one ends no subscription."""
        try:
            yield from splitter.push(message if message.endswith(b"\n") else message + b"\n")
        except SourceError as exc:
            yield SourceNotice("skipped", str(exc))

    def _put(self, item: bytes | SourceNotice | None) -> None:
        try:
            self._inbox.put_nowait(item)
        except Full:
            self._lost += 1

    def _connected(
        self, client: Client, data: object, flags: object, reason: Any, *_: object
    ) -> None:
        if reason.is_failure:
            self._put(SourceNotice("lost", f"{self.name}: the broker refuses: {reason}"))
            return
        client.subscribe(self._topic, qos=1)
        if self._was_up:
            self._put(SourceNotice("back", f"{self.name}: connected again"))
        self._was_up = True

    def _disconnected(self, *_: object) -> None:
        if not self._closed:
            self._put(SourceNotice("lost", f"{self.name}: the connection is gone; waited for"))

    def _came(self, client: Client, data: object, message: MQTTMessage) -> None:
        self._put(bytes(message.payload))
