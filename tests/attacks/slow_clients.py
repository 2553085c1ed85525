"""Clients that are slow on purpose, against the live page of a run: does the run go on?

    python -m tests.attacks.slow_clients [--clients 1200] [--descriptors 1024] [--seconds 20]

For each attack a run of its own looks at an MJPEG camera, keeps images in a folder and serves the
page, with a limit of open files as a service has it. While the attack goes on, the camera is
lost and comes back, and a viewer asks for figures. Prints a table, and ends with 1 where
something was violated.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import resource
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.vision import models, servers

from .certificate import pair
from .web import ATTACKS, Attack, Crowd

MOST_MEMORY = 20.0  # MB that an attack may cost
MOST_LINES = 12  # lines of the log while it goes on
LEAST_RATE = 0.5  # of the images a second before

VIEWER = "127.0.0.2"
TOKEN = "a-token-that-nobody-guesses"


@dataclass
class Figures:
    """What one attack came to."""

    attack: str
    clients: int
    opened: int = 0
    refused: int = 0
    before: float = 0.0  # images a second
    during: float = 0.0
    after: float = 0.0
    memory: float = 0.0  # MB more than before, at most
    descriptors: int = 0  # at most
    lines: int = 0
    answered: str = ""  # of the viewer's questions
    violations: list[str] = field(default_factory=list)


class Camera:
    """An MJPEG camera, in a process of its own, that can be taken away."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.port = servers.free_port()
        self.url = f"http://127.0.0.1:{self.port}/stream.mjpg"

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", _CAMERA, str(self.port)])
        servers.wait_for_port(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


_CAMERA = """
import sys, threading
from tests.vision import servers
with servers.mjpeg(port=int(sys.argv[1])):
    threading.Event().wait()
"""


class Service:
    """A run in a process of its own, under a limit of open files."""

    def __init__(self, folder: Path, source: str, descriptors: int, attack: Attack) -> None:
        cert, key = pair(folder)
        page = "patience=10" if attack.let_in else f"token={TOKEN}"
        page += f"&cert={cert}&key={key}" if attack.tls else ""
        self._tls = ssl.create_default_context(cafile=str(cert)) if attack.tls else None
        bundle = models.make_bundle(folder / "reds.edge", models.DETECT)
        self.frames, self.results = folder / "frames", folder / "results.jsonl"
        self.log = folder / "log.txt"
        self.port = servers.free_port()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _LIMITED, str(descriptors), "run", str(bundle.path), source,
                 "--sink", f"frames:{self.frames}?every=0.2", "--sink", f"jsonl:{self.results}",
                 "--sink", f"web:{self.port}?{page}"],
                stderr=log,
            )  # fmt: skip
        servers.wait_for_port(self.port)

    def images(self) -> int:
        """Results so far."""
        return self.results.read_bytes().count(b'"seen"') if self.results.exists() else 0

    def kept(self) -> int:
        return len(list(self.frames.glob("seen-*.jpg"))) if self.frames.exists() else 0

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def state(self, timeout: float = 10.0) -> Any:
        """The page's figures, asked for from an address that is not the attacker's."""
        there = {"port": self.port, "timeout": timeout, "source_address": (VIEWER, 0)}
        asking = (
            http.client.HTTPConnection("localhost", **there)
            if self._tls is None
            else http.client.HTTPSConnection("localhost", **there, context=self._tls)
        )
        with contextlib.closing(asking):
            asking.request("GET", "/state", headers={"Authorization": f"Bearer {TOKEN}"})
            return json.load(asking.getresponse())

    def end(self) -> int:
        """Stop it; its exit code, 9 where it had to be killed."""
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 9


_LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
from edgenets.cli.main import main
main()
"""


class Watcher(threading.Thread):
    """Looks at a process, and asks the page as a viewer would, until it is ended."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._service, self._process = service, psutil.Process(service.process.pid)
        self._ended = threading.Event()
        self.memory = self._process.memory_info().rss
        self.descriptors, self.asked, self.answered = 0, 0, 0

    def run(self) -> None:
        while not self._ended.wait(0.25):
            with contextlib.suppress(psutil.Error):
                self.memory = max(self.memory, self._process.memory_info().rss)
                self.descriptors = max(self.descriptors, self._process.num_fds())
            if int(time.monotonic() * 4) % 4 == 0:
                self.asked += 1
                with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                    self._service.state(3.0)
                    self.answered += 1

    def end(self) -> None:
        self._ended.set()
        self.join(20)


