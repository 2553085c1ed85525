"""Secrets are in no output: a marker is planted in each secret place, and each exit is searched."""

from __future__ import annotations

import http.server
import json
import os
import signal
import stat
import string
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets import credentials, redaction
from edgenets.credentials import NAMES, credential, with_user
from edgenets.devices.deploy.needs import ServeOptions, without_secrets
from edgenets.errors import EdgenetsError, SourceError
from edgenets.events import Notice
from edgenets.redaction import HARMLESS, redacted, redacted_uri
from edgenets.uri import resolved
from tests.bundles import fake_bundle
from tests.commands import PATIENCE
from tests.devices.board import Board
from tests.devices.test_keeper import board
from tests.test_stream_run import NULL, write
from tests.vision import models, servers

__all__ = ["board", "fake_bundle"]  # fixtures

MARK = "M4rk3r"

PLACES = (
    "rtsp://u:{0}@h/a", "rtsp://{0}@h:1/a", "rtsp://{0}:p@h/a", "rtsp://u:x@{0}@h/a",
    "rtsp://u:x/{0}@h/a", "rtsp://u:x?{0}@h/a", "rtsp://u:x#{0}@h/a", "rtsp://u:{0}@[::1]:1/a",
    "http://h/x?loginpas={0}", "http://h/x?a=1&pwd={0}", "http://h/x?auth={0}&rate=3",
    "http://h/x?{0}", "http://h/x?a=b;key={0}", "http://h/x?a=1?token={0}", "http://h/x#{0}",
    "http://h/x?rate=1#k={0}", "http://h/x?rate={0}{0}{0}{0}{0}", "HTTP://U:{0}@H/X",
    "mqtts://u:{0}@h/t", "foo+bar.1://u:{0}@h/t", "foo://h/?x={0}", "rtsp:/u:{0}@h/a",
    "rtsp:u:{0}@h/a", "rtsp//u:{0}@h/a", "//u:{0}@h", "u:{0}@h/a", "http:///x?key={0}",
    "http://h:port/x?key={0}", "http://[::1/x?key={0}", "web:8080?token={0}",
    "web:8080?host=0.0.0.0&token={0}", "frames:x?secret={0}", "rtsp://h/user=a&password={0}&c=1",
    "rtsp://h/user=admin_password={0}_channel=1.sdp", "http:h/x?{0}", "ftp://u:{0}@h",
)  # fmt: skip

AROUND = (
    "{}", "error: {}: failed", "HTTPConnectionPool(host='h'): Max retries with url: {} (Caused by",
    "[tcp @ 0x55] Connection to {} failed: refused", '"{}"', "({})", "'{}',", "<{}>", "{}\n{}",
    "a {} and b http://x/y?rate=30 and {}",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_of_a_uri_is_shown(place: str) -> None:
    uri = place.format(MARK)
    assert MARK not in redacted_uri(uri)
    for around in AROUND:
        text = around.format(*[uri] * around.count("{}"))
        assert MARK not in redacted(text), redacted(text)
        assert MARK not in str(SourceError(text)) and MARK not in Notice("s", "k", text, 0.0).text
    assert redacted(redacted(uri)) == redacted(uri)


# What a password may hold where nobody has escaped it, but for spaces and quotes.
PASSWORD = st.text(
    [c for c in string.printable if not c.isspace() and c not in "\"'<>`"], min_size=1, max_size=12
)
WORD = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)


@given(PASSWORD, PASSWORD, st.sampled_from(["rtsp", "http", "mqtt", "mqtts", "x-y.z", "RTSPS"]))
def test_no_password_is_shown_whatever_is_in_it(before: str, behind: str, scheme: str) -> None:
    uri = f"{scheme}://user:{before}{MARK}{behind}@host:1/path"
    assert MARK not in redacted_uri(uri) and MARK not in redacted(f"x {uri}: no")
    assert redacted_uri(uri).startswith(f"{scheme}://host:1")


@given(WORD.filter(lambda name: name.lower() not in HARMLESS))
def test_no_value_of_an_unknown_name_is_shown(name: str) -> None:
    for mark in "?&":
        uri = f"http://host/x?rate=3{mark}{name}={MARK}&width=640"
        shown = redacted_uri(uri)
        assert MARK not in shown and "rate=3" in shown and "width=640" in shown


