"""A small network that learned to tell a rising from a falling glide: its state matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edgenets.converters.families.steps import StepReference
from edgenets.converters.step.convert import Conversion, convert
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.verdicts import Report
from edgenets.recipeparts import GateRecipe
from edgenets.sound.input import AudioInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords.spec import KeywordDecoding, KeywordSpec
from edgenets.tasks.task import Samples

BANDS, FRAMES = 16, 40
LABELS = ("up", "down", "rest")

# A gate like a recipe's, over what takes a test's time.
GATE = GateRecipe(samples=90, stream_steps=3000, metric_drop=0.02)


@dataclass(frozen=True)
class Trained:
    """The network, what it is, and recordings for its gate."""

    model: keras.Model
    spec: KeywordSpec
    samples: Samples
    conversion: Conversion

    @classmethod
    def make(cls) -> Trained:
        keras.utils.set_random_seed(7)
        x, y = glides(600, 1)
        entry = layers.Input((None, BANDS))
        net: Any = layers.Conv1D(16, 4, strides=2, padding="causal", use_bias=False)(entry)
        net = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(net))
        for _ in range(2):
            net = layers.GRU(32, return_sequences=True)(net)
        model = keras.Model(entry, layers.Dense(len(LABELS))(net), name="glides")
        model.compile(keras.optimizers.Adam(0.01), _loss_at_the_end)
        model.fit(x, y, batch_size=60, epochs=8, verbose=0)
        spec = KeywordSpec(
            "glides", "keywords", LABELS, AudioInput(bands=BANDS),
            KeywordDecoding(background=("rest",)), StepSpec(frames=2),
        )  # fmt: skip
        return cls(model, spec, Samples(*glides(90, 2)), convert(model, x[:120]))

    def verify(self, *written: Any, gate: GateRecipe = GATE) -> Report:
        """The gate on some artifacts."""
        reference = StepReference(self.model, self.spec, self.samples, gate)
        return Judge(reference).verify(written)

    def get(self, id: str) -> Any:
        return next(w for w in self.conversion.written if w.artifact.id == id)


def glides(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(count, FRAMES, BANDS) features of glides up, down and of none; and which it was."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % len(LABELS)
    x = 0.5 * rng.standard_normal((count, FRAMES, BANDS))
    for clip, kind in zip(x, y, strict=True):
        if LABELS[kind] == "rest":
            continue
        start, length = rng.integers(2, 8), rng.integers(18, 26)
        place = np.linspace(1, BANDS - 2, length)
        if LABELS[kind] == "down":
            place = place[::-1]
        distance = np.arange(BANDS) - place[:, None]
        clip[start : start + length] += 3 * np.exp(-(distance**2) / 2)
    return x.astype(np.float32), y


def _loss_at_the_end(y: Any, logits: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(
        y, keras.ops.mean(logits[:, -4:], axis=1), from_logits=True
    )
