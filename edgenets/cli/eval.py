"""`edgenets eval`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edgenets.cli.options import BACKENDS, PRECISIONS, AnyData, BundleName, emit, json_option, table


@dataclass(frozen=True)
class _Asked:
    """What is to be measured, on what."""

    opened: Any  # Bundle
    session: Any
    selected: Any
    data: Path
    split: Any
    reporter: Any

    @property
    def spec(self) -> Any:
        """The model's."""
        return self.opened.spec


@dataclass(frozen=True)
class _Answer:
    """What was found, for programs and for people."""

    metric: str
    value: float
    n: int
    line: str
    figures: Any = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()


@click.command(
    epilog="""\b
Examples:
  edgenets eval kws-gru --data speech_commands --split test
  edgenets eval mine.edge --data recordings --backend onnx --precision int8 --json
  edgenets eval char-lm --data shakespeare.txt --split test

Without --split all of the data counts, that which the model was trained on too."""
)
@click.argument("bundle", type=BundleName())
@click.option("--data", required=True, type=AnyData, help="Recordings, pictures or texts.")
@click.option("--backend", type=click.Choice(BACKENDS), help="Take no other backend.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Take no other precision.")
@click.option(
    "--split", type=click.Choice(("train", "validation", "test")), help="Of the training."
)
@json_option
def command(
    bundle: str, data: Path, backend: str | None, precision: Any, split: str | None, as_json: bool
) -> None:
    """Measure a bundle on labelled recordings, pictures or texts.

    They go through the very pipeline that a device runs.
    """
    from edgenets import progress, zoo
    from edgenets.selection import Request, select
    from edgenets.stages import stage

    opened = zoo.load(bundle)
    selected = select(opened, Request(backend, precision))
    session = stage("load_session")(opened, selected)
    found = _MEASURES[opened.spec.task](
        _Asked(opened, session, selected, data, split, progress.for_stderr())
    )
    if as_json:
        figures = {} if found.figures is None else {"figures": found.figures}
        emit(
            {
                "metric": found.metric, "value": found.value, "n": found.n,
                "backend": selected.backend, "precision": selected.artifact.precision,
                "split": split, "runs_on": session.runs_on, **figures,
            }
        )  # fmt: skip
        return
    if found.rows:
        table("", found.columns, found.rows)
    for remark in found.remarks:
        click.echo(remark, err=True)
    click.echo(f"{found.line}, {selected.artifact.form}")


def _keywords(asked: _Asked) -> _Answer:
    """Accuracy over clips."""
    from edgenets.stages import stage

    found = stage("evaluate")(
        asked.spec, asked.session, _clips(asked.spec, asked.data, asked.split),
        backend=asked.selected.backend, progress=asked.reporter,
    )  # fmt: skip
    line = f"{found.metric} {found.value:.2%} of {found.n} clips"
    return _Answer(
        found.metric, found.value, found.n, line,
        columns=("label", "clips", "right", "share"), rows=_rows(found.labels, found.confusion),
    )  # fmt: skip


def _rows(labels: Any, confusion: Any) -> tuple[tuple[str, ...], ...]:
    """How many of each label were right."""
    rows = []
    for i, label in enumerate(labels):
        right, there = confusion[i][i], sum(confusion[i])
        rows.append((label, str(there), str(right), f"{right / there:.1%}" if there else "–"))
    return tuple(rows)


def _clips(spec: Any, data: Path, split: str | None) -> list[Any]:
    """The recordings of a split, or all."""
    from edgenets.tasks.keywords.clips import find_clips, split_of

    shares = spec.split
    clips = [
        clip for clip in find_clips(data, spec.labels)
        if split in (None, split_of(clip, shares.validation, shares.test))
    ]  # fmt: skip
    return _some(clips, data, split)


def _some(found: list[Any], data: Path, split: str | None) -> list[Any]:
    """What was found, if anything was.

    Raises:
        DataError: nothing was.
    """
    from edgenets.errors import DataError

    if not found:
        raise DataError(f"{data}: nothing in it belongs to the {split} split")
    return found


# Strings of recordings that a model of speech is measured by.
_STRINGS, _WORDS, _SEED = 400, (1, 7), 1


