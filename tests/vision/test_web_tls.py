"""The live page over TLS: its certificate, its cookies, and clients that never shake hands."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from edgenets.bundle import Bundle
from edgenets.errors import SinkError
from edgenets.runtime.load import load
from edgenets.runtime.sinks import open_sink
from edgenets.selection import select
from tests.attacks.certificate import pair
from tests.attacks.web import ATTACKS, Crowd, ask, odd_requests
from tests.runs import run_of

from . import models, servers
from .test_web import TOKEN, wait


class TestCertificate:
    @pytest.mark.parametrize(
        ("case", "said"),
        [
            ("no certificate", r"none\.crt: the certificate cannot be read: No such file"),
            ("no key", r"none\.key: the key cannot be read: No such file"),
            ("a folder", r": the certificate cannot be read: Is a directory"),
            ("another key", r"other\.key: the key does not belong to the certificate .*page\.crt"),
            ("expired", r"old\.crt: the certificate has expired; renew it"),
            ("expired chain file", r"both\.pem: the certificate has expired; renew it"),
            ("no key in it", r"page\.crt: there is no key in it; give its file as &key=FILE"),
            ("the two mixed up", r"page\.key: there is no certificate in it"),
            ("the certificate twice", r"page\.crt: there is no private key in it"),
            ("encrypted", r"locked\.key: the key is encrypted; give one without a passphrase"),
            ("not PEM", r"note\.crt: the certificate is not PEM"),
            ("a damaged one", r"damaged\.crt, .*page\.key: not a certificate and its key"),
            ("a key alone", r"a key is of a certificate: \?cert=FILE&key=FILE"),
        ],
    )
    def test_what_is_wrong_is_one_line(self, tmp_path: Path, case: str, said: str) -> None:
        cert, key = pair(tmp_path)
        _, other = pair(tmp_path, "other")
        old = pair(tmp_path, "old", -9, -1)
        both = tmp_path / "both.pem"
        both.write_bytes(old[0].read_bytes() + old[1].read_bytes())
        locked = pair(tmp_path, "locked", passphrase="secret")
        note, damaged = tmp_path / "note.crt", tmp_path / "damaged.crt"
        note.write_text("a certificate")
        damaged.write_bytes(cert.read_bytes()[:120] + cert.read_bytes()[140:])
        queries = {
            "no certificate": f"cert={tmp_path}/none.crt&key={key}",
            "no key": f"cert={cert}&key={tmp_path}/none.key",
            "a folder": f"cert={tmp_path}",
            "another key": f"cert={cert}&key={other}",
            "expired": f"cert={old[0]}&key={old[1]}",
            "expired chain file": f"cert={both}",
            "no key in it": f"cert={cert}",
            "the two mixed up": f"cert={key}&key={cert}",
            "the certificate twice": f"cert={cert}&key={cert}",
            "encrypted": f"cert={locked[0]}&key={locked[1]}",
            "not PEM": f"cert={note}&key={key}",
            "a damaged one": f"cert={damaged}&key={key}",
            "a key alone": f"key={key}",
        }
        with pytest.raises(SinkError, match=said) as refused:
            open_sink(f"web:0?{queries[case]}").close()
        assert "\n" not in str(refused.value) and "secret" not in str(refused.value)

    def test_what_is_right(self, tmp_path: Path) -> None:
        cert, key = pair(tmp_path)
        both = tmp_path / "both.pem"
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        # A board without a clock of its own starts before its certificate begins.
        early = pair(tmp_path, "early", 2, 9)
        for query in (f"cert={cert}&key={key}", f"cert={both}", f"cert={early[0]}&key={early[1]}"):
            open_sink(f"web:0?{query}").close()


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "reds.edge", models.DETECT)


def test_it_is_served_and_stays_up(detect: Bundle, tmp_path: Path) -> None:
    import threading

    cert, key = pair(tmp_path)
    port = servers.free_port()
    run = run_of(detect, load(detect, select(detect)), "null:64x48?rate=25")
    said: list[str] = []
    sink = f"web:{port}?cert={cert}&key={key}&token={TOKEN}"
    thread = threading.Thread(target=lambda: run.deliver([sink], said.append), daemon=True)
    thread.start()
    servers.wait_for_port(port)
    tls = ssl.create_default_context(cafile=str(cert))
    tls.check_hostname = False
    head = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    bearer = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    try:
        status, page = ask(port, b"GET /?token=" + TOKEN.encode() + head + b"\r\n", tls)
        cookies = [line for line in page.split(b"\r\n") if line.lower().startswith(b"set-cookie")]
        assert status == 200 and len(cookies) == 2
        assert all(b"; Secure" in c and b"HttpOnly" in c for c in cookies)
        assert said == [f"live page: https://127.0.0.1:{port}/?token=…"]
        with (
            Crowd(ATTACKS["half-open"], port, 60),
            Crowd(ATTACKS["half a handshake"], port, 60) as crowd,
        ):
            wait(lambda: crowd.tally.refused > 60)
            # From another address than theirs one gets in at once.
            answers = [asked_from_elsewhere(port, head + bearer, tls) for _ in range(5)]
            assert answers == 5 * [200]
        time.sleep(1.5)  # what they sent last is in the queue still
        for name, request, right in list(odd_requests(bearer))[::6]:
            assert ask(port, request, tls)[0] in right, name
        assert not [line for line in said if "Traceback" in line] and len(said) < 6, said
    finally:
        run.stop()
        thread.join(20)
    assert not thread.is_alive()


def asked_from_elsewhere(port: int, head: bytes, tls: ssl.SSLContext) -> int:
    """The status of /healthz, asked for from another address of loopback."""
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.9", 0)) as plain,
        tls.wrap_socket(plain) as talking,
    ):
        talking.sendall(b"GET /healthz" + head + b"\r\n")
        return int(talking.recv(4096)[9:12])
