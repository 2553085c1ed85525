"""Sinks: the contract of all, and that one which fails stops neither the run nor the others."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgenets.errors import SinkError
from edgenets.events import (
    Anomaly,
    Classified,
    Forecast,
    Notice,
    Result,
    Seen,
    Suggested,
    Transcript,
    Written,
)
from edgenets.runtime import sinks
from edgenets.runtime.sinks import SINKS, Sinks, open_sink, remote
from edgenets.tasks.vision.results import Found

RESULT = Result("mic:default", "yes", 0.87654, 1.23456, 0.0123456)
REMARK = Notice("mic:default", "overrun", "0.10 s of sound were dropped", 2.5)
NAMELESS = Notice("a\udcff.wav", "skipped", "a\udcff.wav: ünreadable ✗", 0.0)

PICTURE = np.full((48, 64, 3), 90, np.uint8)
SEEN = Seen(
    "camera:0", 7, 0.25, 0.0123, (Found("cat", 0.875, (1.0, 2.0, 30.0, 40.0), track=3),),
    image=PICTURE, labels=("cat", "dog"),
)  # fmt: skip

EVENTS = (RESULT, REMARK, NAMELESS, SEEN)

WAVE = np.linspace(1, 2, 12).reshape(6, 2)
READ = (
    Transcript("speech.wav", "four", True, 0.5, 0.9, 1.2, 0.03),
    Classified("-", "fine\x1b[2J film", "pos", 0.9, {"neg": 0.1, "pos": 0.9}, 2, 1, 3, 0.1, 0.001),
    Written("'the'", " cat", 0.5, 0, 0.1),
    Suggested("-", "the c", (("cat", 0.7), ("cow", 0.2)), 1, 0.1, 0.001),
    Forecast("t.csv", ("a", "b"), WAVE, WAVE - 1, WAVE + 1, 24, 25, 0.0, 3600.0, 0.1, 0.001),
    Forecast("t.csv", ("a", "b"), WAVE, None, None, 24, 25, None, None, 0.1, 0.001),
    Anomaly("t.csv", "load", 9.0, 3.0, 1.3, True, 7, None, 0.1, 0.001),
)  # fmt: skip

# A place that each can write to; a port on which nobody listens is none that it complains of.
PLACES = {
    "console": "console:", "jsonl": "jsonl:{folder}/out.jsonl", "video": "video:{folder}/out.mp4",
    "frames": "frames:{folder}/out", "mqtt": "mqtt://127.0.0.1:1/topic",
    "mqtts": "mqtts://127.0.0.1:1/topic",
    "http": "http://127.0.0.1:1/hook", "https": "https://127.0.0.1:1/hook", "web": "web:0",
}  # fmt: skip

REMOTE = ("mqtt", "mqtts", "http", "https")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for servers that are not there."""
    monkeypatch.setattr(remote, "LAST_WAIT", 0.2)


@pytest.mark.parametrize("scheme", SINKS)
class TestContract:
    def test_it_loads_and_takes_every_event(self, scheme: str, tmp_path: Path) -> None:
        sink = open_sink(PLACES[scheme].format(folder=tmp_path))
        for event in (*EVENTS, *READ):
            sink.write(event)
        if scheme in REMOTE:  # what was not delivered is said
            with pytest.raises(SinkError, match="could not be sent"):
                sink.close()
        else:
            sink.close()
            sink.close()  # may be called again

    def test_its_module_says_what_it_is(self, scheme: str) -> None:
        module = importlib.import_module(SINKS[scheme])
        assert f"`{scheme}:" in (module.__doc__ or "") or f"`{scheme}://" in (module.__doc__ or "")
        assert module.open_sink.__doc__


