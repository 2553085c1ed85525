"""Many models, each converted in a process of its own, several at a time.

OUT/batch.json     what became of each model; where a batch that was stopped goes on from
OUT/NAME/…         the folder of one model, as `edgenets convert --out` makes it
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from edgenets import records
from edgenets.artifact import Format, Precision
from edgenets.errors import DataError, EdgenetsError, ModelError, RecordError
from edgenets.files import write_json
from edgenets.progress import Progress

from .. import store
from . import apart
from .converter import Variant
from .folder import digest

STATE = "batch.json"

# Endings of files of items.
_ITEMS = (".npz", ".npy")


@dataclass(frozen=True)
class BatchOptions:
    """What is wanted of every model."""

    to: tuple[Format, ...]
    precisions: tuple[Precision, ...] | None = None  # None: every one that a model can have
    variant: Variant = "auto"
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    # A file of items for all models, or a folder of files that are called as the models are.
    calibration: str | None = None
    data: str | None = None  # the same, to verify on


@dataclass(frozen=True)
class Judged:
    """One artifact, as verification found it."""

    id: str
    passed: bool
    metric: float
    error: str = ""


@dataclass(frozen=True)
class Made:
    """One artifact."""

    id: str
    bytes: int
    route: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What became of one model."""

    model: str  # its path
    sha256: str
    options: BatchOptions
    seconds: float
    # SHA-256 of the items that it was calibrated and verified on; nothing where there are none.
    items: tuple[str, str] = ("", "")
    artifacts: tuple[Made, ...] = ()
    missing: tuple[str, ...] = ()
    verdicts: tuple[Judged, ...] = ()
    error: str = ""  # why nothing could be converted

    def is_of(self, other: Entry) -> bool:
        """Whether it is of the same model, options and items, as they are now."""
        mine, its = ((e.model, e.sha256, e.options, e.items) for e in (self, other))
        return mine == its

    @property
    def well(self) -> bool:
        """Whether something was converted, and all of it passed where it was verified."""
        return not self.error and all(v.passed for v in self.verdicts)


@dataclass(frozen=True)
class _State:
    entries: dict[str, Entry]


def batch(
    models: Sequence[Path],
    out: Path,
    options: BatchOptions,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Entry, ...]:
    """Convert models, and verify them where there are items.

    A model that went well before, with the same options, is not converted again.

    Args:
        out: gets a folder of each.
        jobs: so many processes at a time; each needs about a gigabyte.

    Returns:
        an entry a model, in their order; a model that cannot be converted says why.

    Raises:
        ModelError: two models would have one folder.
    """
    names = [path.name for path in models]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ModelError(f"several models are called {min(twice)}; convert them one by one")
    known, found = _known(out), {}
    progress = progress or Progress()
    writing = Lock()

    def convert(entry: Entry, name: str) -> None:
        entry = _one(entry, out / name)
        # Each writes its own: whoever ends the batch, nothing that is done is lost.
        with writing:
            known[name] = found[name] = entry
            write_json(out / STATE, records.to_plain(_State(known)))

    with progress.task("converting models") as task, ThreadPoolExecutor(jobs) as pool:
        waiting = {}
        for path in models:
            before, now = known.get(path.name), _entry(path, options)
            if before and before.well and before.is_of(now) and _is_there(out / path.name, before):
                found[path.name] = before
            else:
                waiting[pool.submit(convert, now, path.name)] = path.name
        task.update(len(found), len(models), "were converted before" if found else "")
        try:
            for done in as_completed(waiting):
                done.result()
                task.update(len(found), len(models), waiting[done])
        except BaseException:
            for left in waiting:
                left.cancel()
            raise
    return tuple(found[name] for name in names)


def _known(out: Path) -> dict[str, Entry]:
    """What a batch of before left."""
    try:
        text = (out / STATE).read_text(encoding="utf-8")
        return dict(records.parse(_State, json.loads(text)).entries)
    except (OSError, ValueError, RecordError):
        return {}


def _entry(path: Path, options: BatchOptions) -> Entry:
    """A model to be converted, as it and its items are now."""
    places = [_items(place, path) for place in (options.calibration, options.data)]
    calibrated, verified = ("" if p is None else digest(p) for p in places)
    return Entry(str(path), digest(path), options, 0.0, (calibrated, verified))


def _is_there(folder: Path, before: Entry) -> bool:
    """Whether all that was made before is in its folder, and whole."""
    try:
        written, _ = store.load(folder)
    except EdgenetsError:
        return False
    return {w.artifact.id for w in written} == {made.id for made in before.artifacts}


def _one(entry: Entry, folder: Path) -> Entry:
    begun = time.monotonic()
    path, options = Path(entry.model), entry.options
    try:
        calibration = _items(options.calibration, path)
        if options.calibration is not None and calibration is None:
            raise DataError(f"{options.calibration}: has no {path.stem}.npz to calibrate it on")
        folder.mkdir(parents=True, exist_ok=True)
        request = apart.Request(
            options.to,
            options.precisions,
            str(calibration) if calibration else None,
            options.variant,
            options.shapes,
        )
        plain = apart.convert(path, folder, request, live=False)
        entry = replace(
            entry,
            artifacts=tuple(_made(one) for one in plain["artifacts"]),
            missing=tuple(plain["missing"]),
        )
        if options.data is not None:
            if (data := _items(options.data, path)) is None:
                raise DataError(f"{options.data}: has no {path.stem}.npz to verify it on")
            report = apart.verify(folder, data, live=False)
            judged = [Judged(v.id, v.passed, v.metric, v.error) for v in report.verdicts]
            entry = replace(entry, verdicts=tuple(judged))
    except (EdgenetsError, OSError) as exc:  # OSError: its folder cannot be made
        entry = replace(entry, error=str(exc))
    return replace(entry, seconds=round(time.monotonic() - begun, 1))


def _made(plain: Mapping[str, Any]) -> Made:
    return Made(plain["id"], plain["bytes"], tuple(plain["route"]))


def _items(place: str | None, model: Path) -> Path | None:
    """The file of items that is meant for a model."""
    if place is None:
        return None
    path = Path(place)
    if not path.is_dir():
        return path
    found = [path / f"{model.stem}{e}" for e in _ITEMS if (path / f"{model.stem}{e}").is_file()]
    return found[0] if found else None
