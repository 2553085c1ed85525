"""What a flashed board is to be from its first start on: name, user, network, and what it serves.

Images read one of two things, and which one is seen from what is in their boot partition:

    cloud-init    `user-data`, `network-config`: Raspberry Pi OS since Debian 13, Ubuntu
    first run     `cmdline.txt` names a script: Raspberry Pi OS of Debian 11 and 12

An image that reads neither would ignore the configuration, and is refused.
"""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgenets.errors import FlashError
from edgenets.extras import require

from .fat import Fat

# Where the boot partition is mounted, newest first.
_MOUNTS = ("/boot/firmware", "/boot")

# The folder in the boot partition with what is to be installed.
FOLDER = "edgenets"

# The unit that installs it.
INSTALLER = "edgenets-install.service"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
# What YAML has no letter for, or takes for an end of the line.
_NO_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_KEY = re.compile(r"(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?")


@dataclass(frozen=True)
class Wifi:
    """A wireless network."""

    name: str  # SSID
    password: str
    country: str  # two letters; radios are switched off without

    def __post_init__(self) -> None:
        if _has_control(self.name + self.password):
            raise ValueError(
                "a wireless network's name and password have no line ends, NUL or other control "
                "characters"
            )
        if not 1 <= len(self.name.encode()) <= 32:
            raise ValueError("the name of a wireless network has 1 to 32 bytes")
        if not 8 <= len(self.password.encode()) <= 63:
            raise ValueError("the password of a wireless network has 8 to 63 bytes")
        if not re.fullmatch(r"[A-Z]{2}", self.country):
            raise ValueError(f"'{self.country}' is no country; two letters, as in DE")


@dataclass(frozen=True)
class FirstBoot:
    """What a board is to be."""

    hostname: str | None = None
    user: str | None = None
    ssh_keys: tuple[str, ...] = ()  # public ones, of that user
    wifi: Wifi | None = None
    timezone: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)  # of `FOLDER`; install.sh is run

    def __post_init__(self) -> None:
        if self.hostname is not None and not _NAME.fullmatch(self.hostname):
            raise ValueError(f"'{self.hostname}' cannot be a host's name")
        if self.user is not None and not _USER.fullmatch(self.user):
            raise ValueError(f"'{self.user}' cannot be a user's name")
        for key in self.ssh_keys:
            if not _KEY.fullmatch(key.strip()) or _has_control(key.strip()):
                raise ValueError(f"'{key[:40]}' is no public SSH key; give the .pub file")
        if self.ssh_keys and self.user is None:
            raise ValueError("an SSH key needs a user who may log in with it")
        if self.user is not None and not self.ssh_keys:
            raise ValueError(f"nobody could log in as {self.user}: a public SSH key is needed")
        if self.timezone is not None and not _is_timezone(self.timezone):
            raise ValueError(f"'{self.timezone}' is no time zone, such as Europe/Berlin")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to configure."""
        return self == FirstBoot()


def _has_control(text: str) -> bool:
    """Whether something is in a text that no file of settings should hold: C0, C1, surrogates."""
    return any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def _is_timezone(name: str) -> bool:
    """Whether this machine knows it; where it knows none, whether it could be one."""
    known = zoneinfo.available_timezones()
    return name in known if known else bool(re.fullmatch(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*", name))


def reads(fat: Fat) -> str:
    """What an image reads at its first start: "cloud-init" or "first run".

    Raises:
        FlashError: neither.
    """
    if fat.has("user-data") and fat.has("meta-data"):
        return "cloud-init"
    if fat.has("cmdline.txt") and fat.has("config.txt"):
        return "first run"
    raise FlashError(
        "this image reads no configuration at its first start (there is neither user-data nor "
        "cmdline.txt in its boot partition); the configuration would be ignored"
    )


def check(wanted: FirstBoot) -> None:
    """See that a configuration can be written, before an hour is spent on its image.

    Raises:
        FlashError: it cannot.
        MissingExtra: PyYAML, by which it is read back, is not installed.
    """
    if not wanted.is_empty:
        _user_data(wanted)
        _network(wanted)


def put(fat: Fat, wanted: FirstBoot) -> str:
    """Write a configuration into a boot partition, the way that its image reads it.

    Returns:
        which way that was.

    Raises:
        FlashError: the image reads none, or there is no room.
    """
    way = reads(fat)
    need = sum(len(data) for data in wanted.files.values())
    if need > fat.free:
        raise FlashError(
            f"the boot partition has {fat.free / 1e6:.0f} MB free, and what is to be installed "
            f"needs {need / 1e6:.0f} MB; deploy it over the network instead"
        )
    for name, data in wanted.files.items():
        fat.write(f"{FOLDER}/{name}", data)
    if way == "cloud-init":
        fat.write("user-data", _user_data(wanted).encode())
        fat.write("network-config", _network(wanted).encode())
        fat.write("meta-data", f"instance-id: edgenets-{_fingerprint(wanted)}\n".encode())
    else:
        fat.write("firstrun.sh", first_run(wanted).encode())
        line = _command_line(fat.read("cmdline.txt").decode(), _mount_of(fat))
        fat.write("cmdline.txt", line.encode())
    return way


def _user_data(wanted: FirstBoot) -> str:
    """cloud-config."""
    config: dict[str, object] = {}
    if wanted.hostname:
        config |= {"hostname": wanted.hostname, "manage_etc_hosts": True}
    if wanted.timezone:
        config["timezone"] = wanted.timezone
    if wanted.user:
        config["users"] = [{
            "name": wanted.user, "groups": "sudo,video,audio,render,plugdev,gpio,i2c,spi",
            "shell": "/bin/bash", "lock_passwd": True, "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "ssh_authorized_keys": [key.strip() for key in wanted.ssh_keys],
        }]  # fmt: skip
        config |= {"ssh_pwauth": False, "enable_ssh": True}
    if "install.sh" in wanted.files:
        # A unit, and not the installer itself: cloud-init runs this once, also if it was cut.
        config["runcmd"] = [
            ["sh", "-c", "\n".join(_make_installer())],
            ["systemctl", "start", "--no-block", INSTALLER],
        ]
    return "#cloud-config\n" + as_yaml(config)


def _network(wanted: FirstBoot) -> str:
    """netplan's version 2."""
    config: dict[str, object] = {
        "version": 2,
        "ethernets": {"eth0": {"dhcp4": True, "optional": True}},
    }
    if wanted.wifi:
        config["wifis"] = {
            "wlan0": {
                "dhcp4": True,
                "optional": True,
                "regulatory-domain": wanted.wifi.country,
                "access-points": {wanted.wifi.name: {"password": wanted.wifi.password}},
            }
        }
    return as_yaml({"network": config})


