"""Flashing beside `dd`: the same image to the same loop device, in turns; needs root.

    python -m tests.benchmarks.flash [MEGABYTES [PAIRS]]

dd writes with direct I/O, syncs, and reads back once, which compares nothing; edgenets also looks
for a counterfeit card, digests, compares, and writes the head last. Then an image of which a
quarter holds data, beside one that is no larger than those data: with a block map, and without,
where its zeros have to be read back.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edgenets.devices.flash.bmap import BlockMap, Range
from edgenets.devices.flash.engine import write
from edgenets.devices.flash.image import Image
from edgenets.devices.flash.journal import Job, Journal
from edgenets.devices.flash.target import Target

MEGA = 1 << 20


@contextmanager
def loop_device(file: Path) -> Iterator[Path]:
    command = ["losetup", "--direct-io=on", "--find", "--show", str(file)]
    device = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def by_dd(image: Path, device: Path, megabytes: int) -> float:
    started = time.monotonic()
    subprocess.run(["dd", f"if={image}", f"of={device}", "bs=4M", "oflag=direct", "conv=fsync",
                    "status=none"], check=True)  # fmt: skip
    subprocess.run(["dd", f"if={device}", "of=/dev/null", "bs=4M", "iflag=direct",
                    f"count={megabytes // 4}", "status=none"], check=True)  # fmt: skip
    return time.monotonic() - started


def by_edgenets(
    image: Path, device: Path, folder: Path, map: BlockMap | None = None
) -> float:  # fmt: skip
    started = time.monotonic()
    with Target(device) as target:
        packed = Image(image)
        job = Job(str(image), packed.packed_size, 0, str(device), target.size)
        write(packed, target, Journal(job, folder / "journals"), map=map)
    return time.monotonic() - started


def main(megabytes: int, pairs: int) -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        image, sparse, card = folder / "image", folder / "sparse", folder / "card"
        with image.open("wb") as file:
            for _ in range(megabytes // 4):
                file.write(rng.bytes(4 * MEGA))
        with sparse.open("wb") as file:  # a quarter of it holds data, in runs of 16 MB
            for start in range(0, 4 * megabytes, 64):
                file.seek(start * MEGA)
                file.write(rng.bytes(16 * MEGA))
            file.truncate(4 * megabytes * MEGA)
        runs = tuple(Range(s * MEGA, (s + 16) * MEGA, None) for s in range(0, 4 * megabytes, 64))
        map = BlockMap(4 * megabytes * MEGA, runs)
        with card.open("wb") as file:
            file.truncate((4 * megabytes + 64) * MEGA)
        with loop_device(card) as device:
            times = [
                (by_dd(image, device, megabytes), by_edgenets(image, device, folder))
                for _ in range(pairs + 1)
            ][1:]
            holes = [
                (
                    by_edgenets(image, device, folder),
                    by_edgenets(sparse, device, folder, map),
                    by_edgenets(sparse, device, folder),
                )
                for _ in range(pairs)
            ]
    ratios = [dd / own for dd, own in times]
    print(json.dumps({
        "megabytes": megabytes, "pairs": pairs,
        "dd_s": round(statistics.median(t[0] for t in times), 3),
        "edgenets_s": round(statistics.median(t[1] for t in times), 3),
        "speed_beside_dd": round(statistics.median(ratios), 3),
        "from": round(min(ratios), 3), "to": round(max(ratios), 3),
        "full_image_s": round(statistics.median(t[0] for t in holes), 3),
        "four_times_as_large_by_its_block_map_s": round(
            statistics.median(t[1] for t in holes), 3),
        "without_one_s": round(statistics.median(t[2] for t in holes), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main(*(int(x) for x in (sys.argv[1:] + ["512", "7"][len(sys.argv) - 1 :])))