def _speech(asked: _Asked) -> _Answer:
    """Error rates over strings of recordings."""
    from edgenets import records
    from edgenets.stages import stage
    from edgenets.tasks.speech.strings import strings_to_measure
    from edgenets.tasks.speech.utterances import find_utterances, load_utterances

    spec, shares, split = asked.spec, asked.spec.split, asked.split
    found = [u for u in find_utterances(asked.data)
             if split in (None, u.split(shares.apart, shares.validation, shares.test))]  # fmt: skip
    units: Any = "words" if spec.decoding.separator == " " else "characters"
    spoken = load_utterances(
        _some(found, asked.data, split), spec.labels[1:], units, spec.input.sample_rate
    )
    strings = strings_to_measure(spoken, _STRINGS, _WORDS, _SEED)
    told = stage("evaluate_speech")(spec, asked.session, strings, asked.reporter)
    line = (
        f"symbol errors {told.symbol_error_rate:.2%} of {told.symbols:,}, exact {told.exact:.2%} "
        f"of {told.n} strings, real-time factor {told.real_time_factor:.4f}"
    )
    return _Answer(
        "symbol error rate", told.symbol_error_rate, told.n, line, records.to_plain(told)
    )


def _language(asked: _Asked) -> _Answer:
    """Nats and bits over a text, as one stream."""
    from edgenets import records
    from edgenets.metrics import NATS
    from edgenets.stages import stage
    from edgenets.tasks.language.texts import read_corpus, split_text

    spec = asked.spec
    text = read_corpus(asked.data, "*.txt")
    if asked.split is not None:
        text = split_text(text, asked.split, spec.split.validation, spec.split.test)
    found = stage("evaluate_language")(spec, asked.session, text, asked.reporter)
    per = "character" if spec.input.units == "characters" else "word"
    line = (
        f"{found.nats:.4f} nats, {found.bits:.4f} bits a {per} over {found.n:,}; "
        f"{found.foreseen:.1%} foreseen, {found.tokens_per_s:,.0f} a second of CPU"
    )
    return _Answer(NATS.name, found.nats, found.n, line, records.to_plain(found))


def _texts(asked: _Asked) -> _Answer:
    """Accuracy over texts."""
    from edgenets import records
    from edgenets.stages import stage
    from edgenets.tasks.language.texts import find_texts

    spec, shares = asked.spec, asked.spec.split
    texts = [
        text for text in find_texts(asked.data, spec.labels)
        if asked.split in (None, text.split(shares.validation, shares.test))
    ]  # fmt: skip
    texts = _some(texts, asked.data, asked.split)
    found = stage("evaluate_texts")(spec, asked.session, texts, asked.reporter)
    line = (
        f"accuracy {found.accuracy:.2%} of {found.n:,} texts, {found.unknown:.1%} of their words "
        f"unknown, {found.tokens_per_s:,.0f} words a second of CPU"
    )
    return _Answer(
        "accuracy", found.accuracy, found.n, line, records.to_plain(found),
        ("label", "texts", "right", "share"), _rows(spec.labels, found.confusion),
    )  # fmt: skip


def _translation(asked: _Asked) -> _Answer:
    """BLEU and chrF over the files of a split: the test pairs have files of their own."""
    from edgenets import records
    from edgenets.metrics import BLEU
    from edgenets.stages import stage
    from edgenets.tasks.translation.pairs import split_pairs
    from edgenets.tasks.translation.pieces import pieces_of

    spec, split = asked.spec, asked.split
    pairs = split_pairs(
        asked.data, split or "test", spec.files, spec.input.source, spec.input.target,
        spec.split.validation,
    )  # fmt: skip
    found = stage("evaluate_translation")(
        spec, asked.session, _some(pairs, asked.data, split), pieces_of(asked.opened),
        asked.reporter,
    )  # fmt: skip
    best = found.ways[-1]
    line = (
        f"BLEU {best.bleu:.2f}, chrF {best.chrf:.2f} on {found.n:,} sentences ({found.signature}), "
        f"{best.ms_per_sentence:.1f} ms CPU a sentence"
        f"{f'; {found.refused:,} were refused and count as empty' if found.refused else ''}"
    )
    rows = tuple(
        (str(w.beam), f"{w.bleu:.2f}", f"{w.chrf:.2f}", f"{w.ms_per_sentence:.1f} ms")
        for w in found.ways
    )
    return _Answer(
        BLEU.name, best.bleu, found.n, line, records.to_plain(found),
        ("beam", "BLEU", "chrF", "CPU a sentence"), rows,
    )  # fmt: skip


