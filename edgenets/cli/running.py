"""What `edgenets run` makes of its arguments."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.bundle import Bundle
    from edgenets.runtime.open import AnyRun
    from edgenets.runtime.writing import Writing
    from edgenets.spec import ModelSpec
    from edgenets.tasks.language.sampling import Sampling
    from edgenets.tasks.series.tableformat import TableFormat
    from edgenets.tasks.speech.ctc import Grammar
    from edgenets.tasks.vision.zones import Scene


@dataclass(frozen=True)
class RunArguments:
    """How a bundle is to be run; None: as its kind does."""

    sources: tuple[str, ...] = ()
    seconds: float | None = None
    scene: Path | None = None
    words: Path | None = None
    text: Path | None = None
    prompt: str | None = None
    tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    suggestions: int | None = None
    every: int | None = None
    beam: int | None = None
    delimiter: str | None = None
    decimal: str | None = None
    time_format: str | None = None


def made(
    opened: Bundle, session: Session, spec: ModelSpec, arguments: RunArguments
) -> tuple[AnyRun | Writing, str]:
    """The run, and what it does, in words.

    Raises:
        click.UsageError: an option was given that this model has no use for.
    """
    from edgenets.runtime.open import RunOptions, open_run
    from edgenets.tasks import TASKS, task_of

    task = task_of(spec.task)
    for field in fields(arguments):
        given = getattr(arguments, field.name) is not None and field.name != "sources"
        if given and field.name not in task.run_options:
            users = [name for name in TASKS if field.name in task_of(name).run_options]
            option = "--" + field.name.replace("_", "-")
            raise click.UsageError(
                f"{option} is for {' and '.join(users)}; {opened.path.name} is for {spec.task}"
            )
    if "prompt" in task.run_options and not arguments.sources:
        return _writing(opened, session, arguments), "going on from"
    writes = ("prompt", "tokens", "temperature", "top_k", "top_p", "seed")
    if any(getattr(arguments, name) is not None for name in writes):
        raise click.UsageError(
            "a source gives lines to suggest words for; --prompt and what goes with it write a "
            "text. One of them, not both"
        )
    options = RunOptions(
        arguments.seconds,
        _scene(arguments.scene),
        _grammar(arguments, spec),
        arguments.suggestions or 3,
        arguments.every,
        arguments.beam,
        table_format(arguments.delimiter, arguments.decimal, arguments.time_format),
    )
    return open_run(opened, session, arguments.sources, spec=spec, options=options), task.doing


def table_format(
    delimiter: str | None, decimal: str | None, time_format: str | None
) -> TableFormat | None:
    """How tables are to be read, where that was given.

    Raises:
        click.UsageError: they cannot be read so.
    """
    from edgenets.tasks.series.tableformat import TableFormat

    if delimiter is decimal is time_format is None:
        return None
    try:
        return TableFormat(delimiter, decimal, time_format)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc


def _scene(path: Path | None) -> Scene | None:
    from edgenets.tasks.vision.zones import load_scene

    return None if path is None else load_scene(path)


def _writing(opened: Bundle, session: Session, arguments: RunArguments) -> Writing:
    """A text that goes on."""
    from edgenets.runtime.writing import Writing

    if arguments.suggestions is not None:
        raise click.UsageError("--suggestions are for the lines of a source, such as -")
    return Writing(
        opened,
        session,
        arguments.prompt or "",
        tokens=arguments.tokens or 500,
        sampling=_sampling(opened.spec, arguments),
        seed=arguments.seed,
    )


def _sampling(spec: ModelSpec, arguments: RunArguments) -> Sampling:
    """How tokens are drawn: as the model has it, but for what was requested."""
    names = ("temperature", "top_k", "top_p")
    changes = {n: getattr(arguments, n) for n in names if getattr(arguments, n) is not None}
    usual: Sampling = spec.decoding.sampling
    try:
        return replace(usual, **changes)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc


def _grammar(arguments: RunArguments, spec: ModelSpec) -> Grammar | None:
    """What may be said, where that was given."""
    if arguments.words is None and arguments.text is None:
        return None
    from edgenets.spec import spec_as
    from edgenets.tasks.speech import grammar
    from edgenets.tasks.speech.spec import SpeechSpec

    if arguments.words is not None and arguments.text is not None:
        raise click.UsageError("--words or --text, not both")
    speech = spec_as(spec, SpeechSpec)
    if arguments.words is not None:
        return grammar.read_words(arguments.words, speech)
    return None if arguments.text is None else grammar.read_ngram(arguments.text, speech)
