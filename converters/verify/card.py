"""Model cards: what a bundle was made of, what it can do, and what it cannot."""

from __future__ import annotations

from edgenets.metrics import metric_of
from edgenets.runs import Run
from edgenets.tasks import task_of

from .verdicts import Report


def write(run: Run, report: Report) -> str:
    """The card of one bundle, Markdown."""
    recipe, shown = run.recipe, metric_of(report.metric).shown
    lines = [
        f"# {run.spec.name}",
        "",
        f"{recipe.description}.",
        "",
        *task_of(run.spec.task).card(run, report.items),
        f"- **Licence of the model**: {recipe.bundle.licence}",
        f"- **Seed** {recipe.seed}, {recipe.schedule.epochs} epochs, "
        f"{run.metrics['seconds']:,.0f} s of training.",
        "",
        "## Artifacts",
        "",
        f"| artifact | bytes | {report.metric} | decisions as the model's | largest error | gate |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for v in report.verdicts:
        error = "–" if v.max_error is None else f"{v.max_error:.2g}"
        verdict = "passed" if v.passed else "failed"
        lines.append(
            f"| {v.id} | {v.size:,} | {shown(v.metric)} | {v.agreement:.2%} | {error} | {verdict} |"
        )
    return "\n".join([*lines, ""])
