"""How a table of readings is to be read, as far as somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edgenets.tasks.series.times import UNITS

# Delimiters by name, since not all can be typed.
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}
DECIMALS = {"point": ".", "comma": ","}


@dataclass(frozen=True)
class TableFormat:
    """Options of `run` and `eval`, and keys of recipes; what is None is found from the table."""

    delimiter: str | None = None  # a character, or a name of DELIMITERS
    decimal: str | None = None  # . or ,
    time_format: str | None = None  # iso, s, ms, us, ns, or as datetime.strptime has it

    def __post_init__(self) -> None:
        for name, names in (("delimiter", DELIMITERS), ("decimal", DECIMALS)):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, names.get(given.lower(), given))
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter.isalnum() or self.delimiter in '"\r\n.-+'
        ):
            raise ValueError(
                f"delimiter {self.delimiter!r} is no character between cells; "
                f"{', '.join(DELIMITERS)} and the characters themselves are"
            )
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal {self.decimal!r} is no decimal mark; '.' and ',' are")
        if self.decimal is not None and self.decimal == self.delimiter:
            raise ValueError(f"{self.decimal!r} cannot be both the delimiter and the decimal mark")
        if self.time_format is not None:
            format = {"µs": "us", "μs": "us"}.get(self.time_format, self.time_format)
            object.__setattr__(self, "time_format", format)
            _check_times(format)

    def over(self, other: TableFormat) -> TableFormat:
        """The same, with what another one says where this one says nothing."""
        return TableFormat(
            self.delimiter or other.delimiter,
            self.decimal or other.decimal,
            self.time_format or other.time_format,
        )


def _check_times(format: str) -> None:
    if format == "iso" or format in UNITS:
        return
    known = f"iso, {', '.join(UNITS)}, or a format such as '%d.%m.%Y %H:%M'"
    if "%" not in format:
        raise ValueError(f"time_format {format!r} is none of {known}")
    try:
        datetime.strptime(datetime(2026, 3, 1).strftime(format), format)
    except ValueError as exc:
        raise ValueError(f"time_format {format!r} cannot be read ({exc}); {known}") from exc
