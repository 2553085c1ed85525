"""The card of a model of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from edgenets.spec import ModelSpec
from edgenets.tasks import task_of

from ..verify.verdicts import Report
from .features import Compared


def write(
    spec: ModelSpec,
    report: Report,
    file: str,
    licence: str,
    guesses: Sequence[str],
    compared: Compared | None,
) -> str:
    """The card of one bundle, Markdown.

    Args:
        file: that the artifacts came from.
    """
    lines = [
        f"# {spec.name}",
        "",
        f"A model of one's own, converted from `{file}`, for the task “{spec.task}”.",
        "",
        f"- **Takes** {task_of(spec.task).input_of(spec)}.",
        f"- **Held against its model** on {report.items} {report.kind}: {report.summary}.",
        f"- **Licence of the model**: {licence}",
        *([f"- **Front end**: {compared}."] if compared else []),
        *(f"- Guessed: {guess}." for guess in guesses),
        "",
        "## Artifacts",
        "",
        f"| artifact | bytes | {report.metric} | largest error | gate |",
        "|---|--:|--:|--:|---|",
    ]
    for v in report.verdicts:
        error = "–" if v.max_error is None else f"{v.max_error:.2g}"
        passed = "passed" if v.passed else f"failed: {v.why}"
        lines.append(f"| {v.id} | {v.size:,} | {v.agreement:.2%} | {error} | {passed} |")
    return "\n".join([*lines, ""])
