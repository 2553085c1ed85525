"""Speech recognition, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.errors import ModelError
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.room import EvaluationModule, SamplesModule
from edgenets.tasks.sound_room import SoundRoom
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.spec import BLANK_LABEL, SpeechSpec
from edgenets.tasks.task import Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.own import OwnModel
    from edgenets.tasks.speech.ctc import Grammar
    from edgenets.tasks.speech.pipeline import SpeechTranscriber


class Speech(SoundRoom):
    """See `SequenceTask`."""

    spec: ClassVar = SpeechSpec
    recipe: ClassVar = SpeechRecipe
    run_options: ClassVar[tuple[str, ...]] = ("seconds", "words", "text")

    def train(self, recipe: SpeechRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.speech.training import train_speech

        return train_speech(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        if model.window:
            raise ModelError(f"{model.name}: speech needs a step form: convert --variant step")
        if model.labels[:1] != (BLANK_LABEL,):
            raise ModelError(
                f"{model.name}: the first label of a model of speech is the blank of CTC, called "
                f"{BLANK_LABEL}; the labels begin with '{model.labels[0]}'"
            )
        return {"decoding": {}}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.speech import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.speech import evaluation

        return evaluation

    def decisions(self, spec: SpeechSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.speech.metric import Transcripts

        return Transcripts(spec)

    def stepper(
        self, spec: ModelSpec, session: Session, grammar: Grammar | None = None
    ) -> SpeechTranscriber:
        """See `SoundTask.stepper`."""
        from edgenets.tasks.speech.pipeline import SpeechTranscriber

        return SpeechTranscriber(spec_as(spec, SpeechSpec), session, grammar)
