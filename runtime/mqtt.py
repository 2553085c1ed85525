"""Brokers, as sinks publish to them and sources subscribe to them."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets.credentials import credential
from edgenets.errors import SinkError, first_line
from edgenets.extras import require
from edgenets.uri import shown

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.reasoncodes import ReasonCode

_PORT, _SECURE_PORT = 1883, 8883

# Without an answer for so long after it was reached, a server is no broker, or not by this way.
ANSWER_PATIENCE = 5.0  # s

# A broker that does not let go of its connection is not waited for longer.
_LEAVE = 1.0  # s

_LONGEST_TOPIC = 65_535  # bytes, by the protocol


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
    ca: str | None = None  # a file of certificates to trust; None: the system's
    scheme: str = "mqtt"

    @classmethod
    def of(cls, uri: str, wildcards: bool = False) -> Broker:
        """Read `mqtt://[user:password@]host[:port]/topic[?tls=1&ca=FILE]`; `mqtts://` has TLS.

        All of the path but its first slash is the topic: `mqtt://host//a/` is the topic `/a/`.

        Args:
            wildcards: whether the topic may have + and #, as subscriptions may.

        Raises:
            SinkError: there is no host or topic in it, or an option is unknown.
        """
        try:
            parts = urllib.parse.urlsplit(uri.replace("#", "%23") if wildcards else uri)
            port = parts.port
        except ValueError as exc:  # no port, or brackets of an IPv6 address that do not match
            hint = "#, ? and / of a password are written %23, %3F and %2F"
            raise SinkError(f"{shown(uri)}: host or port cannot be read; {hint}") from exc
        topic = urllib.parse.unquote(parts.path.removeprefix("/"))
        wild = not wildcards and ("#" in uri or "+" in topic)
        if not parts.hostname or not topic.strip("/") or wild:
            without = "" if wildcards else ", a topic without # and +"
            raise SinkError(f"{shown(uri)}: as in mqtt://host/topic{without}")
        if "\0" in topic or len(topic.encode("utf-8", "replace")) > _LONGEST_TOPIC:
            raise SinkError(f"{shown(uri)}: no topic is so long, or has a zero byte")
        ca, secure = _tls(uri, parts)
        user, password = (
            None if word is None else urllib.parse.unquote(word)
            for word in (parts.username, parts.password)
        )
        return cls(
            parts.hostname,
            port or (_SECURE_PORT if secure else _PORT),
            topic,
            secure,
            user,
            password,
            ca=ca,
            scheme=parts.scheme,
        )

    @property
    def name(self) -> str:
        """For messages: no secret in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/{self.topic}"

    def client(self) -> Any:
        """A client of paho's that connects by itself, and again.

        Raises:
            MissingExtra: paho-mqtt is not installed.
            SinkError: the file of certificates has none.
        """
        mqtt: Any = require("paho.mqtt.client")
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        user = self.user or credential("MQTT_USER")
        if user is not None:
            client.username_pw_set(user, self.password or credential("MQTT_PASSWORD"))
        if self.secure:
            try:
                client.tls_set(self.ca)
            except OSError as exc:  # SSLError is one
                raise SinkError(f"ca={self.ca}: no certificates to trust in it") from exc
        client.reconnect_delay_set(1, 30)
        return client

    def why(self, exc: BaseException) -> str:
        """Why it cannot be reached, and what to do about it."""
        if isinstance(exc, ssl.SSLCertVerificationError):
            what = exc.verify_message or first_line(exc)
            return f"its certificate is not trusted ({what}); name its authority by ?ca=FILE"
        if self.secure and isinstance(exc, (ssl.SSLError, ConnectionResetError, EOFError)):
            return f"no TLS is spoken on port {self.port} ({first_line(exc)}); mqtt:// has none"
        if isinstance(exc, (socket.gaierror, UnicodeError)):
            return f"the host {self.host} is not known ({first_line(exc)})"
        if isinstance(exc, ConnectionRefusedError):
            return f"nothing listens on port {self.port}"
        if isinstance(exc, TimeoutError):
            return f"no answer within {ANSWER_PATIENCE:g} s"
        return first_line(exc)


