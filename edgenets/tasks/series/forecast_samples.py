"""What forecasting models are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.metrics import MSE
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.series.features import segments
from edgenets.tasks.series.forecast_training import load
from edgenets.tasks.series.recipe import ForecastRecipe
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.series.windows import Windows, scaled, split_windows
from edgenets.tasks.task import Samples


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`."""
    clips = run.recipe_as(ForecastRecipe).quantize.samples
    windows = _windows(run, data, "train").spread(clips)
    return segments(windows.came, run.spec_as(ForecastSpec).input.segment)


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    gate, spec = run.recipe_as(ForecastRecipe).gate, run.spec_as(ForecastSpec)
    windows = _windows(run, data, "validation").spread(gate.samples)
    came = segments(windows.came, spec.input.segment)
    return Samples(came, list(windows.following - windows.last), "windows")


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(ForecastSpec), run.recipe_as(ForecastRecipe)
    test, ahead = metrics["test"], spec.decoding.horizon
    every = "" if spec.input.interval is None else f", one every {spec.input.interval:g} s"
    figures = [("this model", test), *test["baselines"].items()]
    covered = (
        f" {test['coverage']:.1%} of what came lay between the quantiles "
        f"{spec.decoding.quantiles[0]:g} and {spec.decoding.quantiles[1]:g}."
        if "coverage" in test
        else ""
    )
    return [
        f"- **Task**: forecasting, {ahead} readings ahead{every}, of "
        f"{', '.join(spec.input.columns)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step every {spec.input.segment} readings of a column, or at every reading by as many "
        f"interleaved states.",
        f"- **Data**: {metrics['train']['readings']:,} readings to train on. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**, from windows of {spec.window} readings on all {test['windows']:,} "
        f"test windows, in standard deviations of the columns: "
        + "; ".join(f"{name} MSE {v[MSE.name]:.4f}, MAE {v['MAE']:.4f}" for name, v in figures)
        + f".{covered} Artifacts below: on {items:,} windows of the validation part.",
        "- **Limits**: it knows this kind of series, at this interval. What never happened in "
        "the training part it does not predict.",
    ]


def _windows(run: Run, data: Path, split: Split) -> Windows:
    spec = run.spec_as(ForecastSpec)
    table = load(run.recipe_as(ForecastRecipe), data, Progress())
    return split_windows(scaled(table.values, spec.input), spec, split)
