"""Forecasting, as stages see it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.tasks.cost import Cost
from edgenets.tasks.golden import GoldenFrames
from edgenets.tasks.series.recipe import ForecastRecipe
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.task import Medium, Samples, Trained, Variant

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.runs import Run
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.metrics import Decisions


class Forecast(GoldenFrames, Cost):
    """See `SequenceTask`."""

    spec: ClassVar = ForecastSpec
    recipe: ClassVar = ForecastRecipe
    variant: ClassVar[Variant] = "step"
    medium: ClassVar[Medium] = "lines"
    extras: ClassVar[tuple[str, ...]] = ()
    run_options: ClassVar[tuple[str, ...]] = ("every",)
    doing: ClassVar[str] = "reading"

    def train(self, recipe: Any, data: Path, out: Path, progress: Progress) -> Trained:
        """See `Task.train`."""
        from edgenets.tasks.series.forecast_training import train_forecast

        return train_forecast(recipe, data, out, progress)

    def calibration(self, run: Run, data: Path, progress: Progress) -> NDArray[Any]:
        """See `SequenceTask.calibration`."""
        from edgenets.tasks.series.forecast_samples import calibration

        return calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        from edgenets.tasks.series.forecast_samples import verification

        return verification(run, data, progress)

    def decisions(self, spec: Any) -> Decisions:
        """See `SequenceTask.decisions`."""
        from edgenets.tasks.series.metric import Forecasts

        return Forecasts(spec.decoding.horizon)

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None,
        progress: Progress,
    ) -> Evaluation:  # fmt: skip
        """See `Task.evaluate`."""
        from edgenets.tasks.series.forecast_evaluation import measure

        return measure(bundle, session, data, split, progress)

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        from edgenets.tasks.series.forecast_samples import card

        return card(run, items)

    def input_of(self, spec: Any) -> str:
        """See `Task.input_of`."""
        taken = spec.input
        often = "" if taken.interval is None else f", one every {taken.interval:g} s"
        return f"readings of {', '.join(taken.columns)}{often}; {taken.segment} a step"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`: those of simple forecasts among them."""
        shown, name = metric_of(run.metric).shown, run.metric
        baselines = run.metrics["test"].get("baselines", {})
        return [
            (str(run.spec.decoding.horizon), "readings ahead"),
            (str(len(run.spec.input.columns)), "columns"),
            *((shown(v[name]), f"{name} of {n}") for n, v in baselines.items()),
        ]
