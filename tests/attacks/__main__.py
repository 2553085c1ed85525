"""All attacks, and a table: `python -m tests.attacks [--bundles N] [--kills N]`; `make attack`.

Exit code 1 where one succeeded.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.attacks import bundles, inputs, kills


def main() -> int:
    """Attack, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows: list[tuple[str, int, str, list[str], float]] = []

    begun = time.monotonic()
    tally = bundles.attack(given.bundles, given.seed)
    said = f"{tally.refused:,} refused, {tally.ran:,} harmless"
    rows.append(("mutated bundles", tally.tried, said, tally.violations, time.monotonic() - begun))

    begun = time.monotonic()
    hostile = inputs.hostile()
    wrong = inputs.attack(hostile)
    rows.append(("hostile inputs", len(hostile), "", wrong, time.monotonic() - begun))

    begun = time.monotonic()
    hit, wrong = kills.attack(given.kills, given.seed)
    rows.append(("kill −9", given.kills, f"{hit} while it ran", wrong, time.monotonic() - begun))

    print(f"{'attack':<18} {'tried':>8} {'violations':>11} {'seconds':>8}")
    for name, tried, said, found, seconds in rows:
        print(f"{name:<18} {tried:>8,} {len(found):>11} {seconds:>8.0f}  {said}")
    for name, _, _, found, _ in rows:
        print(*(f"{name}: {one}" for one in found[:10]), sep="\n")
    return int(any(row[3] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
