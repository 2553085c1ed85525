"""Edges of the process: streams that are closed or full, readers that leave, signals, terminals."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import itertools
import json
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.bundles import fake_bundle
from tests.commands import PATIENCE, spawn
from tests.test_stream_run import NULL, pcm, until, write
from tests.vision import models, servers

__all__ = ["fake_bundle"]  # a fixture

# The reader of stdout has left; a busy machine may take as long again.
AT_ONCE = 2.0  # s


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "reds.edge", models.DETECT).path


def shell(redirection: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`edgenets` as a shell runs it."""
    words = [sys.executable, "-m", "edgenets.cli.main", *map(str, arguments)]
    command = f"{shlex.join(words)} {redirection}"
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE, input=""
    )


class TestStreams:
    @pytest.mark.parametrize(
        "closed", [c for n in (1, 2, 3) for c in itertools.combinations("012", n)], ids="".join
    )
    def test_closed_ones_end_nothing(
        self, closed: tuple[str, ...], fake_bundle: Path, tmp_path: Path
    ) -> None:
        sound, out = write(tmp_path / "a.wav", 1.0), tmp_path / "out.jsonl"
        redirection = " ".join(f"{'<' if n == '0' else n + '>'}&-" for n in closed)
        sinks = ("--sink", f"jsonl:{out}", "--sink", "console:")
        done = shell(redirection, "run", fake_bundle, sound, *NULL, *sinks)
        assert done.returncode == (3 if "1" in closed else 0), done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert [json.loads(line)["word"] for line in out.read_text().splitlines()] == ["yes"]
        assert "yes" in done.stdout or "1" in closed

    def test_nothing_is_read_where_stdin_is_closed(self, fake_bundle: Path) -> None:
        done = shell("<&-", "run", fake_bundle, "-", *NULL)
        assert done.returncode == 2 and "standard input cannot be read" in done.stderr

    def test_other_commands_say_that_stdout_fails(self) -> None:
        for redirection in (">&-", ">/dev/full"):
            done = shell(redirection, "zoo")
            assert done.returncode == 2 and len(done.stderr.splitlines()) == 1

    @pytest.mark.parametrize(("full", "code"), [(">/dev/full", 3), ("2>/dev/full", 0)])
    def test_full_ones(self, full: str, code: int, fake_bundle: Path, tmp_path: Path) -> None:
        done = shell(full, "run", fake_bundle, write(tmp_path / "a.wav", 1.0), *NULL)
        assert done.returncode == code
        assert ("1 result not delivered" in done.stderr) == (code == 3)


@contextlib.contextmanager
def stalling(images: int) -> Iterator[str]:
    """The URL of an MJPEG stream that falls silent, and stays connected."""
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            data = bytes(cv2.imencode(".jpg", np.full((120, 160, 3), 90, np.uint8))[1])
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            for _ in range(images):
                self.wfile.write(head.encode() + data + b"\r\n")
            over.wait(PATIENCE)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def leave(running: subprocess.Popen[str]) -> tuple[float, str]:
    """Close what reads its stdout; how long it goes on, s, and what it said."""
    assert running.stdout is not None and running.stderr is not None
    running.stdout.close()
    begun = time.monotonic()
    running.wait(PATIENCE)
    took = time.monotonic() - begun
    return took, running.stderr.read()


