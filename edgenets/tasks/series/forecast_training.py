"""Training of networks that say how series go on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets import models
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.metrics import MSE
from edgenets.progress import Progress
from edgenets.stepspec import StepSpec
from edgenets.tasks.series.baselines import Errors, Linear, errors, last_value
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.recipe import ForecastRecipe
from edgenets.tasks.series.spec import Borders, ForecastSpec, SeriesInput
from edgenets.tasks.series.table import Table, find_table, read_table
from edgenets.tasks.series.windows import Ahead, WindowBatches, Windows, scaled, split_windows
from edgenets.tasks.task import Trained
from edgenets.training import losses
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Windows that are evaluated at once.
EVALUATION_BATCH = 512

# A judgement every epoch looks at so many windows, at equal distances.
_JUDGED = 4000


def train_forecast(recipe: ForecastRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png`."""
    table = load(recipe, data, progress)
    spec = _spec(recipe, table)
    series, wanted = scaled(table.values, spec.input), recipe.data
    validation = split_windows(series, spec, "validation")
    test = split_windows(series, spec, "test")
    judged = validation.spread(_JUDGED)
    train = series[:, : spec.borders.train]
    job = Job(
        build=lambda: models.build_series(recipe.model, spec.scores),
        batches=WindowBatches(
            train, wanted.window, recipe.decoding.horizon, recipe.model.segment, wanted.settle,
            wanted.windows, recipe.schedule.batch, recipe.seed,
        ),
        loss=losses.quantiles(recipe.decoding.quantiles),
        judge=lambda model: errors(forecast(model, judged, spec).median, judged.following).mse,
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric=MSE.name,
    )  # fmt: skip
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("validation MSE")
    linear = Linear.fitted(train, wanted.window, recipe.decoding.horizon)
    metrics: Json = {
        "parameters": int(trainer.model.count_params()),
        "metric": MSE.name,
        "train": {"readings": spec.borders.train, "columns": len(table.columns)},
    }
    for name, part in (("validation", validation), ("test", test)):
        ahead = forecast(trainer.model, part, spec)
        metrics[name] = {
            "windows": len(part),
            **_named(errors(ahead.median, part.following)),
            "baselines": {
                "last value": _named(errors(last_value(part), part.following)),
                "linear": _named(errors(linear.forecast(part), part.following)),
            },
        }
        coverage = ahead.coverage(part.following)
        if coverage is not None:
            metrics[name]["coverage"] = coverage
    return Trained(trainer.model, spec, metrics)


def load(recipe: ForecastRecipe, data: Path, progress: Progress) -> Table:
    """Read the recipe's table.

    Raises:
        DataError: it cannot be read, or is too short.
    """
    wanted = recipe.data
    table = read_table(
        find_table(data, wanted.file), wanted.columns, wanted.longest_gap, wanted.table
    )
    for notice in table.notices:
        progress.say(notice)
    if wanted.rows is not None:
        table = dataclasses.replace(table, values=table.values[: wanted.rows])
    need, borders = wanted.window + recipe.decoding.horizon, borders_of(recipe, len(table))
    parts = (borders.train, borders.validation - borders.train, borders.test - borders.validation)
    if parts[0] < need or min(parts[1:]) < recipe.decoding.horizon:
        raise DataError(
            f"{data}: {len(table):,} readings, in parts of {', '.join(f'{p:,}' for p in parts)}, "
            f"are too few for a window of {wanted.window} and a horizon of "
            f"{recipe.decoding.horizon}"
        )
    return table


def borders_of(recipe: ForecastRecipe, rows: int) -> Borders:
    """Where the parts of a table of so many rows end."""
    last = rows - round(recipe.data.test * rows)
    return Borders(max(1, last - round(recipe.data.validation * rows)), last, rows)


def forecast(model: keras.Model, windows: Windows, spec: ForecastSpec) -> Ahead:
    """A Keras model's forecast of windows."""
    taken = segments(windows.came, spec.input.segment)
    answer = model.predict(taken, batch_size=EVALUATION_BATCH, verbose=0)[:, -1]
    return Ahead.of(answer, windows, spec.decoding.horizon)


def _spec(recipe: ForecastRecipe, table: Table) -> ForecastSpec:
    borders = borders_of(recipe, len(table))
    train = table.values[: borders.train]
    mean, std = train.mean(axis=0), train.std(axis=0)
    if still := [c for c, s in zip(table.columns, std, strict=True) if not s > 0]:
        raise DataError(
            f"{', '.join(still)} never changes in the training part; leave it out by [data] columns"
        )
    input = SeriesInput(
        "series", table.columns, tuple(map(float, mean)), tuple(map(float, std)),
        recipe.model.segment, table.interval, recipe.data.longest_gap,
        recipe.data.delimiter, recipe.data.decimal, recipe.data.time_format,
    )  # fmt: skip
    return ForecastSpec(
        recipe.name, "forecast", (), input, recipe.decoding, StepSpec(), window=recipe.data.window,
        borders=borders,
    )  # fmt: skip


def _named(found: Errors) -> dict[str, float]:
    return {MSE.name: found.mse, "MAE": found.mae}
