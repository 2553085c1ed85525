"""Sources of pictures: the contract of all, and each one's faults."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgenets.errors import SourceError
from edgenets.runtime.cameras import CAMERAS, Camera, Frame, Notice, capture, open_camera, v4l
from edgenets.runtime.cameras.feed import Ended, Feed

from . import servers, sets

needs_rtsp = pytest.mark.skipif(
    servers.rtsp_missing() is not None, reason=servers.rtsp_missing() or ""
)


def drain(uri: str) -> tuple[list[Frame], list[Notice]]:
    """Everything that a source gives, taken as fast as it comes."""
    items = list(open_camera(uri).items())
    return [i for i in items if isinstance(i, Frame)], [i for i in items if isinstance(i, Notice)]


class Reader:
    """Takes what a feed has."""

    def __init__(self, camera: Camera) -> None:
        self.ready: SimpleQueue[Any] = SimpleQueue()
        self.feed = Feed(camera, self.ready)
        self.feed.start()

    def next(self, timeout: float = servers.PATIENCE) -> Any:
        self.ready.get(timeout=timeout)
        return self.feed.take()

    def wait_for(self, kind: type, timeout: float = servers.PATIENCE) -> Any:
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            item = self.next(max(0.01, until - time.monotonic()))
            if isinstance(item, kind):
                return item
        raise AssertionError(f"no {kind.__name__} in {timeout} s")

    def close(self) -> None:
        self.feed.close()
        assert self.feed.join(10)


class FakeCapture:
    """A cv2.VideoCapture that gives what it is told to."""

    def __init__(self, pictures: list[Any], size: tuple[int, int] = (640, 480)) -> None:
        self.pictures, self.size = list(pictures), size
        self.released = False
        self.asked: dict[int, float] = {}

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.002)
        if not self.pictures:
            return False, None
        picture = self.pictures.pop(0)
        if isinstance(picture, Exception):
            raise picture
        return True, picture

    def set(self, name: int, value: float) -> bool:
        self.asked[name] = value
        return True

    def get(self, name: int) -> float:
        return {
            cv2.CAP_PROP_FRAME_WIDTH: self.size[0],
            cv2.CAP_PROP_FRAME_HEIGHT: self.size[1],
        }.get(name, 0.0)

    def release(self) -> None:
        self.released = True


PICTURE = np.full((4, 6, 3), 7, np.uint8)


@pytest.mark.parametrize("scheme", CAMERAS)
class TestContract:
    def test_its_module_says_what_it_is(self, scheme: str) -> None:
        module = importlib.import_module(CAMERAS[scheme])
        assert module.__doc__ and module.open_camera.__doc__

    def test_what_it_cannot_open_is_one_clear_error(
        self, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(capture, "ANSWER_PATIENCE", 0.5)
        bad = {
            "camera": "camera:/dev/no-camera", "csi": "csi:front", "rtsp": "rtsp://127.0.0.1:1/x",
            "rtsps": "rtsps://127.0.0.1:1/x", "http": "http://127.0.0.1:1/x.mjpg",
            "https": "https://127.0.0.1:1/x.mjpg", "video": f"video:{tmp_path}/none.mp4",
            "pictures": f"pictures:{tmp_path}", "null": "null:wide", "demo": "demo:film",
        }[scheme]  # fmt: skip
        with pytest.raises(SourceError) as caught:
            open_camera(bad)
        assert str(caught.value) and "\n" not in str(caught.value)


def test_pictures_of_a_folder_in_order(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((5, 5, 3), number, np.uint8))
    (tmp_path / "._0.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8\xff broken")
    frames, notices = drain(str(tmp_path))
    assert [f.picture[0, 0, 0] for f in frames] == [0, 1, 2]
    assert [f.path.name for f in frames if f.path] == ["0.png", "1.png", "2.png"]
    (notice,) = notices
    assert notice.kind == "skipped" and "3.jpg" in notice.text
    assert len(drain(f"{tmp_path}/[01].png")[0]) == 2
    assert len(drain(f"{tmp_path}/2.png")[0]) == 1


def test_a_folder_of_nothing_but_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(SourceError, match="not one of 1 pictures"):
        drain(str(tmp_path))


def test_every_picture_of_a_video(tmp_path: Path) -> None:
    path = servers.write_video(tmp_path / "a.mp4", 30)
    frames, notices = drain(str(path))
    assert not notices and [f.number for f in frames] == list(range(30))
    assert frames[10].time == pytest.approx(0.5)
    levels = [float(f.picture.mean()) for f in frames]
    assert np.allclose(levels, [20 + 4 * n for n in range(30)], atol=4)


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    whole = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (320, 240))
    rng = np.random.default_rng(0)
    for _ in range(40):
        writer.write(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    writer.release()
    path = tmp_path / "b.avi"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    frames, notices = drain(str(path))
    assert 5 <= len(frames) < 30
    assert [n.kind for n in notices] == ["skipped"] and "cut off" in notices[0].text


@pytest.mark.parametrize("data", [b"", b"no video at all", b"\0" * 4096])
def test_what_is_no_video(data: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"no video that OpenCV can read"):
        open_camera(str(path))
    assert capfd.readouterr().err == ""  # OpenCV and FFmpeg keep it to themselves


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("", "no source is given"), ("mic:default", "no source of pictures is called 'mic:'"),
        ("gone.mp4", "no such file"), ("gone/*.png", "no pictures"),
        ("camera:0?size=big", "width and height in pixels"), ("camera:0?rate=0", "rate=0: must be"),
        ("camera:0?zoom=2", "options are size, rate, format"),
        ("camera:0?format=H2645", "four letters"),
        ("null:", "needs an end"), ("null:0x0?rate=1", "size=0x0"),
        ("csi:0?size=1x1&rate=x", "rate=x"),
    ],
)  # fmt: skip
def test_what_is_no_source(uri: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_camera(uri)


def test_the_pattern_moves_and_ends() -> None:
    frames, _ = drain("null:64x48?seconds=1")
    assert len(frames) == 30 and frames[0].picture.shape == (48, 64, 3)
    assert not (frames[0].picture == frames[15].picture).all()
    live = open_camera("null:64x48?rate=100&seconds=0.1")
    begun = time.monotonic()
    assert live.live and len(list(live.items())) == 10 and time.monotonic() - begun > 0.08


class TestFeed:
    def test_a_live_source_keeps_its_newest_picture(self) -> None:
        reader = Reader(open_camera("null:32x24?rate=200"))
        try:
            first = reader.wait_for(Frame)
            time.sleep(0.3)
            newest, following = reader.wait_for(Frame), reader.wait_for(Frame)
            assert newest.number > first.number + 10 and following.number <= newest.number + 3
            assert reader.feed.dropped >= newest.number - first.number - 2
            assert time.monotonic() - newest.captured < 0.2
        finally:
            reader.close()

    def test_a_recording_loses_nothing_and_reads_little_ahead(self, tmp_path: Path) -> None:
        path = servers.write_video(tmp_path / "a.mp4", 40)
        reader = Reader(open_camera(str(path)))
        time.sleep(0.5)
        numbers = []
        while not isinstance(item := reader.next(), Ended):
            numbers.append(item.number)
        assert numbers == list(range(40)) and reader.feed.dropped == 0
        assert reader.ready.empty() and reader.feed.ended

    def test_it_ends_at_once_when_nobody_takes(self, tmp_path: Path) -> None:
        reader = Reader(open_camera(str(servers.write_video(tmp_path / "a.mp4", 40))))
        time.sleep(0.2)
        begun = time.monotonic()
        reader.close()
        assert time.monotonic() - begun < 2

    @pytest.mark.parametrize("slow", [False, True])
    def test_alone_it_is_read_without_a_thread_unless_that_takes_long(
        self, slow: bool, tmp_path: Path
    ) -> None:
        camera = open_camera(str(servers.write_video(tmp_path / "a.mp4", 40)))
        if slow:
            usual = camera._capture.read  # type: ignore[attr-defined]
            camera._capture = FakeCapture([])  # type: ignore[attr-defined]
            camera._capture.read = lambda: (time.sleep(0.002), usual())[1]  # type: ignore[attr-defined]
        ready: SimpleQueue[Any] = SimpleQueue()
        feed = Feed(camera, ready, alone=True)
        feed.start()
        numbers = []
        while not isinstance(item := (ready.get(timeout=10), feed.take())[1], Ended):
            numbers.append(item.number)  # type: ignore[union-attr]
        assert numbers == list(range(40)) and ready.empty()
        assert (feed._thread.ident is not None) is slow
        assert feed.join(5)

    def test_a_fault_of_foreign_code_is_told(self) -> None:
        class Broken(Camera):
            def items(self) -> Iterator[Any]:
                yield Frame(PICTURE, 0, 0.0, time.monotonic())
                raise ZeroDivisionError("in a driver")

        reader = Reader(Broken("x"))
        assert isinstance(reader.next(), Frame)
        end = reader.next()
        assert isinstance(end, Ended) and "ZeroDivisionError: in a driver" in str(end.error)


class TestWebcam:
    """There is no camera here; OpenCV's capture is stood in for."""

    @pytest.fixture
    def device(self, tmp_path: Path) -> Path:
        path = tmp_path / "video0"
        path.touch()
        return path

    def opened(self, monkeypatch: pytest.MonkeyPatch, *captures: FakeCapture | None) -> None:
        left = list(captures)
        monkeypatch.setattr(v4l, "opened", lambda make: left.pop(0) if left else None)

    def test_it_is_asked_for_what_is_wished(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = FakeCapture([PICTURE] * 3, (1280, 720))
        self.opened(monkeypatch, fake)
        open_camera(f"camera:{device}?size=1280x720&rate=30&format=MJPG")
        assert fake.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
        assert fake.asked[cv2.CAP_PROP_FPS] == 30
        assert fake.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")

    def test_a_size_that_it_has_not(self, device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = FakeCapture([], (640, 480))
        self.opened(monkeypatch, fake)
        with pytest.raises(SourceError, match="cannot do 1920x1080; it offers 640x480"):
            open_camera(f"camera:{device}?size=1920x1080")
        assert fake.released

    def test_no_such_device_and_one_that_is_anothers(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(SourceError, match="there is no /dev/video99"):
            open_camera("camera:99")
        self.opened(monkeypatch, None)
        with pytest.raises(SourceError, match="another program's"):
            open_camera(f"camera:{device}")

        def busy(*_: object) -> int:
            raise OSError(16, "busy")

        monkeypatch.setattr(v4l.os, "open", busy)
        with pytest.raises(SourceError, match="another program has it"):
            open_camera(f"camera:{device}")

    def test_unplugged_and_plugged_in_again(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(capture, "RETRY_FIRST", 0.05)
        first, second = FakeCapture([PICTURE] * 2), FakeCapture([PICTURE + 1] * 500)
        self.opened(monkeypatch, first, None, second)
        reader = Reader(open_camera(f"camera:{device}"))
        try:
            lost = reader.wait_for(Notice)
            assert lost.kind == "lost" and first.released
            assert reader.wait_for(Notice).kind == "back"
            # No picture was made up in between: the next is the camera's own.
            assert (reader.wait_for(Frame).picture == PICTURE + 1).all()
        finally:
            reader.close()

    @pytest.mark.parametrize(
        "odd",
        [
            np.full((4, 6), 7, np.uint8), np.full((4, 6, 1), 7, np.uint8),
            np.full((4, 6, 4), 7, np.uint8), np.full((4, 6), 7 * 257, np.uint16),
        ],
    )  # fmt: skip
    def test_odd_pixel_formats(
        self, odd: Any, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.opened(monkeypatch, FakeCapture([odd]))
        frame = next(iter(open_camera(f"camera:{device}").items()))
        assert isinstance(frame, Frame) and (frame.picture == PICTURE).all()

    def test_a_format_that_opencv_cannot_convert(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.opened(monkeypatch, FakeCapture([cv2.error("unknown fourcc")]))
        item = next(iter(open_camera(f"camera:{device}").items()))
        assert isinstance(item, Notice) and item.kind == "lost"


class TestCsi:
    def test_a_raspberry_pi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Any] = []

        class Picamera2:
            def __init__(self, number: int) -> None:
                calls.append(number)

            def create_video_configuration(self, **wish: Any) -> Any:
                return wish

            def configure(self, wish: Any) -> None:
                calls.append(wish)

            def start(self) -> None: ...
            def stop(self) -> None: ...
            def close(self) -> None:
                calls.append("closed")

            def capture_array(self, name: str) -> Any:
                return PICTURE

        fake = SimpleNamespace(Picamera2=Picamera2)
        monkeypatch.setitem(sys.modules, "picamera2", fake)
        camera = open_camera("csi:1?size=640x480&rate=15")
        items = camera.items()
        frame = next(items)
        assert isinstance(frame, Frame) and (frame.picture == PICTURE).all()
        assert calls[0] == 1 and calls[1]["main"] == {"size": (640, 480), "format": "RGB888"}
        assert calls[1]["controls"] == {"FrameRate": 15.0}
        items.close()
        assert calls[-1] == "closed"

    def test_a_jetson(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []
        built = "  GStreamer:                   YES (1.20)"
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: built)
        monkeypatch.setattr(
            cv2, "VideoCapture", lambda *a: asked.append(a) or FakeCapture([PICTURE])
        )
        frame = next(iter(open_camera("csi:0?size=1920x1080&rate=60").items()))
        assert isinstance(frame, Frame)
        pipeline, backend = asked[0]
        assert backend == cv2.CAP_GSTREAMER and "nvarguscamerasrc sensor-id=0" in pipeline
        assert "width=1920,height=1080,framerate=60/1" in pipeline and "drop=true" in pipeline

    def test_neither(self) -> None:
        with pytest.raises(SourceError, match=r"picamera2.*nor an OpenCV with GStreamer"):
            open_camera("csi:0")


class TestNetwork:
    def test_a_password_is_shown_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(capture, "ANSWER_PATIENCE", 0.5)
        with pytest.raises(SourceError) as caught:
            open_camera("rtsp://admin:secret@127.0.0.1:1/x")
        assert "secret" not in str(caught.value) and "127.0.0.1:1/x" in str(caught.value)

    def test_mjpeg_that_ends_and_comes_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with servers.mjpeg(count=8) as url:
            reader = Reader(open_camera(url))
            try:
                assert reader.wait_for(Frame).picture.shape == (120, 160, 3)
                assert reader.wait_for(Notice).kind == "lost"
                assert reader.wait_for(Notice).kind == "back"
                assert reader.wait_for(Frame).picture.shape == (120, 160, 3)
            finally:
                reader.close()

    @needs_rtsp
    def test_a_server_that_is_killed_and_started_again(self) -> None:
        server = servers.RtspServer()
        reader = Reader(open_camera(server.url))
        try:
            assert reader.wait_for(Frame).picture.shape == (240, 320, 3)
            server.kill()
            assert reader.wait_for(Notice).kind == "lost"
            with pytest.raises(Empty):  # nothing comes, and nothing is made up
                reader.next(1.0)
            server = servers.RtspServer(server.port)
            assert reader.wait_for(Notice, 30).kind == "back"
            assert reader.wait_for(Frame).picture.std() > 1
        finally:
            reader.close()
            server.kill()

    @needs_rtsp
    def test_a_server_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(capture, "ANSWER_PATIENCE", 1.5)
        server = servers.RtspServer()
        reader = Reader(open_camera(server.url))
        try:
            reader.wait_for(Frame)
            server.freeze()
            assert reader.wait_for(Notice).kind == "lost"
            server.thaw()
            assert reader.wait_for(Notice, 30).kind == "back"
        finally:
            server.thaw()
            reader.close()
            server.kill()


def test_sets_are_drawn(tmp_path: Path) -> None:
    """What the other tests rely on."""
    assert all(d.boxes for d in sets.many(20))
