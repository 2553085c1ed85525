"""What a release stands on: the kind of board, its Python, and what a board must bring at least."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgenets.errors import DeviceError
from edgenets.selection import Availability

from ..availability import available_on, of_profile
from ..board import Board, dotted, load, of_model
from .machine import Machine
from .ownpython import OwnPython
from .wheelhouse import Kind

# The oldest Python that edgenets runs on.
OLDEST_PYTHON = (3, 11)

# An environment of a detector with OpenCV, two releases of it, and the wheels they were made of.
LEAST_FREE_MB = 700

# Of programs; for these interpreters have wheels.
ARCHITECTURES = ("aarch64", "x86_64")


@dataclass(frozen=True)
class Platform:
    """What a release stands on."""

    kind: Kind
    python: str  # the interpreter on the board
    why_not: Availability  # of backends
    own: OwnPython | None = None  # where the system's is too old


def of_board(board: Board, own: OwnPython | None = None) -> Platform:
    """That of a board which is only named.

    Args:
        own: taken where the system's Python is too old.

    Raises:
        DeviceError: it is, and there is none, or it is for another architecture.
    """
    path = f"/usr/bin/python{board.system.python}"
    return _platform(
        board.name, board.processor.architecture, board.libc, board.python, path,
        of_profile(board), own,
    )  # fmt: skip


def of_machine(machine: Machine, own: OwnPython | None = None) -> Platform:
    """That of a board which told what it is; else as `of_board`."""
    assert machine.libc is not None  # `obstacles` has said so
    python, profile = machine.python, of_model(machine.model)
    why_not = available_on(load(profile) if profile else None, machine.accelerators, machine.model)
    return _platform(
        machine.model, machine.architecture, machine.libc, python.version[:2] if python else None,
        python.path if python else "", why_not, own,
    )  # fmt: skip


def _platform(
    name: str, architecture: str, libc: tuple[int, int], python: tuple[int, int] | None, path: str,
    why_not: Availability, own: OwnPython | None,
) -> Platform:  # fmt: skip
    if python is not None and python >= OLDEST_PYTHON:
        return Platform(Kind(architecture, libc, python), path, why_not)
    if own is None:
        raise DeviceError(f"{name}: {too_old(python)}")
    if own.architecture != architecture:
        raise DeviceError(f"{own.archive}: is for {own.architecture}; {name} is {architecture}")
    return Platform(Kind(architecture, libc, own.version), own.path, why_not, own)


def obstacles(
    architecture: str, python: tuple[int, int] | None, libc: tuple[int, int] | None,
    has_systemd: bool, free_mb: int | None,
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """What stops any release on a board: what it is about, and what to do.

    Args:
        python: that releases would run on; None: there is none.
        libc: of glibc; None: another C library.
        free_mb: None: not known.
    """
    if architecture not in ARCHITECTURES:
        text = f"{architecture}: no interpreter has wheels for it; put a 64-bit OS on it"
        yield "architecture", text
    if python is None or python < OLDEST_PYTHON:
        yield "Python", too_old(python)
    if libc is None:
        yield "C library", "not glibc, for which wheels are made"
    if not has_systemd:
        yield "systemd", "there is none to look after the service"
    if free_mb is not None and free_mb < LEAST_FREE_MB:
        yield "disk", f"{free_mb:,} MB are free at /opt; {LEAST_FREE_MB} MB are needed"


def too_old(python: tuple[int, int] | None) -> str:
    """What is said of a system's Python that edgenets does not run on."""
    have = "no Python" if python is None else f"Python {dotted(python)}"
    wanted = f"{dotted(OLDEST_PYTHON)} or newer is needed"
    return f"its system has {have}; {wanted}: bring one, --python ARCHIVE"
