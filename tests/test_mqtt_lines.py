"""Lines from a broker: every message is one at least; a broker that goes away is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenets.errors import SourceError
from edgenets.runtime.lines import Line, open_lines
from edgenets.runtime.sources import SourceNotice
from tests.vision import servers

pytestmark = pytest.mark.skipif(
    servers.mosquitto_missing() is not None, reason=servers.mosquitto_missing() or ""
)


def wait_until(true: Callable[[], bool], patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def publish(port: int, topic: str, *messages: bytes) -> None:
    import paho.mqtt.client as mqtt

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for message in messages:
        client.publish(topic, message, qos=1).wait_for_publish(10)
    client.loop_stop()
    client.disconnect()


def gather(source: Any) -> tuple[list[Line | SourceNotice], threading.Thread]:
    found: list[Line | SourceNotice] = []
    thread = threading.Thread(target=lambda: found.extend(iter_into(source, found)), daemon=True)
    thread.start()
    return found, thread


def iter_into(source: Any, found: list[Line | SourceNotice]) -> list[Line | SourceNotice]:
    for item in source:
        found.append(item)
    return []


def test_messages_are_lines_and_a_broken_one_ends_nothing(tmp_path: Path) -> None:
    broker = servers.Broker(tmp_path)
    try:
        source = open_lines(f"mqtt://127.0.0.1:{broker.port}/meter/#")
        found, thread = gather(source)
        wait_until(source._client.is_connected)
        time.sleep(0.3)  # paho says nothing of a subscription that is on its way
        publish(broker.port, "meter/one", b"1,2", b"3,4\n5,6\n", b"\xff\x00", b"7,8")
        wait_until(lambda: len(found) == 5)
        texts = [item.text for item in found if isinstance(item, Line)]
        assert texts == ["1,2", "3,4", "5,6", "7,8"]
        (notice,) = (item for item in found if isinstance(item, SourceNotice))
        assert notice.kind == "skipped" and "byte" in notice.text
        source.close()
        thread.join(10)
        assert not thread.is_alive()
    finally:
        broker.kill()


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    broker = servers.Broker(tmp_path)
    source = open_lines(f"mqtt://127.0.0.1:{broker.port}/meter")
    found, thread = gather(source)
    try:
        wait_until(source._client.is_connected)
    finally:
        broker.kill()
    wait_until(lambda: any(isinstance(i, SourceNotice) and i.kind == "lost" for i in found))
    again = servers.Broker(tmp_path, broker.port)
    try:
        wait_until(lambda: any(isinstance(i, SourceNotice) and i.kind == "back" for i in found))
        time.sleep(0.3)
        publish(broker.port, "meter", b"9")
        wait_until(lambda: any(isinstance(i, Line) and i.text == "9" for i in found))
    finally:
        source.close()
        again.kill()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("uri", ["mqtt://host", "mqtt:///topic", "mqtt://host:x/topic"])
def test_what_names_no_topic_is_refused(uri: str) -> None:
    with pytest.raises(SourceError, match="mqtt"):
        open_lines(uri)
