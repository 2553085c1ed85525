"""The training loop: AdamW on a cosine schedule, averaged weights, a checkpoint every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import keywords, models
from edgenets.data.streams import Batch, StreamMaker
from edgenets.extras import require
from edgenets.files import replacing, write_json
from edgenets.progress import Progress
from edgenets.recipe import Recipe

if TYPE_CHECKING:
    import keras

CHECKPOINT = "checkpoint.keras"
HISTORY = "history.json"

# The rate climbs for this part of the steps, from this part of its peak.
WARMUP = 0.05
WARMUP_FROM = 0.1

# Gradients of recurrent nets explode now and then (Pascanu et al. 2013, arXiv:1211.5063).
CLIP_NORM = 1.0

# Clips that are evaluated at once.
EVALUATION_BATCH = 256


@dataclass
class History:
    """One value an epoch, for the curves."""

    loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


class Trainer:
    """Trains one recipe's model, and picks up an interrupted training."""

    def __init__(
        self, recipe: Recipe, streams: StreamMaker, folder: Path, progress: Progress
    ) -> None:
        self._keras = require("keras")
        self._recipe, self._streams = recipe, streams
        self._folder, self._progress = folder, progress
        self._batches = -(-len(streams.order(0)) // recipe.schedule.batch)  # an epoch
        self.history = History()
        self.model: keras.Model = self._resume() or self._begin()

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.int64]) -> None:
        """Train to the end of the schedule; the model then holds the averaged weights.

        Args:
            features: (clips, frames, bands) of the validation split.
            targets: (clips,) label numbers of it.
        """
        epochs = self._recipe.schedule.epochs
        first = int(self.model.optimizer.iterations) // self._batches
        if first:
            self._progress.say(f"resuming after epoch {first} of {epochs}")
        with self._progress.task("training") as task:
            for epoch in range(first, epochs):
                self.history.loss.append(self._epoch(epoch))
                raw = [v.numpy() for v in self.model.trainable_variables]
                self._average()
                accuracy = self.accuracy(features, targets)
                self.history.validation_accuracy.append(accuracy)
                for variable, value in zip(self.model.trainable_variables, raw, strict=True):
                    variable.assign(value)
                self._checkpoint()
                task.update(
                    epoch + 1,
                    epochs,
                    f"loss {self.history.loss[-1]:.3f}  validation {accuracy:.1%}",
                )
        self._average()

    def posteriors(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Smoothed posteriors at the end of each clip, (clips, labels)."""
        usable = features.shape[1] - features.shape[1] % self._recipe.model.frames_per_step
        logits = self.model.predict(features[:, :usable], batch_size=EVALUATION_BATCH, verbose=0)
        return keywords.clip_posteriors(logits, self._recipe.decoding.smoothing)

    def accuracy(self, features: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
        """Fraction of clips whose highest posterior is their label."""
        return float(np.mean(self.posteriors(features).argmax(axis=1) == targets))

    def clear(self) -> None:
        """Remove the checkpoint of a finished training."""
        (self._folder / CHECKPOINT).unlink(missing_ok=True)
        (self._folder / HISTORY).unlink(missing_ok=True)

    def _seed_dropout(self, epoch: int) -> None:
        """Begin an epoch with random numbers of its own: Keras saves no generator's state."""
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed = np.random.default_rng((self._recipe.seed, 4, epoch, number))
                generator.state.assign(seed.integers(0, 1 << 31, 2).astype("uint32"))

    def _epoch(self, epoch: int) -> float:
        self._seed_dropout(epoch)
        total = weight = 0.0
        for batch in self._prefetch(epoch):
            loss = self.model.train_on_batch(
                batch.features, batch.targets, sample_weight=batch.weights
            )
            total += float(loss) * len(batch.features)
            weight += len(batch.features)
        self.model.reset_metrics()
        return total / weight

    def _prefetch(self, epoch: int) -> Iterator[Batch]:
        """The epoch's batches, the next one made while one is trained on."""
        order, size = self._streams.order(epoch), self._recipe.schedule.batch
        with ThreadPoolExecutor(1) as worker:
            jobs = [
                worker.submit(self._streams.batch, order[i * size : (i + 1) * size], epoch, i)
                for i in range(self._batches)
            ]
            try:
                for i in range(len(jobs)):
                    yield jobs[i].result()
                    jobs[i].cancel()
            finally:
                for job in jobs:
                    job.cancel()

    def _begin(self) -> keras.Model:
        """A fresh model, compiled."""
        keras, schedule = self._keras, self._recipe.schedule
        keras.utils.set_random_seed(self._recipe.seed)
        clips = self._streams.clips
        model = models.build(self._recipe.model, self._streams.bands, len(clips.labels))
        steps = self._batches * schedule.epochs
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
        loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=schedule.label_smoothing
        )
        model.compile(optimizer, loss)
        return model

    def _average(self) -> None:
        """Put the running average of the weights in their place."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def _checkpoint(self) -> None:
        with replacing(self._folder / CHECKPOINT) as beside:
            self.model.save(beside)
        write_json(self._folder / HISTORY, vars(self.history))

    def _resume(self) -> keras.Model | None:
        """The model as an interrupted training left it, or None."""
        import json

        path = self._folder / CHECKPOINT
        if not path.is_file():
            return None
        try:
            model: keras.Model = self._keras.models.load_model(path)
            saved = json.loads((self._folder / HISTORY).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError) as exc:
            self._progress.say(f"{path}: cannot be read ({exc}); training begins anew")
            return None
        done = int(model.optimizer.iterations) // self._batches
        self.history = History(**{name: values[:done] for name, values in saved.items()})
        return model
