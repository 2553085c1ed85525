"""How far forecasts are from what came, by the very artifact of a device."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets import records
from edgenets.backend import Session, last_answer
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.metrics import MSE
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation
from edgenets.tasks.series.baselines import Errors, Linear, errors, last_value
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.series.table import find_table, read_table
from edgenets.tasks.series.windows import Ahead, Real, Windows, scaled, split_windows


@dataclass(frozen=True)
class ForecastEvaluation:
    """Errors over windows, in standard deviations of the columns."""

    n: int  # windows
    errors: Errors
    coverage: float | None  # of the interval between the quantiles, 0…1
    us_per_step: float  # CPU time


def evaluate_forecast(
    spec: ForecastSpec,
    session: Session,
    windows: Windows,
    progress: Progress | None = None,
    taken: Real | None = None,
) -> ForecastEvaluation:
    """Forecast after every window from an empty state.

    Args:
        windows: scaled; of the spec's window and horizon, and of what is forecast.
        taken: (windows, steps, numbers) that the network takes; None: made of the windows.
    """
    taken = segments(windows.came, spec.input.segment) if taken is None else taken
    answers = np.empty((len(windows), spec.scores), np.float32)
    begun = time.process_time()
    with (progress or Progress()).task("forecasting") as task:
        for done, (row, window) in enumerate(zip(answers, taken, strict=True), 1):
            row[:] = last_answer(session, window)
            if done % 100 == 0 or done == len(windows):
                task.update(done, len(windows))
    cpu = time.process_time() - begun
    ahead = Ahead.of(answers, windows, spec.decoding.horizon, not spec.input.together)
    return ForecastEvaluation(
        len(windows),
        errors(ahead.median, windows.following),
        ahead.coverage(windows.following),
        1e6 * cpu / max(1, taken.shape[0] * taken.shape[1]),
    )


def _together(series: Real, spec: ForecastSpec, split: Split | None) -> Real:
    """What a network takes whose columns go in together, (windows, readings, columns)."""
    came = [split_windows(column[None], spec, split).came for column in series]
    return np.stack(came, axis=-1)


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec = spec_as(bundle.spec, ForecastSpec)
    table = read_table(find_table(data), spec.input.columns, spec.input.longest_gap, spec.table)
    series = scaled(table.values, spec.input)
    taken = _together(series, spec, split) if spec.input.together else None
    series = series[list(spec.input.targets)]
    windows = split_windows(series, spec, split)
    found = evaluate_forecast(spec, session, windows, progress, taken)
    rows = [
        ("this model", found.errors),
        ("last value", errors(last_value(windows), windows.following)),
    ]
    if series.shape[1] >= spec.borders.train > spec.window + spec.decoding.horizon:
        train = series[:, : spec.borders.train]
        linear = Linear.fitted(train, spec.window, spec.decoding.horizon)
        rows.append(("linear", errors(linear.forecast(windows), windows.following)))
    line = (
        f"MSE {found.errors.mse:.4f}, MAE {found.errors.mae:.4f} on {found.n:,} windows, "
        f"{found.us_per_step:.1f} µs CPU a step"
    )
    if found.coverage is not None:
        low, high = spec.decoding.quantiles
        line += f", {found.coverage:.1%} between the quantiles {low:g} and {high:g}"
    figures = {**records.to_plain(found), "baselines": {n: vars(e) for n, e in rows[1:]}}
    return Evaluation(
        MSE.name, found.errors.mse, found.n, line, figures, ("forecast", "MSE", "MAE"),
        tuple((name, f"{e.mse:.4f}", f"{e.mae:.4f}") for name, e in rows), table.notices,
    )  # fmt: skip
