"""Board profiles: one TOML a board, in `profiles/`. To add a board: a file there."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

from edgenets import records
from edgenets.errors import DeviceError, RecordError

Backend = Literal["tflite", "onnx", "openvino"]


@dataclass(frozen=True)
class Processor:
    """What a board computes with."""

    name: str
    cores: int
    architecture: Literal["aarch64", "x86_64"]
    features: tuple[str, ...]  # as /proc/cpuinfo has them; asimddp: dot products of int8
    memory_mb: tuple[int, ...]  # the sizes that are sold


@dataclass(frozen=True)
class System:
    """The image that a board is used with."""

    image: str
    python: str  # that it brings
    libc: str  # version of glibc
    first_boot: Literal["cloud-init", "none"]  # how it is configured at its first start

    def __post_init__(self) -> None:
        for name, text in (("python", self.python), ("libc", self.libc)):
            if not text.replace(".", "", 1).isdigit() or "." not in text:
                raise ValueError(f"{name} must be a version such as 3.13")


@dataclass(frozen=True)
class Accelerator:
    """What a board computes with beside its processor."""

    name: str  # as `edgenets device probe` reports it
    needs: str


@dataclass(frozen=True)
class Senses:
    """A board's cameras, or its sound."""

    sources: tuple[str, ...]  # URIs of `edgenets run`, the usual one first
    stack: str


@dataclass(frozen=True)
class Power:
    """What a board draws; None: it depends."""

    supply: str
    idle_w: float | None = None
    load_w: float | None = None


@dataclass(frozen=True)
class Heat:
    """When a board slows down, and what helps."""

    hint: str
    slows_at_c: float | None = None
    stops_at_c: float | None = None


@dataclass(frozen=True)
class Flash:
    """How an image gets onto a board."""

    by: Literal["card", "fastboot", "installer", "steps"]
    card_mb: int  # the smallest that holds the system, an environment and two releases
    steps: tuple[str, ...] = ()  # by hand, where edgenets does not, or for a board that is lost


@dataclass(frozen=True)
class Board:
    """One board."""

    name: str
    models: tuple[str, ...]  # beginnings of the model string of its device tree
    backends: tuple[Backend, ...]  # that have wheels for it
    hints: tuple[str, ...]
    processor: Processor
    system: System
    camera: Senses
    sound: Senses
    power: Power
    heat: Heat
    flash: Flash
    accelerators: tuple[Accelerator, ...] = ()
    wheels: dict[str, str] = field(default_factory=dict)  # package → file that pip would choose

    @property
    def python(self) -> tuple[int, int]:
        """Of its system's Python, the major and minor version."""
        return _version(self.system.python)

    @property
    def libc(self) -> tuple[int, int]:
        """Of its glibc, the major and minor version."""
        return _version(self.system.libc)


# What people call a board by what is plugged into it.
_ALSO = {"coral-usb": "rpi4-coral-usb"}


def names() -> list[str]:
    """All boards, by the names of their files."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir())


def load(name: str) -> Board:
    """The profile of a board.

    Raises:
        DeviceError: there is none, or it is not one.
    """
    name = _ALSO.get(name, name)
    if name not in names():
        import difflib

        near = difflib.get_close_matches(name, names(), n=1)
        hint = f" Did you mean '{near[0]}'?" if near else f" There are: {', '.join(names())}"
        raise DeviceError(f"there is no board '{name}'.{hint}")
    try:
        data = tomllib.loads(_folder().joinpath(f"{name}.toml").read_text("utf-8"))
        return records.parse(Board, data)
    except (RecordError, tomllib.TOMLDecodeError) as exc:
        raise DeviceError(f"{name}.toml: {exc}") from exc


def of_model(model: str) -> Board | None:
    """The board whose device tree calls itself so; None where no profile does."""
    boards = [load(name) for name in names()]
    found = [(len(s), b) for b in boards for s in b.models if model.startswith(s)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def dotted(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _folder() -> Traversable:
    return resources.files(__package__).joinpath("profiles")
