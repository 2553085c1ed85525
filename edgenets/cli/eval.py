"""`edgenets eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import BACKENDS, PRECISIONS, BundleName, Folder, emit, json_option, table


@click.command(
    epilog="""\b
Examples:
  edgenets eval kws-gru --data speech_commands --split test
  edgenets eval mine.edge --data recordings --backend onnx --precision int8 --json

Without --split all recordings count, those that the model was trained on too."""
)
@click.argument("bundle", type=BundleName())
@click.option("--data", required=True, type=Folder, help="Labelled recordings, or pictures.")
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option(
    "--split", type=click.Choice(("train", "validation", "test")), help="Of the training."
)
@json_option
def command(
    bundle: str, data: Path, backend: str | None, precision: Any, split: str | None, as_json: bool
) -> None:
    """Measure a bundle on labelled recordings or pictures.

    They go through the very pipeline that a device runs.
    """
    from edgenets import progress, zoo
    from edgenets.stages import stage

    opened = zoo.load(bundle)
    choice = stage("choose")(opened, backend, precision)
    session = stage("load_session")(opened, choice)
    reporter = progress.for_stderr()
    if opened.spec.task == "speech":
        _speech(opened, session, choice, data, split, as_json, reporter)
        return
    if opened.spec.input.kind == "image":
        _pictures(opened, session, choice, data, split, as_json, reporter)
        return
    found = stage("evaluate")(
        opened.spec, session, _clips(opened.spec, data, split), backend=choice.backend,
        progress=reporter,
    )  # fmt: skip
    if as_json:
        emit(
            {
                "metric": found.metric, "value": found.value, "n": found.n,
                "backend": found.backend, "precision": found.precision,
                "split": split, "runs_on": found.runs_on,
            }
        )  # fmt: skip
        return
    rows = []
    for i, label in enumerate(found.labels):
        right, spoken = found.confusion[i][i], sum(found.confusion[i])
        share = f"{right / spoken:.1%}" if spoken else "–"
        rows.append((label, str(spoken), str(right), share))
    table("", ("label", "clips", "right", "share"), rows)
    click.echo(f"{found.metric} {found.value:.2%} of {found.n} clips, {choice.artefact.id}")


def _clips(spec: Any, data: Path, split: str | None) -> list[Any]:
    """The recordings of a split, or all."""
    from edgenets.data.clips import find_clips, split_of
    from edgenets.errors import DataError

    clips = find_clips(data, spec.labels)
    if split is not None:
        shares = spec.split
        clips = [c for c in clips if split_of(c, shares.validation, shares.test) == split]
        if not clips:
            raise DataError(f"{data}: nothing in it belongs to the {split} split")
    return clips


# Strings of recordings that a model of speech is measured by.
_STRINGS, _WORDS, _SEED = 400, (1, 7), 1


def _speech(
    opened: Any, session: Any, choice: Any, data: Path, split: Any, as_json: bool, reporter: Any
) -> None:
    """Error rates over strings of recordings."""
    from edgenets import records
    from edgenets.data.strings import strings_to_measure
    from edgenets.data.utterances import find_utterances, load_utterances
    from edgenets.errors import DataError
    from edgenets.stages import stage

    spec, shares = opened.spec, opened.spec.split
    found = [u for u in find_utterances(data)
             if split in (None, u.split(shares.apart, shares.validation, shares.test))]  # fmt: skip
    if not found:
        raise DataError(f"{data}: nothing in it belongs to the {split} split")
    units: Any = "words" if spec.decoding.separator == " " else "characters"
    spoken = load_utterances(found, spec.labels[1:], units, spec.input.sample_rate)
    strings = strings_to_measure(spoken, _STRINGS, _WORDS, _SEED)
    told = stage("evaluate_speech")(spec, session, strings, reporter)
    if as_json:
        emit(
            {
                "metric": "symbol error rate", "value": told.symbol_error_rate, "n": told.n,
                "backend": choice.backend, "precision": choice.artefact.precision, "split": split,
                "runs_on": session.runs_on, "figures": records.to_plain(told),
            }
        )  # fmt: skip
        return
    click.echo(
        f"symbol errors {told.symbol_error_rate:.2%} of {told.symbols:,}, exact {told.exact:.2%} "
        f"of {told.n} strings, real-time factor {told.real_time_factor:.4f}, {choice.artefact.id}"
    )


def _pictures(
    opened: Any, session: Any, choice: Any, data: Path, split: Any, as_json: bool, reporter: Any
) -> None:
    """The metric of a model of pictures."""
    from edgenets.stages import stage

    found = stage("evaluate_pictures")(opened.spec, session, data, split, reporter)
    if as_json:
        emit(
            {
                "metric": found.metric, "value": found.value, "n": found.n,
                "backend": choice.backend, "precision": choice.artefact.precision,
                "split": split, "runs_on": session.runs_on, "figures": found.figures,
            }
        )  # fmt: skip
        return
    table("", ("figure", "value"), [(n, f"{v:.2%}") for n, v in found.figures.items()])
    for fault in found.faults[:5]:
        click.echo(f"left out: {fault}", err=True)
    click.echo(f"{found.metric} {found.value:.2%} of {found.n} pictures, {choice.artefact.id}")
