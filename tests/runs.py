"""Runs as the command opens them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.runtime.open import RunOptions, open_run
from edgenets.spec import ModelSpec


def run_of(
    bundle: Bundle, session: Session, sources: str | Sequence[str],
    spec: ModelSpec | None = None, **options: Any,
) -> Any:  # fmt: skip
    """A run over one source, or several."""
    uris = (sources,) if isinstance(sources, str) else tuple(sources)
    return open_run(bundle, session, uris, spec=spec, options=RunOptions(**options))