def _forecast(asked: _Asked) -> _Answer:
    """Errors over all windows of a split, beside those of the last value and of a linear net."""
    from edgenets import records
    from edgenets.metrics import MSE
    from edgenets.stages import stage
    from edgenets.tasks.series.baselines import Linear, errors, last_value
    from edgenets.tasks.series.table import find_table, read_table
    from edgenets.tasks.series.windows import scaled, split_windows

    spec = asked.spec
    table = read_table(find_table(asked.data), spec.input.columns, spec.input.longest_gap)
    series = scaled(table.values, spec.input)
    windows = split_windows(series, spec, asked.split)
    found = stage("evaluate_forecast")(spec, asked.session, windows, asked.reporter)
    rows = [("this model", found.errors), ("last value", errors(last_value(windows),
                                                              windows.following))]  # fmt: skip
    if series.shape[1] >= spec.borders.train > spec.window + spec.decoding.horizon:
        train = series[:, : spec.borders.train]
        linear = Linear.fitted(train, spec.window, spec.decoding.horizon)
        rows.append(("linear", errors(linear.forecast(windows), windows.following)))
    line = (
        f"MSE {found.errors.mse:.4f}, MAE {found.errors.mae:.4f} on {found.n:,} windows, "
        f"{found.us_per_step:.1f} µs CPU a step"
    )
    if found.coverage is not None:
        low, high = spec.decoding.quantiles
        line += f", {found.coverage:.1%} between the quantiles {low:g} and {high:g}"
    figures = {**records.to_plain(found), "baselines": {n: vars(e) for n, e in rows[1:]}}
    return _Answer(
        MSE.name, found.errors.mse, found.n, line, figures, ("forecast", "MSE", "MAE"),
        tuple((name, f"{e.mse:.4f}", f"{e.mae:.4f}") for name, e in rows), table.remarks,
    )  # fmt: skip


def _anomaly(asked: _Asked) -> _Answer:
    """Points of the Numenta Anomaly Benchmark, beside those that the record has without a net."""
    from edgenets import records
    from edgenets.stages import stage
    from edgenets.tasks.series import nab

    corpus, profiles = nab.load_corpus(asked.data), nab.load_profiles(asked.data)
    found = stage("evaluate_anomaly")(asked.spec, asked.session, corpus, profiles, asked.reporter)
    names = list(profiles)
    rows = tuple((row.detector, *(f"{row.points[n]:.2f}" for n in names)) for row in found.rows)
    value = found.rows[0].points[names[0]]
    line = (
        f"NAB {value:.2f} ({names[0]}) of {found.n} files, {found.us_per_reading:.0f} µs a reading"
    )
    return _Answer("NAB", value, found.n, line, records.to_plain(found), ("detector", *names), rows)


def _pictures(asked: _Asked) -> _Answer:
    """The metric of a model of pictures."""
    from edgenets.stages import stage

    found = stage("evaluate_pictures")(
        asked.spec, asked.session, asked.data, asked.split, asked.reporter
    )
    return _Answer(
        found.metric, found.value, found.n,
        f"{found.metric} {found.value:.2%} of {found.n} pictures", found.figures,
        ("figure", "value"), tuple((n, f"{v:.2%}") for n, v in found.figures.items()),
        tuple(f"left out: {fault}" for fault in found.faults[:5]),
    )  # fmt: skip


# Task → how it is measured.
_MEASURES: dict[str, Callable[[_Asked], _Answer]] = {
    "keywords": _keywords, "speech": _speech, "language": _language, "text": _texts,
    "translation": _translation, "forecast": _forecast, "anomaly": _anomaly,
    "classify": _pictures, "detect": _pictures, "segment": _pictures,
}  # fmt: skip