class TestReader:
    """`edgenets run … | head -1` ends when `head` does, and says nothing of it."""

    @pytest.mark.parametrize("sinks", [(), ("--sink", "jsonl:-"), ("--sink", "console:") * 2])
    def test_of_results_that_do_not_come(self, fake_bundle: Path, sinks: tuple[str, ...]) -> None:
        """It waits for a pipe on which nothing comes."""
        running = spawn("run", fake_bundle, "-", *NULL, *sinks, stdin=subprocess.PIPE)
        assert running.stderr is not None
        until(running.stderr, "listening to")
        took, err = leave(running)
        assert running.returncode == 141 and err == "" and took < AT_ONCE

    def test_of_results_that_come_and_come(self, fake_bundle: Path) -> None:
        running = spawn("run", fake_bundle, "null:", *NULL, "--sink", "jsonl:-")
        assert running.stdout is not None and "yes" in running.stdout.readline()
        took, err = leave(running)
        assert running.returncode == 141 and took < AT_ONCE and "fail" not in err

    @pytest.mark.parametrize("kind", ["runs", "stalls", "gone"])
    def test_of_a_camera(self, kind: str, detect: Path) -> None:
        with contextlib.ExitStack() as stack:
            url = stack.enter_context(servers.mjpeg(5) if kind == "gone" else stalling(5))
            if kind == "runs":
                url = stack.enter_context(servers.mjpeg())
            running = spawn("run", detect, url, "--sink", "jsonl:-")
            assert running.stdout is not None and "seen" in running.stdout.readline()
            if kind == "gone":
                stack.close()
            if kind != "runs":
                until(running.stdout, '"lost"' if kind == "gone" else '"stale"')
            took, err = leave(running)
        assert running.returncode == 141 and took < AT_ONCE, err
        assert len(err.splitlines()) == 2  # what is said as it begins

    def test_one_of_several_sinks_goes_alone(self, fake_bundle: Path, tmp_path: Path) -> None:
        """With another sink there is something to run for; stdout is not opened again."""
        sinks = ("--sink", "console:", "--sink", f"jsonl:{tmp_path}/out")
        running = spawn("run", fake_bundle, "-", *NULL, *sinks, stdin=subprocess.PIPE, text=False)
        assert running.stdout is not None
        running.stdout.close()
        running.stdout = None
        _, err = running.communicate(pcm(3.0), PATIENCE)
        text = err.decode()
        assert running.returncode == 3 and "its reader has left" in text
        assert "works again" not in text and "(console: ×1)" in text
        assert len((tmp_path / "out").read_text().splitlines()) == 1


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TestSignals:
    @pytest.fixture(autouse=True)
    def not_by_nohup(self) -> Iterator[None]:
        """Tests that are run by `nohup` ignore SIGHUP, and what they start inherits that."""
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGHUP, before)

    @pytest.mark.parametrize("number", ENDING)
    def test_files_are_whole_and_the_summary_comes(
        self, number: int, detect: Path, tmp_path: Path
    ) -> None:
        sinks = [f"--sink=video:{tmp_path}/v.mp4", f"--sink=jsonl:{tmp_path}/o.jsonl"]
        with servers.mjpeg() as url:
            running = spawn("run", detect, url, *sinks, "--json")
            until_lines(tmp_path / "o.jsonl", 10)
            running.send_signal(number)
            out, err = running.communicate(timeout=PATIENCE)
        lines = (tmp_path / "o.jsonl").read_text().splitlines()
        frames = json.loads(out)["frames"]
        assert running.returncode == 0, err
        assert sum(frames.values()) == len([x for x in map(json.loads, lines) if "found" in x])
        assert count_of(tmp_path / "v.mp4") == len(lines)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["o.jsonl", "v.mp4"]

    def test_nohup_is_heeded(self, fake_bundle: Path) -> None:
        running = spawn(
            "run", fake_bundle, "-", *NULL, stdin=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )  # fmt: skip
        assert running.stderr is not None
        until(running.stderr, "listening to")
        running.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE) == 0

    @pytest.mark.parametrize("number", ENDING)
    def test_a_second_one_ends_it_at_once(self, number: int, fake_bundle: Path) -> None:
        """The first waits for a server that is not there."""
        sinks = ("--sink", f"http://127.0.0.1:{servers.free_port()}/", "--sink", "jsonl:-")
        running = spawn("run", fake_bundle, "null:", *NULL, *sinks)
        assert running.stdout is not None and "yes" in running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert running.poll() is None
        running.send_signal(number)
        assert running.wait(AT_ONCE) == -number


