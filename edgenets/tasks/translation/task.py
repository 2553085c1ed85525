"""Translation, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Given, Session
from edgenets.bundle import GOLDEN_TOKENS, given_name
from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.cost import TokenCost
from edgenets.tasks.room import CardModule, EvaluationModule, Room
from edgenets.tasks.task import Medium, Replay, Trained, Variant
from edgenets.tasks.translation.golden import answers, given_of, golden_tokens
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.spec import MEMORY, START, TranslationSpec

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.runs import Run
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.translation.lines import TranslatedLines


class Translation(Room, TokenCost):
    """See `Task`."""

    spec: ClassVar = TranslationSpec
    recipe: ClassVar = TranslationRecipe
    variant: ClassVar[Variant] = "encoder-decoder"
    medium: ClassVar[Medium] = "lines"
    extras: ClassVar[tuple[str, ...]] = ("text",)
    run_options: ClassVar[tuple[str, ...]] = ("beam",)
    doing: ClassVar[str] = "translating the lines of"

    def train(
        self, recipe: TranslationRecipe, data: Path, out: Path, progress: Progress
    ) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.translation.training import train_translation

        return train_translation(recipe, data, out, progress)

    def _samples(self) -> CardModule:
        from edgenets.tasks.translation import samples

        return samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.translation import evaluation

        return evaluation

    def golden(self, spec: TranslationSpec) -> dict[str, bytes]:
        """See `Task.golden`."""
        members = {GOLDEN_TOKENS: golden_tokens(spec).astype("<i4").tobytes()}
        given = given_of(spec)
        return members | {given_name(n): v.astype("<f4").tobytes() for n, v in given.items()}

    def golden_output(self, spec: TranslationSpec, session: Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (steps, numbers of all outputs) float32."""
        return answers(session, golden_tokens(spec), given_of(spec))

    def replay(self, bundle: Bundle) -> Replay:
        """See `Task.replay`.

        Raises:
            DataError: the subword tokenizer is of another model.
        """
        from edgenets.tasks.translation.subwords import subwords_of

        subwords_of(bundle)  # without it, nothing is translated
        spec = spec_as(bundle.spec, TranslationSpec)
        tokens = bundle.golden_tokens(spec.input.count)
        given = {
            MEMORY: bundle.golden_given(MEMORY, spec.memory),
            START: bundle.golden_given(START, spec.start),
        }
        return lambda session: answers(session, tokens, given)

    def input_of(self, spec: TranslationSpec) -> str:
        """See `Task.input_of`."""
        languages = f"{spec.input.source}, to {spec.input.target}"
        return f"sentences in {languages}, as {spec.input.count:,} sub-words; a step each"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        taken = run.spec.input
        return [
            (f"{taken.source} → {taken.target}", "languages"),
            (f"{taken.count:,}", "sub-words of both"),
        ]

    def given(self, spec: ModelSpec) -> Given | None:
        """See `Task.given`: of a sentence, to the decoder."""
        return given_of(spec_as(spec, TranslationSpec))

    def lines(
        self, bundle: Bundle, session: Session, spec: TranslationSpec, options: RunOptions
    ) -> TranslatedLines:
        """See `LineTask.lines`."""
        from edgenets.backend import Coupled
        from edgenets.tasks.language.events import TextSummary
        from edgenets.tasks.translation.lines import TranslatedLines

        assert isinstance(session, Coupled), "as it is loaded"
        summary = TextSummary(str(bundle.path), session.artifact.form, session.runs_on)
        return TranslatedLines(bundle, session, summary, options.beam)
