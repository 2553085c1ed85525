"""Lines of a table to cells, by the standard `csv` where a quote stands in them."""

from __future__ import annotations

import csv
import re

from edgenets.errors import DataError

_SEPARATOR = re.compile(r'"?sep=(.|\\t)"?', re.IGNORECASE)


def cells_of(text: str, delimiter: str | None) -> list[str]:
    """The cells of a line, without the spaces around them.

    Args:
        delimiter: None: a cell a line; a space: any number of them.

    Raises:
        DataError: its quotes cannot be read.
    """
    if delimiter is None:
        return [text.strip().strip('"')]
    if '"' not in text:
        if delimiter == " ":
            return [cell for cell in text.split(" ") if cell]
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        (cells,) = csv.reader([text.strip(" \r\n")], delimiter=delimiter, skipinitialspace=True)
    except (csv.Error, ValueError) as exc:
        raise DataError(f"its quotes cannot be read: {exc}") from exc
    return [cell.strip() for cell in cells]


def is_comment(line: str) -> bool:
    """Whether a line is for people alone."""
    return line.lstrip()[:1] == "#"


def separator_line(line: str) -> str | None:
    """The delimiter that a line `sep=;` names, as spreadsheets write it; None: it is none."""
    found = _SEPARATOR.fullmatch(line.strip("\r\n"))
    return found and found[1].replace("\\t", "\t")
