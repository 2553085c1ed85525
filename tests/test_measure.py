"""Choosing, testing, evaluating and measuring a bundle of a real, if untrained, net."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgenets import backend, zoo
from edgenets.backend import Options
from edgenets.bundle import Bundle
from edgenets.errors import BackendError, DataError
from edgenets.events import Result
from edgenets.runtime import bench as bench_module
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import Request, select
from edgenets.sound import audio
from edgenets.tasks.keywords.evaluation import evaluate
from edgenets.tasks.keywords.pipeline import KeywordDetector
from tests.bundles import SPEC, fake_bundle, real_bundle, rewrite
from tests.commands import Call, call

__all__ = ["call", "fake_bundle", "real_bundle"]  # fixtures

RATE = 16_000  # Hz
IDS = [f"{f}-{p}" for f in ("tflite", "onnx", "openvino") for p in ("fp32", "int8")]


@pytest.fixture
def bundle(real_bundle: Path) -> Bundle:
    return zoo.load(real_bundle)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in SPEC.labels:
        (tmp_path / "data" / label).mkdir(parents=True)
        for take in range(3):
            path = tmp_path / "data" / label / f"{rng.bytes(4).hex()}_nohash_{take}.wav"
            audio.write_wav(path, 0.1 * rng.standard_normal(RATE), RATE)
    return tmp_path / "data"


def gone(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.setitem(sys.modules, f"{package}.interpreter", None)


class TestChoose:
    def test_the_fastest_first(self, bundle: Bundle) -> None:
        found = select(bundle)
        assert (found.artifact.id, found.backend) == ("tflite-int8", "tflite")
        assert "fastest" in found.reason

    def test_what_was_asked_for(self, bundle: Bundle) -> None:
        assert select(bundle, Request("onnx")).artifact.id == "onnx-fp32"
        assert select(bundle, Request(precision="fp32")).artifact.id == "tflite-fp32"
        found = select(bundle, Request("openvino", "int8"))
        assert found.artifact.id == "openvino-int8" and "openvino int8" in found.reason
        assert select(bundle, Request("null")).backend == "null"

    def test_the_next_where_a_package_is_missing(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone(monkeypatch, "ai_edge_litert", "tflite_runtime")
        found = select(bundle)
        assert found.artifact.id == "openvino-int8"
        assert "not available: tflite-int8, tflite-fp32" in found.reason
        with pytest.raises(BackendError, match=r"pip install 'edgenets\[tflite\]'"):
            select(bundle, Request("tflite"))

    def test_nothing_that_can_be_run(self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
        gone(monkeypatch, "ai_edge_litert", "tflite_runtime", "onnxruntime", "openvino")
        with pytest.raises(BackendError, match=r"none of .* can run"):
            select(bundle)
        with pytest.raises(BackendError, match="nothing for fp16; it has tflite-fp32"):
            select(bundle, Request(precision="fp16"))


@pytest.mark.parametrize("id", IDS)
def test_the_same_is_heard_however_sound_is_cut(bundle: Bundle, id: str) -> None:
    """Real sessions behind the detector: blocks of any length, and after a reset the same."""
    artifact = bundle.artifact(id)
    session = backend.load(artifact.format, artifact, bundle.files(artifact))
    detector = KeywordDetector(SPEC, session)
    sound = (0.1 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)
    posteriors = []
    for size in (len(sound), 640, 333, 4000):
        detector.reset()
        for start in range(0, len(sound), size):
            detector.push(sound[start : start + size])
        assert detector.steps == 24
        posteriors.append(detector.posterior.tobytes())
    assert len(set(posteriors)) == 1


class TestSelftest:
    def test_it_answers_as_where_it_was_made(self, bundle: Bundle, call: Call) -> None:
        trials = selftest(bundle)
        assert [t.id for t in trials] == IDS
        assert all(t.passed and t.difference == 0.0 for t in trials)
        assert call("selftest", bundle.path).code == 0

    def test_a_tolerance_is_held(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, call: Call
    ) -> None:
        answer = Bundle.golden_output
        monkeypatch.setattr(Bundle, "golden_output", lambda self, a: answer(self, a) + 0.01)
        found = call("selftest", bundle.path, "--json")
        passed = {t["id"]: t["passed"] for t in found.json()["trials"]}
        assert found.code == 1
        assert passed == {id: id.endswith("int8") for id in IDS}
        monkeypatch.setattr(Bundle, "golden_output", lambda self, a: answer(self, a) * np.nan)
        found = call("selftest", bundle.path, "--json")
        assert not any(t["passed"] for t in found.json()["trials"])
        assert call("selftest", bundle.path).code == 1

    def test_of_what_is_not_here(
        self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, call: Call
    ) -> None:
        gone(monkeypatch, "onnxruntime", "openvino")
        found = call("selftest", bundle.path, "--json")
        trials = {t["id"]: t for t in found.json()["trials"]}
        assert found.code == 0 and trials["onnx-int8"]["passed"] is None
        assert "pip install" in trials["onnx-int8"]["reason"]

    def test_a_rubbish_model(self, fake_bundle: Path, call: Call) -> None:
        found = call("selftest", fake_bundle, "--json")
        (trial,) = found.json()["trials"]
        assert found.code == 1 and trial["passed"] is False and "is no TFLite" in trial["reason"]


class TestEvaluate:
    def test_every_backend_decides_alike(
        self, bundle: Bundle, recordings: Path, call: Call
    ) -> None:
        values = set()
        for name in ("tflite", "onnx", "openvino"):
            asked = ("--data", recordings, "--backend", name, "--precision", "fp32", "--json")
            found = call("eval", bundle.path, *asked).json()
            assert found.keys() >= {"metric", "value", "n", "backend", "precision"}
            assert (found["metric"], found["n"], found["backend"]) == ("accuracy", 12, name)
            values.add(found["value"])
            confusion = np.array(found["figures"]["confusion"])
            assert confusion.trace() / confusion.sum() == pytest.approx(found["value"])
        assert len(values) == 1

    def test_the_numbers(self, bundle: Bundle, recordings: Path) -> None:
        from edgenets.tasks.keywords.clips import find_clips

        session = load(bundle, select(bundle))
        found = evaluate(SPEC, session, find_clips(recordings))
        matrix = np.array(found.confusion)
        assert matrix.sum() == found.n == 12 and matrix.sum(axis=1).tolist() == [3, 3, 3, 3]
        assert found.accuracy == pytest.approx(matrix.trace() / 12)
        cut = evaluate(SPEC, session, find_clips(recordings), clip_seconds=0.5)
        assert cut.n == 12

    def test_for_people(self, bundle: Bundle, recordings: Path, call: Call) -> None:
        done = call("eval", bundle.path, "--data", recordings)
        assert done.code == 0 and "accuracy" in done.out and "_silence_" in done.out

    def test_splits(self, bundle: Bundle, recordings: Path, call: Call) -> None:
        counts = []
        for split in ("train", "validation", "test"):
            done = call("eval", bundle.path, "--data", recordings, "--split", split, "--json")
            counts.append(done.json().get("n", 0))
            assert done.code == (0 if counts[-1] else 2)
        assert sum(counts) == 12

    def test_a_folder_that_lacks_a_label(self, bundle: Bundle, tmp_path: Path, call: Call) -> None:
        done = call("eval", bundle.path, "--data", tmp_path, "--json")
        assert done.code == 2 and done.json()["kind"] == DataError.__name__


ROW = {
    "backend", "precision", "threads", "first_us", "p50_us", "p90_us", "p99_us",
    "cpu_ms", "peak_rss_mb", "bytes",
}  # fmt: skip


class TestBench:
    def test_a_row_an_artefact(self, bundle: Bundle, call: Call) -> None:
        done = call(
            "bench", bundle.path, "--precision", "int8", "--backend", "tflite,onnx", "--seconds",
            "1", "--json",
        )  # fmt: skip
        rows = done.json()["rows"]
        assert done.code == 0 and [r["backend"] for r in rows] == ["tflite", "onnx"]
        for row in rows:
            assert row.keys() >= ROW
            assert 0 < row["p50_us"] <= row["p90_us"] <= row["p99_us"] and row["first_us"] > 0
            assert row["peak_rss_mb"] > 10 and row["cpu_ms"] > 0
            artifact = bundle.artifact(f"{row['backend']}-int8")
            assert row["bytes"] == bundle.size(artifact)

    def test_for_people(self, bundle: Bundle, call: Call) -> None:
        asked = ("--backend", "tflite", "--precision", "int8", "--threads", "1,2", "--seconds", "1")
        done = call("bench", bundle.path, *asked)
        assert done.code == 0 and done.out.count("tflite-int8") == 2

    @pytest.mark.parametrize(
        "options",
        [
            ("--threads", "0"), ("--threads", "1,x"), ("--threads", ""), ("--threads", "257"),
            ("--seconds", "0"), ("--seconds", "nan"), ("--seconds", "inf"), ("--seconds", "1e9"),
            ("--backend", "null"), ("--backend", ","), ("--precision", "int8,int4"),
            ("--precision", "fp16"),
        ],
    )  # fmt: skip
    def test_wrong_options(self, bundle: Bundle, call: Call, options: tuple[str, str]) -> None:
        done = call("bench", bundle.path, *options, "--json")
        assert done.code == 2 and done.json().keys() == {"error", "kind"}

    def test_a_process_that_dies(self, fake_bundle: Path, call: Call) -> None:
        done = call("bench", fake_bundle, "--seconds", "1", "--json")
        assert done.code == 2 and "is no TFLite" in done.json()["error"]
        (line,) = done.err.splitlines()
        assert "is no TFLite" in line and "Traceback" not in line

    def test_a_process_that_hangs(self, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bench_module, "TIMEOUT", -0.99)
        with pytest.raises(BackendError, match="still not done"):
            bench_module.bench(bundle, "tflite-int8", seconds=1.0)


def test_threads_are_passed_on(bundle: Bundle) -> None:
    session = load(bundle, select(bundle), Options(threads=2))
    assert "2 thread(s)" in session.runs_on
    with pytest.raises(ValueError, match="threads"):
        Options(threads=0)


def test_a_score_is_a_plain_number(real_bundle: Path, tmp_path: Path) -> None:
    """Whatever NumPy made of it: sinks write it as JSON."""
    import edgenets

    def eager(plain: dict[str, dict[str, dict[str, float]]]) -> None:
        plain["spec"]["decoding"].update(threshold=0.01, background=[])

    path = rewrite(real_bundle, tmp_path / "eager.edge", eager)
    (word, *_) = edgenets.run(path, "null:2")
    assert isinstance(word, Result) and type(word.score) is float and type(word.time) is float
