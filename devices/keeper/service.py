"""The units of systemd: the service, and the guard that ends trials."""

from __future__ import annotations

import hashlib
import pwd
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import disk
from .errors import KeeperError
from .layout import RUN, USER, WORK, Home

SERVICE, GUARD = "edgenets.service", "edgenets-guard.service"
UPDATE, TIMER = "edgenets-update.service", "edgenets-update.timer"
# Groups that open cameras, sound cards and accelerators; a board has some of them.
GROUPS = ("video", "audio", "render", "plugdev", "gpio", "i2c", "spi", "apex")

# systemctl waits for a service that stops; ours ends within seconds, and is killed after 90.
_PATIENCE = 150.0  # s

# Lines of systemd itself that say nothing of why; but for the signal that ended the service.
_OF_SYSTEMD = (
    *("Started ", "Starting ", "Stopped ", "Stopping "),
    f"{SERVICE}:",
    f"Failed to start {SERVICE}",
)
_KILLED = re.compile(
    rf"{re.escape(SERVICE)}: Main process exited, code=(?:killed|dumped), .*/(\w+)"
)

_UNITS = Path("/etc/systemd/system")
_RULES = Path("/etc/udev/rules.d/99-edgenets.rules")

# What none of the units needs, so that a hole in a library that decodes images, sound or models is
# not a hole in the board. What is left open, and why:
#   devices    cameras, microphones, GPIO, GPUs, Coral's stick: their drivers may be loaded and
#              their nodes made long after the start, which an allow list of devices, made at the
#              start, would shut out for good. The nodes' own permissions, by groups, decide.
#   netlink    libusb hears by it of a stick that was plugged in
#   /proc      interpreters read there what the processor can do
#   executable memory   interpreters write their kernels themselves
#   resources  interpreters place their threads on cores
# System calls are denied, not allowed, by name: of a group that it does not know, an old systemd
# would allow nothing at all.
_CONFINED = """\
NoNewPrivileges=yes
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
"""

# The guard and the update run as root: they write releases, and start the service. An update also
# tries a release as the service's user.
_CONFINED_ROOT = """\
ProtectSystem=strict
ReadWritePaths={home}
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_FOWNER CAP_CHOWN CAP_SETUID CAP_SETGID CAP_KILL
UMask=0022
"""

_SERVICE = """\
# Written by edgenets; what the current release adds comes from {home}/current/service.conf.
[Unit]
Description=edgenets: the current release
After=network.target sound.target
ConditionPathExists={home}/current/release.json
# A board in the field never gives up.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={python} {home}/keeper/current exec
User={user}
{groups}WorkingDirectory={work}
StateDirectory=edgenets
RuntimeDirectory=edgenets
Environment=HOME={work} EDGENETS_STATUS={run}/status.json PYTHONUNBUFFERED=1
EnvironmentFile=-/etc/edgenets/environment
TimeoutStartSec=180
WatchdogSec=60
# It was stopped, and results or inputs were lost before: the journal says how many.
SuccessExitStatus=3
Restart=always
RestartSec=2
ProtectSystem=full
ProtectProc=invisible
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallFilter=~@privileged
UMask=0027
{confined}
[Install]
WantedBy=multi-user.target
"""

_GUARD = """\
# Written by edgenets.
[Unit]
Description=edgenets: ends a trial of a release that was interrupted
After=edgenets.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={python} {home}/keeper/current guard
Restart=on-failure
RestartSec=5
{confined}{confined_root}
[Install]
WantedBy=multi-user.target
"""

_UPDATE = """\
# Written by edgenets.
[Unit]
Description=edgenets: looks for a newer release
After=network-online.target time-sync.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={python} {home}/keeper/current update
{confined}{confined_root}"""

# Boards of one household do not all ask in the same minute.
_TIMER = """\
# Written by edgenets.
[Unit]
Description=edgenets: looks for a newer release

[Timer]
OnBootSec=2min
OnUnitInactiveSec={minutes}min
RandomizedDelaySec={spread}s

[Install]
WantedBy=timers.target
"""

# systemd makes units of cameras with this, so that a service can start after its camera.
_RULE = 'SUBSYSTEM=="video4linux", KERNEL=="video*", TAG+="systemd"\n'


def units(home: Home, python: str, groups: Sequence[str]) -> dict[str, str]:
    """The units by their names.

    Args:
        python: the interpreter that runs the keeper.
        groups: further ones of the service's user, that this board has.
    """
    values = {
        "home": home.root,
        "python": python,
        "user": USER,
        "work": WORK,
        "run": RUN,
        "groups": f"SupplementaryGroups={' '.join(groups)}\n" if groups else "",
        "confined": _CONFINED,
        "confined_root": _CONFINED_ROOT.format(home=home.root),
    }
    made = {SERVICE: _SERVICE, GUARD: _GUARD, UPDATE: _UPDATE}
    return {name: text.format(**values) for name, text in made.items()}


