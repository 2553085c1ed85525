"""What is unusual: seasonal, surprises, the whole conversion path, live runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgenets import backend, zoo
from edgenets.artifact import FORMATS
from edgenets.bundle import Bundle
from edgenets.converters import project
from edgenets.errors import DataError, SourceError
from edgenets.events import Anomaly, Notice
from edgenets.recipe import parse
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import Request, select
from edgenets.tasks.series import nab
from edgenets.tasks.series.anomaly_decoding import AnomalyDecoding, AnomalyScorer
from edgenets.tasks.series.anomaly_evaluation import evaluate_anomaly
from edgenets.tasks.series.anomaly_pipeline import Detector
from edgenets.tasks.series.batches import BeginningBatches, find_series, known
from edgenets.tasks.series.seasonal_profile import NUMBERS, SeasonalInput, SeasonalProfile
from edgenets.tasks.series.spec import AnomalySpec
from edgenets.training.train import train
from tests.commands import Call, call
from tests.runs import run_of

from . import waves

__all__ = ["call"]  # a fixture

NAB = Path(__file__).parents[3] / "shared" / "data" / "nab"
INPUT = SeasonalInput("seasonal", bins=24)

RECIPE: dict[str, Any] = {
    "name": "unusual", "description": "What is unusual", "task": "anomaly",
    "data": {"files": "*.csv", "beginning": 0.3, "held": 100},
    "model": {"architecture": "seasonal-rnn", "units": [8]},
    "features": {"kind": "seasonal", "bins": 12},
    "schedule": {"epochs": 16, "batch": 4, "learning_rate": 1e-2, "average": 0.8,
                 "weight_decay": 0.0},
    "gate": {"stream_steps": 1000, "agreement": 0.8, "relative_loss": 0.05},
}  # fmt: skip


class TestHabits:
    @given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
    def test_what_is_scaled_comes_back(self, values: list[float]) -> None:
        seasonal = SeasonalProfile(INPUT)
        for i, value in enumerate(values):
            told = seasonal.before(3600.0 * i, value)
            assert len(told) == NUMBERS and np.isfinite(told).all()
            near = seasonal.scaled(value)
            if abs(near) < 12:
                assert seasonal.unscaled(near) == pytest.approx(value, rel=1e-6, abs=1e-6)
            seasonal.after(value)

    @given(st.floats(-1e15, 1e15))
    @example(-1e-311)
    @example(-1e-20)
    @example(86_400.0)
    def test_every_time_has_its_place_in_a_day(self, time: float) -> None:
        assert len(SeasonalProfile(INPUT).before(time, 1.0)) == NUMBERS

    def test_nothing_is_told_of_the_reading_that_comes(self) -> None:
        one, other = SeasonalProfile(INPUT), SeasonalProfile(INPUT)
        for i in range(50):
            for seasonal in (one, other):
                seasonal.before(60.0 * i, math.sin(i))
                seasonal.after(math.sin(i))
        assert one.before(3000.0, 5.0) == other.before(3000.0, -100.0)

    def test_a_day_is_learned_hour_by_hour(self) -> None:
        seasonal = SeasonalProfile(INPUT)
        for hour in range(24 * 10):
            value = 10.0 * (hour % 24)
            told = seasonal.before(3600.0 * hour, value)
            seasonal.after(value)
        assert seasonal.unscaled(seasonal.before(0.0, 0.0)[1]) == pytest.approx(0, abs=1)
        assert seasonal.unscaled(seasonal.before(3600.0 * 13, 0.0)[1]) == pytest.approx(130, abs=1)
        assert told[2] == 1.0

    def test_without_times_no_day_is_made_up(self) -> None:
        seasonal = SeasonalProfile(INPUT)
        for value in range(30):
            assert seasonal.before(None, value)[2:] == [0.0, 0.0, 0.0]
            seasonal.after(value)

    def test_levels_are_forgotten(self) -> None:
        seasonal = SeasonalProfile(SeasonalInput("seasonal", level=50))
        for i in range(2000):
            seasonal.before(None, 0.0)
            seasonal.after(0.0 if i < 1000 else 7.0)
        assert seasonal.unscaled(0.0) == pytest.approx(7, abs=0.01)


class TestSurprise:
    def test_a_record_is_told_of_once(self) -> None:
        anomaly_score = AnomalyScorer(AnomalyDecoding(settle=10, quiet=20))
        rng = np.random.default_rng(0)
        usual = [anomaly_score.push(abs(e)) for e in rng.uniform(0.5, 1, 300)]
        assert max(usual[150:]) < 1.04
        first, *after = (anomaly_score.push(e) for e in (9.0, 8.0, 7.0, 3.0))
        assert first > 5 and after == [0.0, 0.0, 0.0]

    def test_all_is_new_at_the_beginning(self) -> None:
        anomaly_score = AnomalyScorer(AnomalyDecoding(settle=5))
        assert [anomaly_score.push(100.0 ** (i * i)) > 0 for i in range(8)] == [False] * 5 + [
            True
        ] * 3

    def test_a_record_fades(self) -> None:
        def of(wait: int) -> float:
            anomaly_score = AnomalyScorer(
                AnomalyDecoding(means=(1,), settle=0, quiet=5, record=100)
            )
            anomaly_score.push(10.0)
            for _ in range(wait):
                anomaly_score.push(0.01)
            return anomaly_score.push(5.0)

        assert of(10) < 1 < of(200)

    @given(st.lists(st.floats(0, 1e9), max_size=80))
    def test_any_errors_are_survived(self, errors: list[float]) -> None:
        anomaly_score = AnomalyScorer(AnomalyDecoding(settle=0))
        found = [anomaly_score.push(e) for e in errors]
        assert all(f >= 0 and math.isfinite(f) for f in found)


class TestBeginnings:
    def test_every_column_is_a_series_and_what_is_missing_is_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("time,a,b\n0,1,5\n60,,6\n120,3,7\n")
        one, other = find_series(tmp_path, "*.csv")
        assert (one.name, one.values.tolist(), one.times) == ("t.csv:a", [1, 3], (0, 120))
        assert len(other) == 3
        with pytest.raises(DataError, match=r"has no \*\.tsv"):
            find_series(tmp_path, "*.tsv")

    def test_batches_are_the_same_every_time_and_count_what_is_there(self, tmp_path: Path) -> None:
        for name, count in (("a", 40), ("b", 60)):
            waves.write(tmp_path / f"{name}.csv", waves.waves(count))
        every = [known(s, INPUT, 50) for s in find_series(tmp_path, "*.csv")]
        batches = BeginningBatches(every, 3, 1)
        assert len(batches) == 2
        sizes = [int((batches.batch(0, n).weights > 0).sum()) for n in (0, 1)]  # type: ignore[operator]
        assert sum(sizes) == 2 * 30 + 2 * 40
        assert np.array_equal(batches.batch(3, 1).inputs, batches.batch(3, 1).inputs)


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("unusual")
    for seed in range(4):
        waves.write(folder / f"{seed}.csv", waves.waves(600, seed))
    run = train(parse(RECIPE), folder, folder / "run")
    project.convert_run(run, folder)
    assert project.verify_run(run, folder).passed
    return project.pack_run(run, folder / "unusual.edge")


def session_of(bundle: Bundle, format: str = "tflite", precision: Any = "int8") -> backend.Session:
    return load(bundle, select(bundle, Request(format, precision)))


def spoilt(path: Path) -> Path:
    values = waves.waves(900, seed=9)
    values[700, 0] += 25
    return waves.write(path, values)


@pytest.mark.slow
class TestRoad:
    @pytest.mark.parametrize("format", FORMATS)
    def test_what_was_spoilt_is_found(self, unusual: Bundle, tmp_path: Path, format: str) -> None:
        run = run_of(unusual, session_of(unusual, format), str(spoilt(tmp_path / "t.csv")))
        events = list(run)
        found = [e for e in events if isinstance(e, Anomaly) and e.anomaly_score > 1.5]
        assert [(e.column, e.line) for e in found] == [("load", 702)] and found[0].alarm
        assert abs(found[0].value - found[0].expected) > 15
        assert run.summary.readings == 900 and run.summary.alarms["load"] >= 1

    def test_the_road_leaves_a_bundle_that_answers_as_it_did(self, unusual: Bundle) -> None:
        assert isinstance(unusual.spec, AnomalySpec)
        assert all(trial.passed for trial in selftest(unusual))
        assert "record" in unusual.card()

    def test_columns_do_not_know_of_each_other(self, unusual: Bundle, tmp_path: Path) -> None:
        spec = unusual.spec
        assert isinstance(spec, AnomalySpec)
        session = session_of(unusual)
        alone = [Detector(spec, session_of(unusual)) for _ in range(2)]
        together = [Detector(spec, session) for _ in range(2)]
        for hour, row in enumerate(waves.waves(200)):
            for column, value in enumerate(row.tolist()):
                a = alone[column].push(3600.0 * hour, value)
                assert together[column].push(3600.0 * hour, value) == a

    def test_what_is_odd_is_said_and_survived(self, unusual: Bundle, tmp_path: Path) -> None:
        lines = spoilt(tmp_path / "t.csv").read_text().splitlines()
        lines[300] = lines[300].rpartition(",")[0] + ",inf"
        lines[400] = lines[399]
        lines[500] = "what?"
        (tmp_path / "t.csv").write_text("\n".join(lines))
        run = run_of(unusual, session_of(unusual), str(tmp_path / "t.csv"), every=100)
        events = list(run)
        assert [e.kind for e in events if isinstance(e, Notice)] == ["missing", "order", "skipped"]
        told = [e for e in events if isinstance(e, Anomaly) and not e.alarm]
        assert {e.column for e in told} == set(waves.COLUMNS) and len(told) >= 12

    @pytest.mark.parametrize(
        ("text", "message"), [("", "no reading"), ("time\n", "names no column")]
    )
    def test_no_table(self, unusual: Bundle, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "t.csv").write_text(text)
        with pytest.raises(SourceError, match=message):
            list(run_of(unusual, session_of(unusual), str(tmp_path / "t.csv")))

    def test_a_short_table_is_silent_and_says_so(self, unusual: Bundle, tmp_path: Path) -> None:
        path = waves.write(tmp_path / "t.csv", waves.waves(20))
        (notice,) = run_of(unusual, session_of(unusual), str(path))
        assert isinstance(notice, Notice) and "the first 150 of a series are silent" in notice.text

    def test_by_the_command_line(self, unusual: Bundle, call: Call, tmp_path: Path) -> None:
        table, sink = spoilt(tmp_path / "t.csv"), tmp_path / "out.jsonl"
        told = call("run", unusual.path, table, "--threshold", "1.5")
        assert told.code == 0 and told.out.count("\n") == 1 and "load" in told.out
        assert "2026-01-30 04:00:00" in told.out and "load: 1 unusual" in told.err
        call("run", unusual.path, table, "--threshold", "1.5", "--sink", f"jsonl:{sink}")
        (line,) = (json.loads(text) for text in sink.read_text().splitlines())
        assert line["event"] == "anomaly" and line["line"] == 702
        assert call("run", unusual.path, table, "--threshold", "0").code == 2
        assert call("inspect", unusual.path).code == 0


@pytest.mark.shared_data
@pytest.mark.skipif(not NAB.is_dir(), reason="no Numenta Anomaly Benchmark here")
def test_the_shipped_model_on_the_benchmark() -> None:
    """55 points were asked for; nine files of the 58, at the threshold that it ships with."""
    bundle = zoo.load("anomaly")
    assert isinstance(bundle.spec, AnomalySpec)
    corpus = [s for s in nab.load_corpus(NAB) if s.name.startswith(("realKnown", "realTraffic"))]
    found = evaluate_anomaly(bundle.spec, session_of(bundle), corpus, nab.load_profiles(NAB))
    assert found.rows[0].points["standard"] >= 45
