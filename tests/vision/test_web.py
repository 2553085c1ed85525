"""The live page: its routes, who may look, and what a real browser shows."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets.bundle import Bundle
from edgenets.errors import SinkError
from edgenets.events import Notice, Seen
from edgenets.runtime.load import load
from edgenets.runtime.sinks import open_sink
from edgenets.runtime.web.server import is_loopback
from edgenets.selection import select
from edgenets.tasks.vision.results import Found
from tests.runs import run_of

from . import models, servers

TOKEN = "a-long-enough-token"

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no Chromium here (Debian: chromium, chromium-driver)",
)


class Running:
    """A run that is watched, in a thread of its own."""

    def __init__(
        self, bundle: Bundle, *uris: str, options: str = "", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.port = port or servers.free_port()
        self.address = f"http://{host}:{self.port}"
        self.watch = run_of(bundle, load(bundle, select(bundle)), uris)
        self.said: list[str] = []
        sink = f"web:{self.port}{options}"
        self.thread = threading.Thread(
            target=lambda: self.watch.deliver([sink], self.said.append), daemon=True
        )
        self.thread.start()
        servers.wait_for_port(self.port, host)
        wait(lambda: self.state()["sources"])

    def get(self, path: str, **headers: str) -> tuple[int, bytes, Any]:
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read(), exc.headers

    def state(self) -> Any:
        status, body, _ = self.get("/state", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        return json.loads(body)

    def threshold(self, body: bytes, **headers: str) -> int:
        request = urllib.request.Request(self.address + "/threshold", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return exc.code

    def close(self) -> None:
        self.watch.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def wait(true: Callable[[], Any], timeout: float = servers.PATIENCE) -> None:
    until = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "reds.edge", models.DETECT)


@pytest.fixture
def running(detect: Bundle) -> Iterator[Running]:
    run = Running(detect, "null:320x240?rate=25")
    yield run
    run.close()


class TestRoutes:
    def test_all_that_the_page_needs_is_here(self, running: Running) -> None:
        status, page, headers = running.get("/")
        assert status == 200 and b"<title>edgenets</title>" in page
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        for path in ("/page.css", "/page.js", "/images.js"):
            status, body, _ = running.get(path)
            # Nothing is loaded from elsewhere.
            assert status == 200 and b"http" not in body.replace(b"http.", b"")
        assert running.get("/nothing")[0] == 404

    def test_the_state(self, running: Running) -> None:
        wait(lambda: running.state()["results"] > 5)
        state = running.state()
        (source,) = state["sources"]
        assert source["name"] == "null:320x240" and source["width"] == 320
        assert state["labels"][0] == {"label": "red", "threshold": 0.5, "color": "#0072b2"}
        assert state["machine"]["memory_mb"] > 10 and state["results"] > 5
        assert running.said == [f"live page: {running.address}"]

    def test_a_picture_and_a_stream_of_them(self, running: Running) -> None:
        status, data, headers = running.get("/image/0.jpg")
        assert (
            status == 200
            and data.startswith(b"\xff\xd8")
            and headers["Content-Type"] == "image/jpeg"
        )
        assert running.get("/image/7.jpg")[0] == 404
        with urllib.request.urlopen(running.address + "/stream/0.mjpg", timeout=10) as stream:
            some = stream.read(60_000)
        assert some.count(b"--frame") > 3 and len(set(some.split(b"--frame"))) > 3

    def test_figures_for_prometheus(self, running: Running) -> None:
        status, text, headers = running.get("/metrics")
        assert status == 200 and "text/plain" in headers["Content-Type"]
        lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[:1] != "#")
        assert float(lines["edgenets_results_total"]) > 0
        assert float(lines['edgenets_age_seconds{quantile="0.95",source="null:320x240"}']) >= 0
        assert float(lines["edgenets_memory_bytes"]) > 1e7

    def test_thresholds(self, running: Running) -> None:
        good = b'{"label": "red", "value": 0.9}'
        assert running.threshold(good, **{"X-Edgenets": "1"}) == 204
        assert running.watch.spec.decoding.thresholds["red"] == 0.9  # type: ignore[union-attr]
        assert running.threshold(good) == 403  # a form of another site has no such header
        for bad in (b"", b"[]", b'{"label": "red"}', b'{"label": "green", "value": 0.5}',
                    b'{"label": ["red"], "value": 0.5}', b"[" * 4000,
                    b'"' + b"9" * 4000):  # fmt: skip
            assert running.threshold(bad, **{"X-Edgenets": "1"}) == 400
        for large in (b" " * 5000, b" " * 1_000_000, b" " * 5_000_000):  # sent to the end
            assert running.threshold(large, **{"X-Edgenets": "1"}) == 413

    @pytest.mark.parametrize(
        "value",
        ["true", "false", "null", "NaN", "Infinity", "-Infinity", "1e-300", "0", "-0.0", "-0.5",
         "1.0000001", "7", "1e999", "1" + 4000 * "0", '"0.5"', '"NaN"', "[0.5]", '{"a": 1}',
         "5e-324"],
    )  # fmt: skip
    def test_what_is_no_threshold_is_refused_with_the_reason(
        self, running: Running, value: str
    ) -> None:
        before = running.watch.spec.decoding
        body = f'{{"label": "red", "value": {value}}}'.encode()
        request = urllib.request.Request(f"{running.address}/threshold", body, {"X-Edgenets": "1"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        assert refused.value.code == 400
        reason = refused.value.read().decode()
        assert reason.startswith("no threshold: ") and len(reason) < 300 and "\n" not in reason[:-1]
        assert running.watch.spec.decoding == before

    def test_two_viewers_post_at_once_and_neither_is_lost(self, running: Running) -> None:
        def post(label: str, values: list[float]) -> None:
            for value in values:
                body = json.dumps({"label": label, "value": value}).encode()
                assert running.threshold(body, **{"X-Edgenets": "1"}) == 204

        steps = [round(0.2 + 0.02 * n, 2) for n in range(25)]
        viewers = [
            threading.Thread(target=post, args=(label, values))
            for label, values in (("red", steps), ("blue", steps[::-1]))
        ]
        for viewer in viewers:
            viewer.start()
        for viewer in viewers:
            viewer.join(30)
        assert running.watch.spec.decoding.thresholds == {"red": steps[-1], "blue": steps[0]}
        held = {x["label"]: x["threshold"] for x in running.state()["labels"]}
        assert held == {"red": steps[-1], "blue": steps[0]}

    def test_a_foreign_name_that_points_here(self, running: Running) -> None:
        assert running.get("/state", Host="attacker.example")[0] == 403
        assert running.get("/state", Host=f"localhost:{running.port}")[0] == 200


def test_it_turns_red_when_no_result_comes(detect: Bundle) -> None:
    run = Running(
        detect, "null:32x32?rate=20&seconds=1", "null:16x16?rate=0.1", options="?patience=1.5"
    )
    try:
        assert run.get("/healthz")[0] == 200
        wait(lambda: run.get("/healthz")[0] == 503)
        assert json.loads(run.get("/healthz")[1])["healthy"] is False
    finally:
        run.close()


class TestToken:
    def test_who_may_look(self, detect: Bundle) -> None:
        run = Running(detect, "null:32x32?rate=20", options=f"?token={TOKEN}")
        try:
            for path in ("/", "/state", "/stream/0.mjpg", "/metrics", "/healthz"):
                assert run.get(path)[0] == 401
                assert run.get(path, Authorization="Bearer wrong-wrong-wrong")[0] == 401
            status, _, headers = run.get(f"/?token={TOKEN}")
            assert status == 200 and "HttpOnly" in headers["Set-Cookie"]
            cookie = headers["Set-Cookie"].partition(";")[0]
            assert run.get("/state", Cookie=cookie)[0] == 200
            assert TOKEN not in "".join(run.said)  # it is shown nowhere
        finally:
            run.close()

    def test_another_loopback_address_answers_by_its_name(self, detect: Bundle) -> None:
        run = Running(detect, "null:32x32?rate=20", options="?host=127.0.0.2", host="127.0.0.2")
        try:
            assert run.get("/")[0] == 200
        finally:
            run.close()

    def test_beyond_this_machine_it_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(SinkError, match=r"a token is needed: \?host=0.0.0.0&token="):
            open_sink("web:0?host=0.0.0.0")
        monkeypatch.setenv("EDGENETS_WEB_TOKEN", TOKEN)
        open_sink("web:0?host=0.0.0.0").close()

    @pytest.mark.parametrize(
        ("host", "is_it"),
        [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True),
         ("0.0.0.0", False), ("192.0.2.1", False), ("example.org", False)],
    )  # fmt: skip
    def test_what_is_loopback(self, host: str, is_it: bool) -> None:
        assert is_loopback(host) is is_it


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SinkError, match=f"{port}: Address already in use; choose another"):
            open_sink(f"web:{port}")


def test_a_viewer_that_never_reads_slows_nobody(running: Running) -> None:
    idle = []
    for _ in range(3):
        one = socket.create_connection(("127.0.0.1", running.port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.sendall(b"GET /stream/0.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle.append(one)
    time.sleep(2.0)
    before = running.state()["results"]
    begun = time.monotonic()
    time.sleep(1.5)
    rate = (running.state()["results"] - before) / (time.monotonic() - begun)
    assert rate > 18  # of 25
    assert running.watch.summary.dropped.get("sinks too slow", 0) == 0
    for one in idle:
        one.close()


def test_the_state_tells_what_is_new_once() -> None:
    from edgenets.runtime.web.state import State

    state = State()
    event = Seen(
        "a", 0, 0.0, 0.01, (Found("cat", 0.9, (0, 0, 5, 5), track=1),),
        image=np.zeros((8, 8, 3), np.uint8), labels=("cat",),
    )  # fmt: skip
    for number in range(5):
        state.take(replace(event, frame=number))
    state.take(replace(event, found=()))
    state.take(Notice("a", "lost", "a: gone", 0.3))
    state.take(event)
    found = [(e["kind"], e["text"]) for e in state.snapshot()["events"][::-1]]
    assert found == [("seen", "cat #1 (0.90)"), ("lost", "a: gone")]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-quic", "--window-size=1280,860",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def text(browser: Any, css: str) -> str:
    return str(browser.execute_script(f"return document.querySelector('{css}').textContent"))


@needs_browser
class TestBrowser:
    def pixels(self, browser: Any) -> list[int]:
        """A part of what the image shows just now."""
        return browser.execute_script(  # type: ignore[no-any-return]
            "const i = document.querySelector('figure img');"
            "const c = document.createElement('canvas'); c.width = 64; c.height = 48;"
            "const x = c.getContext('2d'); x.drawImage(i, 0, 0, 64, 48);"
            "return Array.from(x.getImageData(0, 0, 64, 48).data)"
        )

    def test_the_picture_moves_and_a_slider_changes_what_is_drawn(
        self, browser: Any, running: Running
    ) -> None:
        browser.get(running.address)
        wait(lambda: browser.find_elements("css selector", "figure img"))
        wait(lambda: "live" in text(browser, "#link"))
        wait(lambda: sum(self.pixels(browser)) > 0)
        first = self.pixels(browser)
        wait(lambda: self.pixels(browser) != first)  # it moves
        assert text(browser, "#model") == "reds"
        wait(lambda: "red" in text(browser, ".found"))
        # A label's dot has the color of its boxes, #0072b2, not the gray of none.
        dots = "return [...document.querySelectorAll('.chip i')].map(i => i.style.background)"
        wait(lambda: "rgb(0, 114, 178)" in browser.execute_script(dots))
        # Its own labels' color is drawn around what was found, and goes with the slider.
        slider = "input[data-label=\\'{}\\']"
        for label in ("red", "blue"):
            browser.execute_script(
                f"const s = document.querySelector('{slider.format(label)}'); s.value = 1;"
                "s.dispatchEvent(new Event('input', {bubbles: true}));"
            )
        wait(lambda: "red" not in text(browser, ".found"))
        assert running.watch.spec.decoding.thresholds == {"red": 1.0, "blue": 1.0}  # type: ignore[union-attr]
        wait(lambda: self.boxes(browser) == 0)
        assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]

    def boxes(self, browser: Any) -> int:
        """Pixels in the color of the label red's boxes, #0072b2, which the pattern has not."""
        data = np.array(self.pixels(browser)).reshape(-1, 4)[:, :3]
        return int((np.abs(data - (0, 114, 178)).max(axis=1) < 25).sum())

    def test_two_viewers_at_once(self, browser: Any, running: Running) -> None:
        browser.get(running.address)
        wait(lambda: browser.find_elements("css selector", "figure img"))
        browser.switch_to.new_window("window")
        browser.get(running.address)
        wait(lambda: browser.find_elements("css selector", "figure img"))
        for handle in browser.window_handles:
            browser.switch_to.window(handle)
            wait(lambda: sum(self.pixels(browser)) > 0)
            first = self.pixels(browser)
            wait(lambda before=first: self.pixels(browser) != before)
        wait(lambda: running.state()["sources"][0]["rate"] > 15)

    def test_it_says_when_the_run_is_gone(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25")
        browser.get(run.address)
        wait(lambda: "live" in text(browser, "#link"))
        run.close()
        wait(lambda: "no connection" in text(browser, "#link"))

    def test_on_a_phone_nothing_is_cut_off(self, browser: Any, running: Running) -> None:
        browser.set_window_size(400, 800)
        browser.get(running.address)
        wait(lambda: browser.find_elements("css selector", "figure img"))
        wide = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0


@pytest.fixture
def listening() -> Iterator[Any]:
    """A shipped bundle on endless silence, as fast as a microphone would bring it."""
    from edgenets import zoo
    from tests.runs import run_of

    bundle = zoo.load("kws-gru")
    run = run_of(bundle, load(bundle, select(bundle)), "null:30")
    port = servers.free_port()
    push, said = run._pipeline.push, []

    def slowly(samples: Any) -> Any:
        time.sleep(0.04)
        return push(samples)

    run._pipeline.push = slowly  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: run.deliver([f"web:{port}"], said.append))
    thread.start()
    servers.wait_for_port(port)
    yield run, f"http://127.0.0.1:{port}"
    run.stop()
    thread.join(20)