def attacked(attack: Attack, clients: int, descriptors: int, seconds: float) -> Figures:
    """One attack on a run of its own.

    Args:
        clients: connections that the attacker holds, or tries to.
        descriptors: the run's limit of open files.
        seconds: for how long; of each part before and after a third.
    """
    found = Figures(attack.name, clients)
    camera = Camera()
    camera.start()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.callback(camera.stop)
        service = Service(Path(folder), camera.url, descriptors, attack)
        stack.callback(service.end)
        _until(lambda: service.images() > 20 and service.kept() > 0, 30)
        service.state()
        found.before = _rate(service, seconds / 3)
        memory, said, kept = psutil.Process(service.process.pid).memory_info().rss, 0, 0
        watcher = Watcher(service)
        said = len(service.lines())
        watcher.start()
        with Crowd(attack, service.port, clients) as crowd:
            time.sleep(seconds / 6)
            found.during = _rate(service, seconds / 3)
            camera.stop()
            time.sleep(seconds / 6)
            camera.start()
            kept, images = service.kept(), service.images()
            back = _until(lambda: service.images() > images and service.kept() > kept, 30)
            if not back:
                found.violations.append("the camera did not come back")
            time.sleep(seconds / 6)
            lines = service.lines()[said:]
        watcher.end()
        found.after = _rate(service, seconds / 3)
        found.opened, found.refused = crowd.tally.opened, crowd.tally.refused
        found.memory = (watcher.memory - memory) / 1e6
        found.descriptors, found.lines = watcher.descriptors, len(lines)
        found.answered = f"{watcher.answered}/{watcher.asked}"
        _judge(found, watcher, lines)
        if service.process.poll() is not None:
            found.violations.append(f"the run ended: {service.process.returncode}")
        elif code := service.end():
            found.violations.append(f"exit code {code}: {service.lines()[-1:]}")
    return found


def _judge(found: Figures, watcher: Watcher, lines: list[str]) -> None:
    if found.during < LEAST_RATE * found.before or found.after < LEAST_RATE * found.before:
        found.violations.append("fewer images a second")
    if found.memory > MOST_MEMORY:
        found.violations.append(f"{found.memory:.0f} MB more")
    if found.lines > MOST_LINES:
        found.violations.append(f"{found.lines} lines of the log")
    wrong = [line for line in lines if "Traceback" in line or "frames:" in line]
    found.violations += wrong[:3]
    if watcher.answered < 0.8 * watcher.asked:
        found.violations.append("viewers are not answered")


def _rate(service: Service, seconds: float) -> float:
    """Images a second."""
    images, begun = service.images(), time.monotonic()
    time.sleep(seconds)
    return (service.images() - images) / (time.monotonic() - begun)


def _until(true: Any, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def many_files(count: int) -> Iterator[None]:
    """A block in which this process, which attacks, may open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, count + 200)
    resource.setrlimit(
        resource.RLIMIT_NOFILE,
        (wanted if hard == resource.RLIM_INFINITY else min(hard, wanted), hard),
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1200)
    parser.add_argument("--descriptors", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--attack", choices=ATTACKS, action="append")
    given = parser.parse_args()
    rows = ("attack", "clients", "opened", "refused", "before", "during", "after", "MB more",
            "descriptors", "log lines", "viewer", "violations")  # fmt: skip
    print(" | ".join(rows))
    violations = 0
    with many_files(given.clients):
        for name in given.attack or ATTACKS:
            f = attacked(ATTACKS[name], given.clients, given.descriptors, given.seconds)
            violations += len(f.violations)
            print(
                f"{f.attack} | {f.clients:,} | {f.opened:,} | {f.refused:,} | {f.before:.1f}/s | "
                f"{f.during:.1f}/s | {f.after:.1f}/s | {f.memory:.1f} | {f.descriptors} | "
                f"{f.lines} | {f.answered} | {'; '.join(f.violations) or 0}",
                flush=True,
            )
    print(f"{violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
