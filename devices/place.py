"""A board as far as releases are concerned, by its profile or by what it reports of itself.

`preflight` lists what stops a bundle there; `deploy` and publications refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgenets.errors import DeviceError
from edgenets.selection import Availability

from .availability import available_on, of_profile
from .board import Board, dotted
from .deploy.machine import Machine
from .deploy.ownpython import OwnPython
from .deploy.wheelhouse import Kind

# The oldest Python that edgenets runs on.
OLDEST_PYTHON = (3, 11)

# An environment of a detector with OpenCV, two releases of it, and the wheels they were made of.
LEAST_FREE_MB = 700

# Of programs; for these interpreters have wheels.
ARCHITECTURES = ("aarch64", "x86_64")


@dataclass(frozen=True)
class Place:
    """A board: what a release stands on there, and what is known of its devices."""

    name: str
    architecture: str
    python: tuple[int, int] | None  # that releases run on; None: there is none
    interpreter: str  # its path on the board
    libc: tuple[int, int] | None  # of glibc; None: another C library
    memory_mb: int
    why_not: Availability  # of backends
    accelerators: tuple[str, ...]
    wheels: dict[str, str] | None  # None: not known
    hints: tuple[str, ...]
    own: OwnPython | None  # the Python that is brought, where the system's is too old
    free_mb: int | None = None  # None: not known
    has_systemd: bool = True
    cameras: int | None = None  # None: not known
    microphones: int | None = None

    @property
    def kind(self) -> Kind:
        """Which wheels fit it; of a board that passed `check`."""
        assert self.libc is not None and self.python is not None
        return Kind(self.architecture, self.libc, self.python)


def of_board(board: Board, own: OwnPython | None = None) -> Place:
    """What a profile says; the smallest memory that is sold counts.

    Args:
        own: a Python that is brought where the system's is too old.
    """
    own = _brought(board.python, own)
    python = own.version if own else board.python
    return Place(
        name=board.name,
        architecture=board.processor.architecture,
        python=python,
        interpreter=own.path if own else f"/usr/bin/python{board.system.python}",
        libc=board.libc,
        memory_mb=min(board.processor.memory_mb),
        why_not=of_profile(board),
        accelerators=tuple(a.name for a in board.accelerators),
        wheels=_wheels_of(board, python),
        hints=board.hints,
        own=own,
    )


def of_machine(machine: Machine, board: Board | None, own: OwnPython | None = None) -> Place:
    """What a board reports of itself; its profile, where there is one, knows the rest."""
    there = machine.python
    own = _brought(there.version[:2] if there else None, own)
    python = own.version if own else there.version[:2] if there else None
    return Place(
        name=machine.model,
        architecture=machine.architecture,
        python=python,
        interpreter=own.path if own else there.path if there else "",
        libc=machine.libc,
        memory_mb=machine.memory_mb,
        why_not=available_on(board, machine.accelerators, machine.model),
        accelerators=machine.accelerators,
        wheels=_wheels_of(board, python),
        hints=board.hints if board else (),
        own=own,
        free_mb=machine.free_mb,
        has_systemd=machine.has_systemd,
        cameras=len(machine.cameras),
        microphones=len(machine.microphones),
    )


def _brought(there: tuple[int, int] | None, own: OwnPython | None) -> OwnPython | None:
    """The Python that is brought; None where the system's will do."""
    return own if there is None or there < OLDEST_PYTHON else None


def _wheels_of(board: Board | None, python: tuple[int, int] | None) -> dict[str, str] | None:
    """A profile's wheels are for one Python: the system's, or the oldest that can be brought."""
    known = max(board.python, OLDEST_PYTHON) if board else None
    return board.wheels if board and python in (known, board.python) else None


def obstacles(place: Place) -> Iterator[tuple[str, str]]:
    """What stops any release on a board: what it is about, and what to do."""
    own, python, architecture = place.own, place.python, place.architecture
    if architecture not in ARCHITECTURES:
        text = f"{architecture}: no interpreter has wheels for it; put a 64-bit OS on it"
        yield "architecture", text
    if own is not None and own.architecture != architecture:
        yield "Python", f"{own.archive}: is for {own.architecture}; {place.name} is {architecture}"
    elif python is None or python < OLDEST_PYTHON:
        have = "no Python" if python is None else f"Python {dotted(python)}"
        wanted = f"{dotted(OLDEST_PYTHON)} or newer is needed"
        yield "Python", f"its system has {have}; {wanted}: bring one, --python ARCHIVE"
    if place.libc is None:
        yield "C library", "not glibc, for which wheels are made"
    if not place.has_systemd:
        yield "systemd", "there is none to look after the service"
    if place.free_mb is not None and place.free_mb < LEAST_FREE_MB:
        yield "disk", f"{place.free_mb:,} MB are free at /opt; {LEAST_FREE_MB} MB are needed"


def check(place: Place, name: str = "") -> Place:
    """The same place, on which releases can stand.

    Args:
        name: of the board in messages; empty: its own.

    Raises:
        DeviceError: the board lacks what any release needs: what, and what to do.
    """
    for about, text in obstacles(place):
        raise DeviceError(f"{name or place.name}: {about}: {text}")
    return place
