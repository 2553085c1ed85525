"""Where a command writes a bundle that it changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgenets.bundle import Bundle


def target_of(bundle: Bundle, out: Path | None) -> Path:
    """Where a changed bundle is written.

    Args:
        out: where its copy goes; None: into its place.

    Raises:
        click.UsageError: it comes with edgenets, and its copy has no place.
    """
    from edgenets import zoo

    if out is None and bundle.path.parent == zoo.ZOO:
        name = bundle.path.stem
        raise click.UsageError(f"{name} is a shipped bundle; say where to write its copy: --out")
    return out or bundle.path
