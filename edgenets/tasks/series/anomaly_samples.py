"""What anomaly detectors are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.metrics import MAE
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.series.anomaly_training import behind, trained_on
from edgenets.tasks.series.batches import find_series, known
from edgenets.tasks.series.recipe import AnomalyRecipe
from edgenets.tasks.task import Samples

# Calibration reads beginnings in pieces of one length.
_PIECE = 64  # readings


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`."""
    recipe = run.recipe_as(AnomalyRecipe)
    every = find_series(data, recipe.data.files, recipe.data.table)
    frames = np.concatenate(
        [known(s, recipe.features, trained_on(s, recipe)).seasonal for s in every]
    )
    return np.resize(frames, (max(1, len(frames) // _PIECE), _PIECE, frames.shape[1]))


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    recipe = run.recipe_as(AnomalyRecipe)
    held = [behind(s, recipe) for s in find_series(data, recipe.data.files, recipe.data.table)]
    held = [one for one in held if len(one.came)]
    return Samples([one.seasonal for one in held], [one.came for one in held], "series")


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, recipe = run.metrics, run.recipe_as(AnomalyRecipe)
    decoding, test = recipe.decoding, metrics["test"]
    return [
        "- **Task**: anomaly detection in any series, one column at a time; no label was used.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step a reading. It foresees a reading from the series' level, slow mean and day; an "
        f"alarm is an error that is a record by {decoding.threshold - 1:.0%}.",
        f"- **Data**: the first {metrics['train']['readings']:,} readings of "
        f"{metrics['train']['series']} series, at most {recipe.data.most} of each. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: mean absolute error {test[MAE.name]:.4f} on the "
        f"{test['readings']:,} readings that follow, in the series' own mean deviations, large "
        f"ones pressed. Artifacts below: on the same. `edgenets eval` scores it by the Numenta "
        f"Anomaly Benchmark.",
        f"- **Limits**: most of what it finds is found by the record of errors and the daily "
        f"seasonal; the network adds little (docs/measurements.md). The first {decoding.settle} "
        f"readings of a series are silent. A series without a day, or whose level jumps for "
        f"good, alarms once and is then usual.",
    ]
