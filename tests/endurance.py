"""Hours of cameras, a microphone and a broker that are killed at random: `make soak HOURS=2`.

    python -m tests.endurance [HOURS]        # 0.25 by default

Three runs at once, each a process of its own: two cameras through a detector with the live page,
at which five viewers look, and with a broker that gets every result; a microphone through a keyword
model; lines of a broker through a classifier. A camera, the sound server or the broker is killed
every half minute or so and comes back. Everything that is sent carries its number (tests/truth).
Violations: memory that grows, something that was never sent, twice or out of order, images that are
missing and not counted, a run that ends. Prints one JSON object; exit code 1 where there are any.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from edgenets.sound.audio import write_wav
from tests.pulse import Pulse
from tests.pulse import missing as pulse_missing
from tests.truth import images, sounds
from tests.truth.messages import _client
from tests.vision.servers import Broker, free_port

ROOT = Path(__file__).parent.parent

RATE = 10.0  # images a second, of each camera
VIEWERS = 5

# Memory may grow by this after the time in which everything is used once.
STEEPEST = 0.1  # MB a minute
SETTLED = 600.0  # s, or a third of the time where that is less

EVERY = 30.0  # s between two kills, about

# An image that is older when it is looked at came from nowhere.
_LATE = 3.0  # s


class Camera:
    """Image n is taken at n / RATE s of the world's time, whether somebody looks or not."""

    def __init__(self, epoch: float) -> None:
        self._epoch, self.port, self.taken = epoch, free_port(), 0
        self._server: http.server.ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream.mjpg"

    def start(self) -> None:
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server = camera._server
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(OSError):
                    while camera._server is server:
                        number = camera.now()
                        data = images.jpeg(number)
                        head = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: "
                        self.wfile.write(f"{head}{len(data)}\r\n\r\n".encode() + data + b"\r\n")
                        camera.taken += 1
                        due = camera._epoch + (number + 1) / RATE
                        time.sleep(max(0.0, due - time.monotonic()))

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address, daemon_threads = True, True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def now(self) -> int:
        return round((time.monotonic() - self._epoch) * RATE)

    def kill(self) -> None:
        server, self._server = self._server, None
        assert server is not None
        server.shutdown()
        server.server_close()


class Running:
    """A run, and what it takes."""

    def __init__(self, name: str, arguments: list[str], folder: Path, env: dict[str, str]) -> None:
        self.name, self.record = name, folder / f"{name}.jsonl"
        self._errors = (folder / f"{name}.err").open("wb")
        self._out = folder / f"{name}.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.truth.child", "run", *arguments,
                 "--sink", f"truth:{self.record}", "--json"],
                cwd=ROOT, stdout=out, stderr=self._errors, env=env,
            )  # fmt: skip
        self.memory: list[tuple[float, float]] = []  # s, MB

    def measure(self, at: float) -> None:
        with contextlib.suppress(psutil.Error):
            used = psutil.Process(self.process.pid).memory_info().rss / 1e6
            self.memory.append((at, used))

    def slope(self, settled: float) -> float:
        """MB a minute, of all that was measured after `settled` s."""
        later = np.array([pair for pair in self.memory if pair[0] >= settled])
        return float(60 * np.polyfit(later[:, 0], later[:, 1], 1)[0]) if len(later) > 2 else 0.0

    def end(self) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        """The exit code, the events and the summary."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._errors.close()
        shown = self._out.read_text(encoding="utf-8")
        lines = self.record.read_text(encoding="utf-8").splitlines()
        return code, [json.loads(line) for line in lines], json.loads(shown or "{}")


def endure(hours: float, seed: int = 0) -> dict[str, Any]:
    """Run, kill, and report."""
    seconds, rng, epoch = hours * 3600, random.Random(seed), time.monotonic()
    settled = min(SETTLED, seconds / 3)
    violations: list[str] = []
    kills: dict[str, int] = {"camera": 0, "microphone": 0, "broker": 0}
    with tempfile.TemporaryDirectory(prefix="en-") as name, Pulse(Path(name) / "p") as pulse:
        folder = Path(name)
        cameras = [Camera(epoch), Camera(epoch)]
        world = _World(folder)
        write_wav(folder / "words.wav", sounds.spoken(50, rate=48_000), 48_000)
        page = free_port()
        mqtt = f"mqtt://127.0.0.1:{world.port}"
        runs = [
            Running("cameras", ["object-detect", *(c.url for c in cameras), "--sink",
                                f"web:{page}", "--sink", f"{mqtt}/results"], folder, pulse.env),
            Running("microphone", ["kws-gru", "mic:mic", "--backend", "null"], folder, pulse.env),
            Running("lines", ["text-sentiment", f"{mqtt}/lines"], folder, pulse.env),
        ]  # fmt: skip
        over = threading.Event()
        for _ in range(VIEWERS):
            threading.Thread(target=_look, args=(page, over), daemon=True).start()
        threading.Thread(target=world.talk, args=(over,), daemon=True).start()
        threading.Thread(target=_play, args=(pulse, folder, over), daemon=True).start()
        next_kill = epoch + 2 * EVERY
        while time.monotonic() - epoch < seconds:
            time.sleep(2)
            at = time.monotonic() - epoch
            for run in runs:
                run.measure(at)
                if run.process.poll() is not None and f"{run.name} ended" not in violations:
                    violations.append(f"{run.name} ended")
            if time.monotonic() > next_kill and seconds - at > EVERY:
                kind = rng.choice(sorted(kills))
                kills[kind] += 1
                _kill(kind, rng, cameras, pulse, world)
                next_kill = time.monotonic() + rng.uniform(0.5, 1.5) * EVERY
        over.set()
        slopes = {run.name: round(run.slope(settled), 3) for run in runs}
        items = {}
        for run in runs:
            code, events, summary = run.end()
            items[run.name] = len(events)
            violations += _judge(run.name, code, events, summary, epoch)
        world.close()
        for camera in cameras:
            camera.kill()
    violations += [
        f"{n}: memory grows by {s} MB a minute" for n, s in slopes.items() if s > STEEPEST
    ]
    return {
        "hours": hours, "kills": kills, "events": items, "mb_a_minute": slopes,
        "memory_mb": {run.name: round(run.memory[-1][1], 1) for run in runs if run.memory},
        "violations": violations,
    }  # fmt: skip


class _World:
    """The broker, and who publishes numbered lines through it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._broker = Broker(folder, self.port)

    def restart(self, away: float) -> None:
        self._broker.kill()
        time.sleep(away)
        self._broker = Broker(self._folder, self.port)

    def talk(self, over: threading.Event) -> None:
        number, client = 0, None
        while not over.wait(0.05):
            try:
                client = client or _client(self.port)
                client.publish("lines", f"item number {number} is good", qos=0)
                number += 1
            except OSError:
                client = None

    def close(self) -> None:
        self._broker.kill()


