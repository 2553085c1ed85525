"""Images from the network: connections that break, files that change, digests."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgenets.devices.flash import download
from edgenets.devices.flash.flash import Proof, obtain
from edgenets.errors import FlashError
from edgenets.progress import Progress
from tests.devices.cards import MEGA, make_image


class _Files(BaseHTTPRequestHandler):
    """A server of one file, whose connections break."""

    data = b""
    tag = '"one"'
    breaks: list[int] = []  # noqa: RUF012 - bytes after which the next connections break
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        cls = type(self)
        cls.asked.append(self.headers.get("Range", "all"))
        if self.headers.get("If-None-Match") == cls.tag:
            self.send_response(304)
            self.end_headers()
            return
        start = 0
        if self.headers.get("If-Range") == cls.tag:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(cls.data) - start))
        self.send_header("ETag", cls.tag)
        self.end_headers()
        most = cls.breaks.pop(0) if cls.breaks else len(cls.data)
        self.wfile.write(cls.data[start : start + most])
        if most < len(cls.data) - start:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class TestDownloads:
    @pytest.fixture
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        monkeypatch.setenv("EDGENETS_CACHE", str(tmp_path / "cache"))
        _Files.data = make_image(tmp_path / "raw", 6)
        _Files.breaks, _Files.asked, _Files.tag = [], [], '"one"'
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/board.img"
        httpd.shutdown()
        thread.join()
        httpd.server_close()

    def test_a_connection_that_breaks_is_gone_on_with(self, server: str) -> None:
        _Files.breaks = [MEGA, 2 * MEGA + 17]
        assert download.fetch(server, proven=True).read_bytes() == _Files.data
        assert _Files.asked == ["all", f"bytes={MEGA}-", f"bytes={3 * MEGA + 17}-"]

    def test_it_is_fetched_once(self, server: str) -> None:
        first = download.fetch(server, proven=True)
        assert download.fetch(server, proven=True) == first and len(_Files.asked) == 2
        assert first.read_bytes() == _Files.data

    def test_another_file_there_is_begun_anew(self, server: str) -> None:
        _Files.breaks = [MEGA] * 5
        with pytest.raises(FlashError, match="goes on from 5,242,880 bytes"):
            download.fetch(server, proven=True)
        _Files.tag, _Files.data = '"two"', bytes(reversed(_Files.data))
        assert download.fetch(server, proven=True).read_bytes() == _Files.data

    def test_a_newer_file_whose_connection_breaks_is_fetched_all_the_same(
        self, server: str
    ) -> None:
        download.fetch(server, proven=True)
        _Files.tag, _Files.data = '"two"', bytes(reversed(_Files.data))
        _Files.breaks = [MEGA]
        assert download.fetch(server, proven=True).read_bytes() == _Files.data

    def test_what_is_not_there(self, server: str) -> None:
        with pytest.raises(FlashError, match="refused"):
            download.fetch("http://127.0.0.1:9/board.img", proven=True)

    def test_plain_http_without_a_proof_is_warned_of(self, server: str, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="--sha256"):
            obtain(server, Proof())
        said: list[str] = []
        progress = Progress()
        progress.say = said.append  # type: ignore[method-assign]
        obtain(server, Proof(), progress)
        assert len(said) == 1 and "plain http" in said[0]
        obtain(server, Proof(sha256=hashlib.sha256(_Files.data).hexdigest()), progress)
        assert len(said) == 1
        with pytest.raises(FlashError, match="not the image that was meant"):
            obtain(server, Proof(sha256="0" * 64), progress)

    @pytest.mark.parametrize("proven", [False, True])
    def test_https_that_leads_to_http_is_refused(self, proven: bool) -> None:
        led = download._Redirects(proven)
        for first, then in itertools.product(("http", "https"), repeat=2):
            request = download.urllib.request.Request(f"{first}://images.example/a")
            there = f"{then}://other.example/a?token=secret"
            if (first, then) == ("https", "http") and not proven:
                with pytest.raises(FlashError, match=r"leads to http://.*--sha256") as refused:
                    led.redirect_request(request, None, 302, "Found", {}, there)
                assert "secret" not in str(refused.value)
            else:
                made = led.redirect_request(request, None, 302, "Found", {}, there)
                assert made is not None and made.full_url == there

    def test_a_digest(self, tmp_path: Path) -> None:
        data = make_image(tmp_path / "board.img", 2)
        right = hashlib.sha256(data).hexdigest()
        download.check_sha256(tmp_path / "board.img", right.upper())
        (tmp_path / "sums").write_text(f"{'0' * 64}  other.img\n{right}  board.img\n")
        download.check_sha256(tmp_path / "board.img", str(tmp_path / "sums"))
        with pytest.raises(FlashError, match="is not the image that was meant"):
            download.check_sha256(tmp_path / "board.img", "0" * 64)
        with pytest.raises(FlashError, match="no SHA-256, and no file"):
            download.check_sha256(tmp_path / "board.img", "0" * 63)
