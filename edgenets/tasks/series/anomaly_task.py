"""Anomaly detection, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from edgenets.progress import Progress
from edgenets.tasks.cost import Cost
from edgenets.tasks.golden import GoldenFrames
from edgenets.tasks.series.recipe import AnomalyRecipe
from edgenets.tasks.series.spec import AnomalySpec
from edgenets.tasks.task import Medium, Samples, Trained, Variant

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.runs import Run
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.metrics import Decisions


class Anomaly(GoldenFrames, Cost):
    """See `SequenceTask`."""

    spec: ClassVar = AnomalySpec
    recipe: ClassVar = AnomalyRecipe
    variant: ClassVar[Variant] = "step"
    medium: ClassVar[Medium] = "lines"
    extras: ClassVar[tuple[str, ...]] = ()
    run_options: ClassVar[tuple[str, ...]] = ("every",)
    doing: ClassVar[str] = "looking for anomalies in"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.series.anomaly_training import train_anomaly

        return train_anomaly(recipe, data, out, progress)

    def calibration(self, run: Run, data: Path, progress: Progress) -> NDArray[Any]:
        """See `SequenceTask.calibration`."""
        from edgenets.tasks.series.anomaly_samples import calibration

        return calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        from edgenets.tasks.series.anomaly_samples import verification

        return verification(run, data, progress)

    def decisions(self, spec: Any) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.series.metric import NextReadings

        return NextReadings()

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None,
        progress: Progress,
    ) -> Evaluation:  # fmt: skip
        """See `Task.evaluate`."""
        from edgenets.tasks.series.anomaly_evaluation import measure

        return measure(bundle, session, data, split, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.series.anomaly_samples import card

        return card(run, items)

    def input_of(self, spec: Any) -> str:
        """See `Task.input_of`."""
        return "readings of any columns, one at a time; a step each"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        return [(f"{run.metrics['train']['series']:,}", "series, no label")]