@pytest.mark.parametrize(
    "plain",
    [
        "camera:0?size=1920x1080&fps=30", "-?format=f32le&rate=8000&channels=2", "jsonl:out.jsonl",
        "mqtt://host:1883/meter/#", "http://host:8080/stream.mjpg", "recordings/a b/words.wav",
        "line 3, 12:30: a=b", "pi@raspberry.local: no route", "see https://no-color.org/ for more",
        "img_??.png: no images", "2026-01-01T00:00:00+01:00", "frames:found?raw=1&every=1&most=500",
        "rtsp://camera.local:554/live/ch0-main-1080p.sdp", "is it? yes", "mqtts://h/t?ca=ca.pem",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_shown(plain: str) -> None:
    assert redacted(plain) == plain


@pytest.mark.parametrize(
    "token", ["abcDEF0123456789abcd", "12345678:AAE-abcdefghijklm", "0123456789abcdef0123456789"]
)
def test_tokens_in_paths_of_webhooks_are_not_shown(token: str) -> None:
    assert token not in redacted(f"https://hooks.example/services/{token}/send")


def test_a_password_is_left_out_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    redaction.remember_uri("rtsp://u:pass%2Fw0rd-9@h/x?pwd=qwertz-1")
    for text in ("basic pass/w0rd-9", "got pass%2Fw0rd-9", "x=qwertz-1", "pass%2fw0rd-9"[:0]):
        assert "w0rd" not in redacted(text) and "qwertz" not in redacted(text)
    redaction.remember("abc")  # too short: a word of many texts
    assert redacted("abc") == "abc"


@pytest.mark.parametrize("name", NAMES)
class TestCredentials:
    def test_in_the_environment(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert credential(name) is None
        monkeypatch.setenv(f"EDGENETS_{name}", "x")
        assert credential(name) == "x"

    def test_in_files(self, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("from a file\n")
        (tmp_path / f"edgenets.{name.lower()}").write_text("from systemd\r\n")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert credential(name) == "from systemd"
        monkeypatch.setenv(f"EDGENETS_{name}_FILE", str(tmp_path / "a"))
        assert credential(name) == "from a file"

    @pytest.mark.parametrize("fault", ["missing", "folder", "binary", "long"])
    def test_files_that_cannot_be_read(
        self, name: str, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "file"
        if fault == "folder":
            path.mkdir()
        elif fault != "missing":
            path.write_bytes(b"\xff\xfe" if fault == "binary" else b"x" * 100_000)
        monkeypatch.setenv(f"EDGENETS_{name}_FILE", str(path))
        with pytest.raises(EdgenetsError, match=f"EDGENETS_{name}_FILE"):
            credential(name)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("rtsp://h/a", "rtsp://bob:p%40%2F@h/a"), ("rtsp://x@h:1/a", "rtsp://x:p%40%2F@h:1/a"),
        ("rtsp://x:y@h/a", "rtsp://x:y@h/a"), ("rtsp://[::1]:1/", "rtsp://bob:p%40%2F@[::1]:1/"),
        ("rtsp://[::1", "rtsp://[::1"),
    ],
)  # fmt: skip
def test_a_source_gets_its_user(url: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_user(url, "SOURCE") == url
    monkeypatch.setenv("EDGENETS_SOURCE_USER", "bob")
    monkeypatch.setenv("EDGENETS_SOURCE_PASSWORD", "p@/")
    assert with_user(url, "SOURCE") == wanted


def searched(where: str, text: str) -> None:
    found = [line[:200] for line in text.splitlines() if MARK in line]
    assert not found, f"{where}: {found[:3]}"


class Hook:
    """A webhook that keeps what it is sent, and refuses some of it."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(302 if len(hook.bodies) % 2 else 404)
                self.send_header("Location", f"http://u:{MARK}@127.0.0.1:1/?x={MARK}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class TestExits:
    def test_of_a_run(self, tmp_path: Path) -> None:
        """Cameras, of which one goes away, and sinks that fail: stdout to the status file."""
        bundle = models.make_bundle(tmp_path / "reds.edge", models.DETECT).path
        hook, web = Hook(), servers.free_port()
        status, token = tmp_path / "status.json", f"{MARK}{MARK}{MARK}"
        environment = {
            **os.environ, "EDGENETS_STATUS": str(status), "PYTHONUNBUFFERED": "1",
            "EDGENETS_MQTT_USER": "bob", "EDGENETS_MQTT_PASSWORD": f"{MARK}-mqtt",
            "EDGENETS_SOURCE_USER": "bob", "EDGENETS_SOURCE_PASSWORD": f"{MARK}-source",
            "EDGENETS_SINK_TOKEN": f"{MARK}-sink",
        }  # fmt: skip
        with servers.mjpeg(count=30) as one, servers.mjpeg() as two:
            words = [
                f"{one}?pwd={MARK}&rate=20#{MARK}", two.replace("://", f"://u:{MARK}@"),
                "--sink", f"jsonl:{tmp_path}/out.jsonl", "--sink", "console:",
                "--sink", f"mqtts://bob:{MARK}@127.0.0.1:{servers.free_port()}/t",
                "--sink", f"http://127.0.0.1:{hook.port}/x?token={MARK}&redirects=1",
                "--sink", f"http://127.0.0.1:1/x?key={MARK}", "--sink", f"web:{web}?token={token}",
                "--sink", f"frames:{tmp_path}/frames",
            ]  # fmt: skip
            running = subprocess.Popen(
                [sys.executable, "-m", "edgenets.cli.main", "run", str(bundle), *words],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                servers.wait_for_port(web)
                until = time.monotonic() + PATIENCE
                while not status.exists() or '"lost"' not in (tmp_path / "out.jsonl").read_text():
                    assert time.monotonic() < until and running.poll() is None
                    time.sleep(0.1)
                time.sleep(1.5)
                for path in ("state", "metrics", "healthz", "", "nothing"):
                    searched(path, page(web, path, token))
                searched("status file", status.read_text())
            finally:
                running.send_signal(signal.SIGTERM)
                out, err = running.communicate(timeout=PATIENCE)
        hook.close()
        assert running.returncode == 3 and "302 Found to" in err and "lost:" in err
        for where, text in {
            "stdout": out, "stderr": err, "jsonl": (tmp_path / "out.jsonl").read_text(),
            "webhook": "\n".join(hook.bodies),
            "frames": "\n".join(p.name for p in (tmp_path / "frames").iterdir()),
        }.items():  # fmt: skip
            assert text
            searched(where, text)

    @pytest.mark.parametrize("debug", [(), ("--debug",)])
    @pytest.mark.parametrize("as_json", [(), ("--json",)])
    @pytest.mark.parametrize("place", PLACES)
    def test_of_a_source_or_sink_that_is_wrong(
        self, place: str, as_json: tuple[str, ...], debug: tuple[str, ...], fake_bundle: Path,
        tmp_path: Path, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        from edgenets.cli.main import main

        uri, sound = place.format(MARK), write(tmp_path / "a.wav", 0.1)
        if place.startswith(("http:/", "HTTP", "mqtts", "web", "frames")):  # these may be opened
            uri = uri.replace("://", "://:x") if "://" in uri else f"{uri}&no=1"
        for words in ([uri], [sound, "--sink", uri], [sound, "--threshold", uri]):
            with pytest.raises(SystemExit) as ended:
                main([*debug, "run", str(fake_bundle), *map(str, words), *NULL, *as_json])
            out, err = capsys.readouterr()
            assert ended.value.code in (0, 2, 3), (words, err)
            searched("stdout", out)
            searched("stderr", err)
            assert not as_json or json.loads(out)

    def test_of_faults(self, fake_bundle: Path, tmp_path: Path) -> None:
        """A fault of edgenets itself, in the main thread and in another."""
        code = f"""
import sys, threading
import edgenets.runtime.load as load_module
from edgenets.cli.main import main
def fail(*_):
    raise RuntimeError("it broke at rtsp://u:{MARK}@h/?pwd={MARK}")
def failing(*_):
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    fail()
load_module.load = failing
main([*sys.argv[1:], "run", {str(fake_bundle)!r}, "null:1", "--backend", "null"])
"""
        for debug in ([], ["--debug"]):
            done = subprocess.run(
                [sys.executable, "-c", code, *debug], capture_output=True, text=True,
                timeout=PATIENCE,
            )  # fmt: skip
            assert done.returncode == 70 and "it broke" in done.stderr
            assert "Exception in thread" in done.stderr
            searched("stderr", done.stderr + done.stdout)


def page(port: int, path: str, token: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as exc:
        return exc.read().decode()


class TestBoards:
    """On a board no secret stands in the record of a release or in the arguments of a process."""

    def test_uris_with_secrets_are_files(self, tmp_path: Path) -> None:
        plain, secret = "mqtt://h:1883/t", f"mqtt://u:{MARK}@h/t"
        serve = ServeOptions((f"rtsp://u:{MARK}@h/a", "camera:0"), (secret, plain))
        found = without_secrets(serve, tmp_path)
        assert MARK not in repr(found) and found.sources[1] == "camera:0"
        assert found.sinks == ("uri:{release}/uri-2.secret", plain)
        assert found.files["uri-2.secret"].read_text() == f"{secret}\n"
        assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}
        assert without_secrets(found, tmp_path) == found

    def test_what_a_board_keeps_is_read_by_few(self, board: Board) -> None:
        made = board.stage("1")
        folder = board.home.release(made.id if hasattr(made, "id") else str(made))
        assert stat.S_IMODE((folder / "release.json").stat().st_mode) in (0o600, 0o640)

    def test_a_run_reads_them(self, fake_bundle: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        (tmp_path / "source").write_text(f"{write(tmp_path / 'a.wav', 1.0)}\n")
        (tmp_path / "sink").write_text(f"jsonl:{out}")
        words = [
            "run",
            fake_bundle,
            f"uri:{tmp_path}/source",
            *NULL,
            "--sink",
            f"uri:{tmp_path}/sink",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "edgenets.cli.main", *map(str, words)], timeout=PATIENCE
        )
        assert done.returncode == 0 and "yes" in out.read_text()

    @pytest.mark.parametrize("text", [None, "", "a\nb", "uri:/x", b"\xff"])
    def test_files_that_hold_none(self, text: str | bytes | None, tmp_path: Path) -> None:
        path = tmp_path / "uri"
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(SourceError, match=str(path)):
            resolved(f"uri:{path}")


def test_names_are_documented() -> None:
    for name in NAMES:
        assert name in (credentials.__doc__ or "") + Path(credentials.__file__).read_text()
