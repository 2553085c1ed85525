"""Text classification, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from edgenets.progress import Progress
from edgenets.tasks.cost import TokenCost
from edgenets.tasks.golden import GoldenTokens
from edgenets.tasks.language.recipe import TextRecipe
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.task import Medium, Samples, Trained, Variant

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.runs import Run
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.metrics import Decisions


class Text(GoldenTokens, TokenCost):
    """See `SequenceTask`."""

    spec: ClassVar = TextSpec
    recipe: ClassVar = TextRecipe
    variant: ClassVar[Variant] = "step"
    medium: ClassVar[Medium] = "lines"
    extras: ClassVar[tuple[str, ...]] = ()
    run_options: ClassVar[tuple[str, ...]] = ()
    doing: ClassVar[str] = "reading"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.text.training import train_text

        return train_text(recipe, data, out, progress)

    def calibration(self, run: Run, data: Path, progress: Progress) -> NDArray[Any]:
        """See `SequenceTask.calibration`."""
        from edgenets.tasks.text.samples import calibration

        return calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        from edgenets.tasks.text.samples import verification

        return verification(run, data, progress)

    def decisions(self, spec: Any) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.text.metric import TextLabels

        return TextLabels()

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None,
        progress: Progress,
    ) -> Evaluation:  # fmt: skip
        """See `Task.evaluate`."""
        from edgenets.tasks.text.evaluation import measure

        return measure(bundle, session, data, split, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.text.samples import card

        return card(run, items)

    def input_of(self, spec: Any) -> str:
        """See `Task.input_of`."""
        return f"text, as {len(spec.input.vocabulary):,} {spec.input.units}; a step each"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        taken = run.spec.input
        return [(f"{len(taken.vocabulary):,}", f"{taken.units} that it knows")]
