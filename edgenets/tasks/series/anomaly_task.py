"""Anomaly detection, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.progress import Progress
from edgenets.tasks.cost import Cost
from edgenets.tasks.golden import GoldenFrames
from edgenets.tasks.room import EvaluationModule, SamplesModule, SequenceRoom
from edgenets.tasks.series.recipe import AnomalyRecipe
from edgenets.tasks.series.spec import AnomalySpec
from edgenets.tasks.task import Medium, Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.survey import Survey
    from edgenets.runs import Run
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.series.anomaly_lines import AnomalyLines


class Anomaly(SequenceRoom, GoldenFrames, Cost):
    """See `SequenceTask`."""

    spec: ClassVar = AnomalySpec
    recipe: ClassVar = AnomalyRecipe
    medium: ClassVar[Medium] = "lines"
    extras: ClassVar[tuple[str, ...]] = ()
    run_options: ClassVar[tuple[str, ...]] = ("every", "delimiter", "decimal", "time_format")
    doing: ClassVar[str] = "looking for anomalies in"

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`."""
        from edgenets.tasks.series.survey import survey

        return survey(data)

    def train(self, recipe: AnomalyRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.series.anomaly_training import train_anomaly

        return train_anomaly(recipe, data, out, progress)

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.series import anomaly_samples

        return anomaly_samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.series import anomaly_evaluation

        return anomaly_evaluation

    def decisions(self, spec: AnomalySpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.series.metric import NextReadings

        return NextReadings()

    def input_of(self, spec: AnomalySpec) -> str:
        """See `Task.input_of`."""
        return "readings of any columns, one at a time; a step each"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        return [(f"{run.metrics['train']['series']:,}", "series, no label")]

    def lines(
        self, bundle: Bundle, session: Session, spec: AnomalySpec, options: RunOptions
    ) -> AnomalyLines:
        """See `LineTask.lines`."""
        from edgenets.tasks.series.anomaly_lines import AnomalyLines
        from edgenets.tasks.series.events import SeriesSummary

        summary = SeriesSummary(str(bundle.path), session.artifact.id, session.runs_on)
        return AnomalyLines(spec, session, summary, options.every, options.table)
