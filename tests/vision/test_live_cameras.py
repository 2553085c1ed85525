"""Cameras that are live: webcams, ribbon cables and networks, and how each fails and comes back."""

from __future__ import annotations

import sys
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgenets.errors import SourceError
from edgenets.runtime.cameras import Frame, SourceNotice, capture, open_camera, v4l

from . import servers
from .stand_ins import PICTURE, FakeCapture, Reader

needs_rtsp = pytest.mark.skipif(
    servers.rtsp_missing() is not None, reason=servers.rtsp_missing() or ""
)


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
            lost = reader.wait_for(SourceNotice)
            assert lost.kind == "lost" and first.released
            assert reader.wait_for(SourceNotice).kind == "back"
            # No image was made up in between: the next is the camera's own.
            assert (reader.wait_for(Frame).image == PICTURE + 1).all()
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
        assert isinstance(frame, Frame) and (frame.image == PICTURE).all()

    def test_a_format_that_opencv_cannot_convert(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.opened(monkeypatch, FakeCapture([cv2.error("unknown fourcc")]))
        item = next(iter(open_camera(f"camera:{device}").items()))
        assert isinstance(item, SourceNotice) and item.kind == "lost"


class TestCsi:
    def test_a_raspberry_pi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[Any] = []

        class Picamera2:
            def __init__(self, number: int) -> None:
                calls.append(number)

            def create_video_configuration(self, **options: Any) -> Any:
                return options

            def configure(self, options: Any) -> None:
                calls.append(options)

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
        assert isinstance(frame, Frame) and (frame.image == PICTURE).all()
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
                assert reader.wait_for(Frame).image.shape == (120, 160, 3)
                assert reader.wait_for(SourceNotice).kind == "lost"
                assert reader.wait_for(SourceNotice).kind == "back"
                assert reader.wait_for(Frame).image.shape == (120, 160, 3)
            finally:
                reader.close()

    @needs_rtsp
    def test_a_server_that_is_killed_and_started_again(self) -> None:
        server = servers.RtspServer()
        reader = Reader(open_camera(server.url))
        try:
            assert reader.wait_for(Frame).image.shape == (240, 320, 3)
            server.kill()
            assert reader.wait_for(SourceNotice).kind == "lost"
            with pytest.raises(Empty):  # nothing comes, and nothing is made up
                reader.next(1.0)
            server = servers.RtspServer(server.port)
            assert reader.wait_for(SourceNotice, 30).kind == "back"
            assert reader.wait_for(Frame).image.std() > 1
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
            assert reader.wait_for(SourceNotice).kind == "lost"
            server.thaw()
            assert reader.wait_for(SourceNotice, 30).kind == "back"
        finally:
            server.thaw()
            reader.close()
            server.kill()
