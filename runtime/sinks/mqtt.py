"""`mqtt://[user:password@]host[:port]/topic`: every event is published there as JSON.

What a URI does not say of user and password, EDGENETS_MQTT_USER and EDGENETS_MQTT_PASSWORD do: on a
board they stand in /etc/edgenets/environment, which its processes' list does not show.
"""

from __future__ import annotations

import os
import threading
import urllib.parse
from typing import Any

from edgenets.errors import SinkError
from edgenets.extras import require
from edgenets.uri import shown

from .remote import RemoteSink

_PORT, _SECURE_PORT = 1883, 8883

# A broker that does not acknowledge for so long is away.
_PATIENCE = 5.0  # s

_KEEPALIVE = 30  # s


def open_sink(rest: str) -> MqttSink:
    """Publish to a broker; `?tls=1` for a secured one. One that is away is waited for."""
    parts = urllib.parse.urlsplit(f"mqtt:{rest}")
    options = dict(urllib.parse.parse_qsl(parts.query))
    topic = urllib.parse.unquote(parts.path.strip("/"))
    if not parts.hostname or not topic or "#" in rest or "+" in topic:
        raise SinkError(
            f"{shown(f'mqtt:{rest}')}: as in mqtt://host/topic, a topic without # and +"
        )
    if set(options) - {"tls"} or options.get("tls", "0") not in ("0", "1"):
        raise SinkError(f"{shown(f'mqtt:{rest}')}: the one option is tls=1")
    try:
        port = parts.port
    except ValueError as exc:
        raise SinkError(f"{shown(f'mqtt:{rest}')}: {exc}") from exc
    secure = options.get("tls") == "1"
    return MqttSink(
        parts.hostname, port or (_SECURE_PORT if secure else _PORT), topic, secure,
        *(None if word is None else urllib.parse.unquote(word)
          for word in (parts.username, parts.password)),
    )  # fmt: skip


class MqttSink(RemoteSink):
    """Publishes with acknowledgement (QoS 1), so that what a broker lost is sent again."""

    def __init__(
        self, host: str, port: int, topic: str, secure: bool, user: str | None,
        password: str | None,
    ) -> None:  # fmt: skip
        mqtt: Any = require("paho.mqtt.client")
        self._topic, self._up = topic, threading.Event()
        self._pending: tuple[bytes, Any] | None = None  # an event, and paho's handle of it
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        user = user or os.environ.get("EDGENETS_MQTT_USER")
        password = password or os.environ.get("EDGENETS_MQTT_PASSWORD")
        if user is not None:
            client.username_pw_set(user, password)
        if secure:
            client.tls_set()
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self._up.clear()
        client.connect_async(host, port, _KEEPALIVE)
        client.loop_start()
        self._client = client
        super().__init__(f"mqtt://{host}:{port}/{topic}")

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

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, *_: Any) -> None:
        if reason.is_failure:
            self.trouble = f"the broker refuses: {reason}"
        else:
            self._up.set()
