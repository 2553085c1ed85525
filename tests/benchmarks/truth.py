"""Is what arrives at the sinks what was sent? `python -m tests.benchmarks.truth [--quick]`.

`--only film board` plays some of the scenarios: by their names, or all of a module of tests/truth.

A world whose every image, sound and line carries its own number goes through each kind of source,
with faults that come of seeds (tests/truth). What arrives and was not sent, at another time, twice
or out of order, what is missing and not counted, and an exit code that hides a loss are violations;
one is exit code 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import pulse
from tests.truth import board
from tests.truth.films import film
from tests.truth.hearing import microphone, pipe, recording
from tests.truth.ledger import Verdict
from tests.truth.messages import broker, lines
from tests.truth.rtsp import rtsp
from tests.truth.streams import stream
from tests.vision import servers

# Each scenario, and of how many seeds it is played.
_SCENARIOS: tuple[tuple[Callable[[int, Path], Verdict], int], ...] = (
    (film, 60), (stream, 12), (rtsp, 4), (recording, 40), (pipe, 10), (microphone, 2),
    (lines, 10), (broker, 4), (board.camera, 3), (board.microphone, 3),
)  # fmt: skip

# What a scenario needs that may not be there.
_NEEDS: dict[Callable[[int, Path], Verdict], Callable[[], str | None]] = {
    rtsp: servers.rtsp_missing, broker: servers.mosquitto_missing, microphone: pulse.missing,
    board.camera: board.missing, board.microphone: board.missing,
}  # fmt: skip


def main() -> int:
    """Play all, and print a line for each kind of source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds of each")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--only", nargs="+", default=[], help="names of scenarios, or of modules")
    given = parser.parse_args()
    begun, verdicts = time.monotonic(), []
    for play, seeds in _SCENARIOS:
        names = {play.__name__, play.__module__.rpartition(".")[2]}
        if given.only and not names & set(given.only):
            continue
        if why := _NEEDS.get(play, lambda: None)():
            print(f"not played: {why}")
            continue
        for seed in range(given.seed, given.seed + (2 if given.quick else seeds)):
            with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
                verdict = play(seed, Path(folder))
            verdicts.append(verdict)
            for violation in verdict.violations[:3]:
                print(f"{verdict.name}: {violation}", flush=True)
    print(f"{'source':<14} {'runs':>5} {'items':>7} {'faults':>7} {'violations':>11}")
    rows = [*dict.fromkeys(verdict.source for verdict in verdicts)]
    for name in [*rows, "all"]:
        those = [v for v in verdicts if name in (v.source, "all")]
        print(
            f"{name:<14} {len(those):>5} {sum(v.items for v in those):>7,} "
            f"{sum(v.faults for v in those):>7,} {sum(len(v.violations) for v in those):>11,}"
        )
    print(f"in {time.monotonic() - begun:.0f} s")
    return int(any(verdict.violations for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
