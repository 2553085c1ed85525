"""Forecasts end to end: waves, models that learn them, artifacts, gate, bundle, live runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from edgenets import backend, runs
from edgenets.artifact import FORMATS
from edgenets.bundle import Bundle
from edgenets.errors import DataError, RecordError, SourceError
from edgenets.events import Forecast, Notice
from edgenets.recipe import load_recipe, parse
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import Request, select
from edgenets.tasks.series import forecast_training as training
from edgenets.tasks.series.baselines import Linear, errors, last_value
from edgenets.tasks.series.features import segment_after, segments
from edgenets.tasks.series.forecast_evaluation import evaluate_forecast
from edgenets.tasks.series.forecast_pipeline import Forecaster
from edgenets.tasks.series.spec import ForecastSpec
from edgenets.tasks.series.table import read_table
from edgenets.tasks.series.windows import Windows, scaled, split_windows, windows_of
from edgenets.training.train import train
from tests import tiny
from tests.commands import Call, call, spawn
from tests.runs import run_of
from tests.tiny import Made

from . import waves
from .waves import HORIZON, SEGMENT

__all__ = ["call"]  # a fixture


@pytest.fixture(scope="module", params=["forecast", "forecast-cnn"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny.made(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def table(both: Made) -> Path:
    return both.data


@pytest.fixture(scope="module")
def made(both: Made) -> tuple[runs.Run, Bundle]:
    return both.run, both.bundle


def spec_of(bundle: Bundle) -> ForecastSpec:
    assert isinstance(bundle.spec, ForecastSpec)
    return bundle.spec


def session_of(bundle: Bundle, format: str = "tflite", precision: Any = "int8") -> backend.Session:
    return load(bundle, select(bundle, Request(format, precision)))


class TestFeatures:
    @given(nps.arrays(np.float32, (3, 12), elements=st.floats(-100, 100, width=32)),
           st.floats(-1000, 1000, width=32))  # fmt: skip
    def test_they_do_not_know_their_level(self, series: Any, level: float) -> None:
        assert np.allclose(segments(series + np.float32(level), 4), segments(series, 4), atol=1e-2)

    @given(nps.arrays(np.float32, 20, elements=st.floats(-100, 100, width=32)))
    def test_a_stretch_alone_is_as_in_its_series(self, series: Any) -> None:
        whole = segments(series, 5)
        for i in range(4):
            before = float(series[5 * i - 1]) if i else None
            alone = segment_after(series[5 * i : 5 * i + 5], before)
            assert np.allclose(alone, whole[i], atol=1e-4)

    def test_what_they_tell_is_enough_to_have_the_series_back(self) -> None:
        series = np.random.default_rng(0).standard_normal(20).cumsum()
        parts = segments(series, 5).astype(np.float64)
        last = series[4] + np.concatenate([[0], np.cumsum(parts[1:, -1])])
        back = parts + last[:, None]
        back[:, -1] = last
        assert np.allclose(back.ravel(), series, atol=1e-5)


class TestWindows:
    def test_every_window_whose_forecast_lies_in_the_part(self) -> None:
        series = np.arange(40, dtype=np.float32).reshape(2, 20)
        found = windows_of(series, 12, 20, window=5, horizon=3)
        assert found.came.shape == (12, 5) and found.following.shape == (12, 3)
        assert found.following[0].tolist() == [12, 13, 14] and found.came[0, -1] == 11
        assert found.following[5].tolist() == [17, 18, 19] and found.following[6, 0] == 32

    def test_of_a_wave_alone_the_linear_net_misses_nothing(self) -> None:
        series = np.sin(np.arange(400) / 3)[None].astype(np.float32)
        found = windows_of(series, 0, 400, 24, 6)
        assert errors(Linear.fitted(series, 24, 6).forecast(found), found.following).mse < 1e-3
        assert errors(last_value(found), found.following).mse > 0.3


@pytest.mark.slow
class TestRoad:
    def test_the_net_beats_what_costs_nothing(self, made: tuple[runs.Run, Bundle]) -> None:
        run, bundle = made
        test = run.metrics["test"]
        # Of waves on a walk nothing is better than linear; the network must find most of it.
        assert test["MSE"] < 0.1 * test["baselines"]["last value"]["MSE"]
        assert test["baselines"]["linear"]["MSE"] < test["baselines"]["last value"]["MSE"]
        assert 0.5 < test["coverage"] < 0.97
        assert {a.id for a in bundle.artifacts} >= {f"{f}-int8" for f in FORMATS}
        assert all(trial.passed for trial in selftest(bundle))
        assert "last value MSE" in bundle.card() and "linear MSE" in bundle.card()

    @pytest.mark.parametrize("format", FORMATS)
    def test_an_artefact_foresees_as_its_model(
        self, made: tuple[runs.Run, Bundle], table: Path, format: str
    ) -> None:
        run, bundle = made
        spec = spec_of(bundle)
        series = scaled(read_table(table).values, spec.input)
        windows = split_windows(series, spec, "test").spread(200)
        found = evaluate_forecast(spec, session_of(bundle, format), windows)
        model = training.forecast(run.model(), windows, spec)
        wanted = errors(model.median, windows.following).mse
        assert found.errors.mse == pytest.approx(wanted, rel=0.1)

    def test_every_reading_is_foreseen_from_by_interleaved_states(
        self, made: tuple[runs.Run, Bundle], table: Path
    ) -> None:
        """After n readings the forecast is that of the last whole stretches from the first one."""
        run, bundle = made
        spec, values = spec_of(bundle), read_table(table).values[:29]
        forecaster = Forecaster(spec, session_of(bundle, "onnx", "fp32"))
        model, series = run.model(), scaled(values, spec.input)
        for count, row in enumerate(values, 1):
            found = forecaster.push(row)
            assert (found is None) == (count < SEGMENT)
            if found is None:
                continue
            begin = count % SEGMENT  # this phase's first stretch
            came = series[:, begin:count]
            windows = Windows(came, np.zeros((2, HORIZON), np.float32))
            ahead = training.forecast(model, windows, spec)
            pairs = (ahead.median, found.median), (ahead.low, found.low), (ahead.high, found.high)
            for wanted, part in pairs:
                assert wanted is not None and part is not None
                back = wanted.T * np.array(spec.input.std) + np.array(spec.input.mean)
                assert np.allclose(part, back, atol=1e-3)
            assert found.readings == count

    def test_a_file_is_told_of_at_its_end(self, made: tuple[runs.Run, Bundle], table: Path) -> None:
        run = run_of(made[1], session_of(made[1]), str(table))
        (event,) = run
        assert isinstance(event, Forecast) and event.readings == 1500 and event.line == 1501
        assert event.median.shape == (HORIZON, 2) and event.columns == waves.COLUMNS
        assert event.low is not None and (event.low < event.high).mean() > 0.9
        assert run.summary.forecasts == 1500 - SEGMENT + 1 and run.summary.told == 1
        every = list(run_of(made[1], session_of(made[1]), str(table), every=100))
        assert [e.readings for e in every if isinstance(e, Forecast)] == list(range(100, 1501, 100))

    def test_what_is_odd_is_said_and_survived(
        self, made: tuple[runs.Run, Bundle], tmp_path: Path
    ) -> None:
        path = waves.write(tmp_path / "odd.csv", waves.waves(120, seed=3))
        lines = path.read_text().splitlines()
        lines[20] = lines[20].rpartition(",")[0] + ",NaN"
        lines[30] += ",1,2"
        lines[40] = lines[39]
        lines[50] = "\x00\x01"
        lines[60] = lines[60].replace(",", ",x", 1)
        del lines[80:100]
        path.write_text("\n".join(lines))
        run = run_of(made[1], session_of(made[1]), str(path))
        events = list(run)
        kinds = [e.kind for e in events if isinstance(e, Notice)]
        assert kinds.count("skipped") == 3 and {"missing", "filled", "order", "gap"} <= set(kinds)
        gap = next(e for e in events if isinstance(e, Notice) and e.kind == "gap")
        assert "20 readings are missing, more than the 6" in gap.text
        assert isinstance(events[-1], Forecast) and events[-1].readings == 120 - 99
        assert all(np.isfinite(e.median).all() for e in events if isinstance(e, Forecast))

    @pytest.mark.parametrize(
        ("text", "message"),
        [("", "no reading in it"), ("date,load\n2026-01-01,1\n", "no column is called 'heat'"),
         ("1,2\n1,2\n", "2 readings; 4 at least"), ("a b c\n", "no column is called"),
         ("nan,nan\n" * 3, "no reading in it")],
    )  # fmt: skip
    def test_what_cannot_be_foreseen_from_is_said(
        self, made: tuple[runs.Run, Bundle], tmp_path: Path, text: str, message: str
    ) -> None:
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(SourceError, match=message):
            list(run_of(made[1], session_of(made[1]), str(tmp_path / "t.csv")))

    def test_memory_is_flat_and_errors_bounded_over_many_readings(
        self, made: tuple[runs.Run, Bundle]
    ) -> None:
        """One state for each phase and column, whatever the number of readings."""
        spec = spec_of(made[1])
        exact = Forecaster(spec, session_of(made[1], "onnx", "fp32"))
        rounded = Forecaster(spec, session_of(made[1], "tflite", "int8"))
        away = []
        for row in waves.waves(12_500, seed=5):
            one, other = exact.push(row), rounded.push(row)
            if one is not None and other is not None:
                away.append(float(np.abs(one.median - other.median).mean()))
        assert len(rounded._states) == SEGMENT * 2 and len(rounded._recent) == SEGMENT + 1
        assert np.mean(away[-2000:]) <= 1.5 * np.mean(away[:2000]) and max(away) < 3.0

    def test_by_the_command_line(
        self, made: tuple[runs.Run, Bundle], table: Path, call: Call, tmp_path: Path
    ) -> None:
        bundle = made[1].path
        told = call("run", bundle, table)
        assert told.code == 0 and "load" in told.out and "after 2026-03-04" in told.out
        assert "read 1,500 readings, reported 1" in told.err
        sink = tmp_path / "out.jsonl"
        call("run", bundle, table, "--every", 700, "--sink", f"jsonl:{sink}")
        lines = [json.loads(line) for line in sink.read_text().splitlines()]
        assert [line["readings"] for line in lines] == [700, 1400, 1500]
        assert len(lines[0]["columns"]["heat"]["median"]) == HORIZON
        found = call("eval", bundle, "--data", table, "--split", "test", "--json").json()
        assert found["metric"] == "MSE" and set(found["figures"]["baselines"]) == {
            "last value", "linear",
        }  # fmt: skip
        assert "linear" in call("eval", bundle, "--data", table, "--split", "test").out
        assert call("inspect", bundle).code == 0
        assert call("run", bundle, table, "--prompt", "x").code == 2

    def test_readings_typed_one_at_a_time_are_answered_at_once(
        self, made: tuple[runs.Run, Bundle]
    ) -> None:
        process = spawn("run", made[1].path, "-", "--sink", "jsonl:-", stdin=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None
        try:
            for count, row in enumerate(waves.waves(8), 1):
                process.stdin.write(json.dumps(dict(zip(waves.COLUMNS, row, strict=True))) + "\n")
                process.stdin.flush()
                if count >= SEGMENT:
                    line = json.loads(process.stdout.readline())
                    assert line["event"] == "forecast" and line["readings"] == count
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()


class TestRecipes:
    def test_too_little_to_train_on(self, tmp_path: Path) -> None:
        path = waves.write(tmp_path / "t.csv", waves.waves(40))
        with pytest.raises(DataError, match="are too few for a window of 24"):
            train(parse(waves.recipe_of("rnn")), path, tmp_path / "run")

    def test_a_column_that_stands_still(self, tmp_path: Path) -> None:
        values = waves.waves(400)
        values[:, 1] = 7.0
        path = waves.write(tmp_path / "t.csv", values)
        with pytest.raises(DataError, match="heat never changes"):
            train(parse(waves.recipe_of("rnn")), path, tmp_path / "run")

    @pytest.mark.parametrize(
        ("change", "message"),
        [({"data": {"window": 25}}, "whole number of"), ({"decoding": {"horizon": 0}}, "horizon"),
         ({"data": {"window": 24, "settle": 6}}, "settle"),
         ({"decoding": {"horizon": 3, "quantiles": [0.9, 0.1]}}, "quantiles")],
    )  # fmt: skip
    def test_what_does_not_fit(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(RecordError, match=message):
            parse({**waves.recipe_of("rnn"), **change})

    @pytest.mark.parametrize("name", ["forecast", "forecast-cnn"])
    def test_shipped_recipes_have_fewer_than_300_000_parameters(self, name: str) -> None:
        from edgenets import models

        recipe: Any = load_recipe(name)
        assert recipe.decoding.horizon == 96
        assert models.build_series(recipe.model, 3 * 96).count_params() < 300_000
