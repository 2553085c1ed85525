"""What language models are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split
from edgenets.metrics import NATS
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.language.crops import Tokens, sequences
from edgenets.tasks.language.likelihood import bits
from edgenets.tasks.language.recipe import LanguageRecipe
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.language.texts import read_corpus
from edgenets.tasks.language.training import part_of
from edgenets.tasks.task import Samples


def calibration(run: Run, data: Path, progress: Progress) -> NDArray[np.int32]:
    """See `SequenceTask.calibration`."""
    length = run.recipe_as(LanguageRecipe).data.length
    texts, _ = sequences(_part(run, data, "train"), length)
    return texts[..., None]


def verification(run: Run, data: Path, progress: Progress) -> Samples:
    """See `SequenceTask.samples`."""
    recipe = run.recipe_as(LanguageRecipe)
    came, following = sequences(_part(run, data, "validation"), recipe.data.length)
    chosen = np.linspace(0, len(came) - 1, min(len(came), recipe.gate.samples)).astype(int)
    return Samples(came[chosen][..., None], list(following[chosen]), "pieces")


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(LanguageSpec), run.recipe_as(LanguageRecipe)
    test, validation = metrics["test"], metrics["validation"]
    per = "character" if spec.input.units == "characters" else "word"
    return [
        f"- **Task**: language modelling: what comes next, over {spec.scores:,} "
        f"{spec.input.units}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step a {per}.",
        f"- **Data**: {metrics['train']['tokens']:,} {per}s to train on. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model: {test[NATS.name]:.4f} nats "
        f"({bits(test[NATS.name]):.4f} bits) a {per} on the last {test['tokens']:,}, as one "
        f"stream; {validation[NATS.name]:.4f} on the {validation['tokens']:,} before them. "
        f"Artifacts below: on {items} pieces of {recipe.data.length} {per}s of the "
        f"latter, each from an empty state.",
        "- **Limits**: it writes as its training text does, invents names and facts, and "
        "knows nothing else. What it writes is nobody's statement.",
    ]


def _part(run: Run, data: Path, split: Split) -> Tokens:
    recipe = run.recipe_as(LanguageRecipe)
    return part_of(
        recipe, run.spec_as(LanguageSpec).input, read_corpus(data, recipe.data.files), split
    )
