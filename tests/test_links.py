"""Brokers and webhooks: every failure has its reason, said once; what arrives is counted right."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgenets.errors import SinkError, SourceError
from edgenets.runtime.lines import open_lines
from edgenets.runtime.mqtt import Broker
from edgenets.runtime.sinks import open_sink, remote
from edgenets.runtime.sources import SourceNotice
from tests.test_sinks import RESULT
from tests.vision import servers

needs_broker = pytest.mark.skipif(
    servers.mosquitto_missing() is not None or shutil.which("openssl") is None,
    reason=servers.mosquitto_missing() or "no openssl",
)

# A failure is said within this; the connection attempt itself may take five seconds.
SOON = 8.0  # s


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LAST_WAIT", 0.5)
    monkeypatch.setattr(remote, "RETRY_FIRST", 0.05)


def wait_until(true: Callable[[], bool], patience: float = SOON) -> None:
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


@dataclass(frozen=True)
class Pki:
    """A certificate for 127.0.0.1, and an authority that nobody else has."""

    ca: Path
    cert: Path
    key: Path
    other: Path  # another authority


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")

    def made(name: str, address: str) -> None:
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}",
            ],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip

    made("own", "127.0.0.1")
    made("other", "127.0.0.1")
    (folder / "own.key").chmod(0o644)  # mosquitto may run as a user of its own
    folder.chmod(0o755)
    own = folder / "own.pem"
    return Pki(own, own, folder / "own.key", folder / "other.pem")


# Started by root it would become a user of its own, who may not read a test's files.
_AS_ROOT = ["user root"] if os.geteuid() == 0 else []


@contextlib.contextmanager
def mosquitto(folder: Path, *lines: str, port: int | None = None) -> Iterator[int]:
    """A broker with this configuration; its port."""
    port = port or servers.free_port()
    config = folder / f"m-{port}.conf"
    config.write_text("\n".join([f"listener {port} 127.0.0.1", *_AS_ROOT, *lines]) + "\n")
    program = servers.find("mosquitto")
    assert program is not None
    process = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        servers.wait_for_port(port)
        yield port
    finally:
        process.kill()
        process.wait(servers.PATIENCE)


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """The port of something that is no broker: it answers this and hangs up, or never answers."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        over = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = door.accept()
                    if answer is None:
                        threading.Thread(target=over.wait, args=(60,), daemon=True).start()
                        held.append(client)
                        continue
                    client.recv(65536)
                    client.sendall(answer)
                    client.close()

        held: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield door.getsockname()[1]
        finally:
            over.set()
            for client in held:
                client.close()


class Said:
    """What a sink and a source at one URI say of it."""

    def __init__(self, uri: str) -> None:
        self.of_sink: list[str] = []
        self.of_source: list[SourceNotice] = []
        self.sink: Any = open_sink(uri)
        self.sink.complain = self.of_sink.append
        self.sink.write(RESULT)
        self.source = open_lines(uri)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        self.of_source.extend(i for i in self._items() if isinstance(i, SourceNotice))

    def _items(self) -> Iterator[object]:
        for item in self.source:
            if isinstance(item, SourceNotice):
                self.of_source.append(item)
            yield None

    def close(self) -> int:
        """How many events the sink did not deliver."""
        self.source.close()
        try:
            self.sink.close()
        except SinkError as exc:
            return exc.count
        return 0


# What is wrong, how the URI is made of a place, and what is said of it.
REASONS = {
    "no broker": ("mqtt://127.0.0.1:{free}/t", "nothing listens on port"),
    "no broker, TLS": ("mqtts://127.0.0.1:{free}/t", "nothing listens on port"),
    "unknown host": ("mqtt://no-such-host.invalid/t", "no-such-host.invalid is not known"),
    "impossible host": ("mqtt://" + "a" * 70 + ".invalid/t", "is not known"),
    "wrong password": ("mqtt://bob:wr0ng@127.0.0.1:{guarded}/t", "the broker refuses: "),
    "no password": ("mqtt://127.0.0.1:{guarded}/t", "the broker refuses: "),
    "untrusted": ("mqtts://127.0.0.1:{tls}/t", "certificate is not trusted"),
    "another authority": ("mqtts://127.0.0.1:{tls}/t?ca={other}", "certificate is not trusted"),
    "another name": ("mqtts://localhost:{tls}/t?ca={ca}", "certificate is not trusted"),
    "TLS to a plain port": ("mqtts://127.0.0.1:{plain}/t", "no TLS is spoken on port"),
    "tls=1 to a plain port": ("mqtt://127.0.0.1:{plain}/t?tls=1", "no TLS is spoken on port"),
    "plain to a TLS port": ("mqtt://127.0.0.1:{tls}/t", "perhaps it wants TLS"),
    "silent": ("mqtt://127.0.0.1:{silent}/t", "answers nothing"),
    "silent, TLS": ("mqtts://127.0.0.1:{silent}/t", "no answer within"),
    "a web server": ("mqtt://127.0.0.1:{web}/t", "without an answer"),
    "a web server, TLS": ("mqtts://127.0.0.1:{web}/t", "no TLS is spoken on port"),
}


