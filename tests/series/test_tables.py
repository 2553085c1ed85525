"""Tables as devices and spreadsheets write them: found from the head, shown, never guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.series.dateformats import Ambiguous
from edgenets.tasks.series.readings import Reading, ReadingParser
from edgenets.tasks.series.table import read_readings, read_table
from edgenets.tasks.series.tableformat import TableFormat

BEGIN = datetime(2026, 3, 30, tzinfo=UTC)
HOURS = [BEGIN + timedelta(hours=hour) for hour in range(60)]
VALUES = [round(20 + hour * 1.37, 2) for hour in range(60)]


def read(
    lines: Sequence[str], columns: Sequence[str] | None = None, format: TableFormat | None = None
) -> tuple[ReadingParser, list[Reading]]:
    parser = ReadingParser(columns, format)
    parser.learn(lines, whole=True)
    return parser, [r for r in map(parser.parse, lines) if r is not None]


def write(
    delimiter: str = ",", decimal: str = ".", time: str = "%Y-%m-%d %H:%M:%S",
    header: str | None = "time{0}temp", tail: str = "", quote: str = "",
) -> list[str]:  # fmt: skip
    def cell(text: str) -> str:
        return f"{quote}{text}{quote}"

    rows = [] if header is None else [header.format(delimiter) + tail]
    for hour, value in zip(HOURS, VALUES, strict=True):
        number = str(value).replace(".", decimal)
        rows.append(cell(hour.strftime(time)) + delimiter + cell(number) + tail)
    return rows


def check(lines: Sequence[str], format: TableFormat | None = None) -> ReadingParser:
    """The table is read as it was written."""
    parser, readings = read(lines, None, format)
    assert [r.values.tolist() for r in readings] == [[value] for value in VALUES]
    assert [r.time for r in readings] == [hour.timestamp() for hour in HOURS]
    return parser


def said(parser: ReadingParser) -> str:
    return "\n".join(text for _, text in parser.notices())


class TestMarks:
    @pytest.mark.parametrize("header", ["time{0}temp", "Datum{0}Wert", "a{0}b", None])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("quote", ["", '"'])
    @pytest.mark.parametrize("tail", ["", "#"])
    def test_delimiters_with_and_without_quotes_header_and_trailing_ones(
        self, delimiter: str, header: str | None, quote: str, tail: str
    ) -> None:
        lines = write(delimiter, header=header, quote=quote, tail=tail.replace("#", delimiter))
        parser = check(lines)
        text = said(parser)
        names = {",": "", ";": "delimiter ';'", "\t": "delimiter tab", "|": "delimiter '|'"}
        assert names[delimiter] in text and ("no header" in text) == (header is None)

    @pytest.mark.parametrize(
        ("delimiter", "quote"), [(";", ""), ("\t", ""), ("|", ""), (",", '"'), (";", '"')]
    )
    def test_a_decimal_comma_is_found_where_it_is_no_delimiter(
        self, delimiter: str, quote: str
    ) -> None:
        assert "decimal comma" in said(check(write(delimiter, ",", quote=quote)))

    def test_a_comma_that_may_be_both_is_refused_until_it_is_said(self) -> None:
        lines = [str(value).replace(".", ",") for value in VALUES[1:20]]
        with pytest.raises(Ambiguous, match="--decimal , or --delimiter ,"):
            read(lines)
        parser, readings = read(lines, None, TableFormat(decimal=","))
        assert [r.values[0] for r in readings] == VALUES[1:20]
        parser, readings = read(lines, None, TableFormat(delimiter="comma"))
        assert parser.columns == ("column 1", "column 2") and readings[0].values[0] == 21
        assert read(["Temp", *lines])[1][0].values.tolist() == [VALUES[1]]
        assert read(["a,b", *lines])[0].columns == ("a", "b")
        assert read(lines, ("a", "b"))[1][0].values.shape == (2,)

    def test_thousands_apart(self) -> None:
        rows = ["date,load", '2024-01-01 00:00,"1,205.5"', '2024-01-01 00:15,"1,305,000"']
        assert [r.values[0] for r in read(rows)[1]] == [1205.5, 1305000]
        rows = ["date;load", "2024-01-01 00:00;1.205,5", "2024-01-01 00:15;1.305.000,25"]
        assert [r.values[0] for r in read(rows)[1]] == [1205.5, 1305000.25]
        rows = ["date,load", '2024-01-01 00:00,"1,205"', '2024-01-01 00:15,"1,305"']
        with pytest.raises(Ambiguous, match=r"--decimal , or --decimal \. says"):
            read(rows)
        assert read(rows, None, TableFormat(decimal="."))[1][0].values[0] == 1205

    def test_a_decimal_comma_between_commas_is_refused(self) -> None:
        with pytest.raises(DataError, match="3 cells where the header has 2"):
            read(write(",", ","))

    @given(st.lists(st.tuples(*[st.floats(-1e6, 1e6).map(lambda x: round(x, 3))] * 3), min_size=2),
           st.sampled_from([(";", ","), ("\t", ","), ("|", "."), (",", "."), (" ", "."),
                            (";", ".")]))  # fmt: skip
    def test_any_numbers_come_back(
        self, rows: list[tuple[float, float, float]], marks: tuple[str, str]
    ) -> None:
        delimiter, decimal = marks
        lines = [delimiter.join(f"{x:.3f}".replace(".", decimal) for x in row) for row in rows]
        _, readings = read([delimiter.join("abc"), *lines])
        assert [r.values.tolist() for r in readings] == [list(row) for row in rows]


class TestAround:
    @pytest.mark.parametrize(
        ("before", "note"),
        [(["# station 5", "# made in 2026"], ""), (["sep=,"], ""), (["", "  "], ""),
         (["Station: Berlin", ""], "1 line before the table left out"),
         (["# time,temp"], "")],
    )  # fmt: skip
    def test_lines_before_the_table(self, before: list[str], note: str) -> None:
        commented = before == ["# time,temp"]
        parser = check([*before, *write(header=None if commented else "time{0}temp")])
        assert parser.columns == ("temp",) and note in said(parser)

    def test_a_sep_line_says_the_delimiter(self) -> None:
        check(["sep=;", *write(";", ",")])

    def test_lines_within_it(self) -> None:
        lines = write()
        check([*lines[:9], "# calibrated", "", lines[0], *lines[9:]])  # the header once more

    def test_a_date_and_a_time_of_day_in_two_columns(self) -> None:
        for header in ("Date,Time,temp", "Datum,Uhrzeit,temp", "day,clock,temp"):
            rows = [f"{h:%d.%m.%Y},{h:%H:%M},{v}" for h, v in zip(HOURS, VALUES, strict=True)]
            assert check([header, *rows]).columns == ("temp",)
        pairs = zip(HOURS, VALUES, strict=True)
        check([header, *[f"{h:%Y-%m-%d},{h:%I:%M %p},{v}" for h, v in pairs]])

    def test_spaces_between_cells_and_in_times(self) -> None:
        for header in ("time temp", "date time temp"):
            check([header, *[line.replace(",", " ") for line in write(header=None)]])

    def test_quoted_names_keep_their_commas(self) -> None:
        parser = check(['"time","temp, degC"', *write(header=None, quote='"')])
        assert parser.columns == ("temp, degC",)

    def test_columns_without_numbers_are_named_and_left_out(self) -> None:
        lines = write(header="time{0}temp", tail=",ON")
        lines[0] = "time,temp,state"
        parser = check(lines)
        assert parser.columns == ("temp",) and "'state' has no numbers: left out" in said(parser)
        with pytest.raises(DataError, match="'ON' is not a number"):
            read(lines, ("state",))

    def test_two_columns_of_one_name_are_two(self) -> None:
        rows = ["time,temp,temp", "0,1,10", "60,2,20"]
        parser, readings = read(rows)
        assert parser.columns == ("temp", "temp 2")
        assert [r.values.tolist() for r in readings] == [[1, 10], [2, 20]]
        assert "a column 'temp' is there again: called 'temp 2'" in said(parser)
        with pytest.raises(DataError, match="2 columns are called 'temp'"):
            read(rows, ("temp",))
        assert read(rows, ("temp 2", "temp"))[1][0].values.tolist() == [10, 1]

    def test_the_index_of_a_data_frame_is_no_series(self) -> None:
        lines = write()
        check([f",{lines[0]}", *[f"{i},{line}" for i, line in enumerate(lines[1:])]])

    @pytest.mark.parametrize("blank", ["", "NA", "n/a", "NaN", "null", "-", "unavailable"])
    def test_blank_cells_are_missing(self, blank: str) -> None:
        parser, readings = read(["time,a,b", f"0,1,{blank}", "60,2,5", f"120,{blank},{blank}"])
        assert [r.missing for r in readings] == [1, 0, 2] and parser.columns == ("a", "b")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
    def test_ends_of_lines_and_encodings(self, tmp_path: Path, end: str, encoding: str) -> None:
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        text = mark + end.join(write(header="time{0}Wärme"))
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        table = read_table(tmp_path / "t.csv")
        assert table.columns == ("Wärme",) and table.values[:, 0].tolist() == VALUES


UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class TestTimes:
    @pytest.mark.parametrize(
        "format",
        ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC",
         "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%y %H:%M:%S", "%d.%m.%Y, %H:%M",
         "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d-%m-%Y %H:%M", "%d-%b-%Y %H:%M:%S",
         "%b %d %Y %I:%M:%S %p", "%a, %d %b %Y %H:%M:%S +0000", "%d %B %Y %H:%M",
         "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y",
         "%B %d, %Y %H:%M", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%d.%m.%Y %H:%M:%S.000"],
    )  # fmt: skip
    def test_dates_as_they_are_written(self, format: str) -> None:
        iso = format.startswith("%Y-%m-%d") and "UTC" not in format
        parser = check(write(";", time=format))
        assert ("times" in said(parser)) == (not iso)

    @pytest.mark.parametrize(
        "format", ["%d. März %Y %H:%M:%S", "%A %d %H:%M CET %Y", "week 9 %a %H:%M", "%H h %M %d %m"]
    )
    def test_spaces_in_times_that_nobody_knows_are_no_delimiters(self, format: str) -> None:
        """Else a day of the month was taken for a reading."""
        lines = ["time,temp", *(f"{h:{format}},{v}" for h, v in zip(HOURS, VALUES, strict=True))]
        with pytest.raises(DataError, match=r"is no time; .*--time-format"):
            read(lines)

    @pytest.mark.parametrize("unit", UNITS)
    def test_numbers_since_1970_in_every_unit(self, unit: str) -> None:
        rows = [f"{int(h.timestamp()) * UNITS[unit]},{v}" for h, v in zip(HOURS, VALUES,
                                                                        strict=True)]  # fmt: skip
        names = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
        for lines in (["time,temp", *rows], rows):
            assert f"times in {names[unit]} since 1970" in said(check(lines))

    @pytest.mark.parametrize("mark", ["/", "-"])
    def test_days_that_may_be_months_are_refused_until_it_is_said(self, mark: str) -> None:
        lines = ["time,temp", *(f"0{day}{mark}02{mark}2026,{day}" for day in range(1, 10))]
        with pytest.raises(Ambiguous, match=r"may be dd.mm.yyyy .*or mm.dd.yyyy .*--time-format"):
            read(lines)
        for order, month in (("%d{0}%m{0}%Y", 2), ("%m{0}%d{0}%Y", 1)):
            format = TableFormat(time_format=order.format(mark))
            assert (
                read(lines, None, format)[1][0].time
                == datetime(2026, month, 1 if month == 2 else 2, tzinfo=UTC).timestamp()
            )

    def test_a_later_day_says_it(self, tmp_path: Path) -> None:
        """The head of a table of minutes has no thirteenth."""
        begin = datetime(2026, 3, 1, tzinfo=UTC)
        rows = [f"{begin + timedelta(minutes=30 * i):%d/%m/%Y %H:%M},{i}" for i in range(700)]
        (tmp_path / "t.csv").write_text("\n".join(["time,a", *rows]))
        assert read_table(tmp_path / "t.csv").interval == 1800

    def test_newest_first_is_sorted(self, tmp_path: Path) -> None:
        header, *rows = write()
        (tmp_path / "t.csv").write_text("\n".join([header, *reversed(rows)]))
        found = read_readings(tmp_path / "t.csv")
        assert [r.values[0] for _, r in found.rows] == VALUES
        assert found.rows[0][0] == 61 and "newest first" in " ".join(found.notices)

    @settings(max_examples=300)
    @given(st.one_of(st.floats(), st.integers(-(10**400), 10**400), st.text(max_size=30),
                     st.sampled_from(["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-12:00",
                                      "0000-00-00", "1e999", "1e308", "nan", "-inf"])))  # fmt: skip
    def test_any_time_is_one_or_an_error(self, value: object) -> None:
        from edgenets.tasks.series.times import EARLIEST, LATEST, stamp_of, time_of

        try:
            time = time_of(value)
        except DataError:
            return
        assert EARLIEST <= time < LATEST and stamp_of(time)

    @given(st.floats())
    def test_any_time_is_shown(self, time: float) -> None:
        from edgenets.tasks.series.times import stamp_of

        assert stamp_of(time)

    def test_one_fault_does_not_decide_the_unit(self) -> None:
        parser = ReadingParser()
        lines = [json.dumps({"time": time, "a": 1}) for time in (5, *[1_790_000_000 * 10**9] * 4)]
        outcomes = []
        for line in lines:
            try:
                outcomes.append(parser.parse(line) is not None)
            except DataError:
                outcomes.append(False)
        assert outcomes == [True, False, False, True, True]


class TestRequested:
    @pytest.mark.parametrize(
        "wrong",
        [{"delimiter": "ab"}, {"delimiter": "1"}, {"delimiter": "."}, {"decimal": ";"},
         {"delimiter": ",", "decimal": ","}, {"time_format": "dd.mm"}, {"time_format": "%Q"}],
    )  # fmt: skip
    def test_what_can_be_no_format_is_refused(self, wrong: dict[str, str]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong)) + "|both"):
            TableFormat(**wrong)

    def test_what_is_said_is_not_found(self) -> None:
        check(write(";", ",", "%d.%m.%Y %H:%M"), TableFormat(";", ",", "%d.%m.%Y %H:%M"))
        rows = [f"{3600 * i},{i}" for i in range(9)]
        _, readings = read(["time,a", *rows], None, TableFormat(time_format="ms"))
        assert np.allclose([r.time or 0 for r in readings], [3.6 * i for i in range(9)])

    def test_a_recipe_says_it(self) -> None:
        from edgenets.tasks.series.recipe import AnomalyData, SeriesData

        wanted = TableFormat(";", ",", "%d/%m/%Y")
        assert SeriesData(delimiter=";", decimal=",", time_format="%d/%m/%Y").table == wanted
        assert AnomalyData(delimiter="semicolon", decimal="comma",
                           time_format="%d/%m/%Y").table == wanted  # fmt: skip
        with pytest.raises(ValueError, match="decimal"):
            SeriesData(decimal="x")
