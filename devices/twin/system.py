"""The system tier: a whole arm64 machine in QEMU, with Debian's kernel, camera and sound card.

It needs no root. Its disk is written as a disk with a cache of its own is: what the guest has
not flushed when the power is cut is lost.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from edgenets.errors import TwinError

from ..flash.blocks import HEAD
from ..flash.partitions import partitions
from . import base
from .qmp import Monitor
from .sd import FailingCard
from .senses import Camera, Microphone
from .tools import call, need
from .twin import Record, Twin, kill

# Where the guest finds a server of the host's loopback: `http://10.0.2.100`, at `server_port`.
SERVER = "10.0.2.100"

# Beside what says where the root is.
_COMMAND_LINE = "rw console=ttyAMA0 quiet loglevel=4 panic=1"

# Blocks of translated code that are kept; Debian's start alone fills the default.
_TRANSLATED = 512  # MiB


class System(Twin):
    """A machine of its own."""

    @classmethod
    def make(
        cls, folder: Path, name: str, *, memory: int = 1024, card: Path | None = None,
        faults: bool = False,
    ) -> Self:  # fmt: skip
        """Make its disk; see `edgenets.devices.twin.twin.up`.

        Args:
            memory: MiB.
            card: start from this flashed card, which is written to, in place of the base's disk.
            faults: its card can be made to fail, by `sd`.
        """
        need("qemu-system-aarch64", "qemu-img", "nc", "mtype")
        ground = base.ready()
        shutil.copy(ground.key, folder / "key")
        (folder / "key").chmod(0o600)
        if faults:
            call(["cp", "--sparse=always", card or ground.disk, folder / "disk.raw"])
        if card is not None:
            (folder / "card").symlink_to(folder / "disk.raw" if faults else card.resolve())
        elif not faults:
            call(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", ground.disk,
                  folder / "disk.qcow2"])  # fmt: skip
        ssh, server = _free_ports(2)
        (folder / "server_port").write_text(str(server))
        return cls(folder, Record("system", name, 0, "127.0.0.1", ssh, 0, memory))

    @property
    def server_port(self) -> int:
        """The port of the host's loopback that the guest reaches as `SERVER`, port 80."""
        return int((self.folder / "server_port").read_text())

    def power_on(self, *arguments: str) -> None:
        """See `Twin.power_on`; arguments are QEMU's."""
        network = (
            f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.record.port}-:22,"
            f"guestfwd=tcp:{SERVER}:80-cmd:nc 127.0.0.1 {self.server_port}"
        )
        drive = "file=disk.qcow2,format=qcow2"
        if (self.folder / "card").exists():
            drive = "file=card,format=raw"
        if self._can_fail:
            self.sd.repair()
            self.sd.start("disk.raw")
            drive = self.sd.drive
        command: list[str | Path] = [
            "qemu-system-aarch64", "-name", f"twin-{self.name}",
            "-accel", f"tcg,thread=multi,tb-size={_TRANSLATED}",
            "-m", str(self.record.memory), "-display", "none", "-monitor", "none",
            "-serial", "file:console.log", "-qmp", "unix:qmp.sock,server=on,wait=off",
            "-netdev", network, *self._machine(f"{drive},cache=writeback"),
            "-daemonize", "-pidfile", "pid", *arguments,
        ]  # fmt: skip
        (self.folder / "pid").unlink(missing_ok=True)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise TwinError(f"twin {self.name}: QEMU did not start: {done.stderr.strip()}")
        self._note(pid=int((self.folder / "pid").read_text()))

    def _machine(self, drive: str) -> list[str | Path]:
        """QEMU's words for the machine itself; a network `net` is there already."""
        ground = base.ready()
        line = "root=/dev/vda"
        if (self.folder / "card").exists():  # a board's firmware takes it from there
            line = call(["mtype", "-i", self._fat, "::/cmdline.txt"]).strip()
        return [
            "-M", "virt", "-cpu", "cortex-a72", "-smp", "2",
            "-kernel", ground.folder / "vmlinuz", "-initrd", ground.folder / "initrd.gz",
            "-append", f"{line} {_COMMAND_LINE}",
            "-drive", f"{drive},if=none,id=disk", "-device", "virtio-blk-pci,drive=disk",
            "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci",
        ]  # fmt: skip

    @property
    def _fat(self) -> str:
        """The card's FAT, as mtools name it."""
        card = self.folder / "card"
        with card.open("rb") as file:
            fat = next((p for p in partitions(file.read(HEAD)) if p.kind == "fat"), None)
        if fat is None:
            raise TwinError(f"{card.resolve()}: has no FAT partition to start from")
        return f"{card.resolve()}@@{fat.start}"

    def power_cut(self) -> None:
        """See `Twin.power_cut`."""
        if self.running:
            kill(self.record.pid)
        if self._can_fail and (server := self.sd.pid):
            kill(server)
        self._note(pid=0)

    @property
    def camera(self) -> Camera:
        """See `Twin.camera`."""
        return Camera(self.ssh)

    @property
    def mic(self) -> Microphone:
        """See `Twin.mic`."""
        return Microphone(self.ssh)

    @property
    def sd(self) -> FailingCard:
        """See `Twin.sd`."""
        return FailingCard(self.folder) if self._can_fail else super().sd

    @property
    def _can_fail(self) -> bool:
        return (self.folder / "disk.raw").exists()

    def monitor(self) -> Monitor:
        """QEMU's own ear, for snapshots; to be closed."""
        return Monitor(self.folder, "qmp.sock")

    def save(self, name: str) -> None:
        """Keep the machine as it is, its memory included.

        Raises:
            TwinError: QEMU refuses.
        """
        with self.monitor() as monitor:
            monitor.human(f"savevm {name}")

    def restore(self, name: str) -> None:
        """Take the machine back to what was kept; errors as `save`."""
        with self.monitor() as monitor:
            monitor.human(f"loadvm {name}")


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens at just now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
