"""`compare`: nets of one size and of several families, on one task, net by net."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artefact import FORMATS
from edgenets.errors import DataError
from edgenets.metrics import Metric, metric_of
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.training.train import train

from .. import road, store
from ..convert import Conversion
from ..formats import Written
from ..verdicts import Report
from . import families, gradients, memory, recall, speed, tasks

# Inputs back to which the gradient is followed, in steps of the net.
DISTANCE = 500

# Sequences that a gradient is averaged over.
_FELT = 8

# Every vocabulary has so many tokens.
_FEWEST = 2

# Steps that a step's time is the median of.
_STEPS = 400


@dataclass(frozen=True)
class Felt:
    """How far back an answer feels its inputs, in steps of the net."""

    norms: tuple[float, ...]  # newest first, as parts of the peak
    reach: int | None  # steps to the last that counts 1 % of the peak; None: beyond DISTANCE
    receptive_field: int | None  # steps that can be felt at all; None: no end in sight


@dataclass(frozen=True)
class Form:
    """One artefact."""

    id: str
    bytes: int
    metric: float  # on the validation split
    loss: float  # from the float Keras model; see `Metric.loss`
    passed: bool
    step_us: float
    cpu_ms: float  # for a unit of the stream


@dataclass(frozen=True)
class Measured:
    """All that was measured of one family's net."""

    family: str
    architecture: str
    parameters: int
    by_kind: dict[str, int]
    test: float
    validation: float
    seconds: float  # of training
    at_length: dict[str, float]  # the test metric, by the part of the taught length
    at_shift: dict[str, float]  # the same, by the frames that the sound is moved; keywords alone
    trained: Felt
    untrained: Felt
    recall: dict[str, float]  # by the lag in steps
    timings: tuple[speed.Timing, ...]  # on one core, and on all
    live_values: int  # alive at once in a step
    state_values: int
    state_bytes: int  # of a stream, int8 TFLite
    forms: tuple[Form, ...]

    def form(self, id: str) -> Form:
        """One artefact."""
        return next(form for form in self.forms if form.id == id)


@dataclass(frozen=True)
class Comparison:
    """What came of a comparison."""

    task: str
    metric: str
    items: int  # test items that it is measured on
    kind: str  # of those
    unit: str  # what a stream's cost is told for
    lengths: tuple[float, ...]
    nets: tuple[Measured, ...]
    seconds: float

    @property
    def measure(self) -> Metric:
        """What the task is measured by."""
        return metric_of(self.metric)


def compare(
    task: str, names: Sequence[str], data: Path, out: Path, parameters: int | None = None,
    epochs: int | None = None, progress: Progress | None = None,
) -> Comparison:  # fmt: skip
    """Train a net of each family, all of about one size, and measure them.

    A net that is there already, of the same recipe, is not trained again.

    Args:
        task: one of `families.TASKS`.
        names: families, of `families.FAMILIES`.
        out: folder that gets a run folder of each.
        parameters: of a net; None: as many as the one that is shipped for the task.
        epochs: None: few, as a comparison needs them.

    Raises:
        DataError: the data cannot be used.
        RecipeError: a family has no net of that size, or `out` holds other runs.
    """
    progress = progress or Progress()
    begun = time.monotonic()
    runs: list[Run] = []
    for family in names:
        recipe = families.fitted(families.recipe_of(task, family, parameters, epochs), data)
        progress.say(f"{family}: training")
        runs.append(train(recipe, data, out / family, progress))
    nets = []
    for family, run in zip(names, runs, strict=True):
        progress.say(f"{family}: measuring")
        nets.append(_measured(family, run, data, progress))
    count, kind = runs[0].test_size
    return Comparison(
        task, runs[0].metric, count, kind, tasks.KINDS[runs[0].spec.task].unit, tasks.FACTORS,
        tuple(nets), round(time.monotonic() - begun, 1),
    )  # fmt: skip


