"""A board whose plug is pulled at random moments of deployments; a part of `make twin-full`.

A system twin serves one of two releases and is told to take the other one. At a random moment QEMU
is killed: what the guest had not flushed to its disk is gone. It is started again, and must serve
the old release or the new one, with no trial left over.

    python -m tests.power_cuts 25 [SEED]
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edgenets import zoo
from edgenets.devices.deploy import manage
from edgenets.devices.deploy.compose import Supply
from edgenets.devices.deploy.deploy import Listener, deploy
from edgenets.devices.deploy.needs import Wishes
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin import twin
from edgenets.devices.twin.twin import Twin
from edgenets.errors import DeviceError

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"

SOURCE = "null:96x96?rate=4"
HEALTH = Health(inferences=5, latency_ms=20_000.0, patience=150.0)

# After the start: the service, and the guard that ends a trial.
PATIENCE = 240.0  # s


@dataclass(frozen=True)
class Cut:
    """One of them."""

    number: int
    after: float  # s since the deployment began
    during: str  # what it was doing, as it told last
    serves: str  # "old", "new" or "nothing"
    seconds: float  # from SSH to the first inference of what serves


def take(board: Twin, version: int, listener: Listener) -> str | None:
    """Deploy one of the two releases; they differ by a threshold."""
    wishes = Wishes((SOURCE,), arguments=("--threshold", f"0.{5 + version}"), health=HEALTH)
    outcome = deploy(
        zoo.load("image-classify"), board.address(), wishes, supply=Supply(CONSTRAINTS),
        accept_new=True, listener=listener,
    )  # fmt: skip
    assert outcome.well, outcome
    return outcome.release


def pull_the_plug(board: Twin, number: int, version: int, delay: float, old: str) -> Cut:
    """Begin a deployment, cut the power, start again and look."""
    told = ["connecting"]
    began = time.monotonic()
    listener = Listener(say=told.append, progress=lambda *_: told.append("sending"))

    def work() -> None:
        try:
            take(board, version, listener)
            told.append("done")
        except DeviceError:
            return  # the board is gone

    thread = threading.Thread(target=work, daemon=True)
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
    return Cut(number, round(after, 1), during, serves, round(first, 1))


def main(count: int, seed: int) -> int:
    """Cut so many times; the exit code is 1 when a board was lost."""
    rng = random.Random(seed)
    lost = 0
    with tempfile.TemporaryDirectory(prefix="cuts-") as folder:
        os.environ["EDGENETS_TWINS"] = folder
        board = twin.up("system", "board")
        try:
            board.wait()
            take(board, 0, Listener())
            began = time.monotonic()
            take(board, 1, Listener())
            longest = time.monotonic() - began
            print(json.dumps({"a deployment takes": round(longest, 1)}), flush=True)
            for number in range(1, count + 1):
                status = manage.status(board.address())
                serving = str(status["serving"])
                version = 0 if "0.6" in status["record"]["arguments"] else 1
                cut = pull_the_plug(board, number, version, rng.uniform(0, longest), serving)
                print(json.dumps(asdict(cut)), flush=True)
                lost += cut.serves == "nothing"
        finally:
            board.down()
    print(json.dumps({"cuts": count, "lost": lost}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
