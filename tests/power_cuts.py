"""A board whose plug is pulled at random moments of deployments and updates.

A system twin serves one release and is on its way to another: it is told so by `deploy`, or fetches
it from a shelf by itself. At a random moment QEMU is killed: what the guest had not flushed to its
disk is gone. It is started again, and must serve the old release or the new one, with no trial left
over. A part of `make twin-full`.

    python -m tests.power_cuts 50 [SEED]         # half of them deployments, half updates
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from edgenets import zoo
from edgenets.devices import board as boards
from edgenets.devices.deploy import manage
from edgenets.devices.deploy.deploy import Observer, deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin import twin
from edgenets.devices.twin.system import SERVER, System
from edgenets.devices.update.follow import follow
from edgenets.devices.update.shelf import Shelf
from edgenets.errors import DeviceError

CONSTRAINTS = Path(__file__).parents[1] / "constraints" / "3.11.txt"  # the twin is a Debian 12
BUNDLE = "image-classify"
SOURCE = "null:96x96?rate=4"
HEALTH = Health(inferences=5, latency_ms=20_000.0, patience=150.0)

# The channel of the twin, whose base has this board's system.
CHANNEL = "linux-arm64"

# After the start: the service, and the guard that ends a trial.
PATIENCE = 240.0  # s


@dataclass(frozen=True)
class Cut:
    """One of them."""

    number: int
    way: str  # "deploy" or "update"
    after: float  # s since it began
    during: str  # what it was doing, as it told last
    serves: str  # "old", "new" or "nothing"
    seconds: float  # from SSH to the first inference of what serves


class Way(Protocol):
    """How a board comes to another release."""

    name: str

    def take(self, told: list[str]) -> None:
        """Have the board serve another release; returns when its trial has begun or ended."""


def serve(version: int) -> ServeOptions:
    """Two releases differ by a threshold alone."""
    threshold = ("--threshold", f"0.{5 + version % 2}")
    return ServeOptions((SOURCE,), arguments=threshold, extras=("update",), health=HEALTH)


class Deployments:
    """From here, over SSH."""

    name = "deploy"

    def __init__(self, board: System) -> None:
        self._board = board
        self._version = 0

    def take(self, told: list[str]) -> None:
        self._version += 1
        observer = Observer(say=told.append, progress=lambda *_: told.append("sending"))
        outcome = deploy(
            zoo.load(BUNDLE), self._board.address(), serve(self._version),
            supply=Supply(CONSTRAINTS), accept_new=True, observer=observer,
        )  # fmt: skip
        assert outcome.well, outcome


class Updates:
    """By the board itself, from a shelf that is served on this machine's loopback."""

    name = "update"

    def __init__(self, board: System, folder: Path) -> None:
        self._board = board
        self._shelf, self._keys = folder / "shelf", folder / "keys"
        self._scratch = folder / "scratch"
        self._scratch.mkdir()
        self.root = Shelf.make(self._shelf, self._keys)
        self._version = 0
        self._told: list[str] = []

    @contextmanager
    def served(self) -> Iterator[None]:
        """Serve the shelf where the twin looks for it."""
        asked = self._asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                asked(self.path)

        handler = partial(Handler, directory=str(self._shelf))
        server = ThreadingHTTPServer(("127.0.0.1", self._board.server_port), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _asked(self, path: str) -> None:
        self._told.append(f"fetching {path.split('/')[1]}/{path.rpartition('/')[2][-24:]}")

    def take(self, told: list[str]) -> None:
        self._told = told
        self._version += 1
        told.append("publishing")
        Shelf(self._shelf, self._keys).publish(
            zoo.load(BUNDLE), {CHANNEL: boards.load(CHANNEL)}, serve(self._version),
            Supply(CONSTRAINTS), self._scratch,
        )  # fmt: skip
        told.append("looking")
        self._board.ssh("systemctl start edgenets-update.service", timeout=300)
        told.append("on trial")
        while manage.status(self._board.address())["trial"] is not None:
            time.sleep(0.5)


def pull_the_plug(board: System, way: Way, number: int, delay: float) -> Cut:
    """Begin, cut the power, start again and look."""
    old = manage.status(board.address())["serving"]
    told = ["connecting"]

    def work() -> None:
        try:
            way.take(told)
            told.append("done")
        except DeviceError:
            return  # the board is gone

    thread = threading.Thread(target=work, daemon=True)
    began = time.monotonic()
    thread.start()
    time.sleep(delay)
    after, during = time.monotonic() - began, told[-1]
    board.power_cut()
    thread.join(1.0)  # one that was at its end asks for the verdict until the board is back
    board.power_on()
    board.wait()
    up = time.monotonic()
    serves, first = "nothing", 0.0
    while time.monotonic() - up < PATIENCE:
        status = manage.status(board.address())
        live = status["live"]
        if live and live["inferences"] and not first:
            first = time.monotonic() - up
        if live and live["inferences"] and status["trial"] is None:
            serves = "old" if status["serving"] == old else "new"
            break
        time.sleep(1)
    thread.join(PATIENCE)
    return Cut(number, way.name, round(after, 1), during, serves, round(first, 1))


def main(count: int, seed: int) -> int:
    """Cut so many times; the exit code is 1 when a board was lost."""
    rng = random.Random(seed)
    lost = 0
    with tempfile.TemporaryDirectory(prefix="cuts-") as name:
        os.environ["EDGENETS_TWINS"] = name
        board = twin.up("system", "board")
        assert isinstance(board, System)
        try:
            board.wait()
            deployments = Deployments(board)
            deployments.take([])
            updates = Updates(board, Path(name))
            with updates.served():
                follow(board.address(), f"http://{SERVER}", updates.root, CHANNEL, 600)
                longest = {}
                for way in (deployments, updates):
                    began = time.monotonic()
                    way.take([])
                    longest[way.name] = time.monotonic() - began
                    print(json.dumps({way.name: round(longest[way.name], 1)}), flush=True)
                for number in range(1, count + 1):
                    way = (deployments, updates)[number % 2]
                    cut = pull_the_plug(board, way, number, rng.uniform(0, longest[way.name]))
                    print(json.dumps(asdict(cut)), flush=True)
                    lost += cut.serves == "nothing"
        finally:
            board.down()
    print(json.dumps({"cuts": count, "lost": lost}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