class TestSound:
    """The page of a run that listens: the microphone's spectrogram, and scores."""

    def test_the_state_brings_what_is_new(self, listening: Any) -> None:
        run, address = listening
        with urllib.request.urlopen(f"{address}/events", timeout=10) as stream:
            lines = [line for line in (stream.readline() for _ in range(16)) if line.strip()]
        states = [json.loads(line.removeprefix(b"data: ")) for line in lines]
        counts = [s["sound"]["count"] for s in states]
        assert counts == sorted(counts) and counts[-1] > counts[0]
        for before, after in itertools.pairwise(states):
            columns = len(base64.b64decode(after["sound"]["columns"])) / after["sound"]["bands"]
            assert columns == after["sound"]["count"] - before["sound"]["count"]
        assert set(states[0]["sound"]["scores"]) == set(run.spec.labels)

    def test_a_threshold_changes_while_it_listens(self, listening: Any) -> None:
        run, address = listening
        request = urllib.request.Request(
            f"{address}/threshold", b'{"label": "stop", "value": 0.95}', {"X-Edgenets": "1"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 204
        assert run.spec.decoding.thresholds == {"stop": 0.95}
        with pytest.raises(ValueError, match="no word"):
            run.set_threshold("halt", 0.5)

    def test_it_is_healthy_while_it_hears_nothing(self, listening: Any) -> None:
        _, address = listening
        time.sleep(0.5)
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
            assert answer.status == 200


@needs_browser
class TestSoundInABrowser:
    def test_the_spectrogram_moves(self, browser: Any, listening: Any) -> None:
        _, address = listening
        browser.get(address)
        wait(lambda: browser.execute_script("return !document.querySelector('#sound').hidden"))
        wait(lambda: "stop" in text(browser, "#scores"))
        assert browser.execute_script(
            "const c = document.querySelector('#spectrogram');"
            "return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        ) > 1  # fmt: skip
        assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