def _kill(
    kind: str, rng: random.Random, cameras: list[Camera], pulse: Pulse, world: _World
) -> None:
    away = rng.uniform(0.5, 6.0)
    if kind == "camera":
        camera = rng.choice(cameras)
        camera.kill()
        time.sleep(away)
        camera.start()
    elif kind == "microphone":
        pulse.stop()
        time.sleep(away)
        pulse.start()
    else:
        world.restart(away)


def _look(port: int, over: threading.Event) -> None:
    """A viewer: images, figures, and again when the page is not there."""
    while not over.is_set():
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{port}/stream/{random.randrange(2)}.mjpg"
            with urllib.request.urlopen(address, timeout=10) as page:
                until = time.monotonic() + random.uniform(5, 60)
                while not over.is_set() and time.monotonic() < until:
                    if not page.read(65536):
                        break
        over.wait(1)


def _play(pulse: Pulse, folder: Path, over: threading.Event) -> None:
    """The same minute of words, again and again, whatever becomes of the server."""
    while not over.is_set():
        player = subprocess.Popen(
            ["paplay", "--device=spk", str(folder / "words.wav")], env=pulse.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while player.poll() is None and not over.wait(0.2):
            pass
        if player.poll() is None:
            player.kill()
            player.wait()
        over.wait(0.5)


def _judge(
    name: str, code: int, events: list[dict[str, Any]], summary: dict[str, Any], epoch: float
) -> Iterator[str]:
    """What is wrong with what one run delivered."""
    if code not in (0, 3):
        yield f"{name}: exit code {code}"
    if name == "cameras":
        yield from _judge_images([e for e in events if e["event"] == "seen"], summary, epoch)
    elif name == "microphone":
        words = [e for e in events if e["event"] == "detection"]
        if len(words) < 10:
            yield f"{name}: hardly a word was heard"
    else:
        texts = [e["text"] for e in events if e["event"] == "text"]
        numbers = [int(text.split()[2]) for text in texts]
        if numbers != sorted(set(numbers)):
            yield f"{name}: twice, or out of order"
        if len(numbers) < 100:
            yield f"{name}: hardly a line came"


def _judge_images(
    seen: list[dict[str, Any]], summary: dict[str, Any], epoch: float
) -> Iterator[str]:
    for source in {event["source"] for event in seen}:
        numbers = [event["number"] for event in seen if event["source"] == source]
        if None in numbers:
            yield f"cameras: {numbers.count(None)} images that no camera took"
        known = [number for number in numbers if number is not None]
        if known != sorted(set(known)):
            yield "cameras: images twice, or out of order"
    late = [
        e for e in seen
        if e["number"] is not None
        and not -1 / RATE <= e["at"] - e["age"] - (epoch + e["number"] / RATE) <= _LATE
    ]  # fmt: skip
    if late:
        yield f"cameras: {len(late)} images at a wrong time"


if __name__ == "__main__":
    if why := pulse_missing():
        sys.exit(f"no sound server: {why}")
    found = endure(float(sys.argv[1]) if len(sys.argv) > 1 else 0.25)
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["violations"] else 0)
