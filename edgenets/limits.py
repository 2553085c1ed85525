"""What one file may take of memory once it is read, and how to raise it.

Each limit is far above what is common and below what stops a small machine. It is applied to sizes
that headers give, before anything is decoded; an environment variable raises it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import DataError, EdgenetsError, RecipeError
from edgenets.files import Json


@dataclass(frozen=True)
class Limit:
    """One such limit."""

    variable: str  # of the environment
    default: float
    unit: str

    @property
    def value(self) -> float:
        """What holds here.

        Raises:
            DataError: the variable holds no positive number.
        """
        text = os.environ.get(self.variable, "").strip()
        if not text:
            return self.default
        try:
            found = float(text)
        except ValueError:
            found = 0.0
        if not 0 < found < 1e9:
            raise DataError(f"{self.variable}={text[:40]!a}: a number of {self.unit} is needed")
        return found

    def check(self, size: float, where: str, what: str) -> None:
        """Refuse what is larger.

        Args:
            size: in the limit's unit.
            what: for the message, such as `unfolds to`.

        Raises:
            DataError: it is.
        """
        if size > self.value:
            raise DataError(
                f"{where}: {what} {size:,.0f} {self.unit}; up to {self.value:g} are read. If that "
                f"is right, set {self.variable}={size + 1:.0f}"
            )


# Most JSON takes a few times its text once it is parsed, and some takes twenty times. So the text
# is limited, and what its marks will take: bytes a list, an object, a text and an entry.
JSON = Limit("EDGENETS_MAX_JSON_MB", 64, "MB")
_PARSED = 6
_TAKES = {"[": 72, "{": 240, '"': 30, ",": 32}

# What is compressed may take this, or `PACKED` times its file, where that is more: real data are
# not packed any better.
UNFOLDED = Limit("EDGENETS_MAX_UNFOLDED_MB", 512, "MB")
PACKED = 8

# Recipes and scenes are written by hand.
_LONGEST_TOML = 1 << 20  # bytes

# Parts of one dotted key; a reader takes the square of their number.
_DOTTED = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]{1,80}\s{0,4}\.\s{0,4}){64}""")


def read_json(path: Path, hook: Callable[[Json], object] | None = None) -> object:
    """A file of JSON, within its limit.

    Args:
        hook: is given each object as soon as it is read, and gives what is kept of it.

    Raises:
        DataError: it is larger.
        OSError: it cannot be read.
        ValueError, RecursionError: it is no JSON.
    """
    JSON.check(path.stat().st_size / 1e6, str(path), "JSON of")
    text = path.read_text(encoding="utf-8")
    takes = sum(text.count(mark) * size for mark, size in _TAKES.items()) / 1e6
    JSON.check(takes / _PARSED, str(path), f"takes {takes:,.0f} MB once it is parsed, as JSON of")
    found: object = json.loads(text, object_hook=hook)
    return found


def read_toml(path: Path, error: type[EdgenetsError] = RecipeError) -> Json:
    """A file of TOML.

    Raises:
        EdgenetsError: of the kind `error`: it cannot be read, is no TOML, or is larger and deeper
            than what people write.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST_TOML + 1)
        if len(raw) > _LONGEST_TOML:
            raise error(f"{path}: over {_LONGEST_TOML >> 20} MB of TOML are not read")
        text = raw.decode("utf-8")
        if _DOTTED.search(text):
            raise error(f"{path}: not valid TOML: a key has more than 64 parts")
        return tomllib.loads(text)
    except OSError as exc:
        raise error(f"{path}: cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise error(f"{path}: not valid TOML: {exc}") from exc
    except RecursionError as exc:
        raise error(f"{path}: not valid TOML: it is nested too deeply") from exc
