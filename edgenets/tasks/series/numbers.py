"""Cells of a table as numbers: decimal point or comma, digits in groups, and what says missing."""

from __future__ import annotations

import math
import re
from typing import Literal

from edgenets.errors import DataError

# The mark between the whole number and its decimals.
Mark = Literal[".", ","]

# What stands where nothing was measured, in small letters.
NOTHING = frozenset({
    "", "na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "-", "--", "?",
    "unknown", "unavailable", "missing",
    "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity",
})  # fmt: skip

# The largest number of float32, which models compute in.
LARGEST = 3.4028234663852886e38

# No part of these can be matched in two ways: a line of a megabyte of digits is read in one pass.
_PLAIN: dict[Mark, re.Pattern[str]] = {
    ".": re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"),
    ",": re.compile(r"[+-]?([0-9]+(,[0-9]*)?|,[0-9]+)([eE][+-]?[0-9]+)?"),
}
_POINT = _PLAIN["."]

# Thousands apart: 1,205.5 and 1.205,5; by spaces and apostrophes in both.
_GROUPED: dict[Mark, re.Pattern[str]] = {
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:[,' \u00a0\u202f\u2019][0-9]{3})+(\.[0-9]*)?"),
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:[.' \u00a0\u202f\u2019][0-9]{3})+(,[0-9]*)?"),
}
_GROUP_MARKS = {".": ",' \u00a0\u202f\u2019", ",": ".' \u00a0\u202f\u2019"}


def number_of(cell: str, decimal: Mark = ".") -> float:
    """A cell as a number.

    Returns:
        NaN where nothing was measured; an infinite number where there is one that is too large
        to be computed with (`LARGEST`).

    Raises:
        DataError: it is not a number.
    """
    if decimal == "." and _POINT.fullmatch(cell):  # most cells of most tables
        number = float(cell)
        return number if -LARGEST <= number <= LARGEST else held(number)
    text = cell.strip().strip('"')
    if text[:1] == "\u2212":  # the minus of typesetters
        text = "-" + text[1:]
    if _PLAIN[decimal].fullmatch(text):
        return held(float(text if decimal == "." else text.replace(",", ".")))
    if text.lower() in NOTHING:
        return math.nan
    if _GROUPED[decimal].fullmatch(text):
        digits = text.translate({ord(mark): None for mark in _GROUP_MARKS[decimal]})
        return held(float(digits.replace(",", ".")))
    raise DataError(f"{text[:40]!r} is not a number; an empty cell says that one is missing")


def held(number: float) -> float:
    """The same; infinite where it is too large."""
    return number if abs(number) <= LARGEST else math.copysign(math.inf, number)


def value_of(value: object, decimal: Mark = ".") -> float:
    """A cell, or a value of JSON, as a number; as `number_of`."""
    if type(value) is float and -LARGEST <= value <= LARGEST:
        return value
    if value is None:
        return math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) <= LARGEST:
            return float(value)
        return math.nan if value != value else math.inf
    return number_of(str(value), decimal)


def reads(cell: str, decimal: Mark) -> bool:
    """Whether a cell is a number with this mark; one that is missing is none."""
    text = cell.strip()
    return bool(_PLAIN[decimal].fullmatch(text) or _GROUPED[decimal].fullmatch(text))


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing was measured."""
    return cell.strip().lower() in NOTHING


def decimal_of(cells: list[str], delimiter: str | None) -> Mark | None:
    """The decimal mark of a table's cells; None: both marks read them equally well.

    Args:
        delimiter: of the table: with a semicolon goes a comma.
    """
    read = [(reads(c, "."), reads(c, ","), "," in c) for c in cells if "," in c or "." in c]
    points = sum(point > comma for point, comma, _ in read)
    commas = sum(comma > point for point, comma, _ in read)
    if points or commas:
        return "." if points >= commas else ","
    # 1.205 may be one and a bit in all tables; 1,205 is a question.
    if (True, True, True) in read:
        return "," if delimiter == ";" else None
    return "."
