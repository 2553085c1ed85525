"""What speech models are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.sound import trained_input_of
from edgenets.tasks.speech import distance
from edgenets.tasks.speech import training as speech
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.strings import features_of, strings_to_measure
from edgenets.tasks.task import Samples


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`."""
    recipe = run.recipe_as(SpeechRecipe)
    spoken = speech.load_split(recipe, data, "train", progress)
    made = strings_to_measure(spoken, recipe.quantize.samples, recipe.data.test_words, recipe.seed)
    return features_of(
        made, trained_input_of(run.spec_as(SpeechSpec)), recipe.model.frames_per_step
    )


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    recipe = run.recipe_as(SpeechRecipe)
    found = speech.measured(
        recipe, trained_input_of(run.spec_as(SpeechSpec)), data, "validation", progress
    )
    return Samples(found.features, found.symbols)


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(SpeechSpec), run.recipe_as(SpeechRecipe)
    test, validation, features = metrics["test"], metrics["validation"], spec.input
    apart = {
        "speakers": "of speakers that training never heard",
        "recordings": "of recordings that training never heard, by speakers that it did",
    }[recipe.data.apart]
    return [
        f"- **Task**: speech recognition, {len(spec.reported)} symbols: {' '.join(spec.reported)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step every {1e3 * spec.step_seconds:.0f} ms.",
        f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel "
        f"bands, hop {1e3 * features.frame_seconds:.0f} ms.",
        f"- **Data**: {metrics['train']['utterances']:,} training recordings, strung together. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: {test[distance.METRIC]:.2%} of {test['symbols']:,} "
        f"symbols right and {test['exact']:.2%} of {test['strings']} strings exact, {apart}; "
        f"{validation[distance.METRIC]:.2%} and {validation['exact']:.2%} on the validation "
        f"strings. Artifacts below: streaming, on the validation strings.",
        "- **Limits**: far-field sound, music and other voices, accents and languages were not "
        "measured.",
    ]
