"""Sound events, as stages see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.heard_room import HeardRoom
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.sounds.recipe import SoundsRecipe
from edgenets.tasks.sounds.spec import SoundsSpec
from edgenets.tasks.task import Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.own import OwnModel
    from edgenets.tasks.sounds.pipeline import EventDetector
    from edgenets.tasks.speech.ctc import Grammar


class Sounds(HeardRoom):
    """See `SequenceTask`."""

    spec: ClassVar = SoundsSpec
    recipe: ClassVar = SoundsRecipe
    run_options: ClassVar[tuple[str, ...]] = ("seconds",)

    def train(self, recipe: SoundsRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.sounds.training import train_sounds

        return train_sounds(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        scores = "probabilities" if model.kind_of_scores() == "probabilities" else "independent"
        model.guess("several sounds may be heard at once, each by its own score")
        model.guess(f"a sound is the mean of {model.smoothing} answers")
        return {"decoding": {"smoothing": model.smoothing, "scores": scores}}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.sounds import training

        return training

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.sounds import evaluation

        return evaluation

    def decisions(self, spec: SoundsSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.sounds.metric import Loudest

        return Loudest(spec)

    def stepper(
        self, spec: ModelSpec, session: Session, grammar: Grammar | None = None
    ) -> EventDetector:
        """See `SoundTask.stepper`."""
        from edgenets.tasks.sounds.pipeline import EventDetector

        return EventDetector(spec_as(spec, SoundsSpec), session)
