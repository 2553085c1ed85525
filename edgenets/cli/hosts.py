"""Options of the commands that reach boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from edgenets.cli.options import F, Milliseconds, Seconds

KeyFile = click.Path(exists=True, dir_okay=False, path_type=Path)


def host_options(function: F) -> F:
    """Add `--key` and `--known-hosts`."""
    return _add(
        function,
        click.option("--key", type=KeyFile, help="Private SSH key; else the agent's and ~/.ssh."),
        click.option(
            "--known-hosts",
            type=click.Path(dir_okay=False, path_type=Path),
            help="In place of ~/.ssh/known_hosts.",
        ),
    )


python_option = click.option(
    "--python",
    type=KeyFile,
    help="A Python for boards whose own is older than 3.11: an archive of python-build-standalone "
    "for their architecture, cpython-3.…-install_only.tar.gz.",
)


def supply_options(function: F) -> F:
    """Add where wheels and a Python come from: `--wheels`, `--constraint`, `--python`."""
    return _add(
        function,
        click.option(
            "--wheels",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="A folder of wheels for the board, in place of the index.",
        ),
        click.option(
            "--constraint", type=KeyFile, help="Versions to keep to, a file as pip takes it."
        ),
        python_option,
    )


def health_options(function: F) -> F:
    """Add what a release must do before it is kept: `--inferences`, `--latency`, `--patience`."""
    return _add(
        function,
        click.option(
            "--inferences", type=click.IntRange(0), default=20, show_default=True,
            help="Live ones, before the release is kept; 0: golden outputs alone.",
        ),
        click.option(
            "--latency", type=Milliseconds(0, min_open=True), default=1000.0, show_default=True,
            help="Bound of 95 % of them, capture to result, ms.",
        ),
        click.option(
            "--patience", type=Seconds(1, 86_400), default=120.0, show_default=True,
            help="For all of them, s.",
        ),
    )  # fmt: skip


def _add(function: F, *options: Callable[[F], F]) -> F:
    """Add options, the first one on top."""
    for option in reversed(options):
        function = option(function)
    return function


accept_new_option = click.option(
    "--accept-new", is_flag=True, help="Trust a board that was never seen before."
)