def as_yaml(config: Mapping[str, object]) -> str:
    """JSON that is YAML as well, of which cloud-init and netplan read the same.

    JSON leaves nothing to be quoted wrongly, but its escapes of letters beyond 16 bits are two
    halves of one to YAML, and some letters that JSON has as they are YAML has not.

    Raises:
        FlashError: a reader of YAML would read something else.
    """
    text = json.dumps(config, indent=1, ensure_ascii=False) + "\n"
    text = _NO_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    yaml = require("yaml")
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise FlashError(f"these settings cannot be written as YAML: {exc}") from exc
    if read != config:
        raise FlashError("these settings would be read as others from YAML; nothing was written")
    return text


def first_run(wanted: FirstBoot) -> str:
    """The script that systemd runs instead of the system, once, before it restarts it."""
    q = shlex.quote
    lines = ["#!/bin/sh", "# Written by edgenets; runs once, as root, before the first real start."]
    if wanted.hostname:
        lines += [
            f"echo {q(wanted.hostname)} > /etc/hostname",
            f"sed -i 's/127.0.1.1.*/127.0.1.1\\t{wanted.hostname}/' /etc/hosts",
        ]
    if wanted.timezone:
        lines.append(f"ln -sf /usr/share/zoneinfo/{q(wanted.timezone)} /etc/localtime")
    if wanted.user:
        lines += _make_user(wanted)
    if wanted.wifi:
        lines += _make_wifi(wanted.wifi)
    if "install.sh" in wanted.files:
        lines += _make_installer()  # systemd is not up yet; the next start installs
    mounts = " ".join(_MOUNTS)
    lines += [
        f"for boot in {mounts}; do",
        "    [ -f $boot/firstrun.sh ] || continue",
        "    sed -i 's| systemd.[^ ]*||g' $boot/cmdline.txt",
        "    rm -f $boot/firstrun.sh",
        "done",
        "exit 0",
    ]
    return "\n".join(lines) + "\n"