class Link:
    """A connection to a broker, which comes back by itself. Why it is away is said once."""

    def __init__(
        self,
        broker: Broker,
        lost: Callable[[str], None],
        back: Callable[[], None],
        came: Callable[[bytes], None] | None = None,
    ) -> None:
        """Begin to connect.

        Args:
            broker: where to.
            lost: called with the reason when there is no connection, once for each reason.
            back: called when there is one again.
            came: called with each message; None: nothing is subscribed to.
        """
        self.up = threading.Event()
        self.reason = ""  # why there is no connection
        self._broker, self._lost, self._back = broker, lost, back
        self._said: set[str] = set()  # reasons, since there was a connection
        self._closed = False
        self._answer: threading.Timer | None = None
        self.client = client = broker.client()
        client.connect_timeout = ANSWER_PATIENCE
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        if came is not None:
            client.on_message = lambda *found: came(_payload(found[2]))
            client.on_subscribe = self._subscribed
        self._subscribes = came is not None
        self._reconnect = client.reconnect  # paho drops the reason; so it goes through here
        client.reconnect = self._try
        client.connect_async(broker.host, broker.port, broker.keepalive)
        client.loop_start()

    def close(self) -> None:
        """Disconnect; a server that hangs is not waited for."""
        self._closed = True
        self._wait_no_more()
        self.client.disconnect()
        leaving = threading.Thread(target=self.client.loop_stop, daemon=True)
        leaving.start()
        leaving.join(_LEAVE)

    def _try(self) -> object:
        """Connect once.

        Raises:
            OSError: it cannot be reached; nothing else, which would end paho's thread.
        """
        try:
            done = self._reconnect()
        except Exception as exc:
            self._away(self._broker.why(exc))
            raise OSError(self.reason) from exc
        self._wait_no_more()
        self._answer = threading.Timer(ANSWER_PATIENCE, self._no_answer)
        self._answer.daemon = True
        self._answer.start()
        return done

    def _no_answer(self) -> None:
        self._away(
            f"port {self._broker.port} answers nothing; is it a broker, and does it want "
            f"{'mqtt' if self._broker.secure else 'mqtts'}://?"
        )

    def _wait_no_more(self) -> bool:
        """Stop waiting for the broker's answer; whether it was waited for."""
        waiting, self._answer = self._answer, None
        if waiting is not None:
            waiting.cancel()
        return waiting is not None

    def _connected(
        self, client: Client, data: object, flags: object, why: ReasonCode, *_: object
    ) -> None:
        self._wait_no_more()
        if why.is_failure:
            self._away(f"the broker refuses: {why}")
            return
        if self._subscribes:
            client.subscribe(self._broker.topic, qos=1)
        if self._said:
            self._back()
        self._said.clear()
        self.reason = ""
        self.up.set()

    def _subscribed(
        self, client: object, data: object, mid: int, codes: list[ReasonCode], *_: object
    ) -> None:
        for code in codes:
            if code.is_failure:
                self._away(f"the broker refuses the subscription: {code}")

    def _disconnected(self, *_: object) -> None:
        was_up = self.up.is_set()
        self.up.clear()
        if was_up:
            self._away("the connection is gone")
        elif self._wait_no_more():
            hint = "" if self._broker.secure else "; perhaps it wants TLS, as mqtts:// has"
            self._away(f"port {self._broker.port} hangs up without an answer{hint}")

    def _away(self, reason: str) -> None:
        self.reason = reason
        if not self._closed and reason not in self._said:
            self._said.add(reason)
            self._lost(reason)


def _payload(message: MQTTMessage) -> bytes:
    return bytes(message.payload)


def _tls(uri: str, parts: urllib.parse.SplitResult) -> tuple[str | None, bool]:
    """The file of certificates to trust, and whether there is TLS.

    Raises:
        SinkError: an option is unknown, or has no such value.
    """
    query = parts.query.removesuffix("%23")
    options = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    tls, ca = options.pop("tls", None), options.pop("ca", None)
    if options or tls not in (None, "0", "1"):
        raise SinkError(f"{shown(uri)}: the options are tls=1 and ca=FILE")
    secure = parts.scheme == "mqtts" or tls == "1"
    if parts.scheme == "mqtts" and tls == "0":
        raise SinkError(f"{shown(uri)}: mqtts:// has TLS, tls=0 has none; which is meant?")
    if ca is not None and not secure:
        raise SinkError(f"{shown(uri)}: ca=… is for mqtts://, or tls=1")
    if ca is not None and not (Path(ca).is_file() and os.access(ca, os.R_OK)):
        raise SinkError(f"{shown(uri)}: ca={ca}: no such file, or none that may be read")
    return ca, secure
