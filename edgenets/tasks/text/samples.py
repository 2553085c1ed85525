"""What text classifiers are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.language.recipe import TextRecipe
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.language.texts import find_texts
from edgenets.tasks.task import Samples
from edgenets.tasks.text.batches import Texts as Numbered
from edgenets.tasks.text.training import numbered, part_of

# Calibration reads texts one after another, in pieces of one length; long ones in several.
_PIECE = 32  # tokens


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.int32]:
    """See `SequenceTask.calibration`."""
    return _pieces(texts_of(run, data, "train"))


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    texts = texts_of(run, data, "validation")
    return Samples([t[:, None] for t in texts.tokens], texts.targets.tolist(), "texts")


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(TextSpec), run.recipe_as(TextRecipe)
    test, validation = metrics["test"], metrics["validation"]
    small = ", in small letters" if spec.input.lower else ""
    return [
        f"- **Task**: text classification, {len(spec.labels)} labels: {', '.join(spec.labels)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step a {spec.input.units[:-1]}, of any number.",
        f"- **Input**: {spec.input.units}{small}; it knows {len(spec.input.vocabulary):,}.",
        f"- **Data**: {metrics['train']['texts']:,} texts to train on. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: {test['accuracy']:.2%} of {test['texts']:,} texts "
        f"that training never saw, {validation['accuracy']:.2%} of {validation['texts']:,} "
        f"that it was chosen by. Artifacts below: word by word, on the latter.",
        "- **Limits**: it knows the language of its training texts. Other domains, irony and "
        "texts of several opinions were not measured.",
    ]


def texts_of(run: Run, data: Path, split: Split) -> Numbered:
    """The texts of a split, as the run's model takes them."""
    spec = run.spec_as(TextSpec)
    return numbered(
        part_of(find_texts(data, spec.labels, spec.columns), spec.split, split),
        spec.input,
        spec.labels,
    )


def _pieces(texts: Numbered) -> NDArray[np.int32]:
    """All texts one after another, (pieces, tokens, 1)."""
    flat = np.concatenate(texts.tokens)
    count = max(1, len(flat) // _PIECE)
    return np.resize(flat, (count, _PIECE))[..., None]
