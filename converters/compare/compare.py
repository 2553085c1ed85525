"""`compare`: networks of one size and of several families, on one task, network by network."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets import __version__, records, runs
from edgenets.arrays import Array
from edgenets.artifact import FORMATS
from edgenets.errors import RecordError
from edgenets.extras import require
from edgenets.files import write_json
from edgenets.metrics import Metric, metric_of
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.stepspec import StreamSpec
from edgenets.training.train import train

from .. import project, store
from ..formats import Written
from ..step.convert import Conversion
from ..steptime import step_us
from ..verify.appendix import Wanted
from ..verify.verdicts import Report
from . import families, gradients, memory, recall, speed, tasks
from .streams import InStreams, check_hears, in_streams

if TYPE_CHECKING:
    from keras import Model

# Inputs back to which the gradient is followed, in steps of the network.
DISTANCE = 500

# Sequences that a gradient is averaged over.
_FELT = 8

# Untrained networks that a gradient is the geometric mean of: one is as chance made it.
_BUILDS = 5

# The file of a run folder that holds what was measured.
_MEASURED = "measured.json"


@dataclass(frozen=True)
class Felt:
    """How far back an answer feels its inputs, in steps of the network."""

    # Newest first, as parts of the peak; as many as there are test data for, up to DISTANCE + 1.
    norms: tuple[float, ...]
    reach: int | None  # steps to the last that counts 1 % of the peak; None: all of them do
    receptive_field: int | None  # steps that can be felt at all; None: no end in sight

    def back(self, steps: int) -> float | None:
        """The norm so many steps back; None where it was not measured."""
        return self.norms[steps] if steps < len(self.norms) else None


@dataclass(frozen=True)
class Form:
    """One artifact."""

    id: str
    bytes: int
    metric: float  # on the validation split
    loss: float  # from the float Keras model; see `Metric.loss`
    passed: bool
    step_us: float
    step_ms: float  # of all steps for a unit of the stream, without features
    error: str = ""  # why it could not be run


@dataclass(frozen=True)
class Measured:
    """All that was measured of one family's network."""

    family: str
    architecture: str
    parameters: int
    by_kind: dict[str, int]
    test: float
    validation: float
    seconds: float  # of training
    step: str  # what a step of it takes
    at_length: dict[str, float]  # the test metric, by the part of the taught length
    at_shift: dict[str, float]  # the same, by the frames that the sound is moved; keywords alone
    at_shift_unpooled: dict[str, float]  # the same, of a CNN without pooling over time
    trained: Felt
    untrained: Felt
    recall: dict[str, float]  # by the lag in steps
    timings: tuple[speed.Timing, ...]  # on one core, and on all
    live_values: int  # alive at once in a step
    state_values: int
    state_bytes: int  # of a stream, int8 TFLite
    forms: tuple[Form, ...]

    def form(self, id: str) -> Form:
        """One artifact."""
        return next(form for form in self.forms if form.id == id)


@dataclass(frozen=True)
class Comparison:
    """The outcome of a comparison."""

    task: str
    metric: str
    items: int  # test items that it is measured on
    kind: str  # of those
    unit: str  # what a stream's cost is reported for
    taught: str  # what all of them were taught with
    networks: tuple[Measured, ...]
    seconds: float
    streams: dict[str, InStreams] = field(default_factory=dict)  # by family, where asked for

    @property
    def measure(self) -> Metric:
        """What the task is measured by."""
        return metric_of(self.metric)


@dataclass(frozen=True)
class Effort:
    """How large the networks are, how long they are trained, and what they listen to."""

    parameters: int | None = None  # None: as many as the network that is shipped for the task
    epochs: int | None = None  # None: few, as a comparison needs them
    # Of keywords: recordings without any of them, or folders of such.
    negatives: tuple[Path, ...] = ()


