"""Cameras in a network and what they answer: whole images, damaged ones, and why there are none."""

from __future__ import annotations

import base64
import contextlib
import http.server
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.errors import SourceError
from edgenets.runtime.cameras import Frame, Item, SourceNotice, capture, open_camera
from edgenets.runtime.cameras.multipart import Parts, Stream, boundary_of

from . import servers
from .stand_ins import FakeCapture
from .test_video_files import number_in, numbered, write

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def jpeg(number: int, width: int = 96, height: int = 64) -> bytes:
    return bytes(cv2.imencode(".jpg", numbered(number, width, height))[1])


def cut(data: bytes, closed: bool = True) -> bytes:
    start = data.rfind(b"\xff\xda") + 14
    return data[: (start + len(data)) // 2] + (b"\xff\xd9" if closed else b"")


@contextlib.contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/cam"
    finally:
        server.shutdown()
        server.server_close()


def sends(
    images: list[bytes], *, kind: str = "multipart/x-mixed-replace; boundary=frame",
    mark: bytes = b"--frame", length: Callable[[bytes], int | None] = len, wait: float = 0.0,
) -> Answer:  # fmt: skip
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if kind:
            request.send_header("Content-Type", kind)
        request.end_headers()
        for data in images:
            size = length(data)
            announced = b"" if size is None else b"Content-Length: %d\r\n" % size
            part = mark + b"\r\nContent-Type: image/jpeg\r\n" + announced + b"\r\n" + data + b"\r\n"
            request.wfile.write(part)
            request.wfile.flush()
            time.sleep(wait)
        request.wfile.write(mark + b"--\r\n")

    return answer


def says(code: int, kind: str = "", body: bytes = b"", **headers: str) -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in {"Content-Type": kind, **headers}.items():
            if value:
                request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def first(url: str, count: int) -> list[Item]:
    """The first items of a camera, up to its being lost."""
    items: list[Item] = []
    camera = open_camera(url)
    source = camera.items()
    for item in source:
        items.append(item)
        if len(items) == count or (isinstance(item, SourceNotice) and item.kind == "lost"):
            break
    source.close()  # type: ignore[attr-defined]
    return items


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "ANSWER_PATIENCE", 0.7)


