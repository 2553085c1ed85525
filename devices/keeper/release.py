"""What a board serves: a bundle, the wheels of its environment, a source, and what health means."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from . import disk, objects
from .errors import KeeperError
from .layout import USER, Home

ID_LENGTH = 12

# A trial keeps every other release away.
LONGEST_TRIAL = 86_400.0  # s

_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+!\-]*\.whl")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")

# What stands for the release's folder in its arguments.
FOLDER = "{release}"

# Ends the names of files that hold a URI with its password.
SECRET = ".secret"

BUNDLE, RECORD, SERVICE = "bundle.edge", "release.json", "service.conf"


@dataclass(frozen=True)
class Health:
    """What a release must do on its board before it is kept."""

    inferences: int = 20  # live ones; 0: golden outputs alone
    latency_ms: float = 1000.0  # 95 of 100 of them, from capture to result
    patience: float = 120.0  # s from the start of the service to the last of them


@dataclass(frozen=True)
class Release:
    """One release. Its id is made from all else that it holds."""

    name: str  # of the bundle
    version: str  # for people
    bundle: str  # SHA-256
    edgenets: str  # SHA-256 of its wheel
    wheels: dict[str, str]  # all others, file name → SHA-256; pip's is among them
    python: str  # the interpreter that the environment is made of
    arguments: list[str]  # of `edgenets run`, after the bundle
    health: Health
    memory_mb: int | None = None  # the service may take no more
    waits_for: tuple[str, ...] = ()  # units of the devices that it uses
    files: dict[str, str] = field(default_factory=dict)  # name → SHA-256; {release}/NAME
    interpreter: str | None = None  # SHA-256 of the archive that `python` is of, where we bring it
    number: int = 0  # of a published release, ever higher; 0: it was deployed by hand

    @property
    def id(self) -> str:
        """Made from all that it holds: the same release is the same everywhere."""
        text = json.dumps(self.plain(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]

    @property
    def objects(self) -> list[str]:
        """All objects that it needs."""
        own = [self.interpreter] if self.interpreter else []
        return [self.bundle, self.edgenets, *own, *self.wheels.values(), *self.files.values()]

    def plain(self) -> dict[str, object]:
        """As JSON has it; what is None is left out, so that a new field changes no old id."""
        record = {**asdict(self), "waits_for": list(self.waits_for)}
        return {name: value for name, value in record.items() if value is not None}


def parse(data: object) -> Release:
    """A release from JSON.

    Raises:
        KeeperError: it is none, or none that this keeper knows; it is said which value is wrong.
    """
    if not isinstance(data, dict):
        raise KeeperError(f"no record of a release: {_shown(data)} where an object is needed")
    plain = _typed(data, Release, _KINDS)
    health = Health(**_typed(plain["health"], Health, _HEALTH, "health."))
    values = {**plain, "health": health}
    values["waits_for"] = tuple(plain.get("waits_for", ()))
    found = Release(**values)
    for name in found.wheels:
        if not _WHEEL.fullmatch(name):
            raise KeeperError(f"'{name[:80]}' is no name of a wheel")
    for name in found.files:
        if not _FILE.fullmatch(name) or name in (BUNDLE, RECORD, SERVICE):
            raise KeeperError(f"'{name[:80]}' cannot be a file of a release")
    if not 0 < health.latency_ms < math.inf or not 0 < health.patience <= LONGEST_TRIAL:
        raise KeeperError("a release's health has bounds that are numbers, and an end")
    if any(not unit.isprintable() or " " in unit for unit in found.waits_for):
        raise KeeperError("a release waits for units, which have names without spaces")
    for sha256 in found.objects:
        try:
            objects.path_of(Path(), sha256)
        except (KeeperError, ValueError) as exc:
            raise KeeperError(f"no record of a release: {_shown(sha256)} is no SHA-256") from exc
    return found


def _typed(
    data: dict[str, object], record: type, kinds: dict[str, tuple[str, _Check]], within: str = ""
) -> dict[str, Any]:
    """The values of a record, each of its kind: a type that is not checked here is checked nowhere,
    and would end a trial in the middle."""
    if unknown := data.keys() - kinds.keys():
        raise KeeperError(f"a newer edgenets made this release: unknown {sorted(unknown)}")
    known = {f.name: f for f in fields(record)}
    for name, (kind, check) in kinds.items():
        if name not in data:
            if known[name].default is MISSING and known[name].default_factory is MISSING:
                raise KeeperError(f"no record of a release: {within}{name} is missing")
        elif not check(data[name]):
            raise KeeperError(
                f"no record of a release: {within}{name} is {_shown(data[name])}; {kind} is needed"
            )
    return dict(data)


def _is_text(value: object) -> bool:
    # Both would end the start of the service: the one in its arguments, the other in its record.
    return isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value)


def _is_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _is_named(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, (*value, *value.values())))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _or_none(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


_Check = Callable[[object], bool]

# What each value must be.
_KINDS: dict[str, tuple[str, _Check]] = {
    **dict.fromkeys(("name", "version", "bundle", "edgenets", "python"), ("a text", _is_text)),
    **dict.fromkeys(("wheels", "files"), ("an object of texts", _is_named)),
    **dict.fromkeys(("arguments", "waits_for"), ("a list of texts", _is_texts)),
    "health": ("an object", lambda value: isinstance(value, dict)),
    "memory_mb": ("a whole number", _or_none(_is_count)),
    "interpreter": ("a text", _or_none(_is_text)),
    "number": ("a whole number", _is_count),
}
_HEALTH: dict[str, tuple[str, _Check]] = {
    "inferences": ("a whole number", _is_count),
    "latency_ms": ("a number", _is_number),
    "patience": ("a number", _is_number),
}


def _shown(value: object) -> str:
    return ascii(value)[:60]


def load(home: Home, id: str) -> Release:
    """A release that is on this board.

    Raises:
        KeeperError: it is not, or it is damaged.
    """
    try:
        return parse(json.loads((home.release(id) / RECORD).read_bytes()))
    except (OSError, ValueError, RecursionError) as exc:
        raise KeeperError(f"release {id} is not on this board: {exc}") from exc


def stage(home: Home, release: Release) -> None:
    """Put a release beside the others; its objects must be here. Its record is written last."""
    folder = home.release(release.id)
    disk.make_folder(folder)
    for name, sha256 in {BUNDLE: release.bundle, **release.files}.items():
        source = objects.path_of(home.objects, sha256)
        if (folder / name).exists() and not (folder / name).samefile(source):
            disk.unlink(folder / name)  # of an object that was damaged, and came again
        if not (folder / name).exists():
            os.link(source, folder / name)
        if name.endswith(SECRET):
            disk.keep_to(folder / name, USER)
    disk.write(folder / SERVICE, service_text(release).encode())
    text = json.dumps(release.plain(), indent=1, sort_keys=True) + "\n"
    disk.write(folder / RECORD, text.encode())
    disk.keep_to(folder / RECORD, USER)


def service_text(release: Release) -> str:
    """What a release adds to the service's unit; systemd reads it through `current`."""
    units = " ".join(release.waits_for)
    waits = f"Wants={units}\nAfter={units}\n" if units else ""
    memory = f"MemoryMax={release.memory_mb}M\n" if release.memory_mb else ""
    return f"[Unit]\n{waits}[Service]\n{memory}"
