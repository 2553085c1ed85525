"""Options of the commands that reach boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

KeyFile = click.Path(exists=True, dir_okay=False, path_type=Path)


def host_options(function: F) -> F:
    """Add `--key` and `--known-hosts`."""
    options = (
        click.option("--key", type=KeyFile, help="Private SSH key; else the agent's and ~/.ssh."),
        click.option(
            "--known-hosts", type=click.Path(dir_okay=False, path_type=Path),
            help="In place of ~/.ssh/known_hosts.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


python_option = click.option(
    "--python", type=KeyFile,
    help="A Python for boards whose own is older than 3.11: an archive of python-build-standalone "
    "for their architecture, cpython-3.…-install_only.tar.gz.",
)  # fmt: skip

accept_new_option = click.option(
    "--accept-new", is_flag=True, help="Trust a board that was never seen before."
)
