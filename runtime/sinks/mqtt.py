"""`mqtt://[user:password@]host[:port]/topic`: every event is published there as JSON.

What a URI does not say of user and password, EDGENETS_MQTT_USER and EDGENETS_MQTT_PASSWORD do: on a
board they stand in /etc/edgenets/environment, which its processes' list does not show.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..mqtt import Broker
from .remote import RemoteSink

if TYPE_CHECKING:
    from paho.mqtt.client import Client

# A broker that does not acknowledge for so long is away.
_PATIENCE = 5.0  # s


def open_sink(rest: str) -> MqttSink:
    """Publish to a broker; `?tls=1` for a secured one. One that is away is waited for."""
    return MqttSink(Broker.of(f"mqtt:{rest}"))


class MqttSink(RemoteSink):
    """Publishes with acknowledgement (QoS 1), so that what a broker lost is sent again."""

    def __init__(self, broker: Broker) -> None:
        self._topic, self._up = broker.topic, threading.Event()
        self._pending: tuple[bytes, Any] | None = None  # an event, and paho's handle of it
        client = broker.client()
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self._up.clear()
        client.connect_async(broker.host, broker.port, broker.keepalive)
        client.loop_start()
        self._client = client
        super().__init__(broker.name)

    def send(self, data: bytes) -> bool:
        """See `RemoteSink.send`."""
        if not self._up.wait(_PATIENCE):
            return False
        try:
            # What waits for its acknowledgement the client sends again by itself.
            if self._pending is None or self._pending[0] is not data:
                self._pending = data, self._client.publish(self._topic, data, qos=1)
            sent = self._pending[1]
            sent.wait_for_publish(_PATIENCE)
        except (ValueError, RuntimeError):  # its queue is full, or the connection gone just now
            self._pending = None
            return False
        return bool(sent.is_published())

    def close(self) -> None:
        """See `RemoteSink.close`."""
        try:
            super().close()
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _connected(
        self, client: Client, data: object, flags: object, reason: Any, *_: object
    ) -> None:
        if reason.is_failure:
            self.trouble = f"the broker refuses: {reason}"
        else:
            self._up.set()