@pytest.mark.parametrize("scheme", ["console", "jsonl"])
def test_it_delivers_at_once(
    scheme: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sink = open_sink(PLACES[scheme].format(folder=tmp_path))
    sink.write(RESULT)
    path = tmp_path / "out.jsonl"
    found = path.read_text() if path.exists() else capfd.readouterr().out
    assert "yes" in found and found.endswith("\n") and found.count("\n") == 1
    sink.close()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("", "no such sink"), ("console", "no such sink; there are console:, jsonl:"),
        ("kafka://host/topic", "no such sink"), ("mqtt://host", "mqtt://host/topic"),
        ("mqtt://host/a/#", "without #"), ("mqtt://host:port/a", "mqtt"),
        ("http:///x", "a host and perhaps"),
        ("http://u:p@host/x", "without a user"), ("http://host:abc/x", "a host and perhaps"),
        ("video:out.gif", "ends in .mp4"), ("video:/nonexistent/a.mp4", "no folder"),
        ("frames:x?most=0", "most=500"), ("frames:x?size=1", "options are"),
        ("web:", "a port is needed"), ("web:99999", "a port is needed"),
        ("web:0?host=0.0.0.0", "a token is needed"), ("web:0?token=short", "12 characters"),
        ("web:0?host=192.0.2.1&token=abcdefghijklmnop", "192.0.2.1"),
        ("console:printer", "there are console: and"),
        ("jsonl:/nonexistent/x.jsonl", "cannot be written"), ("jsonl:/", "cannot be written"),
        ("jsonl:" + "x" * 300, "cannot be written"), ("jsonl:a\0b", "cannot be written"),
    ],
)  # fmt: skip
def test_what_is_no_sink(uri: str, says: str) -> None:
    with pytest.raises(SinkError, match=says):
        open_sink(uri)


