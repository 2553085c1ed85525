"""`preflight`: will a bundle run on a board? Asked before anything is written.

Of a board that can be asked, what it says of itself counts; of one that is only named, its
profile. Nothing here is measured: a finding is what is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgenets.bundle import Bundle

from .board import Board
from .deploy import needs
from .deploy.deploy import LEAST_FREE_MB, OLDEST_PYTHON
from .deploy.machine import Machine
from .requirements import packages_of

Level = Literal["well", "note", "stop"]

# Peak memory of a service by backend, with kws-gru, and what pictures add (object-detect), measured
# on x86-64; docs/measurements.md. Arm's differ little: most of it is NumPy and the interpreter.
_SERVICE_MB = {"tflite": 60, "onnx": 75, "openvino": 115}
_PICTURES_MB = 50

# What an OS and its file cache need beside it.
_SYSTEM_MB = 160


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str
    text: str  # what is, and what to do where it is not well


@dataclass(frozen=True)
class Place:
    """A board, as far as a bundle is concerned."""

    name: str
    architecture: str
    python: tuple[int, int] | None
    libc: tuple[int, int] | None
    memory_mb: int
    free_mb: int | None  # None: not known
    has_systemd: bool
    cameras: int | None
    microphones: int | None
    accelerators: tuple[str, ...]
    backends: tuple[str, ...]
    wheels: dict[str, str] | None  # None: not known
    hints: tuple[str, ...]


def of_board(board: Board) -> Place:
    """What a profile says; the smallest memory that is sold counts."""
    return Place(
        board.name, board.processor.architecture, board.python, board.libc,
        min(board.processor.memory_mb), None, True, None, None,
        tuple(a.name for a in board.accelerators), board.backends, board.wheels, board.hints,
    )  # fmt: skip


def of_machine(machine: Machine, board: Board | None) -> Place:
    """What a board says of itself; its profile, where there is one, knows the rest."""
    python = machine.python.version[:2] if machine.python else None
    return Place(
        machine.model, machine.architecture, python, machine.libc, machine.memory_mb,
        machine.free_mb, machine.has_systemd, len(machine.cameras), len(machine.microphones),
        machine.accelerators, board.backends if board else ("tflite", "onnx", "openvino"),
        board.wheels if board and board.python == python else None, board.hints if board else (),
    )  # fmt: skip


def preflight(bundle: Bundle, place: Place, wishes: needs.Wishes | None = None) -> list[Finding]:
    """Look at everything that is known to stop a bundle on a board.

    Raises:
        DeviceError: the bundle has no artefact for what is wished.
    """
    return list(_findings(bundle, place, wishes or needs.Wishes()))


def _findings(bundle: Bundle, place: Place, wishes: needs.Wishes) -> Iterator[Finding]:
    backend = _backend(bundle, place, wishes)
    yield from _system(place)
    yield from _wheels(bundle, place, wishes)
    yield _memory(bundle, place, backend)
    if place.free_mb is not None:
        enough = place.free_mb >= LEAST_FREE_MB
        yield Finding("well" if enough else "stop", "disk",
                      f"{place.free_mb:,} MB are free; {LEAST_FREE_MB} MB are needed")  # fmt: skip
    yield from _senses(bundle, place)
    yield from _accelerators(bundle, place)
    for hint in place.hints:
        yield Finding("note", "board", hint)


def _backend(bundle: Bundle, place: Place, wishes: needs.Wishes) -> str:
    have = {a.format for a in bundle.artefacts}
    if wishes.backend is not None or not have & set(place.backends):
        return needs.backend_of(bundle, wishes)
    return next(b for b in place.backends if b in have)


def _system(place: Place) -> Iterator[Finding]:
    runs = place.architecture in ("aarch64", "x86_64")
    yield Finding(
        "well" if runs else "stop", "architecture",
        place.architecture if runs else f"{place.architecture}: no interpreter has wheels for it; "
        f"put a 64-bit OS on it",
    )  # fmt: skip
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if place.python is None or place.python < OLDEST_PYTHON:
        have = ".".join(map(str, place.python)) if place.python else "none"
        yield Finding("stop", "Python", f"{have}; {oldest} or newer is needed: a newer OS, or "
                      f"a newer Python beside its own")  # fmt: skip
    else:
        yield Finding("well", "Python", ".".join(map(str, place.python)))
    if place.libc is None:
        yield Finding("stop", "C library", "not glibc, for which wheels are made")
    if not place.has_systemd:
        yield Finding("stop", "systemd", "there is none to look after the service")


def _wheels(bundle: Bundle, place: Place, wishes: needs.Wishes) -> Iterator[Finding]:
    wanted = packages_of(needs.extras_of(bundle, wishes))
    if place.wheels is None:
        yield Finding("note", "wheels", f"not known beforehand: {', '.join(wanted)}; `edgenets "
                      f"deploy` asks the index before it changes anything")  # fmt: skip
        return
    missing = [package for package in wanted if package not in place.wheels]
    if missing:
        yield Finding("stop", "wheels", f"none for this board: {', '.join(missing)}")
    else:
        yield Finding("well", "wheels", ", ".join(wanted))


def _memory(bundle: Bundle, place: Place, backend: str) -> Finding:
    weights = max(bundle.size(a) for a in bundle.artefacts if a.format == backend) >> 20
    pictures = _PICTURES_MB if bundle.spec.input.kind == "image" else 0
    need = _SERVICE_MB[backend] + pictures + 3 * weights
    text = f"{place.memory_mb:,} MB; about {need} MB for the service by {backend}"
    return Finding("well" if need + _SYSTEM_MB <= place.memory_mb else "stop", "memory", text)


def _senses(bundle: Bundle, place: Place) -> Iterator[Finding]:
    picture = bundle.spec.input.kind == "image"
    count = place.cameras if picture else place.microphones
    sense = "camera" if picture else "microphone"
    if count is None:
        sound = "" if picture else ", and PortAudio: libportaudio2"
        text = f"this model needs one; `edgenets device probe` tells whether there is one{sound}"
        yield Finding("note", sense, text)
    elif count:
        yield Finding("well", sense, f"{count}")
    else:
        yield Finding("note", sense, "there is none just now; other sources are `--source URI`")


def _accelerators(bundle: Bundle, place: Place) -> Iterator[Finding]:
    for name in place.accelerators:
        yield Finding("note", name, f"{bundle.path.name} has no artefact for it; its processor "
                      f"does the work")  # fmt: skip


def verdict(findings: list[Finding]) -> bool:
    """Whether nothing stops it."""
    return all(finding.level != "stop" for finding in findings)
