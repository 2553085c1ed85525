"""What tables of readings hold, for people: see `edgenets.data.survey`."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.survey import Item, Survey
from edgenets.errors import DataError
from edgenets.tasks.series.table import Readings, find_table, read_readings, usual_interval

# A share of missing values beyond which a column is hardly one.
_MISSING = 0.1

# Points of a drawn column.
_POINTS = 180


def survey(root: Path) -> Survey:
    """Read a table, or every one of a folder; errors as `read_readings`."""
    paths = sorted(root.rglob("*.csv")) if root.is_dir() else [root]
    tables = [(path, read_readings(path)) for path in paths or [find_table(root)]]
    if not tables:
        raise DataError(f"{root}: has no .csv")
    items, waves, notes = [], [], []
    for path, table in tables:
        notes += list(table.notices)
        values = np.stack([reading.values for _, reading in table.rows])
        for at, name in enumerate(table.columns):
            column = values[:, at]
            called = f"{path.name}: {name}"
            digest = hashlib.sha256(column.tobytes()).hexdigest()
            odd = tuple(_odd(column))
            items.append(Item(called, Counter(), None, digest, odd=odd))
            waves.append(_wave(column))
        notes += _gaps(path, table)
    return Survey("tables", "columns", tuple(items), (), tuple(notes), waves.__getitem__)


def _odd(column: NDArray[np.float64]) -> list[str]:
    missing = float(np.isnan(column).mean())
    known = column[~np.isnan(column)]
    found = [f"{missing:.0%} of its values are missing"] if missing > _MISSING else []
    if len(known) and known.min() == known.max():
        found.append(f"is {known[0]:g} all the time")
    return found


def _gaps(path: Path, table: Readings) -> list[str]:
    times = table.times
    interval = usual_interval(times)
    if not interval:
        return [f"{path.name}: {len(table.rows):,} rows without times"]
    steps = np.diff(times) / interval
    gaps, backwards = int((steps > 1.5).sum()), int((steps <= 0).sum())
    said = f"{path.name}: {len(table.rows):,} rows, {interval:g} s apart"
    said += f", {gaps:,} gaps (the longest {steps.max():,.0f} rows)" if gaps else ""
    return [said + (f", {backwards:,} times that go back or stand still" if backwards else "")]


def _wave(column: NDArray[np.float64]) -> str:
    """A column as HTML: a line over its rows."""
    known = np.nan_to_num(column, nan=float(np.nanmean(column)) if len(column) else 0.0)
    part = known[np.linspace(0, len(known) - 1, min(len(known), _POINTS)).astype(int)]
    low, high = float(part.min()), float(part.max())
    levels = 56 - 52 * (part - low) / ((high - low) or 1.0)
    points = " ".join(f"{n},{level:.1f}" for n, level in enumerate(levels))
    return f'<svg class="wave" viewBox="0 0 {_POINTS} 60"><polyline points="{points}"/></svg>'
