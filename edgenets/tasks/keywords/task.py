"""Keyword spotting, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.heard_room import HeardRoom
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.task import Enrolment, Spoken, Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.tasks.keywords.pipeline import KeywordDetector
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.own import OwnModel
    from edgenets.tasks.speech.ctc import Grammar

# Labels of recordings in which no word is said, as data sets call them.
NO_WORDS = frozenset(
    {
        *("_silence_", "_unknown_", "_background_noise_", "silence", "unknown", "background"),
        *("noise", "other", "nothing"),
    }
)


class Keywords(HeardRoom):
    """See `SequenceTask`."""

    spec: ClassVar = KeywordSpec
    recipe: ClassVar = KeywordRecipe
    run_options: ClassVar[tuple[str, ...]] = ("seconds",)

    def train(self, recipe: KeywordRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.keywords.training import train_keywords

        return train_keywords(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        background = [label for label in model.labels if label.lower() in NO_WORDS]
        if background:
            model.guess(f"{', '.join(background)} are no words")
        model.guess(f"a word is the mean of {model.smoothing} answers")
        scores, smoothing = model.kind_of_scores(), model.smoothing
        return {"decoding": {"background": background, "smoothing": smoothing, "scores": scores}}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.keywords import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.keywords import evaluation

        return evaluation

    def enrol(
        self, bundle: Bundle, session: Session, spoken: Spoken, progress: Progress
    ) -> Enrolment:
        """See `Task.enrol`."""
        from edgenets.tasks.keywords.enrolling import enrol

        return enrol(bundle, session, spoken, progress)

    def completed(self, bundle: Bundle, session: Session) -> Session:
        """See `Task.completed`: what was enrolled."""
        if not spec_as(bundle.spec, KeywordSpec).enrolled:
            return session
        from edgenets.tasks.keywords.enrolled import with_enrolled

        return with_enrolled(bundle, session)

    def decisions(self, spec: KeywordSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.keywords.metric import Words

        return Words(spec)

    def stepper(
        self, spec: ModelSpec, session: Session, grammar: Grammar | None = None
    ) -> KeywordDetector:
        """See `SoundTask.stepper`."""
        from edgenets.tasks.keywords.pipeline import KeywordDetector

        return KeywordDetector(spec_as(spec, KeywordSpec), session)