def until_lines(path: Path, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def count_of(video: Path) -> int:
    capture = cv2.VideoCapture(str(video))
    count = 0
    while capture.read()[0]:
        count += 1
    return count


class TestStandardInput:
    @pytest.mark.parametrize("before", [True, False])
    @pytest.mark.parametrize("source", ["-", "-?", "-?format=s16le", "-?rate=16000&channels=1"])
    def test_it_is_a_source_wherever_it_stands(
        self, source: str, before: bool, fake_bundle: Path
    ) -> None:
        options = [*NULL, "--threshold", "0.2"]
        arguments = [source, *options] if before else [*options, source]
        running = spawn("run", fake_bundle, *arguments, stdin=subprocess.PIPE, text=False)
        out, err = running.communicate(pcm(1.0), PATIENCE)
        assert running.returncode == 0 and b"yes" in out, err

    @pytest.mark.parametrize("wrong", ["-x", "--no-such", "-f=1"])
    def test_other_words_with_a_dash_are_options(self, wrong: str, fake_bundle: Path) -> None:
        done = shell("", "run", fake_bundle, wrong, *NULL)
        assert done.returncode == 2 and "No such option" in done.stderr


class TestTerminal:
    """What is shown is for who looks: NO_COLOR, FORCE_COLOR, TERM, and the width."""

    @pytest.mark.parametrize(
        ("environment", "terminal", "colors"),
        [
            ({}, True, True), ({}, False, False),
            ({"NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True),
            ({"FORCE_COLOR": "1"}, False, True), ({"FORCE_COLOR": "0"}, False, False),
            ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
            ({"TERM": "dumb"}, True, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("what", ["run", "zoo", "wrong"])
    def test_colors(
        self, what: str, environment: dict[str, str], terminal: bool, colors: bool,
        fake_bundle: Path, tmp_path: Path,
    ) -> None:  # fmt: skip
        words: list[object] = [what]
        if what == "run":
            words += [fake_bundle, write(tmp_path / "a.wav", 1.0), *NULL]
        if what == "wrong":
            words = ["run", fake_bundle, "nothing.wav", *NULL]
        shown = on_terminal(words, environment) if terminal else piped(words, environment)
        assert ("\x1b[" in shown) == colors, shown

    @pytest.mark.parametrize("columns", [20, 40, 60, 100, 200])
    def test_tables_are_no_wider_than_it(self, columns: int, fake_bundle: Path) -> None:
        for words in (["zoo"], ["device", "list"], ["inspect", fake_bundle]):
            lines = on_terminal(words, {"NO_COLOR": "1"}, columns).splitlines()
            table = lines[2:] if words[0] == "inspect" else lines
            assert max(len(line.rstrip()) for line in table) <= columns
            assert len(lines) > 2

    def test_events_fit_a_narrow_one(self, fake_bundle: Path, tmp_path: Path) -> None:
        words = ["run", fake_bundle, write(tmp_path / "a.wav", 1.0), *NULL]
        shown = on_terminal(words, {"NO_COLOR": "1"}, 40)
        (line,) = [x for x in shown.splitlines() if "0.21 s" in x]
        assert len(line) <= 40 and "0.25" in line and "30." in line


def environment_of(changes: dict[str, str]) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**plain, "TERM": "xterm-256color", **changes}


def piped(words: list[object], environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "edgenets.cli.main", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment_of(environment), timeout=PATIENCE
    )
    return done.stdout + done.stderr


def on_terminal(words: list[object], environment: dict[str, str], columns: int = 100) -> str:
    """What a command shows on a terminal of its own."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "edgenets.cli.main", *map(str, words)]
    running = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment_of(environment)
    )
    os.close(its)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while data := os.read(ours, 65536):
            shown += data
    running.wait(PATIENCE)
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")
