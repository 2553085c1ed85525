"""Training of networks that predict a reading from a series' seasonal profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets import models
from edgenets.errors import DataError
from edgenets.metrics import MAE
from edgenets.progress import Progress
from edgenets.stepspec import StepSpec
from edgenets.tasks.series.batches import BeginningBatches, Known, OneSeries, find_series, known
from edgenets.tasks.series.recipe import AnomalyRecipe
from edgenets.tasks.series.spec import AnomalySpec
from edgenets.tasks.task import Trained
from edgenets.training import losses
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Fewer readings at a beginning are no habit yet.
_LEAST = 20


def train_anomaly(recipe: AnomalyRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png`."""
    every = find_series(data, recipe.data.files, recipe.data.table)
    beginnings = [known(s, recipe.features, trained_on(s, recipe)) for s in every]
    beginnings = [one for one in beginnings if len(one.came) >= _LEAST]
    if not beginnings:
        raise DataError(
            f"{data}: no series of its {len(every)} has {_LEAST} readings in the "
            f"{recipe.data.beginning:.0%} that are trained on"
        )
    held = [behind(s, recipe) for s in every]
    progress.say(
        f"{len(every)} series, {sum(len(one.came) for one in beginnings):,} readings to train on, "
        f"{sum(len(one.came) for one in held):,} behind them to judge by"
    )
    spec = AnomalySpec(recipe.name, "anomaly", (), recipe.features, recipe.decoding, StepSpec())
    job = Job(
        build=lambda: models.build_series(recipe.model, spec.scores),
        batches=BeginningBatches(beginnings, recipe.schedule.batch, recipe.seed),
        loss=losses.laplace(),
        judge=lambda model: judged(model, held),
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric=MAE.name,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("absolute error on what follows")
    found = {MAE.name: judged(trainer.model, held), "readings": sum(len(h.came) for h in held)}
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "metric": MAE.name,
        "train": {"readings": sum(len(one.came) for one in beginnings), "series": len(every)},
        "validation": found,
        "test": found,
    }
    return Trained(trainer.model, spec, metrics)


def trained_on(series: OneSeries, recipe: AnomalyRecipe) -> int:
    """Readings at the beginning of a series that are trained on."""
    return min(int(recipe.data.beginning * len(series)), recipe.data.most)


def behind(series: OneSeries, recipe: AnomalyRecipe) -> Known:
    """What is known before the readings that follow those that were trained on."""
    first = trained_on(series, recipe)
    whole = known(series, recipe.features, first + recipe.data.held)
    return Known(whole.seasonal[first:], whole.came[first:])


def judged(model: keras.Model, held: list[Known]) -> float:
    """Mean absolute error of what is predicted, scaled; every piece from an empty state."""
    longest = max(len(one.came) for one in held)
    seasonal = np.zeros((len(held), longest, held[0].seasonal.shape[1]), np.float32)
    for row, one in zip(seasonal, held, strict=True):
        row[: len(one.came)] = one.seasonal
    answers = model.predict(seasonal, batch_size=64, verbose=0)[..., 0]
    errors = [np.abs(a[: len(one.came)] - one.came) for a, one in zip(answers, held, strict=True)]
    return float(np.concatenate(errors).mean())
