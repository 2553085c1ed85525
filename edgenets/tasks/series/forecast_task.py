"""Forecasting, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from edgenets.files import Json
from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.tasks.cost import Cost
from edgenets.tasks.golden import GoldenFrames
from edgenets.tasks.room import EvaluationModule, SamplesModule, SequenceRoom
from edgenets.tasks.series.recipe import ForecastRecipe
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.task import Medium, Trained

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.survey import Survey
    from edgenets.runs import Run
    from edgenets.tasks.metrics import Decisions
    from edgenets.tasks.options import RunOptions
    from edgenets.tasks.own import OwnInput, OwnModel
    from edgenets.tasks.series.forecast_lines import ForecastLines


class Forecast(SequenceRoom, GoldenFrames, Cost):
    """See `SequenceTask`."""

    spec: ClassVar = ForecastSpec
    recipe: ClassVar = ForecastRecipe
    medium: ClassVar[Medium] = "lines"
    own_input: ClassVar[OwnInput] = "series"
    own_labels: ClassVar[bool] = False
    extras: ClassVar[tuple[str, ...]] = ()
    run_options: ClassVar[tuple[str, ...]] = ("every", "delimiter", "decimal", "time_format")
    doing: ClassVar[str] = "reading"

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`."""
        from edgenets.tasks.series.survey import survey

        return survey(data)

    def train(self, recipe: ForecastRecipe, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.series.forecast_training import train_forecast

        return train_forecast(recipe, data, out, progress)

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`."""
        horizon = {"horizon": model.scores, "quantiles": []}
        return {"decoding": horizon, "window": max(1, model.window)}

    def _samples(self) -> SamplesModule:
        from edgenets.tasks.series import forecast_samples

        return forecast_samples

    def _evaluation(self) -> EvaluationModule:
        from edgenets.tasks.series import forecast_evaluation

        return forecast_evaluation

    def decisions(self, spec: ForecastSpec) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.series.metric import Forecasts

        return Forecasts(spec.decoding.horizon)

    def input_of(self, spec: ForecastSpec) -> str:
        """See `Task.input_of`."""
        taken = spec.input
        often = "" if taken.interval is None else f", one every {taken.interval:g} s"
        many = "all at once" if taken.together else f"{taken.segment} a step"
        return f"readings of {', '.join(taken.columns)}{often}; {many}"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`: those of simple forecasts among them."""
        shown, name = metric_of(run.metric).shown, run.metric
        baselines = run.metrics["test"].get("baselines", {})
        return [
            (str(run.spec.decoding.horizon), "readings ahead"),
            (str(len(run.spec.input.columns)), "columns"),
            *((shown(v[name]), f"{name} of {n}") for n, v in baselines.items()),
        ]

    def lines(
        self, bundle: Bundle, session: Session, spec: ForecastSpec, options: RunOptions
    ) -> ForecastLines:
        """See `LineTask.lines`."""
        from edgenets.tasks.series.events import SeriesSummary
        from edgenets.tasks.series.forecast_lines import ForecastLines

        summary = SeriesSummary(str(bundle.path), session.artifact.id, session.runs_on)
        return ForecastLines(spec, session, summary, options.every, options.table)
