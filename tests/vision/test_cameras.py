"""Sources of images: the contract of all, and each one's faults."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
import pytest

from edgenets.errors import SourceError
from edgenets.runtime.cameras import CAMERAS, Camera, Frame, SourceNotice, capture, open_camera
from edgenets.runtime.cameras.feed import Ended, Feed

from . import servers, sets
from .stand_ins import PICTURE, FakeCapture, Reader

needs_rtsp = pytest.mark.skipif(
    servers.rtsp_missing() is not None, reason=servers.rtsp_missing() or ""
)


def drain(uri: str) -> tuple[list[Frame], list[SourceNotice]]:
    """Everything that a source gives, taken as fast as it comes."""
    items = list(open_camera(uri).items())
    return [i for i in items if isinstance(i, Frame)], [
        i for i in items if isinstance(i, SourceNotice)
    ]


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
            "images": f"images:{tmp_path}", "null": "null:wide", "demo": "demo:film",
        }[scheme]  # fmt: skip
        with pytest.raises(SourceError) as caught:
            open_camera(bad)
        assert str(caught.value) and "\n" not in str(caught.value)


def test_pictures_of_a_folder_in_order(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((5, 5, 3), number, np.uint8))
    (tmp_path / "._0.png").write_bytes(b"what a Mac leaves")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "3.jpg").write_bytes(b"\xff\xd8\xff broken")
    frames, notices = drain(str(tmp_path))
    assert [f.image[0, 0, 0] for f in frames] == [0, 1, 2]
    assert [f.path.name for f in frames if f.path] == ["0.png", "1.png", "2.png"]
    (notice,) = notices
    assert notice.kind == "skipped" and "3.jpg" in notice.text
    assert len(drain(f"{tmp_path}/[01].png")[0]) == 2
    assert len(drain(f"{tmp_path}/2.png")[0]) == 1


def test_a_folder_of_nothing_but_broken_pictures(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"")
    with pytest.raises(SourceError, match="not one of 1 images"):
        drain(str(tmp_path))


def test_every_picture_of_a_video(tmp_path: Path) -> None:
    path = servers.write_video(tmp_path / "a.mp4", 30)
    frames, notices = drain(str(path))
    assert not notices and [f.number for f in frames] == list(range(30))
    assert frames[10].time == pytest.approx(0.5)
    levels = [float(f.image.mean()) for f in frames]
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
        ("", "no source is given"), ("mic:default", "no source of images is called 'mic:'"),
        ("gone.mp4", "no such file"), ("gone/*.png", "no images"),
        ("camera:0?size=big", "width and height in pixels"), ("camera:0?rate=0", "rate=0: must be"),
        ("camera:0?zoom=2", "options are size, rate, format, depth, max-pixels"),
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
    assert len(frames) == 30 and frames[0].image.shape == (48, 64, 3)
    assert not (frames[0].image == frames[15].image).all()
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
            usual, told = camera._capture.read, camera._capture.get  # type: ignore[attr-defined]
            camera._capture = FakeCapture([])  # type: ignore[attr-defined]
            camera._capture.get = told  # type: ignore[attr-defined]
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


def test_sets_are_drawn(tmp_path: Path) -> None:
    """What the other tests rely on."""
    assert all(d.boxes for d in sets.many(20))
