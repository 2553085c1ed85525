"""What `edgenets run` makes of its arguments, by what the model takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import click

from edgenets.stages import stage

# The kinds of models that an option is for; one that is given to another is refused, not ignored.
_FOR = {
    "seconds": ("sound", "pictures"),
    "scene": ("pictures",),
    "words": ("speech",),
    "text": ("speech",),
    "prompt": ("language",),
    "tokens": ("language",),
    "temperature": ("language",),
    "top_k": ("language",),
    "top_p": ("language",),
    "seed": ("language",),
    "suggestions": ("language",),
    "every": ("series",),
    "beam": ("translation",),
}


@dataclass(frozen=True)
class Wishes:
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


def kinds_of(spec: Any) -> tuple[str, ...]:
    """What a model is called in messages about options; a model of speech is one of sound, too."""
    if spec.input.kind == "image":
        return ("pictures",)
    if spec.input.kind in ("text", "pieces"):
        return (spec.task,)
    if spec.input.kind in ("series", "habits"):
        return ("series",)
    return ("speech", "sound") if spec.task == "speech" else ("sound",)


def made(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    """The run, and what it does, in words.

    Raises:
        click.UsageError: something was wished that this model has no use for.
    """
    kinds = kinds_of(spec)
    for field in fields(wishes):
        wanted = _FOR.get(field.name)
        given = getattr(wishes, field.name) is not None
        if wanted is not None and given and not set(wanted) & set(kinds):
            option = "--" + field.name.replace("_", "-")
            raise click.UsageError(f"{option} is for models of {' and of '.join(wanted)}")
    makers = {
        "pictures": _pictures, "language": _language, "text": _texts, "series": _series,
        "translation": _translation,
    }  # fmt: skip
    maker: Callable[[Any, Any, Any, Wishes], tuple[Any, str]] = makers.get(kinds[0], _sound)
    return maker(opened, session, spec, wishes)


def _one(wishes: Wishes, what: str, default: str) -> str:
    if len(wishes.sources) > 1:
        raise click.UsageError(f"one source of {what}, for a model of {what}")
    return wishes.sources[0] if wishes.sources else default


def _sound(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    source = _one(wishes, "sound", "mic:default")
    run = stage("run")(
        opened, session, source, spec=spec, seconds=wishes.seconds, grammar=_grammar(wishes, spec)
    )
    return run, "listening to"


def _pictures(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    from edgenets.tasks.vision.zones import load_scene

    scene = None if wishes.scene is None else load_scene(wishes.scene)
    sources = wishes.sources or ("camera:0",)
    run = stage("watch")(opened, session, sources, spec=spec, seconds=wishes.seconds, scene=scene)
    return run, "looking at"


def _texts(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    return stage("text_run")(opened, session, _one(wishes, "text", "-")), "reading"


def _translation(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    source = _one(wishes, "text", "-")
    run = stage("translation_run")(opened, session, source, beam=wishes.beam)
    return run, f"translating from {spec.input.source} to {spec.input.target} the lines of"


def _series(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    source = _one(wishes, "readings", "-")
    if spec.task == "anomaly":
        run = stage("anomaly_run")(opened, session, source, every=wishes.every, spec=spec)
        return run, "looking for what is unusual in"
    return stage("series_run")(opened, session, source, every=wishes.every), "reading"


def _language(opened: Any, session: Any, spec: Any, wishes: Wishes) -> tuple[Any, str]:
    """With a source, what may come next after each line; else a text that goes on."""
    if wishes.sources:
        asked = ("prompt", "tokens", "temperature", "top_k", "top_p", "seed")
        if any(getattr(wishes, name) is not None for name in asked):
            raise click.UsageError(
                "a source gives lines to suggest words for; --prompt and what goes with it write a "
                "text. One of them, not both"
            )
        source = _one(wishes, "text", "-")
        run = stage("text_run")(opened, session, source, suggestions=wishes.suggestions or 3)
        return run, "suggesting words after the lines of"
    if wishes.suggestions is not None:
        raise click.UsageError("--suggestions are for the lines of a source, such as -")
    run = stage("writing")(
        opened, session, wishes.prompt or "", tokens=wishes.tokens or 500,
        sampling=_sampling(spec, wishes), seed=wishes.seed,
    )  # fmt: skip
    return run, "going on from"


def _sampling(spec: Any, wishes: Wishes) -> Any:
    """How tokens are drawn: as the model has it, but for what was wished."""
    names = ("temperature", "top_k", "top_p")
    changes = {n: getattr(wishes, n) for n in names if getattr(wishes, n) is not None}
    try:
        return replace(spec.decoding.sampling, **changes)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc


def _grammar(wishes: Wishes, spec: Any) -> Any:
    """What may be said, where that was given."""
    if wishes.words is None and wishes.text is None:
        return None
    from edgenets.tasks.speech import grammar

    if wishes.words is not None and wishes.text is not None:
        raise click.UsageError("--words or --text, not both")
    if wishes.words is not None:
        return grammar.read_words(wishes.words, spec)
    return None if wishes.text is None else grammar.read_ngram(wishes.text, spec)
