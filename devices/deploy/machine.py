"""What a board says of itself over SSH: one shell script, so that nothing need be installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from edgenets.errors import DeviceError

from ..remote import Remote

# A Pi Zero needs some seconds to start all the small programs of the script.
PROBE_TIMEOUT = 60.0  # s


@dataclass(frozen=True)
class Interpreter:
    """A Python of a board."""

    path: str
    version: tuple[int, int, int]


@dataclass(frozen=True)
class Machine:
    """A board, as it is now."""

    model: str  # as its device tree or its firmware says
    architecture: str  # of the programs that it runs: aarch64, armv7l, x86_64
    cores: int
    memory_mb: int
    free_mb: int  # where the keeper lives
    system: str  # name and version of the OS
    kernel: str
    libc: tuple[int, int] | None  # of glibc; None: another C library
    pythons: tuple[Interpreter, ...]
    has_systemd: bool
    cameras: dict[str, str]  # device → name
    microphones: tuple[str, ...]  # what records
    accelerators: tuple[str, ...]
    temperature: float | None  # °C, of the hottest part
    throttled: tuple[str, ...]  # what slows it down, as its firmware says
    libraries: tuple[str, ...]  # of those that a service may need beside its wheels
    keeper: str | None  # the keeper's version on it

    @property
    def python(self) -> Interpreter | None:
        """The newest Python, of which environments are made."""
        return max(self.pythons, key=lambda p: p.version, default=None)


# Bits of `vcgencmd get_throttled`, as Raspberry Pi documents them; 16 bits higher: since the start.
_THROTTLED = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
}


async def probe(remote: Remote) -> Machine:
    """Ask a board what it is.

    Raises:
        DeviceError: it cannot be asked, or it is no Linux machine.
    """
    script = resources.files(__package__).joinpath("probe.sh").read_bytes()
    answer = await remote.run("sh -s", data=script, timeout=PROBE_TIMEOUT, check=False)
    found: dict[str, list[str]] = {}
    for line in answer.out.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key, []).append(value.strip())
    if answer.code or "architecture" not in found:
        raise DeviceError(f"{remote.address}: is no Linux machine with a shell: {answer.reason}")
    return read(found)


def read(found: dict[str, list[str]]) -> Machine:
    """A machine from what the script printed: key=value, a key several times for several."""

    def one(key: str, default: str = "") -> str:
        return next((v for v in found.get(key, []) if v), default)

    temperatures = [float(t) / 1000 for t in found.get("temperature", []) if _number(t)]
    libc = re.search(r"(\d+)\.(\d+)", one("libc"))
    return Machine(
        model=one("model", "unknown board"),
        architecture=_userland(one("architecture"), one("bits")),
        cores=int(one("cores", "1")),
        memory_mb=int(one("memory_kb", "0")) // 1024,
        free_mb=int(one("free_kb", "0")) // 1024,
        system=one("system", "unknown system"),
        kernel=one("kernel"),
        libc=(int(libc[1]), int(libc[2])) if libc else None,
        pythons=_pythons(found.get("python", [])),
        has_systemd=one("systemd") == "yes",
        cameras=dict(v.split(" ", 1) for v in found.get("camera", []) if " " in v),
        microphones=tuple(found.get("microphone", [])),
        accelerators=tuple(found.get("accelerator", [])),
        temperature=max(temperatures, default=None),
        throttled=_throttled(one("throttled")),
        libraries=tuple(found.get("library", [])),
        keeper=one("keeper") or None,
    )


def _pythons(lines: list[str]) -> tuple[Interpreter, ...]:
    found = []
    for line in lines:
        match = re.fullmatch(r"(/\S+) Python (\d+)\.(\d+)\.(\d+)\S*", line)
        if match:
            version = (int(match[2]), int(match[3]), int(match[4]))
            found.append(Interpreter(match[1], version))
    return tuple(found)


def _userland(architecture: str, bits: str) -> str:
    """The architecture of programs: a 64-bit kernel often runs a 32-bit Raspberry Pi OS."""
    return "armv7l" if architecture == "aarch64" and bits == "32" else architecture


def _throttled(text: str) -> tuple[str, ...]:
    try:
        bits = int(text.rpartition("0x")[2], 16) if text else 0
    except ValueError:
        return ()
    now = [name for bit, name in _THROTTLED.items() if bits >> bit & 1]
    before = [
        f"{name} since it was started"
        for bit, name in _THROTTLED.items()
        if bits >> bit + 16 & 1 and name not in now
    ]
    return (*now, *before)


def _number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+", text))
