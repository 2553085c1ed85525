"""What a set of labeled texts holds, for people: see `edgenets.data.survey`."""

from __future__ import annotations

import hashlib
import html
import unicodedata
from collections import Counter
from pathlib import Path

from edgenets.data.survey import Item, Survey
from edgenets.tasks.language.texts import find_texts

# What is shown of a text, characters.
_SHOWN = 160


def survey(root: Path) -> Survey:
    """Read every text; errors as `find_texts`."""
    notes: list[str] = []
    texts = find_texts(root, say=notes.append)
    items = tuple(
        Item(
            f"{number}: {item.text[:40]}",
            Counter([item.label]),
            None,
            _digest(item.text),
            faults=() if item.text.strip() else ("is empty",),
        )
        for number, item in enumerate(texts, 1)
    )
    return Survey(
        "texts with labels",
        "texts",
        items,
        notes=tuple(notes),
        preview=lambda number: f"<q>{html.escape(texts[number].text[:_SHOWN])}</q>",
    )


def _digest(text: str) -> str:
    """Of a text as it is read aloud: without capitals, and with single spaces."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode()).hexdigest()