def _measured(family: str, run: Run, data: Path, progress: Progress) -> Measured:
    task, model, metrics = tasks.task_of(run, data, progress), run.model(), run.metrics
    frames: int = run.spec.step.frames  # type: ignore[union-attr]
    converted = road.convert_run(run, data, FORMATS, ("fp32", "int8"), progress)
    assert isinstance(converted, Conversion), "families are of step models"
    report = road.verify_run(run, data, progress)
    held = memory.step_memory(converted.graph)
    written, _ = store.load(run.folder)
    int8 = next(w for w in written if w.artefact.id == "tflite-int8")
    at_length = {f"{x:g}": tasks.figure(run, model, task.samples(x)) for x in tasks.FACTORS}
    at_shift = {}
    if isinstance(task, tasks.Keywords):
        at_shift = {
            str(by): statistics.mean(
                tasks.figure(run, model, task.moved(sign * by)) for sign in (-1, 1)
            )
            for by in tasks.SHIFTS
        }
    return Measured(
        family, run.recipe.model.architecture, metrics["parameters"], memory.by_kind(model),
        metrics["test"][run.metric], metrics["validation"][run.metric], metrics["seconds"],
        at_length, at_shift,
        _felt(family, model, task, frames), _felt(family, _untrained(run, model), task, frames),
        {str(lag): share for lag, share in recall.recall(family).items()},
        tuple(speed.timing(run.folder / "model.keras", frames, n)
              for n in sorted({1, speed.cores()})),
        held.live, held.states, memory.state_bytes(int8.artefact),
        _forms(written, report, task),
    )  # fmt: skip


def _untrained(run: Run, model: Any) -> Any:
    """A net as it was before its training; products that began at zero let nothing be felt."""
    if run.spec.task == "text":
        tokens = next(x for x in model.layers if type(x).__name__ == "Embedding").input_dim
        made = families.build(run.recipe, tokens=tokens)
    else:
        made = families.build(run.recipe, labels=len(run.spec.labels))
    rng = np.random.default_rng(0)
    for variable in made.trainable_variables:
        if len(variable.shape) > 1 and not np.any(variable):
            variable.assign(rng.standard_normal(variable.shape) / np.sqrt(variable.shape[0]))
    return made


def _felt(family: str, model: Any, task: tasks.Task, frames: int) -> Felt:
    """The gradient over test sequences, one after another to the distance."""
    need = (DISTANCE + 1) * frames
    items = task.samples(1.0).items
    rows: list[NDArray[Any]] = []
    at = 0
    while len(rows) < _FELT:
        row: list[NDArray[Any]] = []
        while sum(map(len, row)) < need:
            row.append(items[at % len(items)])
            at += 1
        rows.append(np.concatenate(row)[-need:])
    came = np.stack(rows)
    came = came.reshape(*came.shape[:2], *model.input_shape[2:])
    found = gradients.norms(model, came)
    steps = np.sqrt(np.square(found).reshape(-1, frames).sum(axis=1))
    peak = max(float(steps.max()), 1e-300)
    return Felt(
        tuple(float(f"{x / peak:.4g}") for x in steps), gradients.reach(steps),
        # A recurrent net has none; where its gradient is nought, float32 has ended.
        gradients.receptive_field(steps) if family == "cnn" else None,
    )  # fmt: skip


def _forms(written: Sequence[Written], report: Report, task: tasks.Task) -> tuple[Form, ...]:
    verdicts = {verdict.id: verdict for verdict in report.verdicts}
    forms = []
    for item in written:
        verdict = verdicts[item.artefact.id]
        if verdict.error:
            raise DataError(f"{verdict.id}: {verdict.error}")
        took = _step_us(item)
        loss = metric_of(report.metric).loss(report.reference, verdict.metric)
        forms.append(
            Form(
                verdict.id,
                item.size,
                verdict.metric,
                loss,
                verdict.passed,
                round(took, 2),
                round(1e-3 * took * task.steps_per_unit, 4),
            )
        )
    return tuple(forms)


def _step_us(item: Written) -> float:
    """Microseconds of a step, the median."""
    artefact = item.artefact
    session = backend.load(backend.backend_of(artefact), artefact, item.files)
    (source,) = artefact.inputs
    rng = np.random.default_rng(0)
    frame: NDArray[Any] = rng.standard_normal(source.shape).astype(np.float32)
    if source.dtype == "int32":
        frame = rng.integers(0, _FEWEST, source.shape).astype(np.int32)
    times = []
    for _ in range(_STEPS):
        start = time.perf_counter_ns()
        session.run({source.name: frame})
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[_STEPS // 8 :]) / 1e3
