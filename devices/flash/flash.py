"""`flash`: an image to a card, from the evidence that it is the right one to the last byte read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import FlashError
from edgenets.progress import Progress

from . import bmap, disks, download, engine
from .disks import Disk
from .engine import Report
from .fat import Fat
from .first_boot import FirstBoot, put
from .first_boot import check as check_settings
from .image import Image
from .journal import Job, Journal
from .partitions import partitions
from .target import Target

_URL = re.compile(r"(?i)https?://")


@dataclass(frozen=True)
class Proof:
    """What an image is checked against."""

    sha256: str | None = None  # the digest, or a file that has it
    signature: Path | None = None
    keyring: Path | None = None
    map: Path | None = None  # a block map; None: `IMAGE.bmap` beside the image, where it is


def flash(
    source: str,
    target: Path,
    confirm: Callable[[Disk, Image], None],
    *,
    proof: Proof | None = None,
    first_boot: FirstBoot | None = None,
    progress: Progress | None = None,
) -> Report:
    """Write an image to a card, with what the board is to be, and read it back.

    Args:
        source: a path or URL.
        target: the card, such as /dev/sdb.
        confirm: called with what is about to be overwritten; raises where that is not wanted.
        first_boot: what the board is to be; an image that would ignore it is an error.

    Raises:
        CardFault: the card is counterfeit, damaged, unreadable, gone, protected or too small.
        FlashError: the image is damaged or another, or the card is in use.
    """
    disk = disks.check(target)
    proof = proof or Proof()
    check_settings(first_boot or FirstBoot())
    path = obtain(source, proof, progress)
    image = Image(path)
    block_map = bmap.load(found) if (found := proof.map or _map_beside(path)) else None
    confirm(disk, image)
    with Target(target) as card:
        # An image may take an hour to fetch; what was plugged in meanwhile has another serial.
        if (now := disks.check(target)) != disk:
            raise FlashError(f"{target}: is another disk now: {now}; it was {disk}")
        changed = path.stat().st_mtime_ns
        job = Job(str(path.resolve()), image.packed_size, changed, disk.serial, card.size)
        return engine.write(
            image,
            card,
            Journal(job),
            map=block_map,
            progress=progress,
            before_head=lambda head: configure(card, head, first_boot or FirstBoot()),
        )


def obtain(source: str, proof: Proof, progress: Progress | None = None) -> Path:
    """A file that is here, or fetched, and that its proof vouches for.

    Raises:
        FlashError: it is not there, or another one.
    """
    proven = proof.sha256 is not None or proof.signature is not None
    fetched = bool(_URL.match(source))
    path = download.fetch(source, progress, proven=proven) if fetched else Path(source)
    _check(path, proof)
    return path


def configure(card: Target, head: bytes, wanted: FirstBoot) -> None:
    """Put a configuration into the boot partition, and read it back from the card itself.

    Raises:
        FlashError: there is no such partition, or the image reads no configuration.
    """
    if wanted.is_empty:
        return
    found = [p for p in partitions(head) if p.kind == "fat"]
    if not found:
        raise FlashError("the image has no FAT partition, which a configuration could be put into")
    fat = Fat(card.path, found[0].start)
    put(fat, wanted)
    card.flush()
    fat.verify()


def confirmation(disk: Disk) -> str:
    """What has to be typed for a disk: its serial and its size, so that no other one is meant."""
    return f"{disk.serial or disk.path.name}:{disk.size}"


def confirmed(text: str) -> Callable[[Disk, Image], None]:
    """A `confirm` that takes one disk alone."""

    def check(disk: Disk, _: Image) -> None:
        if text != confirmation(disk):
            raise FlashError(
                f"{disk}: is not the disk that was confirmed ({text}); it would be "
                f"--confirm {confirmation(disk)}"
            )

    return check


def _check(path: Path, proof: Proof) -> None:
    if not path.exists():
        raise FlashError(f"{path}: there is no such image")
    if proof.sha256 is not None:
        download.check_sha256(path, proof.sha256)
    if proof.signature is not None:
        if proof.keyring is None:
            raise FlashError("a signature needs a keyring with the keys that are trusted")
        download.check_signature(path, proof.signature, proof.keyring)


def _map_beside(path: Path) -> Path | None:
    """`image.img.bmap` or `image.bmap` beside `image.img.xz`, as images are published."""
    name = path
    while name.suffix:
        for candidate in (name.with_name(f"{name.name}.bmap"), name.with_suffix(".bmap")):
            if candidate.exists():
                return candidate
        name = name.with_suffix("")
    return None
