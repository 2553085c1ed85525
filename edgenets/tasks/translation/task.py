"""Translation, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.bundle import GOLDEN_TOKENS, given_name
from edgenets.progress import Progress
from edgenets.tasks.task import Trained, Variant
from edgenets.tasks.translation.golden import answers, given_of, golden_tokens
from edgenets.tasks.translation.recipe import TranslationRecipe
from edgenets.tasks.translation.spec import TranslationSpec

if TYPE_CHECKING:
    from edgenets.runs import Run


class Translation:
    """See `Task`."""

    spec: ClassVar = TranslationSpec
    recipe: ClassVar = TranslationRecipe
    variant: ClassVar[Variant] = "encoder-decoder"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.translation.training import train_translation

        return train_translation(recipe, data, out, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.translation.samples import card

        return card(run, items)

    def golden(self, spec: Any) -> dict[str, bytes]:
        """See `Task.golden`."""
        members = {GOLDEN_TOKENS: golden_tokens(spec).astype("<i4").tobytes()}
        given = given_of(spec)
        return members | {given_name(n): v.astype("<f4").tobytes() for n, v in given.items()}

    def golden_output(self, spec: Any, session: Session) -> NDArray[np.float32]:
        """See `Task.golden_output`: (steps, numbers of all outputs) float32."""
        return answers(session, golden_tokens(spec), given_of(spec))
