"""A Raspberry Pi 3 in QEMU, which starts from a card that was flashed, and from nothing else.

What the board's firmware does is done here: kernel, initrd, device tree and command line are taken
from the card's FAT. It is slow (four emulated Cortex-A53), has neither camera nor sound, and is the
nearest to a board that there is without one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from edgenets.errors import TwinError

from .system import System
from .tools import call, need

# What the firmware takes, as config.txt of such a card names it.
KERNEL, INITRD, TREE, LINE = ("kernel8.img", "initramfs8", "bcm2837-rpi-3-b.dtb", "cmdline.txt")

MEMORY = 1024  # MiB; the board has no other


class RaspberryPi(System):
    """A Raspberry Pi 3 Model B."""

    @classmethod
    def make(
        cls, folder: Path, name: str, *, memory: int = MEMORY, card: Path | None = None,
        faults: bool = False,
    ) -> Self:  # fmt: skip
        """Take its card; see `System.make`.

        Raises:
            TwinError: there is none, or its size is no power of two, which QEMU wants of cards.
        """
        if card is None:
            raise TwinError("a Raspberry Pi twin starts from a card: --card FILE, flashed before")
        size = card.stat().st_size
        if size & (size - 1):
            raise TwinError(f"{card}: {size} bytes; QEMU's cards have a power of two")
        need("mcopy")
        made = super().make(folder, name, memory=MEMORY, card=card, faults=faults)
        made._note(tier="raspberry")
        return made

    def _machine(self, drive: str) -> list[str | Path]:
        firmware = self.folder / "firmware"
        shutil.rmtree(firmware, ignore_errors=True)
        firmware.mkdir()
        for name in (KERNEL, INITRD, TREE, LINE):
            call(["mcopy", "-i", self._fat, f"::/{name}", firmware])
        line = (firmware / LINE).read_text().strip()
        return [
            "-M", "raspi3b", "-kernel", firmware / KERNEL, "-initrd", firmware / INITRD,
            "-dtb", firmware / TREE, "-append", f"{line} console=ttyAMA0,115200 loglevel=5",
            "-drive", f"{drive},if=sd", "-device", "usb-net,netdev=net",
        ]  # fmt: skip
