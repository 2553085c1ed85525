"""Model cards: what a bundle was made of, what it can do, and what it cannot."""

from __future__ import annotations

from edgenets.runs import Run

from .verify import Report


def write(run: Run, report: Report) -> str:
    """The card of one bundle, Markdown."""
    metrics, spec, recipe = run.metrics, run.spec, run.recipe
    words = [w for w in spec.labels if w not in spec.decoding.background]
    test, train = metrics["test"], metrics["train"]
    features = spec.input
    lines = [
        f"# {spec.name}",
        "",
        f"{recipe.description}.",
        "",
        f"- **Task**: keyword spotting, {len(spec.labels)} classes. Words: {', '.join(words)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters; a step "
        f"every {1e3 * spec.step_seconds:.0f} ms.",
        f"- **Input**: mono sound at {features.sample_rate:,} Hz; {features.bands} log-mel bands, "
        f"window {1e3 * features.window / features.sample_rate:.0f} ms, "
        f"hop {1e3 * features.frame_seconds:.0f} ms.",
        f"- **Data**: {sum(train.values()):,} training clips; split by speaker. "
        f"{recipe.bundle.data_licence}",
        f"- **Licence of the model**: {recipe.bundle.licence}",
        f"- **Seed** {recipe.seed}, {recipe.schedule.epochs} epochs, "
        f"{metrics['seconds']:,.0f} s of training.",
        "",
        "## Figures",
        "",
        f"Float Keras model: {test['accuracy']:.2%} on {test['clips']} test clips of speakers that "
        f"training never heard, {metrics['validation']['accuracy']:.2%} on "
        f"{metrics['validation']['clips']} validation clips.",
        "",
        "Artefacts, streaming, on the validation clips:",
        "",
        "| artefact | bytes | accuracy | decisions as the model's | largest error | gate |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for v in report.verdicts:
        error = "–" if v.max_error is None else f"{v.max_error:.2g}"
        verdict = "passed" if v.passed else "failed"
        lines.append(
            f"| {v.id} | {v.size:,} | {v.accuracy:.2%} | {v.agreement:.2%} | {error} | {verdict} |"
        )
    lines += [
        "",
        "## Limits",
        "",
        "Words in other languages and accents, far-field sound and music were not measured. The "
        "thresholds are a starting point: set them on recordings of the place of use.",
        "",
    ]
    return "\n".join(lines)
