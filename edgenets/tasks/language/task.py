"""Language modeling, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.progress import Progress
from edgenets.tasks.language.recipe import LanguageRecipe
from edgenets.tasks.language.room import TextRoom
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.task import Trained

if TYPE_CHECKING:
    from edgenets.tasks.metrics import Decisions


class Language(TextRoom):
    """See `SequenceTask`."""

    spec: ClassVar = LanguageSpec
    recipe: ClassVar = LanguageRecipe
    run_options: ClassVar[tuple[str, ...]] = (
        "prompt", "tokens", "temperature", "top_k", "top_p", "seed", "suggestions",
    )  # fmt: skip
    doing: ClassVar[str] = "suggesting words after the lines of"

    def train(self, recipe: LanguageRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.language.training import train_language

        return train_language(recipe, data, out, progress)

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.language import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.language import evaluation

        return evaluation

    def decisions(self, spec: LanguageSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.language.metric import NextTokens

        return NextTokens()
