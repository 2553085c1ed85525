"""The live page in a real browser: what stands still looks so, and thresholds are at hand."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from typing import Any

import numpy as np
import pytest

from edgenets.bundle import Bundle
from edgenets.events import Seen
from edgenets.runtime.load import load
from edgenets.runtime.web.sink import open_sink
from edgenets.runtime.web.state import State
from edgenets.selection import select
from tests.attacks.slow_clients import Camera
from tests.runs import run_of

from . import models
from .test_web import TOKEN, Running, browser, needs_browser, text, wait

__all__ = ["browser"]  # a fixture

PHONE, DESK = (390, 844), (1280, 860)


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "reds.edge", models.DETECT)


def look(browser: Any, run: Running, size: tuple[int, int] = DESK) -> None:
    """Open the page, and wait until it is live."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    browser.get(run.address)
    wait(lambda: "live" in text(browser, "#link"))
    wait(lambda: browser.find_elements("css selector", "figure img"))
    wide = "return document.querySelector('figure img').naturalWidth"
    wait(lambda: browser.execute_script(wide))


def place(browser: Any, css: str) -> dict[str, float]:
    """Where an element is in the window, pixels."""
    return browser.execute_script(  # type: ignore[no-any-return]
        f"return document.querySelector('{css}').getBoundingClientRect().toJSON()"
    )


def shown(browser: Any, css: str) -> str:
    """The text of an element as it is seen; empty where it is hidden or not there."""
    found = browser.find_elements("css selector", css)
    return str(found[0].text) if found else ""