def _make_user(wanted: FirstBoot) -> list[str]:
    user = wanted.user
    keys = "\n".join(key.strip() for key in wanted.ssh_keys)
    return [
        f"id {user} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {user}",
        "for group in sudo video audio render plugdev gpio i2c spi; do",
        f"    usermod -aG $group {user} 2>/dev/null",
        "done",
        f"echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/010-{user}",
        f"chmod 440 /etc/sudoers.d/010-{user}",
        f"place=$(getent passwd {user} | cut -d: -f6)/.ssh",
        f"install -d -m 700 -o {user} -g {user} $place",
        "cat > $place/authorized_keys <<'END'",
        keys,
        "END",
        f"chown {user}:{user} $place/authorized_keys",
        "chmod 600 $place/authorized_keys",
        "systemctl enable ssh 2>/dev/null",
        "systemctl disable userconfig 2>/dev/null",  # Raspberry Pi OS would ask for a user
    ]


def _make_installer() -> list[str]:
    """A unit that installs at every start, until it was done once."""
    units = "/etc/systemd/system"
    return [
        f"cat > {units}/{INSTALLER} <<'END'", "[Unit]",
        "Description=edgenets: installs what came with the card", "After=local-fs.target",
        "[Service]", "Type=oneshot", f"ExecStart=/bin/sh -c {shlex.quote(_run_installer())}",
        f"ExecStartPost=systemctl disable {INSTALLER}", "[Install]",
        "WantedBy=multi-user.target", "END", f"mkdir -p {units}/multi-user.target.wants",
        f"ln -sf ../{INSTALLER} {units}/multi-user.target.wants/{INSTALLER}",
    ]  # fmt: skip


def _make_wifi(wifi: Wifi) -> list[str]:
    """A connection of NetworkManager, as Raspberry Pi OS 12 has it."""
    path = "/etc/NetworkManager/system-connections/edgenets.nmconnection"
    return [
        f"cat > {path} <<'END'", "[connection]", "id=edgenets", "type=wifi", "[wifi]",
        f"ssid={_ssid(wifi.name)}", "[wifi-security]", "key-mgmt=wpa-psk",
        f"psk={_keyfile(wifi.password)}",
        "[ipv4]", "method=auto", "[ipv6]", "method=auto", "END", f"chmod 600 {path}",
        f"raspi-config nonint do_wifi_country {wifi.country} 2>/dev/null",
        "rfkill unblock wifi 2>/dev/null",
    ]  # fmt: skip


def _ssid(name: str) -> str:
    """A network's name in NetworkManager's files: of other than plain letters, its bytes.

    A name such as `1;2;` would be taken for bytes itself, and `;` for the end of one of a list.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9 _.-]*", name) and name == name.strip():
        return name
    return "".join(f"{byte};" for byte in name.encode())


def _keyfile(text: str) -> str:
    """A value of NetworkManager's files: of GLib's key files, with a backslash as escape."""
    escaped = text.replace("\\", "\\\\")
    return "\\s" + escaped[1:] if escaped.startswith(" ") else escaped


def _mount_of(fat: Fat) -> str:
    """Where the image mounts its boot partition: Raspberry Pi OS moved it in October 2023."""
    issue = fat.read("issue.txt").decode("utf-8", "replace") if fat.has("issue.txt") else ""
    found = re.search(r"\b(20\d\d-\d\d)-\d\d\b", issue)
    return _MOUNTS[1] if found and found[1] < "2023-10" else _MOUNTS[0]


def _command_line(text: str, mount: str) -> str:
    """The kernel's command line, with the script named; there is one line, and it stays one."""
    words = [word for word in text.split() if not word.startswith("systemd.run")]
    words += [
        f"systemd.run={mount}/firstrun.sh",
        "systemd.run_success_action=reboot",
        "systemd.unit=kernel-command-line.target",
    ]
    return " ".join(words) + "\n"


def _run_installer() -> str:
    places = " ".join(f"{mount}/{FOLDER}" for mount in _MOUNTS)
    return f"for f in {places}; do [ -f $f/install.sh ] && cd $f && exec sh ./install.sh; done"


def _fingerprint(wanted: FirstBoot) -> str:
    """cloud-init runs once for each of these."""
    import hashlib

    text = repr((wanted.hostname, wanted.user, wanted.ssh_keys, sorted(wanted.files)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
