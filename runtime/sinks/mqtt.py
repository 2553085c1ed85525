"""`mqtt://[user:password@]host[:port]/topic`, `mqtts://…`: every event is published as JSON.

`mqtts://` speaks TLS (port 8883), as does `?tls=1`; `?ca=FILE` names who is trusted. What a URI
does not say of user and password, EDGENETS_MQTT_USER and EDGENETS_MQTT_PASSWORD do, or files
(`edgenets.credentials`): on a board they stand in /etc/edgenets/environment, which its processes'
list does not show.
"""

from __future__ import annotations

from typing import Any

from ..mqtt import Broker, Link
from .remote import RemoteSink

# A broker that does not acknowledge for so long is away.
_PATIENCE = 5.0  # s


def open_sink(rest: str) -> MqttSink:
    """Publish to a broker. One that is away is waited for."""
    return MqttSink(Broker.of(rest if rest.startswith("mqtts:") else f"mqtt:{rest}"))


class MqttSink(RemoteSink):
    """Publishes with acknowledgement (QoS 1), so that what a broker lost is sent again."""

    def __init__(self, broker: Broker) -> None:
        self._topic = broker.topic
        self._pending: tuple[bytes, Any] | None = None  # an event, and paho's handle of it
        super().__init__(broker.name)
        self._link = Link(broker, self._lost, lambda: self.say("is connected again"))
        self.start()

    def send(self, data: bytes) -> bool:
        """See `RemoteSink.send`."""
        if not self._link.up.wait(_PATIENCE):
            self.trouble = self._link.reason or "no connection yet"
            return False
        try:
            # What waits for its acknowledgement the client sends again by itself.
            if self._pending is None or self._pending[0] is not data:
                self._pending = data, self._link.client.publish(self._topic, data, qos=1)
            sent = self._pending[1]
            sent.wait_for_publish(_PATIENCE)
        except (ValueError, RuntimeError):  # its queue is full, or the connection gone just now
            self._pending = None
            return False
        self.trouble = "the broker does not acknowledge"
        return bool(sent.is_published())

    def close(self) -> None:
        """See `RemoteSink.close`."""
        try:
            super().close()
        finally:
            self._link.close()

    def reported(self) -> bool:
        """See `RemoteSink.reported`: a connection that is not there is reported as it is lost."""
        return not self._link.up.is_set()

    def _lost(self, reason: str) -> None:
        self.trouble = reason
        self.say(f"cannot deliver: {reason}; it goes on trying")