@needs_browser
class TestStandstill:
    def test_the_image_is_grey_when_the_run_has_ended(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25")
        look(browser, run)
        assert (
            "old" not in place_class(browser, "figure") and shown(browser, "#sources .since") == ""
        )
        run.close()
        wait(lambda: "old" in place_class(browser, "figure.old"))
        wait(
            lambda: re.match(
                r"the run ended at \d+:\d\d:\d\d.* old$", shown(browser, "#sources .since")
            )
        )
        assert re.match(r"no connection since \d", text(browser, "#link"))
        assert "grayscale(1)" in browser.execute_script(
            "return getComputedStyle(document.querySelector('figure img')).filter"
        )
        # Its age goes on, though nothing comes any more.
        before = shown(browser, "figure .age")
        wait(lambda: shown(browser, "figure .age") != before)

    def test_and_when_the_server_hangs_without_a_word(
        self, browser: Any, detect: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Running(detect, "null:320x240?rate=25")
        hung = threading.Event()
        try:
            look(browser, run)
            snapshot = State.snapshot

            def hangs(self: State, heard: int = 0) -> Any:
                hung.wait(30)
                return snapshot(self, heard)

            monkeypatch.setattr(State, "snapshot", hangs)
            wait(
                lambda: re.match(r"no connection since \d", shown(browser, "#sources .old .since"))
            )
            assert browser.execute_script(
                "return document.querySelector('input[data-label]').disabled"
            )
            hung.set()
            wait(lambda: "live" in text(browser, "#link"))
            wait(lambda: "old" not in place_class(browser, "figure"))
        finally:
            hung.set()
            run.close()

    def test_one_source_that_stands_still_beside_one_that_goes_on(
        self, browser: Any, detect: Bundle
    ) -> None:
        run = Running(detect, "null:320x240?rate=25&seconds=3", "null:64x48?rate=25")
        try:
            look(browser, run)
            wait(lambda: len(browser.find_elements("css selector", "#sources figure.old")) == 1)
            words = shown(browser, "#sources .old .since")
            assert re.match(r"no new image since \d+:\d\d:\d\d.* · image \d+ s old", words)
            assert text(browser, "#link") == "live"
            assert "then:" in text(browser, "#sources .old .found")
            assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
        finally:
            run.close()

    def test_a_camera_that_is_lost_and_comes_back(self, browser: Any, detect: Bundle) -> None:
        camera = Camera()
        camera.start()
        run = Running(detect, camera.url)
        try:
            look(browser, run)
            camera.stop()
            wait(lambda: re.match(r"(lost|stale) since \d", shown(browser, "#sources .old .since")))
            camera.start()
            wait(lambda: shown(browser, "#sources .since") == "", 30)
            assert "old" not in place_class(browser, "figure")
        finally:
            camera.stop()
            run.close()

    def test_it_comes_back_with_the_run(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25")
        look(browser, run)
        port = run.port
        run.close()
        wait(lambda: "no connection" in text(browser, "#link"))
        run = Running(detect, "null:320x240?rate=25", port=port)
        try:
            wait(lambda: text(browser, "#link") == "live")
            wait(lambda: "old" not in place_class(browser, "figure"))
        finally:
            run.close()


def place_class(browser: Any, css: str) -> str:
    found = browser.find_elements("css selector", f"#sources {css}")
    return str(found[0].get_attribute("class")) if found else "none"


@needs_browser
class TestThresholds:
    def test_on_a_phone_they_are_seen_with_the_image(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:640x480?rate=25", "null:320x240?rate=5")
        try:
            look(browser, run, PHONE)
            wait(lambda: len(browser.find_elements("css selector", "#sources figure")) == 2)
            image = place(browser, "figure img")
            sheet = place(browser, "#sliders-section")
            for slider in browser.find_elements("css selector", "input[data-label]"):
                assert slider.rect["y"] + slider.rect["height"] <= 844
                assert slider.rect["height"] >= 30  # a thumb finds it
            assert image["top"] >= 0 and image["bottom"] <= sheet["top"] and sheet["bottom"] <= 844
            # What the sheet lies over can be scrolled to.
            browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
            last = place(browser, "aside section:last-child")
            assert last["bottom"] <= place(browser, "#sliders-section")["top"] + 1
            wide = "return document.documentElement.scrollWidth"
            assert browser.execute_script(wide) <= 390
        finally:
            run.close()

    def test_sliders_follow_what_the_server_holds(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25")
        try:
            look(browser, run)
            slider = "document.querySelector('input[data-label=red]')"
            for value in (0.8, 0.0025, 1.0):
                body = json.dumps({"label": "red", "value": value}).encode()
                assert run.threshold(body, **{"X-Edgenets": "1"}) == 204
                wait(lambda v=value: float(
                    browser.execute_script(f"return {slider}.value")) == max(0.01, v))  # fmt: skip
            assert text(browser, "label.slider output") == "1.00"
            # What the server refuses is said, and the slider goes back.
            browser.execute_script(
                f"{slider}.min = -1; {slider}.value = -0.5;"
                f"{slider}.dispatchEvent(new Event('input', {{bubbles: true}}));"
            )
            wait(lambda: "not between" in shown(browser, "label.slider .problem"))
            wait(lambda: browser.execute_script(f"return {slider}.value") == "1")
            assert run.watch.spec.decoding.thresholds["red"] == 1.0  # type: ignore[union-attr]
        finally:
            run.close()

    def test_a_slider_that_is_pulled_ends_where_it_was_let_go(
        self, browser: Any, detect: Bundle
    ) -> None:
        run = Running(detect, "null:320x240?rate=25")
        try:
            look(browser, run)
            browser.execute_script(
                "const s = document.querySelector('input[data-label=red]');"
                "for (let v = 10; v <= 90; v += 1) { s.value = v / 100;"
                " s.dispatchEvent(new Event('input', {bubbles: true})); }"
            )
            wait(lambda: run.watch.spec.decoding.thresholds.get("red") == 0.9)  # type: ignore[union-attr]
        finally:
            run.close()


@needs_browser
class TestFigures:
    def test_counts_say_what_they_count(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25")
        try:
            look(browser, run)
            wait(lambda: "red" in text(browser, "#counts"))
            headings = [h.text for h in browser.find_elements("css selector", "aside h2")]
            assert headings[:2] == ["Thresholds", "Now"]
            assert re.match(r"Since the start \(\d+:\d\d:\d\d", headings[2])
            assert "red" not in text(browser, "#figures")
            assert text(browser, ".found").startswith("now:")
        finally:
            run.close()

    def test_more_sources_than_a_browser_has_connections(
        self, browser: Any, detect: Bundle
    ) -> None:
        run = Running(detect, *[f"null:{32 + n}x32?rate=5" for n in range(8)])
        try:
            look(browser, run)
            wait(lambda: len(browser.find_elements("css selector", "#sources figure")) == 8)
            wide = "return [...document.querySelectorAll('figure img')].map(i => i.naturalWidth)"
            wait(lambda: sorted(browser.execute_script(wide)) == list(range(32, 40)))
            browser.execute_script("setThreshold('red', 0.77)")
            wait(lambda: run.watch.spec.decoding.thresholds.get("red") == 0.77)  # type: ignore[union-attr]
        finally:
            run.close()

    def test_the_token_leaves_the_address(self, browser: Any, detect: Bundle) -> None:
        run = Running(detect, "null:320x240?rate=25", options=f"?token={TOKEN}")
        try:
            browser.get(f"{run.address}/?token={TOKEN}")
            wait(lambda: "live" in text(browser, "#link"))
            assert TOKEN not in browser.current_url and TOKEN not in browser.page_source
            browser.refresh()  # the cookie has it
            wait(lambda: "live" in text(browser, "#link"))
        finally:
            run.close()


def test_all_streams_in_one(detect: Bundle) -> None:
    run = Running(detect, "null:64x48?rate=25", "null:32x24?rate=25")
    try:
        wait(lambda: len(run.state()["sources"]) == 2)
        with urllib.request.urlopen(f"{run.address}/stream/all.mjpg", timeout=10) as stream:
            some = stream.read(60_000)
        assert some.count(b"X-Source: 0\r\n") > 3 and some.count(b"X-Source: 1\r\n") > 3
    finally:
        run.close()


def test_a_stream_that_is_asked_for_before_its_first_image(detect: Bundle) -> None:
    run = run_of(detect, load(detect, select(detect)), "null:64x48?rate=25")
    sink = open_sink("0")
    address = sink.steer(run).removeprefix("live page: ")
    try:
        with urllib.request.urlopen(f"{address}/stream/0.mjpg", timeout=10) as stream:
            sink.write(Seen("a", 0, 0.0, 0.0, (), image=np.zeros((8, 8, 3), np.uint8)))
            assert b"--frame" in stream.read(30)
    finally:
        sink.close()
        run.stop()
