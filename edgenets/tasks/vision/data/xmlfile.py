"""XML of annotations: read whole, and never with what could make it anything else."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from edgenets.errors import DataError
from edgenets.limits import JSON


def read_xml(file: Path) -> ElementTree.Element:
    """The root of a file.

    Raises:
        DataError: it is no XML, longer than the limit, or has a document type.
    """
    JSON.check(file.stat().st_size / 1e6, str(file), "XML of")
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError("has a document type, which no annotation needs and an attack does")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise DataError(f"no XML ({exc})") from exc
