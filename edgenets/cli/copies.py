"""Where a command writes a bundle that it changes."""

from __future__ import annotations

from pathlib import Path

import click


def check_own(bundle: str, out: Path | None) -> None:
    """Refuse to change a bundle that comes with edgenets.

    Args:
        bundle: a name of one, or a file.
        out: where its copy goes; None: into its place.

    Raises:
        click.UsageError: it is a shipped one, and has no other place.
    """
    if out is None and not Path(bundle).is_file():
        raise click.UsageError(f"{bundle} is a shipped bundle; say where to write its copy: --out")
