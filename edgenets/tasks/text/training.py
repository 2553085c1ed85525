"""Training of networks that sort texts."""

from __future__ import annotations

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
from edgenets.stepspec import StepSpec
from edgenets.tasks.language.recipe import TextRecipe
from edgenets.tasks.language.spec import TextInput, TextSpec
from edgenets.tasks.language.texts import LabelledText, find_texts
from edgenets.tasks.language.tokens import UNKNOWN, Tokenizer, divided, vocabulary_of
from edgenets.tasks.task import Trained
from edgenets.tasks.text.batches import TextBatches, Texts, pieces_by_length
from edgenets.training import figures
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Texts that are evaluated at once.
EVALUATION_BATCH = 256


def train_text(recipe: TextRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    wanted = recipe.data
    found = find_texts(data, wanted.labels, wanted.columns, progress.say)
    labels = recipe.data.labels or tuple(sorted({text.label for text in found}))
    if len(labels) < 2:
        raise DataError(f"{data}: one label alone ({labels[0]}) leaves nothing to tell apart")
    shares = SplitShares(recipe.data.validation, recipe.data.test)
    parts = {split: part_of(found, shares, split) for split in SPLITS}
    for split, part in parts.items():
        if missing := set(labels) - {text.label for text in part}:
            raise DataError(
                f"{data}: the {split} split has no texts of {', '.join(sorted(missing))}; more "
                f"texts, or larger fractions in the recipe's [data], are needed"
            )
    input = _input(recipe, parts["train"])
    train, validation, test = (numbered(parts[split], input, labels) for split in SPLITS)
    progress.say(
        f"{len(train):,} texts to train on, {len(validation):,} and {len(test):,} to measure by; "
        f"{len(input.vocabulary):,} in the vocabulary"
    )
    keras = require("keras")
    job = Job(
        build=lambda: models.build_tokens(recipe.model, len(input.vocabulary), len(labels)),
        batches=TextBatches(
            train, len(labels), input.vocabulary.index(UNKNOWN), recipe.schedule.batch,
            wanted.longest, wanted.word_dropout, recipe.seed,
        ),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.schedule.label_smoothing
        ),
        judge=lambda model: float(np.mean(decide(model, validation) == validation.targets)),
        schedule=recipe.schedule,
        seed=recipe.seed,
    )  # fmt: skip
    trainer = Trainer(job, out, progress)
    trainer.fit()
    trainer.curves()
    metrics: Json = {
        "parameters": int(trainer.model.count_params()),
        "metric": "accuracy",
        "train": {"texts": len(train)},
    }
    for name, texts in (("validation", validation), ("test", test)):
        decided = decide(trainer.model, texts)
        matrix = figures.confusion_matrix(texts.targets, decided, len(labels))
        metrics[name] = {
            "accuracy": float(np.mean(decided == texts.targets)),
            "texts": len(texts),
            "confusion": matrix.tolist(),
        }
    figures.confusion(matrix, labels, out / "confusion.png")
    spec = TextSpec(
        recipe.name,
        "text",
        labels,
        input,
        recipe.decoding,
        StepSpec(input="tokens"),
        shares,
        wanted.columns,
    )
    return Trained(trainer.model, spec, metrics)


def part_of(texts: list[LabelledText], shares: SplitShares, split: Split) -> list[LabelledText]:
    """The texts of a split."""
    return [text for text in texts if text.split(shares.validation, shares.test) == split]


def numbered(texts: list[LabelledText], input: TextInput, labels: tuple[str, ...]) -> Texts:
    """Texts as the numbers of tokens; those in which nothing can be read are left out."""
    tokenizer = Tokenizer(input)
    pairs = [(tokenizer.encode(text.text), labels.index(text.label)) for text in texts]
    kept = [(tokens, target) for tokens, target in pairs if len(tokens)]
    targets = np.array([target for _, target in kept], np.int64)
    return Texts(tuple(tokens for tokens, _ in kept), targets)


def decide(model: keras.Model, texts: Texts) -> NDArray[np.int64]:
    """The label that a Keras model gives each text, (texts,); no text is padded."""
    decided = np.empty(len(texts), np.int64)
    for places in pieces_by_length(texts.tokens, EVALUATION_BATCH):
        scores = model.predict_on_batch(np.stack([texts.tokens[i] for i in places]))
        decided[places] = scores.argmax(axis=-1)
    return decided


def _input(recipe: TextRecipe, train: list[LabelledText]) -> TextInput:
    """How text becomes tokens: the vocabulary is that of the training texts."""
    wanted = recipe.data
    units = [divided(text.text, wanted.units, wanted.lower) for text in train]
    vocabulary = vocabulary_of(units, wanted.least, wanted.vocabulary, UNKNOWN)
    return TextInput("text", vocabulary, wanted.units, UNKNOWN, wanted.lower)
