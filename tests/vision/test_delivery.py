"""Sinks of images and networks: what they write, and what becomes of it when something fails."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgenets.errors import SinkError
from edgenets.events import Notice, Seen
from edgenets.runtime.run import DeliveryQueue
from edgenets.runtime.sinks import Sinks, open_sink, remote, webhook
from edgenets.tasks.vision.drawing import draw
from edgenets.tasks.vision.results import Found

from . import servers

PICTURE = np.full((120, 160, 3), 90, np.uint8)
CAT = Found("cat", 0.875, (20.0, 30.0, 80.0, 90.0), track=3)
SEEN = Seen("camera:0", 0, 0.0, 0.01, (CAT,), image=PICTURE, labels=("cat", "dog"))

needs_broker = pytest.mark.skipif(
    servers.mosquitto_missing() is not None, reason=servers.mosquitto_missing() or ""
)


def seen(number: int, source: str = "camera:0", found: tuple[Found, ...] = (CAT,)) -> Seen:
    return replace(SEEN, source=source, frame=number, time=number / 20, found=found)


class TestDrawing:
    def test_a_box_is_drawn_and_the_picture_left_alone(self) -> None:
        drawn = draw(SEEN)
        assert (PICTURE == 90).all() and drawn.shape == PICTURE.shape
        changed = (drawn != PICTURE).any(axis=2)
        assert changed[30, 25:75].all() and changed[35:85, 20].all() and not changed[60, 40]

    @pytest.mark.parametrize("box", [(-50, -50, 500, 500), (159, 119, 160, 120), (0, 0, 0, 0)])
    def test_a_box_at_the_edge(self, box: tuple[float, ...]) -> None:
        found = Found("çat ✗", 1.0, box)  # type: ignore[arg-type]
        assert draw(replace(SEEN, found=(found,))).shape == PICTURE.shape

    def test_a_mask_lies_over_the_picture(self) -> None:
        mask = np.zeros((12, 16), np.uint8)
        mask[:, 8:] = 1
        event = replace(SEEN, found=(Found("dog", 1.0, area=0.5),), mask=mask, background=("cat",))
        drawn = draw(event)
        assert (drawn[60, 20] == 90).all() and not (drawn[60, 140] == 90).all()

    def test_the_label_of_a_whole_picture(self) -> None:
        assert (draw(replace(SEEN, found=(Found("dog", 0.9),))) != PICTURE).any()


class TestVideo:
    def test_it_can_be_played(self, tmp_path: Path) -> None:
        sink = open_sink(f"video:{tmp_path}/out.mp4")
        for number in range(12):
            sink.write(seen(number))
        assert not (tmp_path / "out.mp4").exists()  # nothing half-written stands there
        sink.close()
        capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        count = 0
        while capture.read()[0]:
            count += 1
        assert count == 12 and capture.get(cv2.CAP_PROP_FPS) == pytest.approx(20, abs=0.1)
        assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]

    def test_one_file_a_source_and_a_picture_alone(self, tmp_path: Path) -> None:
        sink = open_sink(f"video:{tmp_path}/out.avi")
        sink.write(seen(0, "a"))
        for number in range(3):
            sink.write(seen(number, "b"))
        sink.close()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out-2.avi", "out.avi"]

    def test_dots_in_a_name_and_pictures_of_one_pixel(self, tmp_path: Path) -> None:
        sink = open_sink(f"video:{tmp_path}/cam.front.mp4")
        for source in "abc":
            sink.write(replace(seen(0, source), image=np.zeros((1, 1, 3), np.uint8)))
        sink.close()
        names = ["cam.front-2.mp4", "cam.front-3.mp4", "cam.front.mp4"]
        assert sorted(p.name for p in tmp_path.iterdir()) == names

    def test_pictures_that_change_their_size(self, tmp_path: Path) -> None:
        sink = open_sink(f"video:{tmp_path}/out.mp4")
        for number, size in enumerate((64, 65, 33)):
            sink.write(replace(seen(number), image=np.zeros((size, size, 3), np.uint8)))
        sink.close()
        capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        assert capture.read()[1].shape == (64, 64, 3)


class TestFrames:
    def test_what_shows_something_is_kept(self, tmp_path: Path) -> None:
        sink = open_sink(f"frames:{tmp_path}/kept")
        sink.write(seen(0, found=()))
        sink.write(seen(1))
        (path,) = (tmp_path / "kept").iterdir()
        assert path.name.endswith("-1-cat.jpg")
        assert cv2.imread(str(path)).shape == PICTURE.shape

    def test_raw_pictures_have_nothing_drawn_in(self, tmp_path: Path) -> None:
        for raw in (0, 1):
            sink = open_sink(f"frames:{tmp_path}/{raw}?raw={raw}")
            sink.write(seen(1))
        spread = [cv2.imread(str(next((tmp_path / str(raw)).iterdir()))).std() for raw in (0, 1)]
        assert spread[0] > 5 and spread[1] < 1

    def test_the_folder_stays_small_and_the_oldest_go(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
        sink = open_sink(f"frames:{tmp_path}?most=0.1")
        for number in range(30):
            sink.write(replace(seen(number), image=noise))
        again = open_sink(f"frames:{tmp_path}?most=0.1")  # it knows what was there before
        for number in range(30, 35):
            again.write(replace(seen(number), image=noise))
        paths = sorted(tmp_path.iterdir())
        assert sum(p.stat().st_size for p in paths) <= 100_000 and len(paths) >= 3
        assert paths[-1].name.endswith("-34-cat.jpg")

    def test_what_a_killed_run_left_half_written_is_said_and_removed(self, tmp_path: Path) -> None:
        for name in (f".seen-1-1-cat.{2**22 + 1}.jpg", f".seen-2.{2**22 + 1}-0123456789abcdef.jpg"):
            (tmp_path / name).write_bytes(bytes(500))
        complaints: list[str] = []
        sinks = Sinks([f"frames:{tmp_path}"], complaints.append)
        sinks.close()
        assert "2 image(s)" in complaints[0] and "1,000 bytes" in complaints[0]
        assert not list(tmp_path.iterdir())

    def test_no_more_often_than_asked(self, tmp_path: Path) -> None:
        sink = open_sink(f"frames:{tmp_path}?every=60")
        for number in range(5):
            sink.write(seen(number))
            sink.write(seen(number, "camera:1"))
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_full_disk_is_an_error_of_the_sink(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complaints: list[str] = []
        sinks = Sinks([f"frames:{tmp_path}/a", f"jsonl:{tmp_path}/b.jsonl"], complaints.append)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        for number in range(3):
            sinks.write(seen(number))
        sinks.close()
        assert sinks.failures == 3 and "No space left" in complaints[0]
        assert len((tmp_path / "b.jsonl").read_text().splitlines()) == 3  # the other goes on
        assert not list((tmp_path / "a").iterdir())


def wait_until(true: object, timeout: float = servers.PATIENCE) -> None:
    until = time.monotonic() + timeout
    while not true():  # type: ignore[operator]
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


class TestWebhook:
    def test_events_arrive_in_order(self) -> None:
        hook = servers.WebHook()
        sink = open_sink(hook.url)
        for number in range(20):
            sink.write(seen(number))
        sink.close()
        hook.close()
        assert [json.loads(body)["frame"] for body in hook.posted] == list(range(20))

    def test_empty_pictures_are_told_of_once(self) -> None:
        hook = servers.WebHook()
        sink = open_sink(hook.url)
        for number in range(6):
            sink.write(seen(number, found=(CAT,) if number == 3 else ()))
        sink.close()
        hook.close()
        assert [json.loads(body)["frame"] for body in hook.posted] == [0, 3, 4]

    def test_a_server_that_is_away_loses_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "RETRY_FIRST", 0.05)
        port = servers.free_port()
        sink = open_sink(f"http://127.0.0.1:{port}/hook")
        for number in range(10):
            sink.write(seen(number))
        time.sleep(0.3)
        hook = servers.WebHook(port)
        sink.close()
        hook.close()
        assert [json.loads(body)["frame"] for body in hook.posted] == list(range(10))

    def test_one_that_is_overloaded_is_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "RETRY_FIRST", 0.05)
        hook = servers.WebHook()
        hook.answer = 503
        sink = open_sink(hook.url)
        sink.write(seen(0))
        time.sleep(0.3)
        hook.answer = 200
        sink.close()
        hook.close()
        assert len(hook.posted) == 1

    def test_what_is_refused_for_good_is_said(self) -> None:
        hook = servers.WebHook()
        hook.answer = 400
        sink = open_sink(hook.url)
        sink.write(seen(0))
        with pytest.raises(SinkError, match="refused 1 events"):
            sink.close()
        hook.close()

    def test_a_bounded_backlog_counts_its_losses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "LAST_WAIT", 0.2)
        sink = webhook.WebhookSink("http://127.0.0.1:1/")
        sink._backlog = 5
        for number in range(12):
            sink.write(seen(number))
        assert sink.lost == 7
        with pytest.raises(SinkError, match=r"7 events were lost.*5 could not be sent"):
            sink.close()


class TestEnd:
    def test_one_that_waits_for_its_server_holds_up_no_file(self, tmp_path: Path) -> None:
        """A broker that is not there comes first; the video is finished all the same."""
        complaints: list[str] = []
        uris = ["mqtt://bob:se@cret@127.0.0.1:1/t", f"video:{tmp_path}/a.mp4"]
        sinks = Sinks(uris, complaints.append)
        for number in range(5):
            sinks.write(seen(number))
        begun = time.monotonic()
        sinks.close()
        assert (tmp_path / "a.mp4").exists() and time.monotonic() - begun < 12
        assert sinks.failures == 5  # each event that was not delivered
        assert "could not be sent" in complaints[-1] and "cret" not in "".join(complaints)

    def test_a_server_that_comes_back_at_the_end_gets_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "RETRY_FIRST", 60.0)  # it sleeps when the end comes
        port = servers.free_port()
        sink = open_sink(f"http://127.0.0.1:{port}/hook")
        for number in range(5):
            sink.write(seen(number))
        time.sleep(0.5)
        hook = servers.WebHook(port)
        sink.close()
        hook.close()
        assert [json.loads(body)["frame"] for body in hook.posted] == list(range(5))

    def test_one_that_speaks_no_http_ends_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote, "RETRY_FIRST", 0.02)
        monkeypatch.setattr(remote, "LAST_WAIT", 1.0)
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            sink = open_sink(f"http://127.0.0.1:{server.getsockname()[1]}/x")
            told: list[str] = []
            sink.complain = told.append  # type: ignore[attr-defined]
            sink.write(seen(0))
            for _ in range(4):
                client, _ = server.accept()
                client.recv(65536)
                client.sendall(b"SSH-2.0-OpenSSH\r\n")
                client.close()
            wait_until(lambda: told)
            assert "cannot deliver" in told[0]
            with pytest.raises(SinkError, match=r"1 could not be sent"):
                sink.close()

    def test_a_blocked_sink_does_not_outlive_a_run_that_is_stopped(self) -> None:
        blocked = threading.Event()

        class Blocked:
            failures = 0

            def write(self, event: object) -> None:
                blocked.wait(30)

            def close(self) -> None: ...

        stopped = threading.Event()
        courier = DeliveryQueue(Blocked(), False, stopped.is_set)  # type: ignore[arg-type]
        threading.Timer(0.3, stopped.set).start()
        begun = time.monotonic()
        for number in range(12):
            courier.give(seen(number))
        assert time.monotonic() - begun < 5
        blocked.set()
        courier.close()


@needs_broker
class TestMqtt:
    def test_events_arrive(self, tmp_path: Path) -> None:
        broker = servers.Broker(tmp_path)
        try:
            sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/garden/gate")
            for number in range(10):
                sink.write(seen(number))
            sink.write(Notice("camera:0", "lost", "gone", 1.0))
            sink.close()
            wait_until(lambda: len(broker.lines()) == 11)
            lines = [json.loads(line) for line in broker.lines()]
            assert [line["frame"] for line in lines[:10]] == list(range(10))
            assert lines[10]["event"] == "lost"
        finally:
            broker.kill()

    def test_a_broker_that_is_down_for_a_while(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "RETRY_FIRST", 0.1)
        broker = servers.Broker(tmp_path)
        sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/a")
        try:
            sink.write(seen(0))
            wait_until(lambda: len(broker.lines()) == 1)
            broker.kill()
            for number in range(1, 30):
                sink.write(seen(number))
            time.sleep(0.5)
            broker = servers.Broker(tmp_path, broker.port)
            wait_until(lambda: len(broker.lines()) >= 29, 40)
            sink.close()
            frames = [json.loads(line)["frame"] for line in broker.lines()]
            assert sorted(set(frames)) == list(range(1, 30))  # at least once is what QoS 1 promises
        finally:
            broker.kill()


class TestCourier:
    class Slow:
        """Sinks that take their time."""

        def __init__(self, seconds: float) -> None:
            self.seconds, self.events = seconds, []
            self.closed = threading.Event()

        def write(self, event: object) -> None:
            time.sleep(self.seconds)
            self.events.append(event)

        def close(self) -> None:
            self.closed.set()

    def test_live_pictures_are_left_out_and_remarks_never(self) -> None:
        slow = self.Slow(0.02)
        courier = DeliveryQueue(slow, drops=True)  # type: ignore[arg-type]
        begun = time.monotonic()
        for number in range(100):
            courier.give(seen(number))
            if number % 25 == 0:
                courier.give(Notice("camera:0", "lost", str(number), 0.0))
        assert time.monotonic() - begun < 0.2  # the model is not held up
        courier.close()
        got = [e.frame for e in slow.events if isinstance(e, Seen)]
        assert len(got) + courier.dropped == 100 and got[-1] == 99 and got == sorted(got)
        assert len([e for e in slow.events if isinstance(e, Notice)]) == 4
        assert slow.closed.is_set()

    def test_recordings_wait_and_lose_nothing(self) -> None:
        slow = self.Slow(0.002)
        courier = DeliveryQueue(slow, drops=False)  # type: ignore[arg-type]
        for number in range(60):
            courier.give(seen(number))
        courier.close()
        assert [e.frame for e in slow.events] == list(range(60)) and not courier.dropped
