"""Models that say how series go on, along the road."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgenets.artefact import Format, Precision
from edgenets.data.split import Split
from edgenets.metrics import MSE
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.series.features import segments
from edgenets.series.recipe import ForecastRecipe
from edgenets.series.spec import ForecastSpec
from edgenets.series.windows import Windows, scaled, split_windows
from edgenets.training.forecast import load

from .convert import convert
from .formats import Converted, Written, activation_type
from .golden import GoldenFrames
from .verdicts import Report
from .verify import Samples, verify


class Forecast(GoldenFrames):
    """See `Family`."""

    def convert(
        self, run: Run, data: Path | None, to: Sequence[Format], precisions: Sequence[Precision],
        progress: Progress,
    ) -> Converted:  # fmt: skip
        """See `Family.convert`."""
        recipe, stretches = run.recipe_as(ForecastRecipe), None
        if data is not None and any(activation_type(p) for p in precisions):
            windows = _windows(run, data, "train").spread(recipe.quantize.clips)
            stretches = segments(windows.came, _spec(run).input.segment)
        return convert(run.model(), stretches, to, precisions, recipe.quantize, progress)

    def verify(
        self, run: Run, written: Sequence[Written], missing: Sequence[str], data: Path,
        progress: Progress,
    ) -> Report:  # fmt: skip
        """See `Family.verify`."""
        gate, spec = run.recipe_as(ForecastRecipe).gate, _spec(run)
        windows = _windows(run, data, "validation").spread(gate.clips)
        came = segments(windows.came, spec.input.segment)
        samples = Samples(came, list(windows.following - windows.last), "windows")
        return verify(run.model(), spec, written, samples, gate, tuple(missing), progress)

    def card(self, run: Run, report: Report) -> list[str]:
        """See `Family.card`."""
        metrics, spec, recipe = run.metrics, _spec(run), run.recipe_as(ForecastRecipe)
        test, ahead = metrics["test"], spec.decoding.horizon
        every = "" if spec.input.interval is None else f", one every {spec.input.interval:g} s"
        figures = [("this model", test), *test["baselines"].items()]
        covered = (
            f" {test['coverage']:.1%} of what came lay between the quantiles "
            f"{spec.decoding.quantiles[0]:g} and {spec.decoding.quantiles[1]:g}."
            if "coverage" in test else ""
        )  # fmt: skip
        return [
            f"- **Task**: forecasting, {ahead} readings ahead{every}, of "
            f"{', '.join(spec.input.columns)}.",
            f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a "
            f"step every {spec.input.segment} readings of a column, or at every reading by as many "
            f"interleaved states.",
            f"- **Data**: {metrics['train']['readings']:,} readings to train on. "
            f"{recipe.bundle.data_licence}",
            f"- **Figures**, from windows of {spec.window} readings on all {test['windows']:,} "
            f"test windows, in standard deviations of the columns: "
            + "; ".join(f"{name} MSE {v[MSE.name]:.4f}, MAE {v['MAE']:.4f}" for name, v in figures)
            + f".{covered} Artefacts below: on {report.items:,} windows of the validation part.",
            "- **Limits**: it knows this kind of series, at this interval. What never happened in "
            "the training part it does not foresee.",
        ]  # fmt: skip


def _windows(run: Run, data: Path, split: Split) -> Windows:
    spec = _spec(run)
    table = load(run.recipe_as(ForecastRecipe), data, Progress())
    return split_windows(scaled(table.values, spec.input), spec, split)


def _spec(run: Run) -> ForecastSpec:
    assert isinstance(run.spec, ForecastSpec), "family_of gives no other"
    return run.spec
