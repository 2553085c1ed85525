"""What block devices there are, and the evidence for which a disk is refused.

A disk is refused when anything that this system uses is on it: a mounted file system, swap, a part
of LVM, RAID or an encrypted volume. Each is looked for by device numbers, from the kernel's own
tables, through all layers between.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from edgenets.errors import FlashError

from .faults import megabytes

_SYS = Path("/sys")

# Contents of a partition that belong to more than this disk.
_SHARED = {
    "LVM2_member": "a part of LVM",
    "linux_raid_member": "a part of RAID",
    "crypto_LUKS": "an encrypted volume",
    "zfs_member": "a part of ZFS",
    "bcache": "a part of a cache",
    "ceph_bluestore": "a part of Ceph",
}


@dataclass(frozen=True)
class Disk:
    """A whole disk."""

    path: Path
    size: int  # bytes
    model: str
    serial: str  # of a loop device: the file behind it
    transport: str  # usb, mmc, nvme, …
    removable: bool
    obstacles: tuple[str, ...]  # why it must not be written

    def __str__(self) -> str:
        serial = f", serial {self.serial}" if self.serial else ""
        return f"{self.path}: {self.model or 'unnamed'}{serial}, {megabytes(self.size)}"


class _Known(TypedDict, total=False):
    """What udev knows of a disk or of a part of it, as lsblk prints it."""

    path: str | None
    vendor: str | None
    model: str | None
    serial: str | None
    tran: str | None
    fstype: str | None
    children: list[_Known]


def disks() -> list[Disk]:
    """All disks that hold something."""
    found = [_disk(path.name) for path in sorted((_SYS / "block").iterdir())]
    return [disk for disk in found if disk.size]


def check(path: Path) -> Disk:
    """The disk that a path names, if it may be written.

    Raises:
        FlashError: it is none, only a part of one, or in use; the evidence is in the message.
    """
    try:
        found = path.stat()
    except OSError as exc:
        raise FlashError(f"{path}: {exc.strerror}; `edgenets flash --list` shows disks") from exc
    if not stat.S_ISBLK(found.st_mode):
        raise FlashError(f"{path}: is no block device; `edgenets flash --list` shows disks")
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    place = (_SYS / "dev" / "block" / number).resolve()
    if (place / "partition").exists():
        raise FlashError(
            f"{path}: is a part of /dev/{place.parent.name}; an image is for the whole disk"
        )
    disk = _disk(place.name)
    if disk.obstacles:
        raise FlashError(f"{disk}: is not written: {'; '.join(disk.obstacles)}")
    return disk


def _disk(name: str) -> Disk:
    place = _SYS / "block" / name
    info = _lsblk(name)
    backing = _text(place / "loop" / "backing_file")
    return Disk(
        path=Path("/dev") / name,
        size=int(_text(place / "size") or 0) * 512,
        model=_model(info) or ("loop device" if backing else _text(place / "device" / "name")),
        serial=str(info.get("serial") or "") or backing or _text(place / "device" / "serial"),
        transport=str(info.get("tran") or ""),
        removable=_text(place / "removable") == "1" or info.get("tran") in ("usb", "mmc"),
        obstacles=tuple(_obstacles(place, info)),
    )


def _model(info: _Known) -> str:
    words = [(info.get("vendor") or "").strip(), (info.get("model") or "").strip()]
    return " ".join(word for word in words if word and not word.startswith("0x"))


def _obstacles(place: Path, info: _Known) -> list[str]:
    """What this system uses of a disk."""
    found = []
    if _text(place / "ro") == "1":
        found.append("it may only be read (its switch, or its reader)")
    mounts, swaps = _mounts(), _swaps()
    for device in _layers(place):
        number = _text(device / "dev")
        name = device.name
        found += [f"/dev/{name} is mounted at {at}" for at in mounts.get(number, [])]
        if number in swaps:
            found.append(f"/dev/{name} is swap")
        if (device / "dm").is_dir():
            found.append(f"/dev/{name} is a volume ({_text(device / 'dm' / 'name')})")
        if (device / "md").is_dir():
            found.append(f"/dev/{name} is a RAID")
    for part in (info, *info.get("children", [])):
        if kind := _SHARED.get(part.get("fstype") or ""):
            found.append(f"{part.get('path')} is {kind}")
    return list(dict.fromkeys(found))


def _layers(place: Path) -> list[Path]:
    """A disk, its partitions, and all that stands on them (LVM, RAID, encryption)."""
    found = [place]
    for part in sorted(place.glob(f"{place.name}*")):
        if (part / "partition").exists():
            found += _layers(part)
    for holder in sorted((place / "holders").glob("*")):
        found += _layers(holder.resolve())
    return found


def _mounts() -> dict[str, list[str]]:
    """Where each device is mounted, by its numbers."""
    found: dict[str, list[str]] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        words, source = before.split(), after.split()[1:2]
        numbers = {words[2]}
        if source and source[0].startswith("/dev/"):  # btrfs and others have numbers of their own
            try:
                device = Path(source[0]).stat().st_rdev
                numbers.add(f"{os.major(device)}:{os.minor(device)}")
            except OSError:
                pass
        for number in numbers:
            found.setdefault(number, []).append(words[4])
    return found


def _swaps() -> set[str]:
    found = set()
    for line in Path("/proc/swaps").read_text().splitlines()[1:]:
        try:
            device = Path(line.split()[0]).stat()
        except (OSError, IndexError):
            continue
        if stat.S_ISBLK(device.st_mode):
            found.add(f"{os.major(device.st_rdev)}:{os.minor(device.st_rdev)}")
    return found


def _lsblk(name: str) -> _Known:
    """What udev knows of a disk; nothing where there is no lsblk."""
    command = ["lsblk", "--json", "--output", "PATH,VENDOR,MODEL,SERIAL,TRAN,FSTYPE",
               f"/dev/{name}"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=30)
        found: _Known = json.loads(done.stdout)["blockdevices"][0]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, IndexError):
        return {}
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
