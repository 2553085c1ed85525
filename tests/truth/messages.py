"""Scenarios of lines of text: from a file, a pipe and a broker, with lines that are none."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt

from tests.truth.ledger import PATIENCE, Outcome, Verdict, once, run, wait_until
from tests.vision.servers import Broker, free_port

_BUNDLE = ("text-sentiment", "--backend", "null")

_FAULTS = (
    b"caf\xe9 is no UTF-8", b"a zero \x00 in it", b"x" * ((1 << 20) + 1),
)  # fmt: skip


def lines(seed: int, out: Path, count: int = 400) -> Verdict:
    """A file or a pipe of numbered lines, with faults between them."""
    rng = np.random.default_rng(seed)
    piped = bool(rng.random() < 0.5)
    end = bytes(rng.choice([b"\n", b"\r\n"]))
    parts, faults = [], 0
    for number in range(count):
        parts.append(_text(number).encode())
        if rng.random() < 0.03:
            parts.append(_FAULTS[int(rng.integers(len(_FAULTS)))])
            faults += 1
        if rng.random() < 0.03:
            parts.append(b"  ")
    data = end.join(parts) + (end if rng.random() < 0.5 else b"")
    verdict = Verdict(f"lines {seed}", "pipe" if piped else "text file", count, faults)
    path = out / "lines.txt"
    path.write_bytes(data)
    source, feed = ("-", data) if piped else (str(path), None)
    _hold(verdict, run((*_BUNDLE, source), out, feed), count, faults)
    return verdict


def broker(seed: int, out: Path, count: int = 300) -> Verdict:
    """Messages of a broker that goes away and comes back."""
    rng = np.random.default_rng(seed)
    port = free_port()
    record, gone = out / "truth.jsonl", threading.Event()
    breaks = sorted(int(n) for n in rng.choice(count - 20, 2, replace=False) + 10)
    spoiled = {int(n) for n in rng.choice(count, 6, replace=False)}

    def send() -> None:
        server = Broker(out, port)
        client = _client(port)
        _await_listener(client, record, 0)
        for number in range(count):
            if number in breaks:
                client.loop_stop()
                client.disconnect()
                server.kill()
                time.sleep(0.5)
                server = Broker(out, port)
                client = _client(port)
                _await_listener(client, record, 1 + breaks.index(number))
            if number in spoiled:
                client.publish("t", _FAULTS[number % 2], qos=1).wait_for_publish(10)
            client.publish("t", _text(number), qos=1).wait_for_publish(10)
        wait_until(lambda: f'"{_text(count - 1)}"' in record.read_text())
        client.loop_stop()
        client.disconnect()
        server.kill()
        gone.set()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    wait_until(lambda: (out / f"mosquitto-{port}.conf").exists())
    outcome = run((*_BUNDLE, f"mqtt://127.0.0.1:{port}/t"), out, until=gone.is_set)
    sender.join(PATIENCE)
    verdict = Verdict(f"broker {seed}", "MQTT", count, len(breaks) + len(spoiled))
    _hold(verdict, outcome, count, len(spoiled))
    for kind in ("lost", "back"):
        told_of = len(outcome.of(kind))
        verdict.hold(told_of >= len(breaks), f"{len(breaks)} breaks, '{kind}' said {told_of} times")
    return verdict


def _text(number: int) -> str:
    return f"item number {number} is good"


def _client(port: int) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _await_listener(client: mqtt.Client, record: Path, time_around: int) -> None:
    """Publish until the run answers: it has subscribed then."""
    hello = f"hello {time_around}"

    def answered() -> bool:
        client.publish("t", hello, qos=1).wait_for_publish(10)
        time.sleep(0.2)
        return record.exists() and hello in record.read_text()

    wait_until(answered)


def _hold(verdict: Verdict, outcome: Outcome, count: int, faults: int) -> None:
    texts = [e["text"] for e in outcome.of("text") if not e["text"].startswith("hello")]
    known = {_text(number): number for number in range(count)}
    invented = [text for text in texts if text not in known]
    verdict.hold(not invented, f"lines that nobody sent: {json.dumps(invented[:3])}")
    got = [known[text] for text in texts if text in known]
    once(verdict, got, range(count))
    missing = sorted(set(range(count)) - set(got))
    verdict.hold(not missing, f"lines that did not arrive: {missing[:5]}")
    counted = outcome.summary.get("lost", {}).get("rows", 0)
    verdict.hold(counted == faults, f"{faults} lines that cannot be read, {counted} counted")
    verdict.hold_exit(outcome, bool(faults))