@pytest.fixture(scope="module")
def places(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    folder = tmp_path_factory.mktemp("brokers")
    (folder / "passwords").write_text("")
    (folder / "passwords").chmod(0o644)
    folder.chmod(0o755)
    secured = (f"certfile {pki.cert}", f"keyfile {pki.key}", "allow_anonymous true")
    with (
        mosquitto(folder, "allow_anonymous true") as plain,
        mosquitto(folder, f"password_file {folder}/passwords") as guarded,
        mosquitto(folder, *secured) as tls,
        server(None) as silent,
        server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as web,
    ):
        yield {
            "free": servers.free_port(), "plain": plain, "guarded": guarded, "tls": tls,
            "silent": silent, "web": web, "ca": pki.ca, "other": pki.other,
        }  # fmt: skip


@needs_broker
class TestMqtt:
    @pytest.mark.parametrize("case", REASONS)
    def test_every_failure_has_its_reason(self, case: str, places: dict[str, object]) -> None:
        uri, reason = REASONS[case]
        found = Said(uri.format(**places))
        wait_until(lambda: bool(found.of_sink) and bool(found.of_source), SOON)
        time.sleep(1.5)  # it is tried again, and not said again
        assert reason in found.of_sink[0] and reason in found.of_source[0].text
        assert len(found.of_sink) == len(found.of_source) == 1, (found.of_sink, found.of_source)
        assert found.of_source[0].kind == "lost" and "wr0ng" not in str(found.__dict__["of_sink"])
        assert found.close() == 1  # what was never acknowledged

    @pytest.mark.parametrize("uri", ["mqtts://127.0.0.1:{tls}/t?ca={ca}",
                                     "mqtt://127.0.0.1:{tls}/t?tls=1&ca={ca}"])  # fmt: skip
    def test_tls(self, uri: str, places: dict[str, object]) -> None:
        found = Said(uri.format(**places))
        wait_until(lambda: not found.sink.held)
        assert found.close() == 0 and found.of_sink == [] and found.of_source == []

    def test_it_is_said_once_that_it_is_over(self, tmp_path: Path) -> None:
        port = servers.free_port()
        found = Said(f"mqtt://127.0.0.1:{port}/t")
        for times in (1, 2):
            wait_until(lambda n=times: len(found.of_sink) >= 2 * n - 1)  # type: ignore[misc]
            with mosquitto(tmp_path, "allow_anonymous true", port=port):
                wait_until(lambda: "connected again" in found.of_sink[-1], 30)
                wait_until(lambda: found.of_source[-1].kind == "back", 30)
                wait_until(lambda: not found.sink.held)
            wait_until(lambda: "gone" in found.of_sink[-1] or "listens" in found.of_sink[-1], 30)
        kinds = [kind for kind, _ in itertools.groupby(n.kind for n in found.of_source)]
        assert kinds[:4] == ["lost", "back", "lost", "back"]
        assert len(found.of_sink) == len(set(found.of_sink)) or len(found.of_sink) <= 8
        assert found.close() == 0

    @pytest.mark.parametrize("topic", ["a", "/a", "//a", "a/", "/a/b/", "/"])
    def test_slashes_of_topics_are_kept(self, topic: str) -> None:
        if not topic.strip("/"):
            with pytest.raises(SinkError, match="as in mqtt"):
                Broker.of(f"mqtt://host/{topic}")
            return
        for scheme in ("mqtt", "mqtts"):
            assert Broker.of(f"{scheme}://host/{topic}").topic == topic
            assert Broker.of(f"{scheme}://host/{topic}/#", wildcards=True).topic == f"{topic}/#"

    @pytest.mark.parametrize(
        ("uri", "port"),
        [
            ("mqtt://h/t", 1883), ("mqtts://h/t", 8883), ("mqtt://h/t?tls=1", 8883),
            ("mqtts://h:99/t", 99), ("mqtt://[::1]/t", 1883), ("mqtts://u:p@h/t?tls=1", 8883),
        ],
    )  # fmt: skip
    def test_ports(self, uri: str, port: int) -> None:
        found = Broker.of(uri)
        assert found.port == port and f":{port}/t" in found.name
        assert found.secure == (port != 1883)

    @pytest.mark.parametrize(
        ("uri", "says"),
        [
            ("mqtts://h/t?tls=0", "which is meant"), ("mqtt://h/t?ca=/x", "ca=… is for mqtts"),
            ("mqtts://h/t?ca=/none", "no such file"), ("mqtt://h/t?qos=1", "options are tls=1"),
            ("mqtts://h/t?ca={empty}", "no certificates"), ("mqtt://h/a%00b", "zero byte"),
            ("mqtt://u:p#s3cret@h/t", "%23"), ("mqtt://h:99999/t", "port"),
            ("mqtt://[::1/t", "cannot be read"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_meant(self, uri: str, says: str, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        uri = uri.format(empty=tmp_path / "empty") if "{" in uri else uri
        for opener, error in ((open_sink, SinkError), (open_lines, SourceError)):
            if opener is open_lines and "#" in uri:
                continue
            with pytest.raises(error, match=says) as failed:
                opener(uri)
            assert "s3cret" not in str(failed.value)


class Web:
    """Servers that redirect: `answers` says what each path is answered, and where it points to."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.requests: list[tuple[str, str, bytes]] = []  # method, path, body
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.requests.append((self.command, self.path, body))
                code, place = answers.get(self.path, (200, ""))
                self.send_response(code)
                if place:
                    self.send_header("Location", place)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = _any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


CODES = (301, 302, 303, 307, 308)


class TestRedirects:
    def deliver(self, uri: str, count: int = 3) -> tuple[int, list[str]]:
        """How many were not delivered, and what was said."""
        sink: Any = open_sink(uri)
        said: list[str] = []
        sink.complain = said.append
        for _ in range(count):
            sink.write(RESULT)
        wait_until(lambda: not sink._waiting)
        try:
            sink.close()
        except SinkError as exc:
            return exc.count, said
        return 0, said

    @pytest.mark.parametrize("code", CODES)
    def test_they_are_refused_unless_asked_for(self, code: int) -> None:
        web = Web({"/a": (code, "/b")})
        lost, said = self.deliver(f"{web.address}/a?redirects=0")
        web.close()
        assert lost == 3 and len(said) == 1 and str(code) in said[0]
        assert [(m, p) for m, p, _ in web.requests] == [("POST", "/a")] * 3

    @pytest.mark.parametrize("code", [c for c in CODES if c != 303])
    def test_body_and_method_are_kept(self, code: int) -> None:
        web = Web({"/a?x=1": (code, "/b"), "/b": (307, "c")})
        lost, said = self.deliver(f"{web.address}/a?x=1&redirects=1")
        web.close()
        assert lost == 0 and said == []
        assert [(m, p) for m, p, _ in web.requests] == 3 * [
            ("POST", "/a?x=1"), ("POST", "/b"), ("POST", "/c"),
        ]  # fmt: skip
        assert all(json.loads(body)["word"] == "yes" for _, _, body in web.requests)

    @pytest.mark.parametrize("code", CODES)
    def test_no_other_host_gets_anything(self, code: int) -> None:
        other = Web({})
        elsewhere = (
            other.address, other.address.replace("127.0.0.1", "localhost"), "https://127.0.0.1/",
            "file:///etc/passwd", "//evil.example/x", "http://[::1", "gopher://x",
        )  # fmt: skip
        for target in elsewhere:
            web = Web({"/a": (code, target)})
            lost, _ = self.deliver(f"{web.address}/a?redirects=1")
            web.close()
            assert lost == 3 and other.requests == []
        other.close()

    def test_a_circle_ends(self) -> None:
        web = Web({"/a": (308, "/b"), "/b": (308, "/a")})
        lost, said = self.deliver(f"{web.address}/a?redirects=1", 1)
        web.close()
        assert lost == 1 and "redirections" in said[0] and len(web.requests) == 6

    @pytest.mark.parametrize(("code", "lost"), [(200, 0), (201, 0), (204, 0), (205, 0), (304, 3),
                                                (400, 3), (401, 3), (403, 3), (404, 3), (410, 3),
                                                (501, 3)])  # fmt: skip
    def test_delivered_is_what_was_answered_with_2xx(self, code: int, lost: int) -> None:
        web = Web({"/a": (code, "")})
        assert self.deliver(f"{web.address}/a")[0] == lost
        web.close()

    def test_what_is_refused_and_what_waits_are_counted_together(self) -> None:
        answers = {"/a": (404, "")}
        web = Web(answers)
        sink: Any = open_sink(f"{web.address}/a")
        sink.write(RESULT)
        wait_until(lambda: sink.refused == 1)
        answers["/a"] = (503, "")
        sink.write(RESULT)
        with pytest.raises(SinkError, match=r"refused 1 events, 1 could not be sent.*503") as exc:
            sink.close()
        web.close()
        assert exc.value.count == 2

    @pytest.mark.parametrize("query", ["redirects=2", "redirects=", "redirects=1&redirects=1"])
    def test_what_is_no_option(self, query: str) -> None:
        with pytest.raises(SinkError, match="redirects=0 or redirects=1"):
            open_sink(f"http://127.0.0.1/x?{query}")


@pytest.mark.parametrize("kind", ["SINK_TOKEN", "SINK_USER"])
def test_who_posts_is_said_by_the_environment(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    door = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=door.serve_forever, daemon=True).start()
    monkeypatch.setenv(f"EDGENETS_{kind}", "bob")
    monkeypatch.setenv("EDGENETS_SINK_PASSWORD", "pw")
    sink = open_sink(f"http://127.0.0.1:{door.server_address[1]}/x")
    sink.write(RESULT)
    sink.close()
    door.shutdown()
    door.server_close()
    assert seen == ["Bearer bob" if kind == "SINK_TOKEN" else "Basic Ym9iOnB3"]
