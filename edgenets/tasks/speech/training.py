"""Training of networks that write down what is said, by connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.data.split import SPLITS, Split, SplitShares
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.sound.features import TrainedInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.keywords import dataset
from edgenets.tasks.speech import distance
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.spec import BLANK_LABEL, SpeechSpec
from edgenets.tasks.speech.strings import (
    StringBatches,
    StringMaker,
    features_of,
    strings_to_measure,
)
from edgenets.tasks.speech.surroundings import behind, with_synthetic
from edgenets.tasks.speech.symbols import spelling
from edgenets.tasks.speech.transcriber import transcribe
from edgenets.tasks.speech.utterances import Spoken, Utterance, find_utterances, load_utterances
from edgenets.tasks.task import Trained
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Strings that are evaluated at once.
EVALUATION_BATCH = 64

# The statistics of the features settle long before this many utterances.
STATISTICS = 500


@dataclass(frozen=True)
class Measured:
    """Strings to measure by, as a network takes them."""

    features: NDArray[np.float32]  # (strings, frames, bands)
    symbols: tuple[tuple[int, ...], ...]


def train_speech(recipe: SpeechRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png`."""
    # All of them are needed in the end; a training that fails only then is lost.
    spoken = load_split(recipe, data, "train", progress, SPLITS)
    features = dataset.features_for(recipe, lambda: spoken.sounds, STATISTICS)
    noises = behind(recipe, progress) if recipe.data.surrounded else ()
    spoken = with_synthetic(recipe, spoken, progress) if recipe.data.synthetic else spoken
    maker = StringMaker(
        spoken, features, recipe.augment, recipe.model.frames_per_step, recipe.data.seconds,
        recipe.data.gap, recipe.seed, noises,
    )  # fmt: skip
    validation = measured(recipe, features, data, "validation", progress)
    labels = (BLANK_LABEL, *recipe.data.symbols)
    job = Job(
        build=lambda: models.build(recipe.model, features.bands, len(labels)),
        batches=StringBatches(maker, recipe.data.strings, recipe.schedule.batch),
        loss=require("keras").losses.CTC(),
        judge=lambda model: _accuracy(model, validation, recipe),
        schedule=recipe.schedule,
        seed=recipe.seed,
        metric=distance.METRIC,
        start=recipe.start,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves("validation, symbols right, %")
    test = measured(recipe, features, data, "test", progress)
    metrics = {
        "parameters": int(trainer.model.count_params()),
        "metric": distance.METRIC,
        "train": {"utterances": len(spoken)},
        "validation": _figures(trainer.model, validation, recipe),
        "test": _figures(trainer.model, test, recipe),
    }
    spec = SpeechSpec(
        name=recipe.name,
        task="speech",
        labels=labels,
        input=features,
        decoding=recipe.decoding,
        step=StepSpec(frames=recipe.model.frames_per_step),
        split=SplitShares(recipe.data.validation, recipe.data.test, recipe.data.apart),
    )
    return Trained(trainer.model, spec, metrics)


def load_split(
    recipe: SpeechRecipe, data: Path, split: Split, progress: Progress, needed: Sequence[Split] = ()
) -> Spoken:
    """Read the utterances of one split.

    Args:
        needed: splits that must not be empty; without any: this one.

    Raises:
        DataError: they cannot be read, or there are none.
    """
    wanted = recipe.data
    say = progress.say if split == "train" else lambda _: None  # once
    everything = find_utterances(data, spelling(wanted.symbols, wanted.units), say)
    parts: dict[Split, list[Utterance]] = {name: [] for name in SPLITS}
    for utterance in everything:
        parts[utterance.split(wanted.apart, wanted.validation, wanted.test)].append(utterance)
    for name in needed or (split,):
        if not parts[name]:
            groups = len({u.group(wanted.apart) for u in everything})
            advice = ", or apart = 'recordings'," if wanted.apart == "speakers" else ""
            raise DataError(
                f"{data}: the {name} split has no recordings: {len(everything):,} recordings are "
                f"{groups:,} {wanted.apart} to divide; more of them, or larger fractions in the "
                f"recipe's [data]{advice} are needed"
            )
    found = parts[split]
    with progress.task(f"reading {split}") as task:
        return load_utterances(
            found, wanted.symbols, wanted.units, recipe.features.sample_rate, task.update
        )


def measured(
    recipe: SpeechRecipe, features: TrainedInput, data: Path, split: Split, progress: Progress
) -> Measured:
    """The strings of a split that a model is measured by; errors as `load_split`."""
    spoken = load_split(recipe, data, split, progress)
    strings = strings_to_measure(
        spoken, recipe.data.test_strings, recipe.data.test_words, recipe.seed
    )
    taken = features_of(strings, features, recipe.model.frames_per_step)
    return Measured(taken, tuple(string.symbols for string in strings))


def _decide(model: keras.Model, strings: Measured, recipe: SpeechRecipe) -> list[tuple[int, ...]]:
    logits = model.predict(strings.features, batch_size=EVALUATION_BATCH, verbose=0)
    return [transcribe(recipe.decoding, item) for item in logits]


def _accuracy(model: keras.Model, strings: Measured, recipe: SpeechRecipe) -> float:
    return distance.accuracy(_decide(model, strings, recipe), strings.symbols)


def _figures(model: keras.Model, strings: Measured, recipe: SpeechRecipe) -> Json:
    """How well the float model writes down strings of a split."""
    found = _decide(model, strings, recipe)
    exact = [a == b for a, b in zip(found, strings.symbols, strict=True)]
    return {
        distance.METRIC: distance.accuracy(found, strings.symbols),
        "exact": float(np.mean(exact)),
        "strings": len(exact),
        "symbols": sum(len(s) for s in strings.symbols),
    }
