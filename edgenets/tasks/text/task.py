"""Text classification, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.tasks.language.recipe import TextRecipe
from edgenets.tasks.language.room import TextRoom
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.task import Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.survey import Survey
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.own import OwnModel
    from edgenets.tasks.text.lines import ClassifiedLines


class Text(TextRoom):
    """See `SequenceTask`."""

    spec: ClassVar = TextSpec
    recipe: ClassVar = TextRecipe
    run_options: ClassVar[tuple[str, ...]] = ()
    doing: ClassVar[str] = "reading"

    def train(self, recipe: TextRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.text.training import train_text

        return train_text(recipe, data, out, progress)

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`."""
        from edgenets.tasks.text.survey import survey

        return survey(data)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        return {"decoding": {"scores": model.kind_of_scores()}}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.text import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.text import evaluation

        return evaluation

    def decisions(self, spec: TextSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.text.metric import TextLabels

        return TextLabels()

    def lines(
        self, bundle: Bundle, session: Session, spec: TextSpec, options: RunOptions
    ) -> ClassifiedLines:
        """See `LineTask.lines`."""
        from edgenets.tasks.language.events import TextSummary
        from edgenets.tasks.text.lines import ClassifiedLines

        summary = TextSummary(str(bundle.path), session.artifact.id, session.runs_on)
        return ClassifiedLines(spec, session, summary)
