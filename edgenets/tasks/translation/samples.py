"""What models that translate are calibrated and verified on, and their card."""

from __future__ import annotations

from pathlib import Path

from edgenets.data.split import Split
from edgenets.metrics import BLEU
from edgenets.runs import Run
from edgenets.tasks.translation.pairs import Pair
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.spec import PIECES, TranslationSpec
from edgenets.tasks.translation.subwords import Subwords
from edgenets.tasks.translation.training import part_of


def pairs_of(run: Run, data: Path, split: Split) -> list[Pair]:
    """The sentences of a split with their translations."""
    return part_of(run.recipe_as(TranslationRecipe), data, split)


def subwords_of(run: Run) -> Subwords:
    """The subword tokenizer of a run."""
    return Subwords(run.assets()[PIECES], run.spec_as(TranslationSpec).input)


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = (
        run.metrics,
        run.spec_as(TranslationSpec),
        run.recipe_as(TranslationRecipe),
    )
    test, validation = metrics["test"], metrics["validation"]
    return [
        f"- **Task**: translation from {spec.input.source} to {spec.input.target}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
        f"step of the encoder for every piece that is read, one of the decoder for every piece "
        f"that is written.",
        f"- **Input**: sentences in {spec.input.count:,} sub-words of both languages.",
        f"- **Data**: {metrics['train']['sentences']:,} pairs to train on. "
        f"{recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model, greedy: BLEU {test[BLEU.name]:.2f}, chrF "
        f"{test['chrF']:.2f} on {test['sentences']:,} sentences that training never saw, BLEU "
        f"{validation[BLEU.name]:.2f} on the {validation['sentences']:,} that it was chosen "
        f"by. Artifacts below: greedy, on {items} of the latter.",
        "- **Limits**: it knows the language of its training sentences. What it cannot "
        "translate it makes up, fluently, with no sign of it.",
    ]
