"""The training loop: AdamW on a cosine schedule, averaged weights, a checkpoint every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets.extras import require
from edgenets.files import replacing, write_json
from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.recipeparts import Schedule, StartRecipe
from edgenets.tasks.keywords.batches import Batch, Batches
from edgenets.training import aware, figures
from edgenets.training.start import begun

if TYPE_CHECKING:
    import keras

CHECKPOINT = "checkpoint.keras"
BEST = "best.npz"
HISTORY = "history.json"

# The rate climbs for this part of the steps, from this part of its peak.
WARMUP = 0.05
WARMUP_FROM = 0.1

# What `history.json` calls the mark of the data; see `mark_of`.
_DATA = "data"

# Marks of the same data differ by less, where another machine rounds its features otherwise.
_SAME = 1e-3

# Gradients of recurrent networks explode now and then (Pascanu et al. 2013, arXiv:1211.5063).
CLIP_NORM = 1.0


@dataclass
class History:
    """One value an epoch, for the curves."""

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """What is to be trained, on what, and how it is judged."""

    build: Callable[[], keras.Model]  # the untrained model
    batches: Batches
    loss: keras.losses.Loss  # of the model's output and a batch's targets
    judge: Callable[[keras.Model], float]  # the task's metric on the validation split
    schedule: Schedule
    seed: int
    metric: str = "accuracy"  # what `judge` gives
    keep_best: bool = False  # the weights of the epoch that was judged best, not the last ones
    start: StartRecipe = field(default_factory=StartRecipe)  # what the model goes on from
    width: float = 1.0  # of a known backbone that it goes on from


class Trainer:
    """Trains one model, and picks up an interrupted training."""

    def __init__(self, job: Job, folder: Path, progress: Progress) -> None:
        self._keras = require("keras")
        self._job, self._folder, self._progress = job, folder, progress
        self._mark = mark_of(job.batches)
        self.history = History()
        # What learns: the model itself, or what rounds it as it is called.
        self._learner: keras.Model = self._resume() or self._begin()
        self.model: keras.Model = aware.plain_of(self._learner)

    def fit(self) -> None:
        """Train to the end of the schedule; the model then holds the averaged weights.

        They are those of the last epoch, or of the best.
        """
        epochs = self._job.schedule.epochs
        first = int(self._learner.optimizer.iterations) // len(self._job.batches)
        if first:
            self._progress.say(f"resuming after epoch {first} of {epochs}")
        shown = metric_of(self._job.metric).shown
        with self._progress.task("training") as task:
            for epoch in range(first, epochs):
                self.history.loss.append(self._epoch(epoch))
                raw = [v.numpy() for v in self.model.trainable_variables]
                self._average()
                found = self._job.judge(self.model)
                self.history.validation.append(found)
                if self._job.keep_best and found >= max(self.history.validation):
                    self._keep()
                for variable, value in zip(self.model.trainable_variables, raw, strict=True):
                    variable.assign(value)
                self._checkpoint()
                task.update(
                    epoch + 1,
                    epochs,
                    f"loss {self.history.loss[-1]:.3f}  validation {shown(found)}",
                )
        self._average()
        if self._job.keep_best:
            self._take_best()

    def curves(self, name: str = "validation accuracy, %") -> None:
        """Draw `curves.png`: the loss and what was judged, under a name, against epochs."""
        scale = 100 if metric_of(self._job.metric).share else 1
        path = self._folder / "curves.png"
        figures.curves(self.history.loss, self.history.validation, path, name, scale)

    def _seed_dropout(self, epoch: int) -> None:
        """Begin an epoch with random numbers of its own: Keras saves no generator's state."""
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed = np.random.default_rng((self._job.seed, 4, epoch, number))
                generator.state.assign(seed.integers(0, 1 << 31, 2).astype("uint32"))

    def _epoch(self, epoch: int) -> float:
        self._seed_dropout(epoch)
        total = weight = 0.0
        for batch in self._prefetch(epoch):
            loss = self._learner.train_on_batch(
                batch.inputs, batch.targets, sample_weight=batch.weights
            )
            total += float(loss) * len(batch.targets)
            weight += len(batch.targets)
        self._learner.reset_metrics()
        return total / weight

    def _prefetch(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches, the next ones made while one is trained on."""
        batches = self._job.batches
        with ThreadPoolExecutor(1) as worker:
            jobs = [worker.submit(batches.batch, epoch, i) for i in range(len(batches))]
            try:
                for i in range(len(jobs)):
                    yield jobs[i].result()
                    jobs[i] = None  # type: ignore[call-overload]  # its batch is not needed again
            finally:
                for job in filter(None, jobs):
                    job.cancel()

    def _begin(self) -> keras.Model:
        """A fresh model, compiled."""
        keras, schedule = self._keras, self._job.schedule
        keras.utils.set_random_seed(self._job.seed)
        built = self._job.build()
        taken = begun(built, self._job.start, self._progress, self._job.width)
        self._train_head(built, taken)
        model = aware.aware(built) if schedule.qat else built
        steps = len(self._job.batches) * schedule.epochs
        warmup = max(1, int(WARMUP * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            schedule.learning_rate * WARMUP_FROM,
            max(1, steps - warmup),
            warmup_target=schedule.learning_rate,
            warmup_steps=warmup,
        )
        optimizer = keras.optimizers.AdamW(
            rate,
            weight_decay=schedule.weight_decay,
            global_clipnorm=CLIP_NORM,
            use_ema=True,
            ema_momentum=schedule.average,
        )
        model.compile(optimizer, self._job.loss)
        # Built in the first step, its variables would make TensorFlow trace that step twice.
        optimizer.build(model.trainable_variables)
        return model

    def _train_head(self, model: keras.Model, taken: Sequence[str]) -> None:
        """Train what began anew alone, or its first steps would undo what the rest knows."""
        epochs = self._job.start.head_first if taken else 0
        if not epochs:
            return
        known = [layer for name in taken if (layer := model.get_layer(name)).trainable]
        for layer in known:
            layer.trainable = False
        schedule, steps = self._job.schedule, epochs * len(self._job.batches)
        rates = self._keras.optimizers.schedules.CosineDecay(schedule.learning_rate, steps)
        model.compile(self._keras.optimizers.Adam(rates, global_clipnorm=CLIP_NORM), self._job.loss)
        with self._progress.task("training the head") as task:
            for epoch in range(epochs):
                # Other batches than those of the epochs that come after.
                for batch in self._prefetch(schedule.epochs + epoch):
                    loss = model.train_on_batch(
                        batch.inputs, batch.targets, sample_weight=batch.weights
                    )
                task.update(epoch + 1, epochs, f"loss {float(loss):.3f}")
        for layer in known:
            layer.trainable = True

    def _average(self) -> None:
        """Put the running average of the weights in their place."""
        self._learner.optimizer.finalize_variable_values(self._learner.trainable_variables)

    def _keep(self) -> None:
        """Put the weights aside as the best so far."""
        with replacing(self._folder / BEST) as beside, beside.open("wb") as file:
            np.savez(file, *self.model.get_weights())

    def _take_best(self) -> None:
        with np.load(self._folder / BEST) as kept:
            self.model.set_weights([kept[f"arr_{n}"] for n in range(len(kept.files))])

    def _checkpoint(self) -> None:
        with replacing(self._folder / CHECKPOINT) as beside:
            self._learner.save(beside)
        write_json(self._folder / HISTORY, {**vars(self.history), _DATA: self._mark})

    def _resume(self) -> keras.Model | None:
        """The model as an interrupted training left it, or None."""
        path = self._folder / CHECKPOINT
        if not path.is_file():
            return None
        try:
            known = {type(self._job.loss).__name__: type(self._job.loss)}
            if self._job.schedule.qat:
                known |= aware.objects()
            model: keras.Model = self._keras.models.load_model(path, custom_objects=known)
            saved = json.loads((self._folder / HISTORY).read_text(encoding="utf-8"))
            mark = saved.pop(_DATA, None)
        except (OSError, ValueError, KeyError) as exc:
            self._progress.say(f"{path}: cannot be read ({exc}); training begins anew")
            return None
        if mark is not None and not _same(mark, self._mark):
            self._progress.say(f"{path}: was trained on other data; training begins anew")
            return None
        done = int(model.optimizer.iterations) // len(self._job.batches)
        self.history = History(**{name: values[:done] for name, values in saved.items()})
        return model


def mark_of(batches: Batches) -> list[float]:
    """What tells training data from others: how many batches, and of the arrays of the first of
    them, in its own order, the norm and a sum with weights that differ from place to place."""
    if not len(batches):
        return [0.0]
    first = batches.batch(0, 0)
    inputs = first.inputs if isinstance(first.inputs, list) else [first.inputs]
    mark = [float(len(batches))]
    for values in (*inputs, first.targets):
        flat = np.asarray(values, np.float64).ravel()
        mark += [float(np.sqrt(flat @ flat)), float(flat @ np.cos(np.arange(len(flat))))]
    return mark


def _same(a: list[float], b: list[float]) -> bool:
    """Whether two marks are of the same data."""
    if len(a) != len(b) or a[0] != b[0]:
        return False
    norms = np.repeat(a[1::2], 2)
    return bool((np.abs(np.subtract(a, b)[1:]) <= _SAME * norms).all())


def clear(folder: Path) -> None:
    """Remove the checkpoint of a finished training."""
    for name in (CHECKPOINT, BEST, HISTORY):
        (folder / name).unlink(missing_ok=True)
