"""Keyword spotting, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from edgenets.progress import Progress
from edgenets.tasks.cost import Cost, cpu_of_sound
from edgenets.tasks.golden import GoldenSound
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.sound import sound_of
from edgenets.tasks.task import Medium, Samples, Trained, Variant

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.runs import Run
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.keywords.pipeline import Listener
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.speech.ctc import Grammar


class Keywords(GoldenSound, Cost):
    """See `SequenceTask`."""

    spec: ClassVar = KeywordSpec
    recipe: ClassVar = KeywordRecipe
    variant: ClassVar[Variant] = "step"
    cost_unit: ClassVar[str] = "CPU ms/s"
    medium: ClassVar[Medium] = "sound"
    extras: ClassVar[tuple[str, ...]] = ("mic",)
    run_options: ClassVar[tuple[str, ...]] = ("seconds",)
    doing: ClassVar[str] = "listening to"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.keywords.training import train_keywords

        return train_keywords(recipe, data, out, progress)

    def calibration(self, run: Run, data: Path, progress: Progress) -> NDArray[Any]:
        """See `SequenceTask.calibration`."""
        from edgenets.tasks.keywords.samples import calibration

        return calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        from edgenets.tasks.keywords.samples import verification

        return verification(run, data, progress)

    def decisions(self, spec: Any) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.keywords.metric import Words

        return Words(spec)

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None,
        progress: Progress,
    ) -> Evaluation:  # fmt: skip
        """See `Task.evaluate`."""
        from edgenets.tasks.keywords.evaluation import measure

        return measure(bundle, session, data, split, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.keywords.samples import card

        return card(run, items)

    def input_of(self, spec: Any) -> str:
        """See `Task.input_of`."""
        return sound_of(spec)

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        return [
            (f"{1e3 * run.spec_as(KeywordSpec).step_seconds:.0f} ms", "from decision to decision")
        ]

    def stepper(self, spec: Any, session: Session, grammar: Grammar | None = None) -> Listener:
        """See `SoundTask.stepper`."""
        from edgenets.tasks.keywords.pipeline import Listener

        return Listener(spec, session)

    def cpu_ms(self, spec: Any, session: Session, seconds: float) -> float:
        """See `Task.cpu_ms`."""
        return cpu_of_sound(spec, self.stepper(spec, session), seconds)
