"""Readings that come as they like: no line ends a run, and what was not taken is counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets import zoo
from edgenets.errors import SourceError
from edgenets.events import Anomaly, Event, Notice
from edgenets.runtime.load import load
from edgenets.selection import Request, select
from edgenets.tasks.lines import Line
from edgenets.tasks.series.anomaly_lines import AnomalyLines
from edgenets.tasks.series.events import GapNotice, SeriesSummary
from edgenets.tasks.series.forecast_lines import ForecastLines
from edgenets.tasks.series.order import TURNS, Gaps, Order
from edgenets.tasks.series.tableformat import TableFormat
from tests.commands import Call, call
from tests.runs import run_of
from tests.test_mqtt_lines import publish, wait_until
from tests.vision import servers

__all__ = ["call"]  # a fixture

HOUR, START = 3600, 1_790_000_000


@pytest.fixture(scope="module")
def anomaly() -> tuple[Any, Any]:
    bundle = zoo.load("anomaly")
    return bundle, load(bundle, select(bundle, Request("tflite", "int8")))


@pytest.fixture(scope="module")
def forecast() -> tuple[Any, Any]:
    bundle = zoo.load("forecast")
    return bundle, load(bundle, select(bundle, Request("tflite", "int8")))


class Live:
    """A live pipeline, a line at a time."""

    def __init__(self, task: tuple[Any, Any], format: TableFormat | None = None) -> None:
        bundle, session = task
        self.summary = SeriesSummary("", "", "")
        kind: Any = AnomalyLines if bundle.spec.task == "anomaly" else ForecastLines
        self.pipeline = kind(bundle.spec, session, self.summary, 1, format)
        self.pipeline.begin("it", True)
        self.number, self.events = 0, list[Event]()

    def push(self, *lines: object) -> Live:
        for line in lines:
            self.number += 1
            text = line if isinstance(line, str) else json.dumps(line)
            self.events += self.pipeline.push(Line(text, self.number, time.monotonic()))
        return self

    def end(self) -> Live:
        self.events += self.pipeline.finish()
        return self

    def notices(self, kind: str) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Notice) and e.kind == kind]


def message(i: int, **more: object) -> dict[str, object]:
    return {"time": START + HOUR * i, "a": 20 + i % 7, **more}


class TestFirstMessages:
    @pytest.mark.parametrize(
        "first",
        ["online", "", "\x01\x02", '{"state": "ON"}', "[1, 2, 3", '{"time": null, "a": 1}',
         '{"time": 1790000000000000000000000, "a": 1}', '{"time": "0001-01-01", "a": 1}',
         '{"a": 1e999, "time": 1e308}', '{"a": {"b": 1}}', '{"a": 1, "a": 2}', "{}", "[]", "null",
         '{"time": "yesterday", "a": 1}', '"text"', "1e999", "nan"],
    )  # fmt: skip
    def test_a_live_source_does_not_die_of_its_first(
        self, anomaly: tuple[Any, Any], first: str
    ) -> None:
        run = Live(anomaly).push(first, first, *(message(i) for i in range(9))).end()
        assert run.summary.readings == 9
        results = [e for e in run.events if isinstance(e, Anomaly) and e.column == "a"]
        assert [e.value for e in results][-9:] == [20 + i % 7 for i in range(9)]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(st.text(max_size=30), st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["time", "a", "b", "state", "date"]), inner, max_size=4),
        max_leaves=6).map(json.dumps)), max_size=12))  # fmt: skip
    def test_no_line_ends_it(self, anomaly: tuple[Any, Any], lines: list[str]) -> None:
        run = Live(anomaly).push(*lines)
        late = [message(i + 10**6 // HOUR) for i in range(TURNS + 2)]
        run.push(*late)
        events = [e.plain() for e in run.events]
        assert json.dumps(events, allow_nan=False)
        assert run.summary.readings >= 1 or run.summary.skipped

    @pytest.mark.parametrize(
        "piece",
        ["9", "9,", "1,234,", "1 ", ", 1", '"', "9;", "[", '{"a":', "-", "2026-03-01 ", "Mar "],
    )
    def test_a_line_of_hundreds_of_kilobytes_is_read_in_time(
        self, anomaly: tuple[Any, Any], piece: str
    ) -> None:
        begun = time.process_time()
        text = piece * (200_000 // len(piece))
        Live(anomaly).push(text, text + "x", *(message(i) for i in range(9)), text, text + "x")
        assert time.process_time() - begun < 60  # s; matched in two ways, hours

    def test_columns_that_are_no_numbers_are_left_out_and_come_back(
        self, anomaly: tuple[Any, Any]
    ) -> None:
        run = Live(anomaly).push(*(message(i, state="ON", b="unavailable") for i in range(5)))
        run.push(*(message(i, state="OFF", b=i) for i in range(5, 9)))
        assert run.notices("columns") == ["it: 'state' has no numbers: left out"]
        found = {(e.column, e.value) for e in run.events if isinstance(e, Anomaly)}
        assert ("b", 8.0) in found and run.summary.skipped == 0

    def test_a_message_without_the_needed_columns_is_skipped(
        self, forecast: tuple[Any, Any]
    ) -> None:
        columns = forecast[0].spec.input.columns
        whole = dict.fromkeys(columns, 5.0)
        run = Live(forecast).push({"state": "ON"}, {**whole, columns[0]: "x"}, whole, whole)
        assert run.summary.skipped == 2 and run.summary.readings == 2
        assert "has no" in run.notices("skipped")[0]


class TestTimes:
    def test_units_are_said_once(self, anomaly: tuple[Any, Any]) -> None:
        run = Live(anomaly).push(*({"time": (START + i) * 10**9, "a": i} for i in range(20)))
        assert len(run.notices("format")) == 1 and "nanoseconds" in run.notices("format")[0]
        stamps = [e.stamp for e in run.events if isinstance(e, Anomaly)]
        assert stamps == [START + i for i in range(20)]

    @pytest.mark.parametrize("wrong", [1e308, -1e308, 10**30, "0001-01-01T00:00:00+01:00", None])
    def test_impossible_ones_are_refused_one_by_one(
        self, anomaly: tuple[Any, Any], wrong: object
    ) -> None:
        run = Live(anomaly).push(message(0))
        run.push(*({"time": wrong, "a": 1} for _ in range(10)), message(1)).end()
        assert run.summary.skipped == 10 and run.summary.readings == 2
        assert len(run.notices("skipped")) == 4
        assert run.notices("skipped")[-1] == "7 more like these, 10 in all"

    def test_the_same_time_twice_is_no_loss(self, anomaly: tuple[Any, Any]) -> None:
        ns = {"time": START * 10**9, "a": 20}
        run = Live(anomaly).push(ns, ns)
        assert run.summary.notices["order"] == 1 and run.summary.skipped == 0

    def test_one_time_years_ahead_does_not_end_it(self, anomaly: tuple[Any, Any]) -> None:
        run = Live(anomaly).push(message(10**6), *(message(i) for i in range(20)))
        assert run.summary.skipped == TURNS - 1 and run.summary.readings == 21 - (TURNS - 1)
        assert "the clock was put back" in run.notices("clock")[0]

    def test_newest_first_is_refused_one_by_one(self, anomaly: tuple[Any, Any]) -> None:
        run = Live(anomaly).push(*(message(-i) for i in range(40))).end()
        assert run.summary.skipped == 39 and len(run.notices("order")) == 4

    def test_a_jump_of_the_wall_clock_makes_no_age_negative(
        self, anomaly: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = iter(range(10**9, 0, -3600))
        monkeypatch.setattr(time, "time", lambda: float(next(clock)))
        run = Live(anomaly).push(*(message(i) for i in range(20)))
        ages = [e.age for e in run.events if isinstance(e, Anomaly)]
        assert len(ages) == 20 and all(0 <= age < 60 for age in ages)


class TestGaps:
    def test_in_anomaly_with_its_length(self, anomaly: tuple[Any, Any]) -> None:
        run = Live(anomaly).push(*(message(i) for i in (*range(9), *range(109, 120))))
        (gap,) = (e for e in run.events if isinstance(e, GapNotice))
        assert gap.seconds == 101 * HOUR and "4 days 5 h" in gap.text
        assert gap.plain()["seconds"] == 101 * HOUR and run.summary.notices["gap"] == 1

    def test_in_forecast_with_its_length(self, forecast: tuple[Any, Any]) -> None:
        row = dict.fromkeys(forecast[0].spec.input.columns, 5.0)
        hours = (*range(5), *range(105, 110))
        run = Live(forecast).push(*({**row, "time": START + HOUR * i} for i in hours))
        (gap,) = (e for e in run.events if isinstance(e, GapNotice))
        assert gap.seconds == 101 * HOUR and "4 days 5 h" in gap.text

    def test_readings_that_come_when_they_like_have_none(self) -> None:
        rng, gaps = np.random.default_rng(0), Gaps()
        times = np.cumsum(rng.uniform(1, 60, 500)).tolist()
        assert not [found for found in map(gaps.push, times) if found]

    def test_another_interval_is_no_gap_for_ever(self) -> None:
        gaps = Gaps()
        times = [*range(100), *range(100, 20_000, 100)]
        assert sum(gaps.push(float(t)) is not None for t in times) <= 4


class TestOrder:
    @given(st.lists(st.floats(0, 1e9), max_size=60))
    def test_what_is_taken_steps_back_only_where_it_says_so(self, times: list[float]) -> None:
        order, last = Order(), -1.0
        for number, at in enumerate(times):
            verdict = order.push(at, np.array([float(number)]))
            assert (at > last) == (verdict == "next")
            last = at if verdict in ("next", "back") else last

    def test_one_that_comes_too_late_is_lost(self, anomaly: tuple[Any, Any]) -> None:
        run = Live(anomaly).push(*map(message, (0, 1, 5, 2, 6))).end()
        assert run.summary.readings == 4
        assert run.summary.lost == {"rows": 1} and run.summary.plain()["skipped"] == 1


class TestNumbers:
    @pytest.mark.parametrize("number", ["1e999", "-1e999", "1e300", "9" * 400, "3.5e38"])
    def test_what_cannot_be_held_is_missing_counted_and_said(
        self, anomaly: tuple[Any, Any], number: str
    ) -> None:
        rows = [f'{{"time": {START + i}, "a": {number}, "b": {i}}}' for i in range(9)]
        run = Live(anomaly).push(*rows, *(f'{{"time": {START + i}, "a": {number}}}'
                                          for i in range(9, 12))).end()  # fmt: skip
        assert run.summary.notices["range"] == 12 and len(run.notices("range")) == 4
        assert run.summary.skipped == 3 and run.summary.readings == 9

    @pytest.mark.parametrize("number", [1e300, 3e38, -3e38, 1e30])
    def test_forecasts_stay_finite(self, forecast: tuple[Any, Any], number: float) -> None:
        columns = forecast[0].spec.input.columns
        rows = [dict.fromkeys(columns, 5.0 + i % 3) for i in range(40)]
        rows[20][columns[0]] = number
        run = Live(forecast).push(*rows).end()
        assert json.dumps([e.plain() for e in run.events], allow_nan=False)
        assert run.summary.notices["range"] == 1 and run.summary.readings == 40


class TestFiles:
    def test_rows_that_fail_are_counted_and_three_are_shown(
        self, anomaly: tuple[Any, Any], tmp_path: Path
    ) -> None:
        rows = [f"2026-03-{i // 24 + 1:02d} {i % 24:02d}:00,{i}" for i in range(400)]
        rows[50:350] = [row.replace(",", ",x") for row in rows[50:350]]
        (tmp_path / "t.csv").write_text("\n".join(["time,a", *rows]))
        run = run_of(*anomaly, str(tmp_path / "t.csv"))
        found = [e.text for e in run if isinstance(e, Notice) and e.kind == "skipped"]
        assert len(found) == 4 and "line 52: 'x50' is not a number" in found[0]
        assert "297 more like these, 300 in all" in found[3]
        assert run.summary.skipped == 300 and run.summary.plain()["skipped"] == 300
        assert run.summary.lost["rows"] == 300
        assert run.summary.readings == 100

    def test_newest_first_is_sorted(self, anomaly: tuple[Any, Any], tmp_path: Path) -> None:
        rows = [f"2026-03-{i // 24 + 1:02d} {i % 24:02d}:00,{i}" for i in range(400)]
        (tmp_path / "t.csv").write_text("\n".join(["time,a", *reversed(rows)]))
        run = run_of(*anomaly, str(tmp_path / "t.csv"), every=1)
        found = list(run)
        assert [e.value for e in found if isinstance(e, Anomaly)] == list(range(400))
        assert [e.line for e in found if isinstance(e, Anomaly)] == list(range(401, 1, -1))
        assert run.summary.skipped == 0 and "newest first" in str(found[0])

    @pytest.mark.parametrize("text", ["", "\n", "# time,a\n", "sep=;\n", "time,a\n", '"\n'])
    def test_a_file_without_a_reading_is_said_to_be_one(
        self, anomaly: tuple[Any, Any], tmp_path: Path, text: str
    ) -> None:
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(SourceError, match="no reading in it"):
            list(run_of(*anomaly, str(tmp_path / "t.csv")))

    def test_what_is_ambiguous_ends_a_file_at_once(
        self, anomaly: tuple[Any, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "t.csv").write_text("20,19\n21,51\n" * 100)
        with pytest.raises(SourceError, match="--decimal , or --delimiter , says which"):
            list(run_of(*anomaly, str(tmp_path / "t.csv")))
        run = run_of(*anomaly, str(tmp_path / "t.csv"), table=TableFormat(decimal=","))
        assert list(run) and run.summary.readings == 200

    def test_lines_that_come_live_are_held_until_they_say_it(
        self, anomaly: tuple[Any, Any]
    ) -> None:
        run = Live(anomaly).push("time,a", *(f"0{day}/04/2026,{day}" for day in range(1, 10)))
        assert not [e for e in run.events if isinstance(e, Anomaly)]
        assert len(run.notices("format")) == 1 and "lines are held" in run.notices("format")[0]
        run.push("13/04/2026,13")
        assert [e.value for e in run.events if isinstance(e, Anomaly)] == [*range(1, 10), 13]

    def test_a_named_pipe_is_live(self, tmp_path: Path) -> None:
        import os

        from edgenets.runtime.lines import open_lines

        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "file").write_text("1\n")
        assert open_lines(str(tmp_path / "pipe")).live
        assert not open_lines(str(tmp_path / "file")).live


class TestCommands:
    def test_options_say_how_a_table_is_read(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time;a\n" + "01/02/2026;1,5\n02/02/2026;1,7\n" * 3)
        refused = call("run", "anomaly", tmp_path / "t.csv")
        assert refused.code == 2 and "--time-format says which" in refused.err
        said = call("run", "anomaly", tmp_path / "t.csv", "--time-format", "%d/%m/%Y",
                    "--delimiter", "semicolon", "--decimal", ",", "--json").json()  # fmt: skip
        assert (said["readings"], said["skipped"]) == (2, 2)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [(("run", "anomaly", "x", "--delimiter", "ab"), "no character between cells"),
         (("run", "anomaly", "x", "--time-format", "dd.mm"), "none of iso"),
         (("run", "kws-gru", "x", "--decimal", ","), "is for forecast and anomaly"),
         (("eval", "anomaly", "--data", ".", "--decimal", ","), "measured on no table"),
         (("eval", "kws-gru", "--data", ".", "--time-format", "ms"), "measured on no table")],
    )  # fmt: skip
    def test_what_fits_nothing_is_refused(
        self, call: Call, arguments: tuple[str, ...], message: str
    ) -> None:
        found = call(*arguments)
        assert found.code == 2 and message in found.err

    def test_eval_reads_a_table_as_it_is_said(
        self, call: Call, forecast: tuple[Any, Any], tmp_path: Path
    ) -> None:
        bundle = forecast[0]
        columns, window = bundle.spec.input.columns, bundle.spec.window
        count = window + bundle.spec.decoding.horizon + 5
        begin = datetime(2026, 2, 1, tzinfo=UTC)
        rows = [
            ";".join(
                [f"{begin + timedelta(hours=i):%d/%m/%Y %H:%M}", *[f"{i % 24},5"] * len(columns)]
            )
            for i in range(count)
        ]
        (tmp_path / "t.csv").write_text("\n".join([";".join(["time", *columns]), *rows[:250]]))
        assert call("eval", "forecast", "--data", tmp_path / "t.csv").code == 2
        (tmp_path / "t.csv").write_text("\n".join([";".join(["time", *columns]), *rows]))
        found = call("eval", "forecast", "--data", tmp_path / "t.csv", "--json", "--delimiter", ";",
                     "--decimal", ",", "--time-format", "%d/%m/%Y %H:%M").json()  # fmt: skip
        assert found["n"] == 6 * len(columns)
        assert bundle.spec.table == TableFormat()  # it is the same bundle still


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[servers.Broker]:
    if servers.mosquitto_missing():
        pytest.skip(servers.mosquitto_missing() or "")
    found = servers.Broker(tmp_path)
    yield found
    found.kill()


def test_a_retained_message_that_cannot_be_held_does_not_end_a_service(
    anomaly: tuple[Any, Any], broker: servers.Broker
) -> None:
    import threading

    import paho.mqtt.client as mqtt

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("m", b'{"time": 1e308, "a": 1e999}', qos=1, retain=True).wait_for_publish(10)
    client.loop_stop()
    client.disconnect()
    run = run_of(*anomaly, f"mqtt://127.0.0.1:{broker.port}/m", every=1)
    found: list[Event] = []
    thread = threading.Thread(target=lambda: found.extend(run), daemon=True)
    thread.start()
    wait_until(lambda: run.summary.skipped == 1)
    twice = json.dumps({"time": START * 10**9, "a": 20}).encode()
    publish(broker.port, "m", twice, twice, b'{"time": "0001-01-01T00:00:00+01:00", "a": 20}')
    wait_until(lambda: run.summary.skipped == 2)
    run.stop()
    thread.join(20)
    assert not thread.is_alive() and run.summary.readings == 1
    assert [e.stamp for e in found if isinstance(e, Anomaly)] == [START]
