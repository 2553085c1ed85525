"""The features of other libraries by name: `like.toml` as fields of `MelInput`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from edgenets.files import Json

_FILE = Path(__file__).with_suffix(".toml")


@cache
def known() -> dict[str, Json]:
    """The fields of each library's features, by its name."""
    found: dict[str, Json] = {}
    for name, own in tomllib.loads(_FILE.read_text(encoding="utf-8")).items():
        base = own.pop("base", None)  # one that stands before it
        found[name] = {**(found[base] if base else {}), **own}
    return found
