"""Debian's arm64 kernel for the system tier: the kernel, its modules, and a small initrd."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

from edgenets.errors import TwinError
from edgenets.files import replacing

from .tools import call

# What a twin's kernel loads, with all that it depends on. vivid is the camera, snd-aloop the
# sound card, dm-flakey a disk that forgets.
MODULES = (
    "virtio_blk", "virtio_net", "virtio_pci", "virtio_mmio", "virtio_rng", "ext4", "vfat",
    "nls_ascii", "nls_cp437", "vivid", "snd-aloop", "loop", "overlay", "squashfs", "fuse",
    "autofs4", "configfs", "dm-flakey", "dm-mod",
)  # fmt: skip

# What the initrd needs to find the disk.
_EARLY = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "ext4")

# The same on a Raspberry Pi 3, whose network is on USB.
_RASPBERRY = (
    "mmc_block", "bcm2835", "sdhci-iproc", "ext4", "dwc2", "usbnet", "cdc_ether", "rndis_host",
    "bcm2835_wdt",
)  # fmt: skip

INIT = """#!/bin/sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in $($b cat /order); do $b insmod "/modules/$module"; done
root=/dev/vda
for word in $($b cat /proc/cmdline); do
    case $word in root=/dev/*) root=${word#root=} ;; esac
done
waited=0
until [ -b $root ] || [ $waited = 100 ]; do $b sleep 0.2; waited=$((waited + 1)); done
$b mount -t ext4 -o rw,noatime $root /newroot
for place in dev proc sys; do $b mount --move "/$place" "/newroot/$place"; done
exec $b switch_root /newroot /sbin/init
"""


def fetch(folder: Path, mirror: str, suite: str, keyring: Path) -> None:
    """Put `vmlinuz`, `initrd.gz` and the unpacked package `kernel/` into a folder.

    Raises:
        TwinError: a package cannot be fetched.
    """
    apt = folder / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {suite} main\n")
    (apt / "apt.conf").write_text(
        f'APT::Architecture "arm64";\nAPT::Architectures {{"arm64";}};\n'
        f'Dir::State "{apt}/state";\nDir::Cache "{apt}/cache";\n'
        f'Dir::State::status "{apt}/status";\nDir::Etc::sourcelist "{apt}/sources.list";\n'
        f'Dir::Etc::sourceparts "/nonexistent";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
    call(["apt-get", "update", "-qq"], environment=environment)
    output = call(["apt-cache", "depends", "linux-image-arm64"], environment=environment)
    names = [line.split()[-1] for line in output.splitlines() if "Depends:" in line]
    if not names:
        raise TwinError(f"{mirror}: {suite} has no kernel for arm64")
    for package, place in ((names[0], "kernel"), ("busybox-static", "busybox")):
        uris = call(["apt-get", "download", "--print-uris", package], environment=environment)
        file = uris.split()[1]
        call(
            ["sh", "-c", 'cd "$0" && apt-get download -qq "$1"', apt, package],
            environment=environment,
        )
        call(["dpkg", "-x", apt / file, folder / place])
    image = next((folder / "kernel" / "boot").glob("vmlinuz-*"))
    shutil.copy(image, folder / "vmlinuz")
    call(["depmod", "-b", folder / "kernel", _version(folder)])
    _write_initrd(folder, folder / "initrd.gz", _EARLY)
    shutil.rmtree(apt)


def install_modules(folder: Path, root: Path) -> None:
    """Install the modules of `MODULES` into a file system."""
    kernel, version = folder / "kernel", _version(folder)
    target = root / "lib" / "modules" / version
    for file in _closure(folder, MODULES):
        place = root / file.relative_to(kernel)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(kernel / "lib" / "modules" / version / name, target)
    call(["depmod", "-b", root, version])


def _version(folder: Path) -> str:
    return next((folder / "kernel" / "lib" / "modules").iterdir()).name


def _closure(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The files of modules and of all that they need, in the order in which they load."""
    kernel, version = folder / "kernel", _version(folder)
    files: dict[Path, None] = {}
    for name in names:
        output = call(["modprobe", "-d", kernel, "-S", version, "--show-depends", name])
        for line in output.splitlines():
            kind, _, file = line.strip().partition(" ")
            if kind == "insmod":  # the others are built in
                files[Path(file.split()[0])] = None
    return list(files)


def raspberry(folder: Path) -> tuple[Path, Path]:
    """What a Raspberry Pi 3 starts with beside the kernel: an initrd that knows its card and its
    USB network, and its device tree. Made once, beside the base's own."""
    initrd = folder / "initrd-raspberry.gz"
    if not initrd.exists():
        _write_initrd(folder, initrd, _RASPBERRY)
    trees = folder / "kernel" / "usr" / "lib" / f"linux-image-{_version(folder)}" / "broadcom"
    return initrd, trees / "bcm2837-rpi-3-b.dtb"


def _write_initrd(folder: Path, target: Path, modules: tuple[str, ...]) -> None:
    tree = folder / f"{target.stem}.tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "newroot", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(folder / "busybox" / "bin" / "busybox", tree / "bin")
    (tree / "bin" / "sh").symlink_to("busybox")
    early = _closure(folder, modules)
    for file in early:
        shutil.copy(file, tree / "modules")
    (tree / "order").write_text("".join(f"{file.name}\n" for file in early))
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    names = "\n".join(str(p.relative_to(tree)) for p in [tree, *sorted(tree.rglob("*"))])
    packed = call_cpio(tree, names)
    with replacing(target) as beside:
        beside.write_bytes(gzip.compress(packed, 6, mtime=0))
    shutil.rmtree(tree)


def call_cpio(tree: Path, names: str) -> bytes:
    """A cpio archive of the named files of a tree.

    Raises:
        TwinError: cpio fails.
    """
    command = ["cpio", "--create", "--format=newc", "--quiet", "--owner=0:0"]
    done = subprocess.run(command, cwd=tree, input=names.encode(), capture_output=True)
    if done.returncode:
        raise TwinError(f"cpio: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout
