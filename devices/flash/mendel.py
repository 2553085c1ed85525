"""Mendel Linux to a Coral Dev Board: its parts, in the order that its bootloader needs.

The bootloader comes first and is started anew, so that the one that is of this release writes the
partition table; that table has a size of its own for each size of eMMC; it is read again by another
start. After Google's flash.sh of the release. What was written cannot be read back by fastboot:
that it was written is the board's own word.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import FlashError
from edgenets.progress import Progress

from . import fastboot
from .fastboot import Bootloader, bootloaders
from .flash import Proof, obtain

BOOTLOADER, BOOT, ROOT, HOME = "u-boot.imx", "boot_arm64.img", "rootfs_arm64.img", "home.img"

# Sizes of eMMC in bytes, from and up to, and the partition table for them.
_TABLES = (
    (7_000_000_000, 8_000_000_000, "partition-table-8gb.img"),
    (14_000_000_000, 17_000_000_000, "partition-table-16gb.img"),
    (60_000_000_000, 1 << 40, "partition-table-64gb.img"),
)

# From Mendel to its bootloader.
_LEAVING = 60.0  # s


@dataclass(frozen=True)
class MendelReport:
    """What was written."""

    board: str  # its serial
    partitions: dict[str, int]  # bytes, in the order of writing
    seconds: float


@contextmanager
def images(source: Path) -> Iterator[Path]:
    """A folder with the parts of a release: the given one, or a zip, unpacked for as long.

    Raises:
        FlashError: it is neither, or a part is missing.
    """
    with tempfile.TemporaryDirectory(prefix="mendel-") as scratch:
        folder = source if source.is_dir() else _unpack(source, Path(scratch))
        tables = [table for _, _, table in _TABLES if (folder / table).exists()]
        missing = [name for name in (BOOTLOADER, BOOT, ROOT) if not (folder / name).exists()]
        if not tables:
            missing.append(_TABLES[0][2])
        if missing:
            raise FlashError(f"{source}: no release of Mendel Linux: no {', '.join(missing)}")
        yield folder


def flash_mendel(
    source: str,
    serial: str,
    confirm: Callable[[Bootloader], None],
    *,
    proof: Proof | None = None,
    progress: Progress | None = None,
) -> MendelReport:
    """Write a release to a board.

    Args:
        source: path or URL of a release's zip, or its folder.
        serial: of `find`.
        confirm: called with the board that is about to be overwritten; raises where that is not
            wanted.
        proof: what a zip is held against.

    Raises:
        FlashError: it is no release, or the board is not found, refuses a part, or falls silent.
            It stays in its bootloader then: the same command can be run again.
    """
    progress = progress or Progress()
    with images(obtain(source, proof or Proof(), progress)) as folder:
        board = find(serial, progress)
        confirm(board)
        return write(folder, board, progress)


def write(folder: Path, board: Bootloader, progress: Progress) -> MendelReport:
    """Write the parts of a release to a board that is in its bootloader; errors as above."""
    started = time.monotonic()
    table = _table(board, folder)
    first, second = {"bootloader0": BOOTLOADER}, {"gpt": table}
    home = {"home": HOME} if (folder / HOME).exists() else {}
    rest = {**home, "boot": BOOT, "rootfs": ROOT}
    parts = {**first, **second, **rest}
    sizes = {partition: (folder / name).stat().st_size for partition, name in parts.items()}
    total, done = sum(sizes.values()), 0
    with progress.task("flashing", in_bytes=True) as task:
        for partition, name in parts.items():
            task.update(done, total, f"{partition}: {name}")
            board.flash(partition, folder / name)
            done += sizes[partition]
            if partition in first or partition in second:
                board.restart_bootloader()
            if partition in second:
                board.erase("misc")
        task.update(done, total)
    board.restart()
    return MendelReport(board.serial, sizes, time.monotonic() - started)


def find(serial: str, progress: Progress) -> Bootloader:
    """The board that is meant; one that runs Mendel is sent to its bootloader by mdt.

    Args:
        serial: as `fastboot devices` has it, or tcp:HOST[:PORT]; empty: the only one there is.

    Raises:
        FlashError: there is none, or several.
    """
    if serial.startswith(("tcp:", "udp:")):
        return Bootloader(serial)
    found = [b for b in bootloaders() if serial in ("", b.serial)]
    if not found and shutil.which("mdt"):
        found = _leave_mendel(serial, progress)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"fastboot:{b.serial}" for b in found)
        raise FlashError(f"several boards are in their bootloader; name one: {names}")
    raise FlashError(
        f"no board {serial or 'on USB'} is in its bootloader. From Mendel: mdt reboot-bootloader; "
        f"from its serial console, at U-Boot's prompt: fastboot 0; and look: fastboot devices"
    )


def _leave_mendel(serial: str, progress: Progress) -> list[Bootloader]:
    """Send the one board that mdt sees to its bootloader."""
    reply = _mdt("devices")
    names = [line.split()[0] for line in reply.splitlines() if "\t(" in line]
    if len(names) != 1:
        return []
    progress.say(f"{names[0]} is sent to its bootloader")
    _mdt("reboot-bootloader", names[0])
    until = time.monotonic() + _LEAVING
    while time.monotonic() < until:
        if found := [b for b in bootloaders() if serial in ("", b.serial)]:
            return found
        time.sleep(fastboot.PAUSE)
    return []


def _mdt(*words: str) -> str:
    try:
        return subprocess.run(
            ["mdt", *words], capture_output=True, text=True, timeout=_LEAVING
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise FlashError(f"mdt {words[0]}: {exc}") from exc


def _table(board: Bootloader, folder: Path) -> str:
    """The partition table for a board's eMMC."""
    reply = board.variable("mmc_size")
    try:
        size = int(reply, 0)
    except ValueError as exc:
        raise FlashError(f"{board.serial}: does not report the size of its eMMC: {reply}") from exc
    for least, most, name in _TABLES:
        if least < size < most:
            if not (folder / name).exists():
                raise FlashError(f"{board.serial}: needs {name}, which the release has not")
            return name
    raise FlashError(f"{board.serial}: there is no partition table for an eMMC of {reply} bytes")


def _unpack(source: Path, folder: Path) -> Path:
    """The parts of a release, taken out of its zip."""
    wanted = {BOOTLOADER, BOOT, ROOT, HOME, *(table for _, _, table in _TABLES)}
    try:
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                name = member.filename.rpartition("/")[2]
                if name in wanted:
                    with archive.open(member) as packed, (folder / name).open("wb") as out:
                        shutil.copyfileobj(packed, out, 1 << 20)
    except (OSError, zipfile.BadZipFile, EOFError) as exc:
        raise FlashError(f"{source}: no zip of a release, and no folder of one: {exc}") from exc
    return folder
