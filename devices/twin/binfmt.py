"""That this machine's kernel runs arm64 programs: by qemu-user, through binfmt_misc."""

from __future__ import annotations

from pathlib import Path

from edgenets.errors import TwinError

from .tools import call

_MOUNT = Path("/proc/sys/fs/binfmt_misc")

# As Debian's qemu-user-static has it for machines on which systemd is no init.
_CONFIGURATION = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def register() -> None:
    """Register qemu-user for arm64, as its package does on a machine that was booted by systemd.

    Raises:
        TwinError: the package is missing, or this is not root.
    """
    if not (_MOUNT / "register").exists():
        call(["mount", "-t", "binfmt_misc", "binfmt_misc", _MOUNT])
    if (_MOUNT / "qemu-aarch64").exists():
        return
    if not _CONFIGURATION.exists():
        raise TwinError("a twin needs: apt-get install qemu-user-static")
    try:
        (_MOUNT / "register").write_bytes(_CONFIGURATION.read_bytes().strip())
    except OSError as exc:
        raise TwinError(f"qemu-user could not be registered for arm64: {exc}") from exc
