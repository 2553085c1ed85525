"""Runs over files, folders and standard input: what is heard and counted, and how they end."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import edgenets
from edgenets import zoo
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import BackendError, SinkError, SourceError
from edgenets.events import Notice, Result
from edgenets.runtime.load import load
from edgenets.runtime.sources import SOURCES, Block, Boundary, Item, Source, SourceNotice
from edgenets.selection import Request, select
from edgenets.sound import audio
from tests.bundles import HEARD_AT, fake_bundle, make_fake, quiet
from tests.commands import PATIENCE, Call, call, spawn
from tests.runs import run_of

__all__ = ["call", "fake_bundle"]  # fixtures

RATE = 16_000  # Hz
STEP = 640  # samples
NULL = ("--backend", "null")


@pytest.fixture
def bundle(fake_bundle: Path) -> Bundle:
    return zoo.load(fake_bundle)


def session(bundle: Bundle) -> Session:
    return load(bundle, select(bundle, Request("null")))


def write(path: Path, seconds: float, rate: int = RATE) -> Path:
    rng = np.random.default_rng(0)
    audio.write_wav(path, 0.1 * rng.standard_normal(round(seconds * rate)), rate)
    return path


def steps_in(seconds: float) -> int:
    frames = (round(seconds * RATE) - 480) // 320 + 1
    return frames // 2


class TestFile:
    def test_what_is_heard_and_counted(self, bundle: Bundle, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", 3.0)
        run = run_of(bundle, session(bundle), str(path))
        (event,) = list(run)
        assert isinstance(event, Result)
        assert (event.source, event.label) == (str(path), "yes")
        assert event.score == pytest.approx(0.25) and event.time == pytest.approx(HEARD_AT)
        assert 0 <= event.age < PATIENCE
        found = run.summary
        assert found.detections == {"yes": 1} and found.notices == {}
        assert found.audio_seconds == 3.0 and found.steps == steps_in(3.0)
        assert found.samples_lost == found.sink_failures == 0
        assert found.bundle == str(bundle.path) and found.artifact == "tflite-fp32"
        assert found.age_ms_p50 == found.age_ms_p95 == pytest.approx(1e3 * event.age)
        assert found.cpu_seconds > 0 and 0 < found.wall_seconds < PATIENCE
        assert found.cpu_ms_per_audio_s == pytest.approx(1e3 * found.cpu_seconds / 3.0)
        json.dumps(found.plain(), allow_nan=False)

    @pytest.mark.parametrize("rate", [8_000, 44_100])
    def test_another_rate(self, bundle: Bundle, tmp_path: Path, rate: int) -> None:
        run = run_of(bundle, session(bundle), str(write(tmp_path / "a.wav", 1.0, rate)))
        assert [event.time for event in run] == pytest.approx([HEARD_AT])
        assert run.summary.audio_seconds == pytest.approx(1.0, abs=0.01)

    def test_it_ends_after_so_many_seconds(self, bundle: Bundle, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", 3.0)
        run = run_of(bundle, session(bundle), str(path), seconds=1.0)
        list(run)
        assert 1.0 <= run.summary.audio_seconds <= 1.05

    def test_other_thresholds(self, bundle: Bundle, tmp_path: Path) -> None:
        path = write(tmp_path / "a.wav", 3.0)
        run = run_of(bundle, session(bundle), str(path), spec=quiet())
        assert list(run) == [] and run.summary.detections == {}
        assert run.summary.age_ms_p50 is None

    def test_one_too_short_for_a_frame(self, bundle: Bundle, tmp_path: Path) -> None:
        run = run_of(bundle, session(bundle), str(write(tmp_path / "a.wav", 0.02)))
        assert list(run) == [] and run.summary.steps == 0
        assert run.summary.audio_seconds == pytest.approx(0.02)


def test_a_folder_is_heard_recording_by_recording(bundle: Bundle, tmp_path: Path) -> None:
    for name in ("b.wav", "a.wav", "c.wav"):
        write(tmp_path / name, 1.0)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    run = run_of(bundle, session(bundle), str(tmp_path))
    events = list(run)
    assert [(Path(e.source).name, e.time) for e in events if isinstance(e, Result)] == [
        (name, pytest.approx(HEARD_AT)) for name in ("a.wav", "b.wav", "c.wav")
    ]
    (notice,) = (e for e in events if isinstance(e, Notice))
    assert notice.kind == "skipped" and "bad.wav" in notice.text
    assert run.summary.notices == {"skipped": 1}
    assert run.summary.steps == 3 * steps_in(1.0) and run.summary.audio_seconds == 3.0


class Script(Source):
    """A source that gives what a test has written down."""

    items: tuple[Item, ...] = ()

    def __iter__(self) -> Iterator[Item]:
        yield from self.items


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    made, module = Script("script"), ModuleType("script_source")
    module.open_source = lambda rest, rate: made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "script_source", module)
    monkeypatch.setitem(SOURCES, "script", "script_source")
    return made


def block(seconds: float, lost: float = 0.0) -> Block:
    samples = np.zeros(round(seconds * RATE), np.float32)
    return Block(samples, time.monotonic(), round(lost * RATE))


def test_what_is_lost_is_counted_and_times_stay_true(bundle: Bundle, script: Script) -> None:
    script.items = (
        block(0.1),
        SourceNotice("overrun", "0.50 s of sound were dropped", samples=8000),
        block(0.1, lost=0.5),
        SourceNotice("overrun", "the sound card overflowed", count=3),
        block(0.1),
    )
    run = run_of(bundle, session(bundle), "script:")
    events = list(run)
    (word,) = (e for e in events if isinstance(e, Result))
    assert word.time == pytest.approx(HEARD_AT)  # in the silence that stands for what was lost
    assert [e.time for e in events if isinstance(e, Notice)] == pytest.approx([0.1, 0.7])
    assert run.summary.samples_lost == 8000
    assert run.summary.notices == {"overrun": 4}
    assert run.summary.audio_seconds == pytest.approx(0.8)
    assert run.summary.steps == steps_in(0.8)


def test_a_night_without_a_microphone_is_not_computed(bundle: Bundle, script: Script) -> None:
    script.items = (
        block(1.0),
        SourceNotice("lost", "gone"),
        SourceNotice("back", "back"),
        block(1.0, lost=36_000),
        block(1.0),
        Boundary(Path("next.wav")),
        block(1.0),
    )
    run = run_of(bundle, session(bundle), "script:")
    words = [e for e in run if isinstance(e, Result)]
    assert [w.time for w in words] == pytest.approx([HEARD_AT, 36_001 + HEARD_AT, HEARD_AT])
    assert [w.source for w in words] == ["script", "script", "next.wav"]
    assert all(0 <= w.age < PATIENCE for w in words)
    assert run.summary.samples_lost == 36_000 * RATE
    assert run.summary.steps == steps_in(1.0) + steps_in(2.0) + steps_in(1.0)
    assert run.summary.audio_seconds == pytest.approx(36_004)


def test_however_sound_is_cut_the_same_is_heard(bundle: Bundle, script: Script) -> None:
    for size in (0.001, 0.013, 0.04, 0.3, 2.0):
        count = round(2.0 / size)
        script.items = tuple(block(size) for _ in range(count))
        run = run_of(bundle, session(bundle), "script:")
        assert [e.time for e in run] == pytest.approx([HEARD_AT])
        assert run.summary.steps == steps_in(count * size)


def test_an_error_of_the_source_comes_out(bundle: Bundle, script: Script, tmp_path: Path) -> None:
    def broken() -> Iterator[Item]:
        yield block(1.0)
        raise SourceError("it broke")

    script.items = broken()  # type: ignore[assignment]
    run = run_of(bundle, session(bundle), "script:")
    with pytest.raises(SourceError, match="it broke"):
        run.deliver([f"jsonl:{tmp_path}/out"], lambda text: None)
    assert run.summary.detections == {"yes": 1} and run.summary.audio_seconds == 1.0
    assert len((tmp_path / "out").read_text().splitlines()) == 1


def test_without_sinks_the_source_is_let_go(bundle: Bundle, script: Script, tmp_path: Path) -> None:
    run = run_of(bundle, session(bundle), "script:")
    with pytest.raises(SinkError):
        run.deliver([f"jsonl:{tmp_path}"], lambda text: None)
    assert script._closed


def test_a_full_disk_does_not_stop_it(bundle: Bundle, tmp_path: Path) -> None:
    said: list[str] = []
    run = run_of(bundle, session(bundle), str(write(tmp_path / "a.wav", 1.0)))
    summary = run.deliver(["jsonl:/dev/full", f"jsonl:{tmp_path}/out"], said.append)
    assert summary.sink_failures == 1 and "No space left" in said[0]
    assert summary.audio_seconds == 1.0
    assert len((tmp_path / "out").read_text().splitlines()) == 1


def test_another_thread_may_stop_it(bundle: Bundle) -> None:
    run = run_of(bundle, session(bundle), "null:")  # without end
    threading.Timer(0.2, run.stop).start()
    list(run)
    assert run.summary.audio_seconds > 0
    stopped = run_of(bundle, session(bundle), "null:")
    stopped.stop()
    assert list(stopped) == []


class TestFromPython:
    def test_words_alone_come_out(
        self, fake_bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        write(tmp_path / "a.wav", 1.0)
        (tmp_path / "b.wav").write_bytes(b"no sound")
        with caplog.at_level(logging.WARNING, "edgenets"):
            words = list(edgenets.run(fake_bundle, tmp_path, backend="null"))
        assert [(w.label, round(w.time, 2)) for w in words] == [("yes", 0.21)]
        assert "b.wav" in caplog.text
        notices: list[Notice] = []
        list(
            edgenets.run(
                zoo.load(fake_bundle), str(tmp_path), backend="null", notice=notices.append
            )
        )
        assert [r.kind for r in notices] == ["skipped"]

    def test_an_iterator_that_is_dropped_lets_go(self, fake_bundle: Path) -> None:
        endless = edgenets.run(fake_bundle, "null:", backend="null")
        assert next(endless).label == "yes"
        endless.close()  # type: ignore[attr-defined]

    def test_errors(self, fake_bundle: Path) -> None:
        with pytest.raises(SourceError):
            edgenets.run(fake_bundle, "nothing.wav", backend="null")
        with pytest.raises(BackendError, match="nothing for onnx; it has tflite-fp32"):
            edgenets.run(fake_bundle, "null:1", backend="onnx")
        with pytest.raises(BackendError, match="no backend 'abacus'"):
            edgenets.run(fake_bundle, "null:1", backend="abacus")
        with pytest.raises(AttributeError):
            edgenets.walk  # noqa: B018  an attribute that is not there


class TestCommand:
    def test_for_people(self, fake_bundle: Path, tmp_path: Path, call: Call) -> None:
        done = call("run", fake_bundle, write(tmp_path / "a.wav", 2.0), *NULL)
        assert done.code == 0
        (line,) = done.out.splitlines()
        assert "yes" in line and "0.25" in line and "0.21 s" in line
        assert "listening to" in done.err and "heard yes ×1 in 2.0 s" in done.err

    def test_json_is_one_object(self, fake_bundle: Path, tmp_path: Path, call: Call) -> None:
        done = call("run", fake_bundle, write(tmp_path / "a.wav", 2.0), *NULL, "--json")
        found = done.json()
        assert done.code == 0 and found["detections"] == {"yes": 1}
        assert found["steps"] == steps_in(2.0) and found["cpu_ms_per_audio_s"] > 0
        assert "yes" in done.err

    def test_json_and_lines_on_stdout_are_no_one_object(
        self, fake_bundle: Path, call: Call
    ) -> None:
        for sink in ("jsonl:-", "jsonl:", "console:", "console:stdout"):
            done = call("run", fake_bundle, "null:1", *NULL, "--sink", sink, "--json")
            assert done.code == 2 and done.json()["kind"] == "usage"

    def test_several_sinks(self, fake_bundle: Path, tmp_path: Path, call: Call) -> None:
        sinks = ("--sink", "jsonl:-", "--sink", f"jsonl:{tmp_path}/out")
        done = call("run", fake_bundle, "null:2", *NULL, *sinks)
        assert done.out == (tmp_path / "out").read_text()
        assert json.loads(done.out)["word"] == "yes"

    @pytest.mark.parametrize(
        ("options", "heard"),
        [
            (["0.26"], {}), (["0.2"], {"yes": 1}), (["yes=0.26"], {}), (["no=0.9"], {"yes": 1}),
            (["0.9", "yes=0.2"], {"yes": 1}), (["yes=0.2", "0.9"], {}),
        ],
    )  # fmt: skip
    def test_thresholds(
        self, fake_bundle: Path, call: Call, options: list[str], heard: dict[str, int]
    ) -> None:
        given = [part for option in options for part in ("--threshold", option)]
        done = call("run", fake_bundle, "null:1", *NULL, *given, "--json")
        assert done.json()["detections"] == heard

    @pytest.mark.parametrize(
        "options",
        [
            ("--threshold", "2"), ("--threshold", "0"), ("--threshold", "nan"),
            ("--threshold", "x"),
            ("--threshold", "maybe=0.5"), ("--threshold", "yes="), ("--threshold", ""),
            ("--seconds", "0"), ("--seconds", "nan"), ("--seconds", "inf"), ("--seconds", "-1"),
            ("--threads", "0"), ("--backend", "abacus"), ("--precision", "int4"),
            ("--sink", "mqtt:"), ("--sink", "jsonl:/"), ("--sink", ""),
        ],
    )  # fmt: skip
    def test_wrong_options(self, fake_bundle: Path, call: Call, options: tuple[str, str]) -> None:
        done = call(
            "run",
            fake_bundle,
            "null:1",
            *options,
            *(NULL if options[0] != "--backend" else ()),
            "--json",
        )
        assert done.code == 2 and done.json().keys() == {"error", "kind"}
        assert "Traceback" not in done.err

    @pytest.mark.parametrize("source", ["nothing.wav", "nowhere/", "radio:1", "", "null:x", "."])
    def test_wrong_sources(
        self,
        fake_bundle: Path,
        call: Call,
        source: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = call("run", fake_bundle, source, *NULL, "--json")
        assert done.code == 2 and done.json()["kind"] == "SourceError"
        assert len(done.err.splitlines()) == 1


def pcm(seconds: float) -> bytes:
    rng = np.random.default_rng(0)
    return audio.float_to_pcm16(0.1 * rng.standard_normal(round(seconds * RATE))).tobytes()


class TestProcess:
    def test_standard_input(self, fake_bundle: Path) -> None:
        running = spawn("run", fake_bundle, "-", *NULL, "--json", stdin=subprocess.PIPE, text=False)
        out, err = running.communicate(pcm(1.5), PATIENCE)
        found = json.loads(out)
        assert running.returncode == 0 and found["detections"] == {"yes": 1}, err
        assert found["audio_seconds"] == 1.5 and found["steps"] == steps_in(1.5)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_with_its_summary(self, fake_bundle: Path, number: int) -> None:
        """While it waits for sound on a pipe, and while it hears endless silence."""
        for source in ("-", "null:"):
            running = spawn(
                "run",
                fake_bundle,
                source,
                *NULL,
                "--sink",
                "console:stderr",
                "--json",
                stdin=subprocess.PIPE,
            )
            assert running.stderr is not None
            until(running.stderr, "listening to")
            if source == "null:":
                until(running.stderr, "yes")
            running.send_signal(number)
            out, err = running.communicate(timeout=PATIENCE)
            assert running.returncode == 0, err
            assert json.loads(out)["detections"] == ({"yes": 1} if source == "null:" else {})
            assert "Traceback" not in err

    def test_a_reader_that_leaves_does_not_stop_it(self, fake_bundle: Path, tmp_path: Path) -> None:
        """`edgenets run … | head -0`, with another sink."""
        sinks = ("--sink", "jsonl:-", "--sink", f"jsonl:{tmp_path}/out")
        running = spawn("run", fake_bundle, "-", *NULL, *sinks, stdin=subprocess.PIPE, text=False)
        assert running.stdout is not None
        running.stdout.close()
        running.stdout = None
        _, err = running.communicate(pcm(1.0), PATIENCE)
        text = err.decode()
        assert running.returncode == 3, text
        assert "Broken pipe" in text and "1 result not delivered" in text
        assert "Traceback" not in text and "Exception ignored" not in text
        assert len((tmp_path / "out").read_text().splitlines()) == 1


def until(lines: Any, text: str) -> None:
    """Read lines until one holds a text."""
    for line in lines:
        if text in line:
            return
    raise AssertionError(f"it ended without saying {text!r}")


def test_a_bundle_by_a_strange_name(tmp_path: Path, call: Call) -> None:
    path = make_fake(tmp_path / "na\udcffme [1] ü.edge")
    done = call("run", path, "null:1", *NULL, "--json")
    assert done.code == 0 and done.json()["bundle"] == str(path)
