"""The programs that a twin is made of, and the Debian packages that bring them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgenets.errors import TwinError

PACKAGES = {
    "cpio": "cpio",
    "debugfs": "e2fsprogs",
    "depmod": "kmod",
    "dpkg": "dpkg",
    "ip": "iproute2",
    "losetup": "mount",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "modprobe": "kmod",
    "mcopy": "mtools",
    "mtype": "mtools",
    "nbdfuse": "libnbd-bin",
    "nbdkit": "nbdkit nbdkit-plugin-python",
    "nc": "netcat-openbsd",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-img": "qemu-utils",
    "qemu-system-aarch64": "qemu-system-arm",
    "arch-test": "arch-test",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
}

# A step of making a root file system: maintainer scripts under emulation, on a slow machine.
LONGEST = 1800.0  # s


def missing(*programs: str) -> list[str]:
    """The Debian packages that are wanting for these programs."""
    places = "/usr/sbin:/sbin"  # where Debian's users do not look
    gone = [p for p in programs if not (shutil.which(p) or shutil.which(p, path=places))]
    return sorted({package for p in gone for package in PACKAGES[p].split()})


def need(*programs: str) -> None:
    """Refuse at once what would fail for want of a program.

    Raises:
        TwinError: one is not installed.
    """
    if packages := missing(*programs):
        raise TwinError(f"a twin needs: apt-get install {' '.join(packages)}")


def call(
    command: Sequence[str | Path],
    *,
    data: bytes | None = None,
    timeout: float = LONGEST,
    environment: dict[str, str] | None = None,
) -> str:
    """Run a program to its end; its stdout.

    Raises:
        TwinError: it fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, input=data, capture_output=True, timeout=timeout, env=environment
        )
    except subprocess.TimeoutExpired as exc:
        raise TwinError(f"{words[0]}: not done after {timeout:.0f} s") from exc
    except OSError as exc:
        raise TwinError(f"{words[0]}: {exc.strerror or exc}") from exc
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise TwinError(f"`{' '.join(words)[:200]}`: {said[-1] if said else done.returncode}")
    return done.stdout.decode("utf-8", "replace")
