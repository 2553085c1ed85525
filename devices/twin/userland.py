"""The userland tier: an arm64 Debian in a container, its programs run by qemu-user.

systemd is its init, sshd its door, in a network namespace of its own. It has this machine's
kernel: no camera, no sound card. It is up in seconds, and there may be many. It needs root.

A power cut kills all its processes at once; what they wrote stays in this machine's cache, so
it does not prove that data reached a disk. The system tier does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from edgenets.errors import TwinError

from . import base, binfmt
from .tools import call, need
from .twin import Record, Twin, kill, shelf

# Each twin has a network of two: the host is .1, the twin .2.
_NETWORK = "10.123.{}"
_LAST_NETWORK = 250

_CGROUPS = Path("/sys/fs/cgroup")

# What /proc/cpuinfo says on a Raspberry Pi 4. qemu-user shows this machine's, and XNNPACK's reader
# of it, which expects Arm's, ends the process.
_PROCESSOR = """processor\t: {number}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""

# qemu-user's own processor has more than any board, and XNNPACK's int8 kernels for it give other
# numbers there. A Raspberry Pi 4's, for all that systemd and sshd start.
_CPU = "cortex-a72"
_FILES = {
    "etc/systemd/system.conf.d/twin.conf": f"[Manager]\nDefaultEnvironment=QEMU_CPU={_CPU}\n",
    "etc/ssh/sshd_config.d/twin-cpu.conf": f"SetEnv QEMU_CPU={_CPU}\n",
    # A confined service gets a /proc of its own, which again shows this machine's processor.
    **dict.fromkeys(
        (
            "usr/lib/systemd/system/edgenets.service.d/twin-cpuinfo.conf",
            "usr/lib/systemd/system/edgenets-update.service.d/twin-cpuinfo.conf",
        ),
        "[Service]\nBindReadOnlyPaths=/etc/twin-cpuinfo:/proc/cpuinfo\n",
    ),
}

_SHOW_PROCESSOR = """[Unit]
Description=Show the processor of a board
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=mount --bind /etc/twin-cpuinfo /proc/cpuinfo
"""


class Userland(Twin):
    """A container."""

    user = "root"  # qemu-user gives a program no more rights than it was started with: no sudo

    @classmethod
    def make(cls, folder: Path, name: str, *, like: Userland | None = None) -> Self:
        """Make its file system; see `edgenets.devices.twin.twin.up`.

        Args:
            like: another twin, whose power is off and stays so: this one starts from what is on it.
        """
        need("systemd-nspawn", "ip", "qemu-aarch64-static")
        if os.geteuid():
            raise TwinError("userland twins need root; system twins do not")
        ready = base.ready()
        shutil.copy(ready.key, folder / "key")
        for part in ("upper", "work", "root"):
            (folder / part).mkdir()
        below = [] if like is None else [str(like.folder / "upper"), *like.lower.split(":")[:-1]]
        (folder / "lower").write_text(":".join([*below, str(ready.root)]))
        number = _free_number()
        host = f"{_NETWORK.format(number)}.2"
        return cls(folder, Record("userland", name, 0, host, 22, number))

    @property
    def lower(self) -> str:
        """The file systems that it was made from, topmost first, as overlayfs takes them."""
        return (self.folder / "lower").read_text()

    @property
    def root(self) -> Path:
        """Its file system, as the host sees it while its power is on."""
        return self.folder / "root"

    @property
    def host_address(self) -> str:
        """Where it finds servers of the host."""
        return f"{_NETWORK.format(self.record.number)}.1"

    def power_on(self) -> None:
        """See `Twin.power_on`."""
        binfmt.register()
        self._mount()
        self._connect()
        network = self.root / "etc/systemd/network/10-wired.network"
        network.write_text(
            f"[Match]\nName=eth0\n[Network]\nAddress={self.record.host}/24\n"
            f"Gateway={self.host_address}\nLinkLocalAddressing=no\n"
        )
        processors = [_PROCESSOR.format(number=n) for n in range(os.cpu_count() or 1)]
        (self.root / "etc/twin-cpuinfo").write_text("".join(processors))
        for name, text in _FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        units = self.root / "etc/systemd/system"
        (units / "twin-cpuinfo.service").write_text(_SHOW_PROCESSOR)
        wanted = units / "sysinit.target.wants" / "twin-cpuinfo.service"
        if not wanted.is_symlink():
            wanted.symlink_to("../twin-cpuinfo.service")
        (self.root / "etc/hostname").write_text(f"twin-{self.name}\n")
        with (self.folder / "console.log").open("ab") as console:
            started = subprocess.Popen(
                [
                    "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot",
                    f"--machine=twin-{self.name}", f"--directory={self.root}",
                    f"--network-namespace-path=/run/netns/{self._namespace}",
                    "--console=pipe", "--link-journal=no", "--resolv-conf=off",
                ],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True, preexec_fn=self._enter_cgroup,
            )  # fmt: skip
        self._note(pid=started.pid)

    def power_cut(self) -> None:
        """See `Twin.power_cut`."""
        if self.running:
            for child in _children(self.record.pid):
                kill(child)
            kill(self.record.pid)
        self._note(pid=0)
        self._unmount()

    @property
    def _namespace(self) -> str:
        return f"twin-{self.name}"

    def _mount(self) -> None:
        if self.root.is_mount():
            return
        options = (
            f"lowerdir={self.lower},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        )
        call(["mount", "-t", "overlay", "overlay", "-o", options, self.root])

    def _unmount(self) -> None:
        if self.root.is_mount():
            call(["umount", "--lazy", self.root])

    def _connect(self) -> None:
        """A network namespace with a cable to the host."""
        if Path(f"/run/netns/{self._namespace}").exists():
            return
        outside = f"twin{self.record.number}"
        cable = ["type", "veth", "peer", "name", "eth0", "netns", self._namespace]
        call(["ip", "netns", "add", self._namespace])
        call(["ip", "link", "add", outside, *cable])
        call(["ip", "address", "add", f"{self.host_address}/24", "dev", outside])
        call(["ip", "link", "set", outside, "up"])
        inside = ["ip", "-n", self._namespace]
        call([*inside, "address", "add", f"{self.record.host}/24", "dev", "eth0"])
        call([*inside, "link", "set", "eth0", "up"])
        call([*inside, "link", "set", "lo", "up"])

    def _tear_down(self) -> None:
        if Path(f"/run/netns/{self._namespace}").exists():
            call(["ip", "netns", "delete", self._namespace])

    def _enter_cgroup(self) -> None:
        """A group of its own: two containers would share the names of their groups else."""
        for controller in ("systemd", "unified", ""):
            folder = _CGROUPS / controller
            if (folder / "cgroup.procs").exists():
                with suppress(OSError):
                    own = folder / self._namespace
                    own.mkdir(exist_ok=True)
                    (own / "cgroup.procs").write_text(str(os.getpid()))


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _free_number() -> int:
    """The number of a network that no twin of this user has, and no device of this machine."""
    taken = set()
    for path in shelf().glob("*/twin.json"):
        with suppress(OSError, ValueError, KeyError):
            taken.add(json.loads(path.read_text())["number"])
    for number in range(1, _LAST_NETWORK):
        if number not in taken and not Path(f"/sys/class/net/twin{number}").exists():
            return number
    raise TwinError(f"there are {_LAST_NETWORK} twins; no network is left for another")