def compare(
    task: str,
    names: Sequence[str],
    data: Path,
    out: Path,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Train a network of each family, all of about one size, and measure them.

    A network that is there already, of the same recipe, is not trained again.

    Args:
        task: one of `families.TASKS`.
        names: families, of `families.FAMILIES`.
        out: folder that gets a run folder of each.

    Raises:
        DataError: the data cannot be used.
        RecipeError: a family has no network of that size, `out` holds other runs, or there are
            negatives for networks that accept nothing.
    """
    progress, effort = progress or Progress(), effort or Effort()
    if effort.negatives:
        check_hears(families.recipe_of(task, names[0], effort.parameters, effort.epochs))
    begun = time.monotonic()
    trained: list[Run] = []
    for family in names:
        recipe = families.recipe_of(task, family, effort.parameters, effort.epochs)
        recipe = families.fitted(recipe, data)
        progress.say(f"{family}: training")
        trained.append(train(recipe, data, out / family, progress))
    networks = []
    for family, run in zip(names, trained, strict=True):
        progress.say(f"{family}: measuring")
        networks.append(_measured(family, run, data, progress))
    streams = {
        family: in_streams(run, data, effort.negatives, progress)
        for family, run in zip(names, trained, strict=True)
        if effort.negatives
    }
    first = trained[0]
    count, kind = first.test_size
    return Comparison(
        task, first.metric, count, kind, tasks.KINDS[first.spec.task].unit,
        _taught(first), tuple(networks), round(time.monotonic() - begun, 1), streams,
    )  # fmt: skip


def _taught(run: Run) -> str:
    """What the networks have in common besides their size."""
    schedule: Any = run.recipe.schedule
    return (
        f"{schedule.epochs} epochs, batches of {schedule.batch}, learning rate "
        f"{schedule.learning_rate:g}"
    )


def _measured(family: str, run: Run, data: Path, progress: Progress) -> Measured:
    """What was measured of this network before, by this version, or what is measured now."""
    path = run.folder / _MEASURED
    mark = hashlib.sha256((run.folder / runs.MODEL).read_bytes()).hexdigest()
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if (saved.pop("model"), saved.pop("version")) == (mark, __version__):
            found = records.parse(Measured, saved, str(path))
            progress.say(f"{family}: measured before; remove {path} to measure it again")
            return found
    except (OSError, ValueError, KeyError, RecordError):
        pass
    found = _measure(family, run, data, progress)
    write_json(path, {**records.to_plain(found), "model": mark, "version": __version__})
    return found


def _measure(family: str, run: Run, data: Path, progress: Progress) -> Measured:
    task, model, metrics = tasks.task_of(run, data, progress), run.model(), run.metrics
    frames = run.spec_as(StreamSpec).step.frames
    converted = project.convert_run(run, data, FORMATS, ("fp32", "int8"), progress)
    assert isinstance(converted, Conversion), "families are of step models"
    report = project.verify_run(run, data, progress, Wanted(only_verdict=True))
    written, _ = store.load(run.folder)
    int8 = next(item for item in written if item.artifact.id == "tflite-int8")
    held = memory.step_memory(converted.graph)
    lengths = filter(None, map(task.samples, tasks.FACTORS))
    came = task.stretches((DISTANCE + 1) * frames, _FELT)
    return Measured(
        family, run.recipe.model.architecture, metrics["parameters"], memory.by_kind(model),
        metrics["test"][run.metric], metrics["validation"][run.metric],
        metrics["seconds"], task.step,
        {f"{one.factor:.3g}": tasks.figure(run, model, one) for one in lengths},
        _shifts(run, model, task), _unpooled(run, data, progress),
        _felt(family, [model], came, frames), _felt(family, _untrained(run, model), came, frames),
        {str(lag): share for lag, share in recall.recall(family).items()},
        tuple(speed.timing(run.folder / runs.MODEL, frames, n)
              for n in sorted({1, speed.cores()})),
        held.live, held.states, memory.state_bytes(int8.artifact),
        _forms(written, report, task),
    )  # fmt: skip


def _shifts(run: Run, model: Model, task: tasks.Task) -> dict[str, float]:
    """The test metric where sound is moved, either way by turns; of keywords alone."""
    if not isinstance(task, tasks.Keywords):
        return {}
    found = {}
    for by in tasks.SHIFTS:
        both = {tasks.figure(run, model, task.moved(frames)) for frames in {by, -by}}
        found[str(by)] = statistics.mean(both)
    return found


def _unpooled(run: Run, data: Path, progress: Progress) -> dict[str, float]:
    """The same of the model without pooling over time, trained alike; nothing of other models."""
    recipe = families.without_pooling(run.recipe)
    if recipe is None:
        return {}
    progress.say("the same network without pooling: training")
    bare = train(recipe, data, run.folder / "unpooled", progress)
    return _shifts(bare, bare.model(), tasks.task_of(bare, data, progress))


def _untrained(run: Run, model: Model) -> list[Model]:
    """Networks as one was before its training; products that began at zero let nothing be felt."""
    keras, made = require("keras"), []
    for seed in range(_BUILDS):
        keras.utils.set_random_seed(seed)
        if run.spec.task == "text":
            tokens = next(x for x in model.layers if type(x).__name__ == "Embedding").input_dim
            network = families.build(run.recipe, tokens=tokens)
        else:
            network = families.build(run.recipe, labels=len(run.spec.labels))
        rng = np.random.default_rng(seed)
        for variable in network.trainable_variables:
            if len(variable.shape) > 1 and not np.any(variable):
                variable.assign(rng.standard_normal(variable.shape) / np.sqrt(variable.shape[0]))
        made.append(network)
    return made


def _felt(family: str, networks: Sequence[Model], came: Array, frames: int) -> Felt:
    """The gradient over long test sequences; of several networks the geometric mean."""
    each = []
    for network in networks:
        found = gradients.norms(network, came.reshape(*came.shape[:2], *network.input_shape[2:]))
        steps = np.sqrt(np.square(found).reshape(-1, frames).sum(axis=1))
        each.append(steps / max(float(steps.max()), 1e-300))
    with np.errstate(divide="ignore"):
        steps = np.exp(np.mean(np.log(each), axis=0))
    steps /= max(float(steps.max()), 1e-300)
    return Felt(
        tuple(float(f"{x:.4g}") for x in steps),
        gradients.reach(steps),
        # A recurrent network has none; where its gradient is zero, float32 has ended.
        gradients.receptive_field(steps) if family == "cnn" else None,
    )


def _forms(written: Sequence[Written], report: Report, task: tasks.Task) -> tuple[Form, ...]:
    """What every artifact costs; one that cannot be run costs nothing, and says why."""
    verdicts = {verdict.id: verdict for verdict in report.verdicts}
    forms = []
    for item in written:
        verdict = verdicts[item.artifact.id]
        took = 0.0 if verdict.error else step_us(item)
        loss = metric_of(report.metric).loss(report.reference, verdict.metric)
        cost = round(1e-3 * took * task.steps_per_unit, 4)
        forms.append(
            Form(
                verdict.id, item.size, verdict.metric, loss, verdict.passed, round(took, 2), cost,
                verdict.error,
            )
        )  # fmt: skip
    return tuple(forms)
