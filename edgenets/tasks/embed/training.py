"""Models that embed: a classifier without its last layer; what they are verified on; their card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets import runs
from edgenets.data.split import Split
from edgenets.errors import RecipeError
from edgenets.extras import require
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.sound.features import TrainedInput
from edgenets.spec import spec_as
from edgenets.stepspec import StepSpec
from edgenets.tasks.embed.metric import Neighbors
from edgenets.tasks.embed.spec import EmbedRecipe, EmbedSpec
from edgenets.tasks.keywords import dataset
from edgenets.tasks.keywords.spec import BACKGROUND, Background, KeywordSpec
from edgenets.tasks.keywords.training import EVALUATION_BATCH, train_keywords
from edgenets.tasks.sound import trained_input_of
from edgenets.tasks.task import Samples, Trained

if TYPE_CHECKING:
    import keras


def train_embedding(recipe: EmbedRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`."""
    classifier, frames, features, heard = _classifier(recipe, data, out, progress)
    model = without_head(classifier, recipe.name, recipe.outputs)
    background, assets = None, {}
    if heard is not None:
        background, assets[BACKGROUND] = _background(model, heard)
    size = int(model.output_shape[-1])
    spec = EmbedSpec(
        recipe.name, "embed", (), features, recipe.decoding, StepSpec(frames=frames),
        recipe.data.shares, size=size, background=background,
    )  # fmt: skip
    metrics: Json = {
        "parameters": int(model.count_params()),
        "metric": Neighbors.metric,
        **{split: _figures(model, spec, recipe, data, split, progress) for split in _SPLITS},
    }
    return Trained(model, spec, metrics, assets)


_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def without_head(model: keras.Model, name: str, outputs: Sequence[str] = ()) -> keras.Model:
    """The same layers without the head, whose outputs are the embedding.

    Args:
        outputs: names of layers whose outputs are laid side by side; (): the one before the last.

    Raises:
        RecipeError: there is no such layer; or the last is no Dense one, so that nothing says what
            is before a head.
    """
    keras = require("keras")
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise RecipeError(f"{name}: ends with {type(head).__name__}, not with a Dense layer")
    known = {layer.name: layer.output for layer in model.layers[:-1]}
    if absent := [layer for layer in outputs if layer not in known]:
        raise RecipeError(f"{name}: outputs: no layer is called {absent[0]}: {', '.join(known)}")
    parts = [known[layer] for layer in outputs] or [head.input]
    joined = keras.layers.Concatenate(name="joined")(parts) if len(parts) > 1 else parts[0]
    output = keras.layers.Activation("linear", name="embedding")(joined)
    return keras.Model(model.inputs, output, name="embed")


def _background(model: keras.Model, heard: NDArray[np.float32]) -> tuple[Background, bytes]:
    """What a model gives to (streams, frames, bands), as a bundle carries it."""
    found = model.predict(heard, batch_size=EVALUATION_BATCH, verbose=0)
    scale = float(np.abs(found).max()) / 127
    integers = np.round(found / scale).astype(np.int8)
    return Background(len(found), found.shape[1], scale), integers.tobytes()


def _classifier(
    recipe: EmbedRecipe, data: Path, out: Path, progress: Progress
) -> tuple[keras.Model, int, TrainedInput, NDArray[np.float32] | None]:
    """A trained classifier, the frames of its steps, its features, and what is no word of a user's,
    (streams, frames, bands), where it learned common words."""
    if recipe.vocabulary.recordings:
        from edgenets.tasks.embed.vocabulary import train_classifier

        model, features, heard = train_classifier(recipe, data, out, progress)
        return model, recipe.model.frames_per_step, features, heard
    if recipe.trained is None:
        made = train_keywords(recipe.classifier(), data, out, progress)
        features = trained_input_of(spec_as(made.spec, KeywordSpec))
        return made.model, recipe.model.frames_per_step, features, None
    run = runs.load(Path(recipe.trained))
    spec = run.spec_as(KeywordSpec)
    return run.model(), spec.step.frames, trained_input_of(spec), None


def _clips(
    recipe: EmbedRecipe, spec: EmbedSpec, data: Path, split: Split, progress: Progress
) -> tuple[NDArray[np.float32], list[int]]:
    """(clips, frames, bands) of a split, and the label of each."""
    clips = dataset.load_split(recipe.classifier(), data, split, progress)
    frames = dataset.features_of(clips, trained_input_of(spec), recipe.data.clip_seconds)
    return frames, clips.targets.tolist()


def _figures(
    model: Any, spec: EmbedSpec, recipe: EmbedRecipe, data: Path, split: Split, progress: Progress
) -> Json:
    """Nearest-neighbor accuracy of the float model on a split."""
    frames, targets = _clips(recipe, spec, data, split, progress)
    usable = frames.shape[1] - frames.shape[1] % spec.step.frames
    steps = model.predict(frames[:, :usable], batch_size=EVALUATION_BATCH, verbose=0)
    found = Neighbors(spec.decoding)
    return {"clips": len(targets), Neighbors.metric: found.score(found.decide(steps), targets)}


def calibration(run: runs.Run, data: Path, progress: Progress) -> NDArray[np.float32]:
    """See `SequenceTask.calibration`."""
    recipe, spec = run.recipe_as(EmbedRecipe), run.spec_as(EmbedSpec)
    return _clips(recipe, spec, data, "train", progress)[0]


def verification(run: runs.Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`: no augmented ones, of which each would be its own neighbor."""
    recipe, spec = run.recipe_as(EmbedRecipe), run.spec_as(EmbedSpec)
    return Samples(*_clips(recipe, spec, data, "validation", progress))


def card(run: runs.Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(EmbedSpec), run.recipe_as(EmbedRecipe)
    test, features = metrics["test"], spec.input
    return [
        f"- **Task**: embedding of sound, {spec.size} numbers of length 1 for the last "
        f"{spec.decoding.smoothing * spec.step_seconds:.2f} s.",
        f"- **Model**: `{recipe.model.architecture}` without its last layer, "
        f"{metrics['parameters']:,} parameters; a step every {1e3 * spec.step_seconds:.0f} ms.",
        f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel bands.",
        f"- **Data**: {_words_of(recipe)}{metrics['train']['clips']:,} training clips; split by "
        f"speaker. {recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: the nearest of all other test clips has the label of "
        f"{test[Neighbors.metric]:.2%} of {test['clips']} test clips of speakers that training "
        f"never heard.",
        "- **Limits**: sounds of other kinds than those of its training are embedded, too; how "
        "far apart was not measured.",
    ]


def _words_of(recipe: EmbedRecipe) -> str:
    """What was synthesized, in words."""
    count = recipe.vocabulary.recordings
    return f"common English words, each synthesized {count} times, in noise; " if count else ""
