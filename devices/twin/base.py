"""What every twin starts from: a Debian for arm64, made once and kept.

    root/        the file system, as the userland tier takes it
    root.ext4    the same as a disk, as the system tier takes it
    vmlinuz      Debian's own kernel
    initrd.gz    finds the disk, and nothing else
    key, key.pub the SSH key that opens all twins of this user
    complete     written last

Packages are installed by their own maintainer scripts, run by qemu-user: what a twin has in
/etc is what a board has. The user is `edge`, who may become root without a password.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenets import places
from edgenets.errors import TwinError
from edgenets.files import replacing

from . import binfmt, kernel
from .tools import call, need

SUITE = "bookworm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
USER = "edge"

# What boards' images bring, as far as deployment, cameras and microphones need it.
PACKAGES = (
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "openssh-server", "sudo", "ca-certificates",
    "python3", "alsa-utils", "v4l-utils", "libportaudio2",
)  # fmt: skip

# Changes when what is made from the same packages changes.
RECIPE = 4

# Roomy enough for two environments of all three interpreters; the file is sparse.
DISK_SIZE = 4 << 30  # bytes

# Documentation is a third of such a system, and no board runs it.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

# What a board has no use for in its first minute, and an emulated one loses a third of it to.
_MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "systemd-networkd-wait-online.service", "fstrim.timer",
    "proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service",
)  # fmt: skip

_FILES = {
    "etc/fstab": "/dev/vda / ext4 rw,noatime 0 1\n",
    "etc/hostname": "twin\n",
    "etc/systemd/network/10-wired.network": "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n",
    "etc/sudoers.d/edge": f"{USER} ALL=(ALL) NOPASSWD: ALL\n",
    "etc/modules-load.d/twin.conf": "vivid\nsnd-aloop\n",
    # One camera, and one output that its HDMI input shows: frames of our own come in there.
    "etc/modprobe.d/twin.conf": (
        "options vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 "
        "output_types=0x1\noptions snd-aloop pcm_substreams=1 id=Twin\n"
    ),
    "etc/ssh/sshd_config.d/twin.conf": "PermitRootLogin prohibit-password\nUseDNS no\n",
}


@dataclass(frozen=True)
class Base:
    """A base that is ready."""

    folder: Path

    @property
    def root(self) -> Path:
        """The file system."""
        return self.folder / "root"

    @property
    def disk(self) -> Path:
        """The same as an ext4 image."""
        return self.folder / "root.ext4"

    @property
    def key(self) -> Path:
        """The private SSH key."""
        return self.folder / "key"


def place() -> Path:
    """Where the base of this recipe is, or will be."""
    digested = repr(
        (SUITE, PACKAGES, RECIPE, _FILES, _MASKED, kernel.MODULES, kernel.INIT, DISK_SIZE)
    )
    return (
        places.cache("twin") / f"{SUITE}-arm64-{hashlib.sha256(digested.encode()).hexdigest()[:8]}"
    )


def ready() -> Base:
    """The base.

    Raises:
        TwinError: it has not been made.
    """
    folder = place()
    if not (folder / "complete").exists():
        raise TwinError("the twins' base has not been made; once, as root: edgenets twin build")
    return Base(folder)


def mirror() -> str:
    """The mirror of Debian that this machine itself installs from.

    Raises:
        TwinError: it has none.
    """
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    for uri in call(asked).split() if shutil.which("apt-get") else ():
        if uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    raise TwinError("this machine installs from no mirror of Debian; name one: --mirror URL")


def build(say: Callable[[str], None] = lambda _: None, source: str | None = None) -> Base:
    """Make the base, which takes a few minutes, or take the one that is there.

    Args:
        source: URL of a mirror of Debian; else the one that this machine itself uses.

    Raises:
        TwinError: a program is missing, this is not root, or a step fails.
    """
    folder = place()
    if (folder / "complete").exists():
        return Base(folder)
    need("mmdebstrap", "arch-test", "qemu-aarch64-static", "mke2fs", "depmod", "cpio", "dpkg",
         "ssh-keygen")  # fmt: skip
    if os.geteuid():
        raise TwinError("making the twins' base needs root; running system twins does not")
    if not KEYRING.exists():
        raise TwinError("a twin needs: apt-get install debian-archive-keyring")
    source = source or mirror()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    binfmt.register()
    say(f"installing Debian {SUITE} for arm64; its own scripts run under emulation")
    root = folder / "root"
    call([
        "mmdebstrap", "--mode=root", "--arch=arm64", "--variant=minbase", "--quiet",
        '--aptopt=Apt::Install-Recommends "false"', "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT),
        f"--keyring={KEYRING}", f"--include={','.join(PACKAGES)}", SUITE, root, source,
    ])  # fmt: skip
    say("its kernel, camera and sound card")
    kernel.fetch(folder, source, SUITE, KEYRING)
    kernel.install_modules(folder, root)
    call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "twin", "-f", folder / "key"])
    _settle(root, (folder / "key.pub").read_text())
    say("its disk")
    make_disk(root, folder / "root.ext4")
    (folder / "complete").touch()
    return Base(folder)


def make_disk(root: Path, disk: Path) -> None:
    """An ext4 image of a file system, sparse, whole or not at all."""
    with replacing(disk) as beside:
        call(["mke2fs", "-q", "-t", "ext4", "-F", "-L", "root", "-d", root, beside,
              f"{DISK_SIZE >> 10}k"])  # fmt: skip


def _settle(root: Path, public_key: str) -> None:
    """The user, the key and the little that an image for a board has set."""
    inside = ["chroot", str(root)]
    call([*inside, "useradd", "--create-home", "--shell", "/bin/bash", "--groups",
          "sudo,video,audio", USER])  # fmt: skip
    for home, owner in ((f"home/{USER}", f"{USER}:{USER}"), ("root", "root:root")):
        ssh = root / home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        (ssh / "authorized_keys").write_text(public_key)
        (ssh / "authorized_keys").chmod(0o600)
        call([*inside, "chown", "-R", owner, f"/{home}/.ssh"])
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "etc/sudoers.d/edge").chmod(0o440)
    (root / "etc/machine-id").write_text("")
    units = root / "etc/systemd/system"
    for unit in _MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    call([*inside, "systemctl", "enable", "systemd-networkd"])
