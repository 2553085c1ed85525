"""Brokers, as sinks publish to them and sources subscribe to them."""

from __future__ import annotations

import os
import urllib.parse
from dataclasses import dataclass
from typing import Any

from edgenets.errors import SinkError
from edgenets.extras import require
from edgenets.uri import shown

_PORT, _SECURE_PORT = 1883, 8883


@dataclass(frozen=True)
class Broker:
    """Where a broker is, which topic of it is meant, and who asks."""

    host: str
    port: int
    topic: str
    secure: bool
    user: str | None = None
    password: str | None = None
    keepalive: int = 30  # s

    @classmethod
    def of(cls, uri: str, wildcards: bool = False) -> Broker:
        """Read `mqtt://[user:password@]host[:port]/topic[?tls=1]`.

        Args:
            wildcards: whether the topic may have + and #, as subscriptions may.

        Raises:
            SinkError: there is no host or topic in it, or an option is unknown.
        """
        parts = urllib.parse.urlsplit(uri.replace("#", "%23") if wildcards else uri)
        options = dict(urllib.parse.parse_qsl(parts.query))
        topic = urllib.parse.unquote(parts.path.strip("/"))
        wild = not wildcards and ("#" in uri or "+" in topic)
        if not parts.hostname or not topic or wild:
            without = "" if wildcards else ", a topic without # and +"
            raise SinkError(f"{shown(uri)}: as in mqtt://host/topic{without}")
        if set(options) - {"tls"} or options.get("tls", "0") not in ("0", "1"):
            raise SinkError(f"{shown(uri)}: the one option is tls=1")
        try:
            port = parts.port
        except ValueError as exc:
            raise SinkError(f"{shown(uri)}: {exc}") from exc
        secure = options.get("tls") == "1"
        user, password = (
            None if word is None else urllib.parse.unquote(word)
            for word in (parts.username, parts.password)
        )
        return cls(
            parts.hostname, port or (_SECURE_PORT if secure else _PORT), topic, secure, user,
            password,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """For messages: no secret in it."""
        return f"mqtt://{self.host}:{self.port}/{self.topic}"

    def client(self) -> Any:
        """A client of paho's that connects by itself, and again.

        Raises:
            MissingExtra: paho-mqtt is not installed.
        """
        mqtt: Any = require("paho.mqtt.client")
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        user = self.user or os.environ.get("EDGENETS_MQTT_USER")
        if user is not None:
            password = self.password or os.environ.get("EDGENETS_MQTT_PASSWORD")
            client.username_pw_set(user, password)
        if self.secure:
            client.tls_set()
        client.reconnect_delay_set(1, 30)
        return client
