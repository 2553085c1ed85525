"""Options of commands that train for streams of sound, or set by them."""

from __future__ import annotations

import click

from edgenets.cli.options import AnyData, F


class Rate(click.ParamType):  # type: ignore[type-arg]  # only newer ones of click are generic
    """So often an hour: 0.5/h, or 0.5."""

    name = "N/h"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        try:
            rate = float(str(value).removesuffix("/h"))
        except ValueError:
            self.fail(f"{value!r} is no rate; say 0.5/h", param, ctx)
        if not 0 < rate <= 1e6:
            self.fail(f"{value!r} is no rate of false accepts that could be allowed", param, ctx)
        return rate


def negatives_option(function: F) -> F:
    """Add `--negatives` to a command that trains."""
    return click.option(
        "--negatives",
        multiple=True,
        type=AnyData,
        help="Recordings in which no word is said, or a folder of them, to train on as well "
        "(words); may be given several times.",
    )(function)


def start_option(function: F) -> F:
    """Add `--from` to a command that trains."""
    return click.option(
        "--from",
        "start",
        metavar="RUN|BUNDLE",
        help="Go on from a network that was trained before: a run folder, a bundle that carries "
        "its weights, or the name of a shipped one (sound).",
    )(function)
