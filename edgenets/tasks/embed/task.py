"""Embedding of sound, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.tasks.embed.spec import EmbedRecipe, EmbedSpec
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.sound_room import SoundRoom
from edgenets.tasks.task import Enrolment, Spoken, Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.spec import ModelSpec
    from edgenets.tasks.embed.pipeline import Embedder
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.own import OwnModel
    from edgenets.tasks.speech.ctc import Grammar


class Embed(SoundRoom):
    """See `SequenceTask`."""

    spec: ClassVar = EmbedSpec
    recipe: ClassVar = EmbedRecipe
    own_labels: ClassVar[bool] = False
    run_options: ClassVar[tuple[str, ...]] = ("seconds",)

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.embed.training import train_embedding

        return train_embedding(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        smoothing = 1 if model.window else model.smoothing
        return {"decoding": {"smoothing": smoothing}, "size": model.scores}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.embed import training

        return training

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.embed import evaluation

        return evaluation

    def enrol(
        self, bundle: Bundle, session: Session, spoken: Spoken, progress: Progress
    ) -> Enrolment:
        """See `Task.enrol`."""
        from edgenets.tasks.keywords.enrolling import enrol

        return enrol(bundle, session, spoken, progress)

    def decisions(self, spec: ModelSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.embed.metric import Neighbors

        return Neighbors(spec.decoding)

    def stepper(self, spec: Any, session: Session, grammar: Grammar | None = None) -> Embedder:
        """See `SoundTask.stepper`."""
        from edgenets.tasks.embed.pipeline import Embedder

        return Embedder(spec, session)
