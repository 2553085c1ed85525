"""Lines to readings, readings to steps of one interval: nothing is made up, all is said."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.series.readings import Reading, ReadingParser, stamp_of, time_of
from edgenets.tasks.series.regular import Gap, Item, Oddity, Regular, Step
from edgenets.tasks.series.table import find_table, read_table, usual_interval

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


def read(*lines: str, columns: tuple[str, ...] | None = None) -> list[Reading]:
    parser = ReadingParser(columns)
    return [r for r in map(parser.parse, lines) if r is not None]


def values(*lines: str, columns: tuple[str, ...] | None = None) -> list[list[float]]:
    return [r.values.tolist() for r in read(*lines, columns=columns)]


class TestParser:
    @given(st.lists(st.tuples(numbers, numbers), min_size=1), st.sampled_from(",;\t "))
    def test_numbers_come_back_from_every_kind_of_table(
        self, rows: list[tuple[float, float]], mark: str
    ) -> None:
        plain = [f"{a!r}{mark}{b!r}" for a, b in rows]
        wanted = [[a, b] for a, b in rows]
        assert values(*plain) == wanted
        assert values(f"one{mark}two", *plain) == wanted
        dated = [f"2026-01-{i % 28 + 1:02d}{mark}{line}" for i, line in enumerate(plain)]
        assert values(f"date{mark}one{mark}two", *dated) == wanted
        assert values(*dated, columns=("one", "two")) == wanted
        assert values(*(json.dumps({"two": b, "one": a, "time": 5}) for a, b in rows),
                      columns=("one", "two")) == wanted  # fmt: skip
        assert values(*(json.dumps([a, b]) for a, b in rows)) == wanted

    def test_columns_are_found_by_their_names(self) -> None:
        assert values("b,time,a,c", "1,2026-01-01,2,3", columns=("a", "b")) == [[2.0, 1.0]]
        assert [r.time for r in read("b,Timestamp", "1,1970-01-01 00:01:00")] == [60.0]

    @pytest.mark.parametrize(
        "cell", ["", "NA", "nan", "NaN", "null", "-", "inf", "-Infinity", "1e999"]
    )
    def test_what_was_not_measured_is_missing(self, cell: str) -> None:
        (reading,) = read("a,b", f"1,{cell}")
        assert reading.values[0] == 1 and math.isnan(reading.values[1]) and reading.missing == 1

    @pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "-Infinity", "1e400"])
    def test_json_too(self, value: str) -> None:
        (reading,) = read(f'{{"a": 1, "b": {value}}}')
        assert reading.missing == 1

    @pytest.mark.parametrize(
        ("lines", "columns", "message"),
        [
            (("a,b", "1,2", "1,2,3"), None, "3 cells where the first line has 2"),
            (("a,b", "1,2", "1,x"), None, "'x' is not a number"),
            (("a,b", "1,2", "1,1_000"), None, "'1_000' is not a number"),
            (("a,b", "1,x"), ("a", "b"), "'x' is not a number"),
            (("a,b", "1,2", "1,0x10"), None, "is not a number"),
            (("date,a", "yesterday,1"), None, "'yesterday' is no time"),
            (("a,b", "1,2"), ("a", "c"), "no column is called 'c'; there are 'a', 'b'"),
            (("1,2,3",), ("a",), "3 values where 1 are needed"),
            (("date",), None, "names no column"),
            (('{"a": 1}',), ("a", "b"), "has no 'b'"),
            (('{"a": ',), None, "no JSON"),
            (("[1, 2]",), ("a",), "2 values where 1 are needed"),
            (('{"a": {}}',), None, "is not a number"),
            (('{"a": true}',), None, "is not a number"),
            ((",".join("a" * 10_001),), None, "10,001 columns"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_said(
        self, lines: tuple[str, ...], columns: tuple[str, ...] | None, message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            read(*lines, columns=columns)

    @given(st.text(st.characters(exclude_characters="\n"), max_size=60))
    def test_any_line_is_a_reading_or_an_error(self, line: str) -> None:
        parser = ReadingParser(("a", "b"))
        parser.parse("time,a,b")
        try:
            found = parser.parse(line)
        except DataError:
            return
        assert found is None or found.values.shape == (2,)

    @given(st.floats(0, 4e9))
    def test_times(self, seconds: float) -> None:
        seconds = round(seconds, 3)
        assert time_of(seconds) == seconds
        assert time_of(str(seconds)) == seconds
        assert time_of(stamp_of(seconds)) == pytest.approx(seconds, abs=1e-5)
        assert time_of("2026-01-01T00:00:00+01:00") == time_of("2025-12-31 23:00:00")
        assert time_of(1_700_000_000_000) == 1_700_000_000


def push(regular: Regular, *readings: tuple[float | None, float]) -> list[Item]:
    return [item for time, value in readings
            for item in regular.push(Reading(time, np.array([value])))]  # fmt: skip


def steps(items: list[Item]) -> list[float]:
    return [float(item.values[0]) for item in items if isinstance(item, Step)]


class TestRegular:
    def test_a_small_gap_is_bridged_by_a_straight_line_and_said(self) -> None:
        found = push(Regular(1, 60.0, 5), (0, 1.0), (60, 2.0), (240, 8.0))
        assert steps(found) == [1, 2, 4, 6, 8]
        assert [item.measured for item in found if isinstance(item, Step)][2:4] == [False, False]
        assert [(i.kind, i.count) for i in found if isinstance(i, Oddity)] == [("filled", 2)]

    def test_a_long_gap_begins_anew(self) -> None:
        found = push(Regular(1, 60.0, 2), (0, 1.0), (600, 5.0))
        assert [type(item) for item in found] == [Step, Gap, Step]
        assert "9 readings are missing, more than the 2" in found[1].text  # type: ignore[union-attr]

    @pytest.mark.parametrize(("time", "kind"), [(0.0, "order"), (-60.0, "order"), (70.0, "early")])
    def test_what_comes_twice_early_or_out_of_order_is_passed_over(
        self, time: float, kind: str
    ) -> None:
        regular = Regular(1, 60.0, 2)
        push(regular, (0, 1.0), (60, 2.0))
        found = push(regular, (time, 9.0))
        assert [type(item) for item in found] == [Oddity] and found[0].kind == kind  # type: ignore[union-attr]
        assert steps(push(regular, (121, 3.0))) == [3.0]

    def test_a_missing_value_is_the_one_before_for_a_while(self) -> None:
        nan = math.nan
        found = push(Regular(1, None, 2), (None, nan), (None, 1.0), (None, nan), (None, nan))
        assert steps(found) == [1.0, 1.0, 1.0]
        assert [i.kind for i in found if isinstance(i, Oddity)] == ["missing"] * 3
        regular = Regular(1, None, 2)
        found = push(regular, (None, 1.0), *[(None, nan)] * 5, (None, 2.0))
        assert steps(found) == [1.0, 1.0, 1.0, 2.0] and sum(isinstance(i, Gap) for i in found) == 1

    @given(st.lists(st.integers(0, 400), max_size=30))
    def test_steps_are_one_interval_apart(self, times: list[int]) -> None:
        regular = Regular(1, 60.0, 3)
        found = push(regular, *((float(t), float(t)) for t in times))
        runs: list[list[float]] = [[]]
        for item in found:
            if isinstance(item, Gap):
                runs.append([])
            elif isinstance(item, Step):
                assert item.time is not None
                runs[-1].append(item.time)
        for run in runs:
            gaps = np.diff(run)
            assert ((gaps >= 29.9) & (gaps <= 90.1)).all()


class TestTables:
    def test_a_table_is_read_and_what_was_odd_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time,a\n0,1\n60,2\n60,7\n240,8\n300,\n")
        table = read_table(tmp_path / "t.csv")
        assert table.values[:, 0].tolist() == [1, 2, 4, 6, 8, 8] and table.interval == 60
        assert {"t.csv: filled ×2", "t.csv: order ×1", "t.csv: missing ×1"} <= set(table.notices)

    def test_a_gap_that_is_too_long_is_refused_with_its_line(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time,a\n0,1\n60,2\n120,3\n6000,4\n")
        with pytest.raises(DataError, match="line 5: 97 readings are missing"):
            read_table(tmp_path / "t.csv")

    @pytest.mark.parametrize(
        ("text", "message"),
        [("", "no readings"), ("time,a\n", "no readings"), ("a,b\n1,2\n3\n", "line 3: 1 cells"),
         ("a\n\x00", "bytes of zero")],
    )  # fmt: skip
    def test_no_table(self, text: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            read_table(tmp_path / "t.csv")

    def test_one_table_of_a_folder(self, tmp_path: Path) -> None:
        for name in ("a.csv", "b.csv"):
            (tmp_path / name).write_text("1\n")
        assert find_table(tmp_path, "b.csv").name == "b.csv"
        with pytest.raises(DataError, match=r"is 2 \(a\.csv, b\.csv\)"):
            find_table(tmp_path)

    def test_the_usual_interval(self) -> None:
        assert usual_interval([0, 60, 120, 500, 560]) == 60
        assert usual_interval([5]) is None
