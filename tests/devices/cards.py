"""Cards for the tests of flashing: loop devices, and memory that fails as it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edgenets.devices.flash.engine import Report, write
from edgenets.devices.flash.image import Image
from edgenets.devices.flash.journal import Job, Journal
from edgenets.devices.flash.target import Target

MEGA = 1 << 20

PLUGIN = Path(__file__).parent / "failing_card.py"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

# A program that was started answers within this, on a busy machine.
PATIENCE = 20.0  # s


@contextmanager
def failing_card(folder: Path, size: int, **options: int) -> Iterator[Path]:
    """A file that behaves as a card which fails in one way; see `failing_card.py`."""
    if not (shutil.which("nbdkit") and shutil.which("nbdfuse")):
        pytest.skip("nbdkit and nbdfuse are needed")
    folder.mkdir(parents=True, exist_ok=True)
    socket, card = folder / "s", folder / "card"
    card.touch()
    words = [f"{key}={value}" for key, value in {"size": size, **options}.items()]
    server = subprocess.Popen(["nbdkit", "-f", "-U", str(socket), "python", str(PLUGIN), *words])
    mount: subprocess.Popen[bytes] | None = None
    try:
        _until(socket.exists)
        mount = subprocess.Popen(["nbdfuse", str(card), "--unix", str(socket)])
        _until(lambda: card.stat().st_size == size)
        yield card
    finally:
        if mount is not None:
            mount.terminate()
            mount.wait(PATIENCE)
        server.terminate()
        server.wait(PATIENCE)


@contextmanager
def loop_device(file: Path) -> Iterator[Path]:
    """A block device of a file, with direct I/O."""
    command = ["losetup", "--direct-io=on", "--find", "--show", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield Path(device)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def make_image(path: Path, megabytes: int, seed: int = 0, holes: bool = True) -> bytes:
    """An image with a boot sector, random data, and, with `holes`, runs of zeros."""
    data = np.random.default_rng(seed).integers(0, 256, megabytes * MEGA, np.uint8)
    data[446:512] = 0
    data[510:512] = 0x55, 0xAA
    if holes:
        for start in range(3, megabytes - 1, 4):
            data[start * MEGA : (start + 2) * MEGA] = 0
    path.write_bytes(data.tobytes())
    return data.tobytes()


def flash(image: Path, card: Path, folder: Path, **options: object) -> Report:
    """Write an image to a card that no system knows."""
    with Target(card) as target:
        packed = Image(image)
        job = Job(str(image), packed.packed_size, 0, str(card), target.size)
        return write(packed, target, Journal(job, folder / "journals"), **options)  # type: ignore[arg-type]


def looks_bootable(card: Path) -> bool:
    """Whether there is a partition table on a card."""
    with card.open("rb") as file:
        return file.read(512)[510:] == b"\x55\xaa"


def _until(condition: object) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if callable(condition) and condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come up")
