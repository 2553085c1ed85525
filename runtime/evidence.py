"""A bundle that was changed where it is used keeps what that was done by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgenets import bundle as bundles
from edgenets.bundle import CARD, REPORT, Bundle
from edgenets.files import Json
from edgenets.spec import ModelSpec


def rewrite(
    bundle: Bundle,
    out: Path,
    spec: ModelSpec,
    evidence: Json,
    said: tuple[str, Sequence[str]],
    members: Mapping[str, bytes] | None = None,
) -> None:
    """Write a bundle with another spec, and the evidence for it in its report and card.

    Args:
        out: the bundle to write; may be the same.
        evidence: what of the report is new.
        said: the heading of the card's new line, and what it says.
        members: others that the bundle gets, by name.

    Raises:
        BundleError: the bundle is damaged.
    """
    artifacts, others = bundle.contents()
    heading, lines = said
    others[REPORT] = json.dumps({**bundle.report(), **evidence}).encode()
    others[CARD] = f"{bundle.card().rstrip()}\n- **{heading}**: {'; '.join(lines)}.\n".encode()
    others |= members or {}
    manifest = bundle.manifest
    bundles.write(out, spec, artifacts, others, manifest.licence, manifest.made_by)