def install(home: Home, python: str) -> bool:
    """Make the user, the units and the rule; enable both units.

    Returns:
        whether anything was to do.

    Raises:
        KeeperError: one of it fails.
    """
    made = _make_user()
    groups = _groups()
    texts = units(home, python, groups)
    wanted = {_UNITS / name: texts[name] for name in (SERVICE, GUARD)}
    if _RULES.parent.is_dir():
        wanted[_RULES] = _RULE
    if (_UNITS / UPDATE).exists():  # its Python goes with the others'
        wanted[_UNITS / UPDATE] = texts[UPDATE]
    drop_in = _UNITS / f"{SERVICE}.d" / "release.conf"
    target = str(home.current / "service.conf")
    # Written last: without it a cut came between, and all of it is done again.
    done = home.root / "installed"
    output = hashlib.sha256("".join([*wanted.values(), target]).encode()).hexdigest()
    if (
        not made
        and done.exists()
        and done.read_text() == output
        and all(path.exists() and path.read_text() == text for path, text in wanted.items())
        and drop_in.is_symlink()
    ):
        return False
    for path, text in wanted.items():
        disk.write(path, text.encode())
    disk.make_folder(drop_in.parent)
    disk.point(drop_in, target)
    reload()
    systemctl("enable", "--quiet", SERVICE, GUARD)
    if _RULES in wanted:
        for words in (("control", "--reload"), ("trigger", "--subsystem-match=video4linux")):
            subprocess.run(["udevadm", *words], capture_output=True)
    disk.write(done, output.encode())
    return True


def follow(home: Home, python: str, minutes: int) -> None:
    """Have the board look for newer releases, so often.

    Raises:
        KeeperError: systemd refuses.
    """
    timer = _TIMER.format(minutes=minutes, spread=6 * minutes)
    for name, text in ((UPDATE, units(home, python, ())[UPDATE]), (TIMER, timer)):
        disk.write(_UNITS / name, text.encode())
    reload()
    systemctl("enable", "--now", "--quiet", TIMER)


def remove() -> None:
    """Take away what `install` and `follow` made, but the user and what the service wrote."""
    systemctl("disable", "--now", "--quiet", SERVICE, GUARD, TIMER, check=False)
    disk.remove_folder(_UNITS / f"{SERVICE}.d")
    for path in (*(_UNITS / unit for unit in (SERVICE, GUARD, UPDATE, TIMER)), _RULES):
        disk.unlink(path)
    reload()


def reload() -> None:
    """Have systemd read its units again."""
    systemctl("daemon-reload")


def restart() -> None:
    """Start the service, anew if it runs. It need not have come up when this returns."""
    systemctl("reset-failed", SERVICE, check=False)
    systemctl("restart", "--no-block", SERVICE)


def stop() -> None:
    """Stop the service."""
    systemctl("stop", SERVICE, check=False)


def start_guard() -> None:
    """Have the guard look after the trial, apart from this process."""
    systemctl("restart", "--no-block", GUARD)


def show() -> dict[str, str]:
    """What systemd knows of the service: ActiveState, MainPID, NRestarts, Result."""
    wanted = "ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStatus"
    output = systemctl("show", f"--property={wanted}", SERVICE, check=False)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def last_words(lines: int = 4) -> str:
    """The end of what the service said."""
    command = ["journalctl", "--unit", SERVICE, "--lines", str(lines * 3), "--output=cat"]
    try:
        output = subprocess.run(command, capture_output=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said: list[str] = []
    for line in output.decode("utf-8", "replace").splitlines():
        killed = _KILLED.match(line)
        line = f"it was killed by {killed[1]}" if killed else line
        if line.strip() and not line.startswith(_OF_SYSTEMD) and line not in said[-1:]:
            said.append(line)
    return " | ".join(said[-lines:])


def systemctl(*arguments: str, check: bool = True) -> str:
    """One command of systemd.

    Raises:
        KeeperError: it fails, or there is no systemd.
    """
    try:
        done = subprocess.run(["systemctl", *arguments], capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise KeeperError(f"systemctl {arguments[0]}: {exc}") from exc
    if check and done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise KeeperError(f"systemctl {arguments[0]}: {said or done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _make_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        command = ["useradd", "--system", "--home-dir", str(WORK), "--no-create-home",
                   "--shell", "/usr/sbin/nologin", USER]  # fmt: skip
        done = subprocess.run(command, capture_output=True)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise KeeperError(f"the user {USER} could not be made: {said}") from None
        return True
    return False


def _groups() -> list[str]:
    """Those that open devices, of which a board has some."""
    names = _names("/etc/group")
    return [g for g in GROUPS if g in names]


def _names(path: str) -> set[str]:
    with Path(path).open(encoding="utf-8") as file:
        return {line.split(":", 1)[0] for line in file}