KINDS: dict[str, dict[str, Any]] = {
    "plain": {}, "no length": {"length": lambda data: None},
    "half the length": {"length": lambda data: len(data) // 2},
    "twice the length": {"length": lambda data: len(data) * 2},
    "dashes in the header": {"kind": "multipart/x-mixed-replace; boundary=--frame"},
    "more dashes in the stream": {"mark": b"----frame"},
    "quoted": {"kind": 'multipart/x-mixed-replace; boundary="my b"', "mark": b"--my b"},
    "no type": {"kind": ""}, "no boundary said": {"kind": "multipart/x-mixed-replace"},
    "another boundary": {"mark": b"--other"}, "mixed": {"kind": "multipart/mixed; boundary=frame"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_mjpeg_as_cameras_send_it(kind: str) -> None:
    with serving(sends([jpeg(n) for n in range(6)], **KINDS[kind])) as url:
        *frames, lost = first(url, 99)
    assert [number_in(f.image) for f in frames if isinstance(f, Frame)] == list(range(6))
    assert isinstance(lost, SourceNotice) and lost.kind == "lost" and len(frames) == 6


@pytest.mark.parametrize("kind", ["plain", "no length", "half the length"])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken=st.sets(st.integers(1, 8), min_size=1, max_size=5), closed=st.booleans())
def test_a_frame_that_was_cut_is_left_out_and_the_next_goes_on(
    kind: str, broken: set[int], closed: bool
) -> None:
    images = [cut(jpeg(n), closed) if n in broken else jpeg(n) for n in range(10)]
    with serving(sends(images, **KINDS[kind])) as url:
        camera = open_camera(url)
        items = []
        for item in camera.items():
            items.append(item)
            if isinstance(item, SourceNotice) and item.kind == "lost":
                break
    frames = [i for i in items if isinstance(i, Frame)]
    whole = [n for n in range(10) if n not in broken]
    assert [number_in(f.image) for f in frames] == [f.number for f in frames] == whole
    skipped = [i for i in items if isinstance(i, SourceNotice) and i.kind == "skipped"]
    assert camera.damaged == sum(i.count for i in skipped) == len(broken)
    assert len(skipped) <= 2  # not a line for each


def test_images_one_after_another_without_boundaries() -> None:
    body = b"".join(jpeg(n) for n in range(4))
    with serving(says(200, "application/octet-stream", body)) as url:
        frames = [i for i in first(url, 99) if isinstance(i, Frame)]
    assert [number_in(f.image) for f in frames] == [0, 1, 2]  # the last has no end that shows


def test_a_still_image_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgenets.runtime.cameras.web._STILL_EVERY", 0.02)
    numbers = iter(range(99))

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        number = next(numbers)
        data = jpeg(number)
        says(200, "image/jpeg", cut(data, False) if number == 1 else data,
             Content_Length=str(len(data)))(request)  # fmt: skip

    with serving(answer) as url:
        items = first(url, 3)
    assert [number_in(i.image) for i in items if isinstance(i, Frame)] == [0, 2]
    assert [i.kind for i in items if isinstance(i, SourceNotice)] == ["skipped"]


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.avi"])
def test_another_video_goes_through_a_pipe(name: str, tmp_path: Path) -> None:
    data = write(tmp_path / name, "MJPG" if name != "a.ts" else "mp4v").read_bytes()
    with serving(says(200, "video/whatever", data)) as url:
        frames = [i for i in first(url, 99) if isinstance(i, Frame)]
    assert len(frames) >= 20 and number_in(frames[5].image) == 5


def test_user_and_password_by_basic_and_digest() -> None:
    wanted = "Basic " + base64.b64encode(b"me:a b").decode()

    def basic(request: http.server.BaseHTTPRequestHandler) -> None:
        if request.headers.get("Authorization") == wanted:
            sends([jpeg(3)])(request)
        else:
            says(401, WWW_Authenticate='Basic realm="x"')(request)

    def digest(request: http.server.BaseHTTPRequestHandler) -> None:
        given = request.headers.get("Authorization", "")
        if 'username="me"' in given and "response=" in given:
            sends([jpeg(4)])(request)
        else:
            says(401, WWW_Authenticate='Digest realm="x", nonce="n", qop="auth"')(request)

    for answer, number in ((basic, 3), (digest, 4)):
        with serving(answer) as url:
            (frame,) = first(url.replace("//", "//me:a%20b@"), 1)
            assert isinstance(frame, Frame) and number_in(frame.image) == number
            with pytest.raises(SourceError, match="asks for a user and password"):
                open_camera(url)
            with pytest.raises(SourceError, match="does not take this user name") as caught:
                open_camera(url.replace("//", "//you:geheim@"))
            assert "geheim" not in str(caught.value)


REASONS = {
    "401": (says(401, WWW_Authenticate="Basic realm=x"), "asks for a user and password"),
    "403": (says(403), "refuses this address"), "404": (says(404), "nothing at this path"),
    "500": (says(500), "answers with 500"), "503": (says(503), "is busy"),
    "html": (says(200, "text/html", b"<html>login</html>"), "a web page"),
    "json": (says(200, "application/json", b'{"a": 1}'), "'application/json', not with images"),
    "empty": (says(200, "text/plain"), "'text/plain', not with images"),
    "hls": (says(200, "application/vnd.apple.mpegurl", b"#EXTM3U\n"), "a list of other addresses"),
    "hidden hls": (says(200, "video/mp4", b"#EXTM3U\nhttp://10.0.0.1/"), "a list of other"),
    "hidden concat": (says(200, "", b"ffconcat version 1.0\nfile /etc/passwd"), "a list of other"),
    "hidden sdp": (says(200, "video/x", b"v=0\r\nc=IN IP4 10.0.0.1\r\n"), "a list of other"),
    "another host": (says(302, Location="http://10.9.8.7/x"), "another address, http://10.9.8.7"),
    "another port": (says(302, Location="http://127.0.0.1:1/x"), "another address"),
    "a file": (says(302, Location="file:///etc/passwd"), "."),
    "round and round": (says(302, Location="/cam"), "."),
    "no images": (sends([b"{}"] * 40), "no JPEG is in the stream"),
    "nothing in it": (sends([]), "ends before a JPEG"),
    "a byte now and then": (lambda request: [
        says(200, "multipart/x-mixed-replace; boundary=a")(request),
        [(request.wfile.write(b"-"), request.wfile.flush(), time.sleep(0.2)) for _ in range(40)],
    ][0], "nothing came in time"),
    "ftp": (lambda request: says(302, Location=f"ftp://{request.headers['Host']}/x")(request),
            "another address"),
    "silent": (lambda request: time.sleep(3), "nothing came in time"),
    "silent after its head": (
        lambda request: (says(200, "multipart/x-mixed-replace; boundary=a")(request),
                         request.wfile.flush(), time.sleep(3))[0], "nothing came in time"),
    "no http": (lambda request: request.wfile.write(b"SSH-2.0-x\r\n"), "does not speak HTTP"),
}  # fmt: skip


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", REASONS)
def test_a_failure_has_its_reason(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    answer, reason = REASONS[name]
    with serving(answer) as url, pytest.raises(SourceError, match=reason) as caught:
        open_camera(url.replace("//", "//me:geheim@") if name == "404" else url)
    text = str(caught.value)
    assert text.isprintable() and "geheim" not in text and text.startswith("http://127.0.0.1")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("impatient")
def test_who_is_not_there_is_said() -> None:
    port = servers.free_port()
    for scheme in ("http", "https", "rtsp"):
        with pytest.raises(SourceError, match=f"nothing listens on port {port}"):
            open_camera(f"{scheme}://127.0.0.1:{port}/x")
        with pytest.raises(SourceError, match="no host is called 'no-such-camera"):
            open_camera(f"{scheme}://no-such-camera.invalid/x")
    with serving(says(404)) as url, pytest.raises(SourceError, match="does not speak TLS"):
        open_camera(url.replace("http:", "https:"))


@pytest.mark.usefixtures("impatient")
def test_a_certificate_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out",
         "c.pem", "-days", "9", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    with serving(sends([jpeg(5)]), context) as url:
        with pytest.raises(SourceError, match="certificate is not trusted"):
            open_camera(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
        assert isinstance(first(url, 1)[0], Frame)


def test_redirects_stay_on_the_host() -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        there = request.path == "/there"
        (sends([jpeg(6)]) if there else says(302, Location="/there"))(request)

    with serving(answer) as url:
        (frame,) = first(url, 1)
    assert isinstance(frame, Frame) and number_in(frame.image) == 6


def test_a_camera_that_sends_a_bomb_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bytearray(jpeg(1))
    at = bomb.find(b"\xff\xc0")
    bomb[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
    with serving(sends([jpeg(0), bytes(bomb), jpeg(2)])) as url:
        frame, notice, after = first(url, 3)
        assert isinstance(frame, Frame) and isinstance(after, Frame) and after.number == 2
        assert isinstance(notice, SourceNotice) and "more than 35,000,000" in notice.text
        items = first(f"{url}?max-pixels=6000&user=x", 4)
        assert not any(isinstance(i, Frame) for i in items)


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    data=st.binary(max_size=400), whole=st.booleans(),
)  # fmt: skip
def test_parts_come_out_however_the_network_divides_them(
    sizes: list[int], data: bytes, whole: bool
) -> None:
    images = [jpeg(n) for n in range(3)] if whole else [b"\xff\xd8" + data + b"\xff\xd9"]
    sent = b"".join(
        b"--b\r\nContent-Length: %d\r\n\r\n" % len(image) + image + b"\r\n" for image in images
    ) + b"--b--\r\n"  # fmt: skip

    class Answering:
        at = 0
        turn = 0

        def read1(self, _: int) -> bytes:
            size = sizes[self.turn % len(sizes)]
            self.turn += 1
            self.at += size
            return sent[self.at - size : self.at]

    parts = Parts(Stream(Answering()), boundary_of("multipart/x; boundary=b"))  # type: ignore[arg-type]
    found = [parts.next() for _ in images]
    if b"--b" not in data:
        assert found == images


class TestRtsp:
    needs = pytest.mark.skipif(
        servers.rtsp_missing() is not None, reason=servers.rtsp_missing() or ""
    )

    def answering(self, *answers: bytes) -> Any:
        """A server that gives these answers, one a request."""
        import socket

        server = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, contextlib.suppress(OSError):
                        for answer in answers:
                            client.recv(4096)
                            client.sendall(answer)
                        client.settimeout(1)
                        client.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        return contextlib.closing(server), server.getsockname()[1]

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ("404 Not Found", "no stream at this path"), ("403 Forbidden", "refuses this address"),
            ("302 Moved\r\nLocation: rtsp://10.0.0.1/", "sends to another address"),
            ("503 Busy", "is busy"), ("418 Teapot", "answers with 418"),
        ],
    )  # fmt: skip
    def test_a_refusal(self, status: str, reason: str) -> None:
        answer = f"RTSP/1.0 {status}\r\nCSeq: 1\r\n\r\n".encode()
        server, port = self.answering(answer, answer)
        with server, pytest.raises(SourceError, match=reason):
            open_camera(f"rtsp://127.0.0.1:{port}/x")

    @pytest.mark.usefixtures("impatient")
    def test_a_password(self) -> None:
        challenge = (
            b'RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="x", nonce="n"\r\n\r\n'
        )
        server, port = self.answering(challenge, challenge, challenge)
        with server:
            with pytest.raises(SourceError, match="asks for a user and password"):
                open_camera(f"rtsp://127.0.0.1:{port}/x")
            with pytest.raises(SourceError, match="does not take this user name") as caught:
                open_camera(f"rtsp://me:geheim@127.0.0.1:{port}/x")
            assert "geheim" not in str(caught.value)

    @pytest.mark.usefixtures("impatient")
    def test_silence_and_no_rtsp(self) -> None:
        server, port = self.answering(b"HTTP/1.1 400 Bad\r\n\r\n", b"")
        with server, pytest.raises(SourceError, match="does not speak RTSP"):
            open_camera(f"rtsp://127.0.0.1:{port}/x")
        server, port = self.answering(b"", b"")
        with server, pytest.raises(SourceError, match="silent"):
            open_camera(f"rtsp://127.0.0.1:{port}/x")

    @needs
    def test_a_wrong_path_of_a_real_server(self) -> None:
        server = servers.RtspServer()
        try:
            with pytest.raises(SourceError, match="no stream at this path"):
                open_camera(server.url + "-not")
        finally:
            server.kill()


def test_a_camera_of_few_bits_in_16_is_not_silently_dark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgenets.runtime.cameras import v4l

    (tmp_path / "video0").touch()
    for query, level in (("", 15), ("?depth=12", 255)):
        fake = FakeCapture([np.full((4, 6), 4095, np.uint16)] * 3)
        monkeypatch.setattr(v4l, "opened", lambda make, fake=fake: fake)
        source = open_camera(f"camera:{tmp_path}/video0{query}").items()
        items = [next(source) for _ in range(3)]
        frames = [i for i in items if isinstance(i, Frame)]
        assert abs(int(frames[0].image.max()) - level) <= 1
        said = [i for i in items if isinstance(i, SourceNotice)]
        assert [n.kind for n in said] == ([] if query else ["guessed"])


def test_a_webcams_jpegs_are_decoded_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgenets.runtime.cameras import v4l

    raw = [np.frombuffer(d, np.uint8)[None] for d in (jpeg(1), cut(jpeg(2)), jpeg(3) + b"\0" * 9)]
    fake = FakeCapture(raw)  # type: ignore[arg-type]
    usual = fake.get
    code = cv2.VideoWriter.fourcc(*"MJPG")
    monkeypatch.setattr(fake, "get", lambda n: code if n == cv2.CAP_PROP_FOURCC else usual(n))
    monkeypatch.setattr(v4l, "opened", lambda make: fake)
    (tmp_path / "video0").touch()
    camera = open_camera(f"camera:{tmp_path}/video0")
    items = [item for item, _ in zip(camera.items(), range(3), strict=False)]
    assert fake.asked[cv2.CAP_PROP_CONVERT_RGB] == 0 and camera.damaged == 1
    assert [number_in(i.image) for i in items if isinstance(i, Frame)] == [1, 3]
