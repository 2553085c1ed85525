"""What a run over images says of what it did not get: when, how much, and without side effects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgenets.errors import DataError
from edgenets.events import Notice, Seen, WatchSummary
from edgenets.painter import Painter
from edgenets.runtime import image_run as module
from edgenets.runtime.cameras import Camera, Frame, Item, SourceNotice
from edgenets.runtime.image_run import ImageRun
from edgenets.tasks.vision.data.catalogue import Labelled
from edgenets.tasks.vision.data.memory import load
from edgenets.tasks.vision.results import Found
from tests.commands import Call, call

from .stand_ins import PICTURE
from .test_image_files import WHOLE, encoded
from .test_network_faults import cut, jpeg, sends, serving
from .test_watch import detect, run

__all__ = ["call", "detect"]  # fixtures


class Flickering(Camera):
    """Live: one image at once, then nothing, then it is lost and back."""

    live = True

    def items(self) -> Iterator[Item]:
        begun = time.monotonic()
        yield Frame(PICTURE, 0, 0.0, begun)
        time.sleep(0.6)
        yield SourceNotice("lost", "x: lost")
        time.sleep(0.3)
        yield SourceNotice("back", "x: back")
        yield Frame(PICTURE, 1, time.monotonic() - begun, time.monotonic())


def test_lost_stale_and_back_have_their_own_time(
    detect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALE_AFTER", 0.3)
    monkeypatch.setattr(module, "open_camera", lambda uri: Flickering(uri))
    events = list(run(detect, "x"))
    times = {e.kind: e.time for e in events if isinstance(e, Notice)}
    assert times["stale"] == pytest.approx(0.4, abs=0.25)
    assert times["lost"] == pytest.approx(0.6, abs=0.2)
    assert times["back"] == pytest.approx(0.9, abs=0.2)
    assert [e.time for e in events] == sorted(e.time for e in events)


class NeverThere(Camera):
    """Live, and lost before an image came."""

    live = True

    def items(self) -> Iterator[Item]:
        time.sleep(0.4)
        yield SourceNotice("lost", "x: lost")


def test_what_is_lost_before_its_first_image(detect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_camera", lambda uri: NeverThere(uri))
    (notice,) = list(run(detect, "x"))
    assert notice.time == pytest.approx(0.4, abs=0.2)


def test_the_summary_counts_what_could_not_be_read(detect: Any, tmp_path: Path, call: Call) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(WHOLE["jpg"][: 2000 if name != "b" else None])
    watch = run(detect, str(tmp_path))
    list(watch)
    assert watch.summary.damaged == {str(tmp_path): 2}
    assert "2 images could not be read" in watch.summary.sentence()
    assert watch.summary.plain()["damaged"] == {str(tmp_path): 2}
    found = call("run", str(detect.path), str(tmp_path), "--json")
    assert found.json()["damaged"] == {str(tmp_path): 2}
    assert found.code == 3 and found.json()["lost"] == {"images": 2}


def test_every_damaged_image_of_a_camera_is_counted(detect: Any) -> None:
    images = [cut(jpeg(n)) if n % 3 == 1 else jpeg(n) for n in range(30)]
    with serving(sends(images, wait=0.01)) as url:
        watch: ImageRun = run(detect, url)
        for event in watch:
            if isinstance(event, Notice) and event.kind == "lost":
                watch.stop()
    # One notice was about the first of them; the run was stopped before the next.
    assert watch.summary.damaged == {url: 10} and watch.summary.lost == {"images": 10}


def test_training_names_the_file(tmp_path: Path) -> None:
    deep = encoded(".png", PICTURE.astype("uint16") * 16)
    for name, data in {"cut.jpg": cut(WHOLE["jpg"]), "deep.png": deep, "a.png": b"%PDF-"}.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DataError, match=name):
            load([Labelled(path, "x")], ["x"])


def test_labels_and_names_do_not_steer_a_terminal() -> None:
    bad = "\x1b]0;owned\x07\r\n‮"
    seen = Seen(bad, 0, 0.0, 0.0, (Found(bad, 0.5), Found("x", 0.4)), path=Path(bad))
    notice = Notice(bad, bad, bad, 0.0)
    summary = WatchSummary("b", "a", "r", objects={bad: 2}, crossings={bad: 1})
    for color in (False, True):
        for text in (seen.console(Painter(color)), notice.console(Painter(color))):
            assert "owned" in text and "\x1b]" not in text and "\x07" not in text
            assert text.count("\n") == 1 and "\r" not in text
    assert summary.sentence().isprintable()


def test_labels_in_a_command_do_not_steer_a_terminal() -> None:
    from edgenets.cli.options import several

    assert several(["\x1b[2J", "b"]).isprintable() and several(["\x07"] * 30).isprintable()
