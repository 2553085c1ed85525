"""From an image to a board that serves: flashed, started twice, and reached, without a network of
its own: what it serves came with the card."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from edgenets import zoo
from edgenets.devices import board as boards
from edgenets.devices.deploy import manage
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.flash import offline
from edgenets.devices.flash.engine import write
from edgenets.devices.flash.first_boot import FirstBoot
from edgenets.devices.flash.flash import configure
from edgenets.devices.flash.image import Image
from edgenets.devices.flash.journal import Job, Journal
from edgenets.devices.flash.target import Target
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin import base, kernel, raspberry
from tests.devices.cards import MEGA
from tests.devices.twins import CONSTRAINTS, running, why_not

pytestmark = [pytest.mark.slow, pytest.mark.twin_full]

CARD = 4096  # MB
BOOT, ROOT = 8, 264  # MB from the start
SIZE = 2400  # MB of the image

# What stands in the FAT of an image, and what its disk is called, by the machine that starts it.
FILES = {
    "config.txt": b"arm_64bit=1\n", "issue.txt": b"Raspberry Pi reference 2024-11-19\n",
}  # fmt: skip
DISKS = {"system": "/dev/vda", "raspberry": "/dev/mmcblk0p"}


def files_of(tier: str) -> dict[str, bytes]:
    """The FAT of an image for a machine."""
    line = f"root={DISKS[tier]}2 rw rootwait\n".encode()
    if tier == "system":
        return {**FILES, "cmdline.txt": line}
    ground = base.ready().folder
    initrd, tree = kernel.raspberry(ground)
    return {
        **FILES, "cmdline.txt": line, raspberry.KERNEL: (ground / "vmlinuz").read_bytes(),
        raspberry.INITRD: initrd.read_bytes(), raspberry.TREE: tree.read_bytes(),
    }  # fmt: skip


# Two starts, and an installation, emulated.
PATIENCE = {"system": 420.0, "raspberry": 1500.0}  # s


def make_image(path: Path, tier: str) -> None:
    """The twins' Debian as an image for a card, as Raspberry Pi OS is laid out."""
    with path.open("wb") as file:
        file.truncate(SIZE * MEGA)
    sectors = MEGA // 512
    rows = (
        "label: dos", f"start={BOOT * sectors},size={(ROOT - BOOT) * sectors},type=c",
        f"start={ROOT * sectors},type=83", "",
    )  # fmt: skip
    subprocess.run(["sfdisk", "-q", path], input="\n".join(rows).encode(), check=True)
    subprocess.run(
        ["mkfs.vfat", "-F", "32", "-s", "1", "--offset", str(BOOT * sectors), path,
         str((ROOT - BOOT) * 1024)], check=True, capture_output=True,
    )  # fmt: skip
    for name, data in files_of(tier).items():
        command = ["mcopy", "-i", f"{path}@@{BOOT * MEGA}", "-", f"::/{name}"]
        subprocess.run(command, input=data, check=True)
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-F", "-d", base.ready().root, "-E",
         f"offset={ROOT * MEGA}", path, f"{(SIZE - ROOT) * 1024}k"], check=True,
    )  # fmt: skip
    fstab = path.with_name("fstab")
    fstab.write_text(
        f"{DISKS[tier]}2 / ext4 rw,noatime 0 1\n{DISKS[tier]}1 /boot/firmware vfat defaults 0 2\n"
    )
    commands = f"mkdir /boot/firmware\nrm /etc/fstab\nwrite {fstab} /etc/fstab\n"
    subprocess.run(
        ["debugfs", "-w", f"{path}?offset={ROOT * MEGA}"], input=commands.encode(), check=True,
        capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("tier", DISKS)
def test_from_a_packed_image_to_a_board_that_serves(tmp_path: Path, tier: str) -> None:
    if why := why_not("system"):
        pytest.skip(why)
    if not (shutil.which("mcopy") and shutil.which("mkfs.vfat")):
        pytest.skip("mtools and dosfstools are needed")
    make_image(tmp_path / "raw.img", tier)
    packer = zstandard.ZstdCompressor(level=1, threads=2)
    with (tmp_path / "raw.img").open("rb") as raw, (tmp_path / "b.img.zst").open("wb") as packed:
        packer.copy_stream(raw, packed)
    (tmp_path / "raw.img").unlink()

    profile = boards.load("linux-arm64")
    serve = ServeOptions(
        ("null:96x96?rate=2",), health=Health(inferences=5, latency_ms=30_000.0, patience=400.0)
    )
    key = base.ready().key
    wanted = FirstBoot(
        hostname="kitchen", user="pi", ssh_keys=(Path(f"{key}.pub").read_text(),),
        files=offline.files(
            zoo.load("image-classify"), replace(profile), serve, Supply(CONSTRAINTS), tmp_path
        ),
    )  # fmt: skip
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.truncate(CARD * MEGA)
    image = Image(tmp_path / "b.img.zst")
    with Target(card) as target:
        job = Job("image", image.packed_size, 0, "card", target.size)
        report = write(image, target, Journal(job, tmp_path / "journals"),
                       before_head=lambda head: configure(target, head, wanted))  # fmt: skip
    assert report.written_bytes < report.image_bytes / 2  # free space was not written

    with running(tier, "kitchen", card=card, wait=False) as (twin,):
        began = time.monotonic()
        # The first start runs the script and restarts; firmware would read the card again.
        while "Reboot" not in twin.console(500) and "reboot:" not in twin.console(500):
            assert time.monotonic() - began < PATIENCE[tier], twin.console(30)
            time.sleep(1)
        twin.power_cut()
        twin.power_on()
        twin.wait(PATIENCE[tier])
        address = twin.address("pi")
        while True:
            assert time.monotonic() - began < PATIENCE[tier], twin.console(30)
            try:
                status = manage.status(address)
            except Exception:  # not installed yet
                time.sleep(2)
                continue
            if status["live"] and status["live"]["inferences"] and status["trial"] is None:
                break
            time.sleep(2)
        assert status["record"]["name"] == "image-classify" and status["log"][-1]["event"] == "kept"
        assert twin.ssh("hostname", user="pi").out.strip() == "kitchen"
        assert "systemd.run" not in twin.ssh("cat /boot/firmware/cmdline.txt").out