def test_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for _ in range(2):  # it appends
        sink = open_sink(f"jsonl:{path}")
        for event in EVENTS:
            sink.write(event)
        sink.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[:4] == lines[4:]
    assert lines[0] == {
        "event": "detection", "source": "mic:default", "word": "yes", "score": 0.8765,
        "time": 1.235, "age_ms": 12.35,
    }  # fmt: skip
    assert lines[1]["event"] == "overrun" and lines[1]["text"] == REMARK.text
    assert lines[2]["source"] == NAMELESS.source
    assert lines[3] == {
        "event": "seen", "source": "camera:0", "frame": 7, "time": 0.25, "age_ms": 12.3,
        "found": [{"label": "cat", "score": 0.875, "box": [1.0, 2.0, 30.0, 40.0], "track": 3}],
    }  # fmt: skip


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"event": "detec')
    sink = open_sink(f"jsonl:{path}")
    sink.write(RESULT)
    sink.write(RESULT)
    sink.close()
    half, *whole = path.read_text().splitlines()
    assert half == '{"event": "detec'
    assert [json.loads(line)["word"] for line in whole] == ["yes", "yes"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_any_terminal_will_do(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    sink = open_sink("console:")
    for event in EVENTS:
        sink.write(event)
    lines = raw.getvalue().decode(encoding).splitlines()
    assert len(lines) == 4 and "\x1b" not in lines[0] and "cat" in lines[3]
    assert "yes" in lines[0] and "0.88" in lines[0] and "12.3 ms" in lines[0]
    assert "overrun: 0.10 s" in lines[1]


def test_texts_and_series_are_told_as_people_read_them(capsys: pytest.CaptureFixture[str]) -> None:
    sink = open_sink("console:")
    for event in READ:
        sink.write(event)
    out = capsys.readouterr().out
    assert "fine·[2J film" in out and "(1 of 2 unknown)" in out and "\x1b" not in out
    assert " cat" in out and "cat 0.70  cow 0.20" in out
    assert "after 1970-01-01 00:00:00: 6 readings ahead, from 24" in out and "▁" in out
    assert "! line 7  load         9 where 3 is usual, 1.30 of the record" in out


def test_stderr_is_for_people_beside_json(capsys: pytest.CaptureFixture[str]) -> None:
    open_sink("console:stderr").write(RESULT)
    out, err = capsys.readouterr()
    assert out == "" and "yes" in err


class Straw:
    """A sink that fails when it is told to."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.error: Exception | None = None
        self.opened = self.closed = 0

    def open_sink(self, rest: str) -> Straw:
        if isinstance(self.error, OSError):
            raise self.error
        self.opened += 1
        return self

    def write(self, event: object) -> None:
        if self.error is not None:
            raise self.error
        self.events.append(event)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def straw(monkeypatch: pytest.MonkeyPatch) -> Straw:
    made, module = Straw(), ModuleType("straw_sink")
    module.open_sink = made.open_sink  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "straw_sink", module)
    monkeypatch.setitem(SINKS, "straw", "straw_sink")
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    monkeypatch.setattr(sinks.time, "monotonic", lambda: now[0])
    yield now


FAULTS = [
    OSError(errno.ENOSPC, "No space left on device"), BrokenPipeError(errno.EPIPE, "Broken pipe"),
    SinkError("the broker is gone"), ValueError("I/O operation on closed file"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_one_that_fails_stops_no_other_and_comes_back(
    fault: Exception, straw: Straw, clock: list[float], tmp_path: Path
) -> None:
    said: list[str] = []
    path = tmp_path / "out.jsonl"
    several = Sinks(["straw:", f"jsonl:{path}", "straw:"], said.append)
    several.write(RESULT)
    assert len(straw.events) == 2 and several.failures == 0
    straw.error = fault
    for _ in range(3):
        several.write(RESULT)
    assert several.failures == 6  # three events, two sinks
    assert len(said) == 2 and all("straw:: failed" in text for text in said)  # once each
    assert str(fault) in said[0]
    clock[0] += sinks.REOPEN_AFTER + 1
    if isinstance(fault, OSError):
        several.write(RESULT)  # tried, and in vain
        assert several.failures == 8 and len(said) == 2
        clock[0] += sinks.REOPEN_AFTER + 1
    straw.error = None
    several.write(REMARK)
    assert straw.events[-2:] == [REMARK, REMARK]
    assert said[2:] == ["straw:: works again"] * 2
    several.close()
    assert len(path.read_text().splitlines()) == 5 + isinstance(fault, OSError)


def test_one_that_fails_as_it_is_closed(straw: Straw, tmp_path: Path) -> None:
    said: list[str] = []
    several = Sinks(["straw:", f"jsonl:{tmp_path}/out"], said.append)
    straw.error = OSError("gone")
    several.close()
    assert several.failures == 1 and said == ["straw:: failed as it was closed: gone"]


def test_one_that_cannot_be_opened_is_the_users_to_see(straw: Straw, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot be written"):
        Sinks(["straw:", f"jsonl:{tmp_path}"], lambda text: None)
    assert straw.opened == straw.closed == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(tmp_path: Path, clock: list[float]) -> None:
    said: list[str] = []
    several = Sinks(["jsonl:/dev/full", f"jsonl:{tmp_path}/out"], said.append)
    for _ in range(3):
        several.write(RESULT)
    assert several.failures == 3 and len(said) == 1 and "No space left" in said[0]
    clock[0] += sinks.REOPEN_AFTER
    several.write(RESULT)
    assert several.failures == 4
    several.close()
    assert len((tmp_path / "out").read_text().splitlines()) == 4


def test_a_pipe_without_a_reader(tmp_path: Path, clock: list[float]) -> None:
    """Nothing waits: not for a reader to come, nor for one that does not read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SinkError, match="cannot be written"):
        open_sink(f"jsonl:{pipe}")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    said: list[str] = []
    several = Sinks([f"jsonl:{pipe}", f"jsonl:{tmp_path}/out"], said.append)
    several.write(RESULT)
    assert json.loads(os.read(reader, 1000))["word"] == "yes"
    os.close(reader)
    several.write(RESULT)
    clock[0] += sinks.REOPEN_AFTER
    several.write(RESULT)
    assert several.failures == 2 and len(said) == 1
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    clock[0] += sinks.REOPEN_AFTER
    several.write(RESULT)
    assert json.loads(os.read(reader, 1000))["word"] == "yes"
    for _ in range(2000):  # a pipe holds 64 kB
        several.write(RESULT)
    assert several.failures > 2
    several.close()
    os.close(reader)
    assert len((tmp_path / "out").read_text().splitlines()) == 2004


def test_files_are_made_as_others_make_theirs(tmp_path: Path) -> None:
    open_sink(f"jsonl:{tmp_path}/out").close()
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out", "other")}
    assert len(modes) == 1
