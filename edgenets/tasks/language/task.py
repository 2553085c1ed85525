"""Language modeling, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.errors import ModelError
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.tasks.language.recipe import LanguageRecipe
from edgenets.tasks.language.room import TextRoom
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.task import Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.tasks.language.lines import SuggestedLines
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.own import OwnModel


class Language(TextRoom):
    """See `SequenceTask`."""

    spec: ClassVar = LanguageSpec
    recipe: ClassVar = LanguageRecipe
    run_options: ClassVar[tuple[str, ...]] = (
        "prompt", "tokens", "temperature", "top_k", "top_p", "seed", "suggestions",
    )  # fmt: skip
    own_labels: ClassVar[bool] = False
    doing: ClassVar[str] = "suggesting words after the lines of"

    def train(self, recipe: LanguageRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.language.training import train_language

        return train_language(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        if model.window:
            raise ModelError(f"{model.name}: goes on with texts, so it needs a step form")
        return {"decoding": {}}

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

    def lines(
        self, bundle: Bundle, session: Session, spec: LanguageSpec, options: RunOptions
    ) -> SuggestedLines:
        """See `LineTask.lines`."""
        from edgenets.tasks.language.events import TextSummary
        from edgenets.tasks.language.lines import SuggestedLines

        summary = TextSummary(str(bundle.path), session.artifact.id, session.runs_on)
        return SuggestedLines(spec, session, summary, options.suggestions)
