"""Runs over images: from sources through a model to sinks, and what goes wrong on the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgenets.bundle import Bundle
from edgenets.errors import RecordError, SourceError
from edgenets.events import Notice, Seen
from edgenets.runtime import image_run as module
from edgenets.runtime.cameras import Camera, Frame
from edgenets.runtime.image_run import ImageRun
from edgenets.runtime.load import load
from edgenets.runtime.selftest import selftest
from edgenets.selection import select
from edgenets.tasks.vision.pipeline import Smoother
from edgenets.tasks.vision.zones import Line, Scene, Zone
from tests.commands import Call, call
from tests.runs import run_of

from . import models, servers

__all__ = ["call"]  # a fixture


@pytest.fixture(scope="module")
def detect(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "reds.edge", models.DETECT)


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "colors.edge", models.CLASSIFY)


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return models.make_bundle(tmp_path_factory.mktemp("b") / "mask.edge", models.SEGMENT)


def run(bundle: Bundle, *uris: str, **options: Any) -> ImageRun:
    made: ImageRun = run_of(bundle, load(bundle, select(bundle)), uris, **options)
    return made


def moving(path: Path, count: int = 40) -> Path:
    """A red square that goes from left to right, 320 × 320."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (320, 320))
    for number in range(count):
        image = np.zeros((320, 320, 3), np.uint8)
        left = round(240 * number / max(1, count - 1))
        image[120:200, left : left + 80] = (0, 0, 255)
        writer.write(image)
    writer.release()
    return path


def test_an_object_is_found_and_followed(detect: Bundle, tmp_path: Path) -> None:
    found = list(run(detect, str(moving(tmp_path / "a.avi"))))
    assert len(found) == 40 and all(isinstance(e, Seen) for e in found)
    tracks = {f.track for e in found if isinstance(e, Seen) for f in e.found} - {None}
    assert len(tracks) == 1
    for event in found[8:28]:  # the box, which is larger than its object, reaches no edge
        assert isinstance(event, Seen)
        (thing,) = event.found[:1]
        left = round(240 * event.frame / 39)
        assert thing.label == "red" and thing.box is not None
        assert (thing.box[0] + thing.box[2]) / 2 == pytest.approx(left + 40, abs=48)


def test_a_line_is_crossed_once_and_zones_are_named(detect: Bundle, tmp_path: Path) -> None:
    scene = Scene(
        zones=(Zone("left half", ((0, 0), (0.5, 0), (0.5, 1), (0, 1))),),
        lines=(Line("middle", ((0.5, 0), (0.5, 1))),),
    )
    watch = run(detect, str(moving(tmp_path / "a.avi")), scene=scene)
    events = [e for e in watch if isinstance(e, Seen)]
    crossings = [c for e in events for c in e.crossings]
    # Seen from the line's upper end to its lower one, going right is going to its left hand.
    assert [(c.line, c.direction, c.label) for c in crossings] == [("middle", "left", "red")]
    assert watch.summary.crossings == {"middle left": 1}
    assert events[5].zones == (("left half",),) and events[-1].zones == ((),)
    assert watch.summary.objects == {"red": 1}


def test_classes_and_their_smoothing(classify: Bundle, tmp_path: Path) -> None:
    colors = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
    for number, name in enumerate(("red", "red", "blue", "red", "green")):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((50, 70, 3), colors[name], np.uint8))
    plain = [e.found[0].label for e in run(classify, str(tmp_path)) if isinstance(e, Seen)]
    assert plain == ["red", "red", "blue", "red", "green"]
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 64))
    for number in range(40):
        color = colors["blue" if number in (10, 11, 30) else "red"]
        writer.write(np.full((64, 64, 3), color, np.uint8))
    writer.release()
    calm = run(classify, str(path), scene=Scene(smoothing=0.5))
    assert {e.found[0].label for e in calm if isinstance(e, Seen)} == {"red"}
    assert calm.summary.frames == {str(path): 40}


def test_a_smoother_forgets() -> None:
    smoother = Smoother(1.0)
    assert smoother.update("a", 0.9, 0.0) == ("a", 0.9)
    assert smoother.update(None, 0.0, 0.5) == ("a", 0.45)
    label, score = smoother.update("b", 0.8, 2.0)
    assert label == "b" and score == pytest.approx(0.8)


def test_masks(segment: Bundle, tmp_path: Path) -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    (event,) = run(segment, str(tmp_path / "a.png"))
    assert isinstance(event, Seen) and event.mask is not None
    assert event.found[0].label == "red" and event.found[0].area == pytest.approx(0.5, abs=0.02)
    assert event.mask[:, 40:].all() and not event.mask[:, :24].any()


def test_labels_and_thresholds_of_a_scene(detect: Bundle, tmp_path: Path) -> None:
    image = np.zeros((320, 320, 3), np.uint8)
    image[40:120, 40:120], image[200:280, 200:280] = (0, 0, 255), (255, 0, 0)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    every = next(iter(run(detect, str(tmp_path / "a.png"))))
    assert isinstance(every, Seen) and {f.label for f in every.found} == {"red", "blue"}
    for scene in (Scene(labels=("blue",)), Scene(thresholds={"red": 1.0})):
        one = next(iter(run(detect, str(tmp_path / "a.png"), scene=scene)))
        assert isinstance(one, Seen) and {f.label for f in one.found} == {"blue"}


def test_a_threshold_changes_while_it_runs(detect: Bundle) -> None:
    watch = run(detect, "null:320x320?rate=50")
    seen, counts = 0, []
    for event in watch:
        if isinstance(event, Seen):
            counts.append(len(event.found))
            seen += 1
            if seen == 5:
                watch.set_threshold("red", 1.0)
                watch.set_threshold("blue", 1.0)
            if seen == 12:
                watch.stop()
    assert counts[2] > 0 and counts[-1] == 0
    with pytest.raises(ValueError, match="no label"):
        watch.set_threshold("green", 0.5)


def test_several_sources_share_a_model_fairly(detect: Bundle) -> None:
    uris = [f"null:64x{64 + n}?rate=400" for n in range(4)]
    watch = run(detect, *uris, seconds=1.0)
    order = [e.source for e in watch if isinstance(e, Seen)]
    counts = watch.summary.frames
    assert len(counts) == 4 and max(counts.values()) <= 1.5 * min(counts.values()) + 5
    assert watch.summary.dropped or len(order) > 1000
    assert watch.summary.age_ms_p95 is not None and watch.summary.age_ms_p95 < 500


def test_one_source_given_twice_has_two_names(detect: Bundle) -> None:
    watch = run(detect, "null:64x64?rate=50", "null:64x64?rate=50", seconds=0.5)
    assert {e.source for e in watch} == {"null:64x64", "null:64x64 (2)"}


@pytest.mark.parametrize("count", [1, 2])
def test_seconds_of_a_recording_are_its_own(detect: Bundle, tmp_path: Path, count: int) -> None:
    """However fast it is read: as `run --seconds` means them of sound."""
    videos = [str(moving(tmp_path / f"{n}.avi", 40)) for n in range(count)]
    events = list(run(detect, *videos, seconds=1.0))
    for video in videos:
        times = [e.time for e in events if isinstance(e, Seen) and e.source == video]
        assert times and max(times) < 1.0 <= max(times) + 0.2 and len(times) < 40


class Hanging(Camera):
    """A camera whose driver never returns."""

    live = True

    def __init__(self) -> None:
        super().__init__("hanging")
        self.release = threading.Event()

    def items(self) -> Iterator[Frame]:
        yield Frame(np.zeros((8, 8, 3), np.uint8), 0, 0.0, time.monotonic())
        self.release.wait(60)


def test_one_of_four_sources_hangs(detect: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALE_AFTER", 0.4)
    monkeypatch.setattr(module, "_LAST_WAIT", 0.2)
    hanging, usual = Hanging(), module.open_camera
    monkeypatch.setattr(
        module, "open_camera", lambda uri: hanging if uri == "hanging" else usual(uri)
    )
    watch = run(detect, *[f"null:64x{64 + n}?rate=100" for n in range(3)], "hanging", seconds=1.5)
    events = list(watch)
    hanging.release.set()
    stale = [e for e in events if isinstance(e, Notice)]
    assert [(e.kind, e.source) for e in stale] == [("stale", "hanging")]  # said once
    assert watch.summary.frames["hanging"] == 1  # no result was made of no image
    assert all(watch.summary.frames[f"null:64x{64 + n}"] > 40 for n in range(3))
    assert watch.summary.wall_seconds < 4


def test_one_source_fails_and_the_others_go_on(detect: Bundle, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"broken")
    video = moving(tmp_path / "a.avi", 10)
    events = list(run(detect, str(tmp_path / "bad"), str(video)))
    kinds = [e.kind for e in events if isinstance(e, Notice)]
    assert sorted(kinds) == ["failed", "skipped"]
    assert len([e for e in events if isinstance(e, Seen)]) == 10


def test_the_only_source_fails(detect: Bundle, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match="not one of 1 images"):
        list(run(detect, str(tmp_path)))


def test_a_source_that_cannot_be_opened_leaves_none_open(detect: Bundle, tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(SourceError, match="no such file"):
        run(detect, "null:8x8?rate=10", str(tmp_path / "gone.mp4"))
    assert threading.active_count() == before


def test_it_is_stopped_from_outside(detect: Bundle) -> None:
    watch = run(detect, "null:64x64?rate=20")
    threading.Timer(0.3, watch.stop).start()
    begun = time.monotonic()
    assert len(list(watch)) >= 3 and time.monotonic() - begun < 3


def test_the_golden_picture_is_answered(classify: Bundle, detect: Bundle, segment: Bundle) -> None:
    for bundle in (classify, detect, segment):
        (trial,) = selftest(bundle)
        assert trial.passed and trial.difference == 0


def test_old_pictures_are_never_looked_at(detect: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model slower than its camera: results are of images that have just come."""
    watch = run(detect, "null:64x64?rate=100", seconds=2.0)
    look = watch.pipeline.look

    def slow(image: Any) -> Any:
        time.sleep(0.05)
        return look(image)

    monkeypatch.setattr(watch.pipeline, "look", slow)
    ages = [e.age for e in watch if isinstance(e, Seen)]
    assert len(ages) > 10 and watch.summary.dropped[module.NEWER] > 50
    # At most an image's time waiting, and the model's own; twice that is the promise.
    assert np.percentile(ages, 95) < 2 * (0.01 + 0.05) + 0.05


class TestCommand:
    def test_a_run_and_its_summary(self, call: Call, detect: Bundle, tmp_path: Path) -> None:
        video = moving(tmp_path / "a.avi", 20)
        done = call(
            "run", detect.path, video, "--sink", f"jsonl:{tmp_path}/o.jsonl",
            "--sink", f"video:{tmp_path}/o.mp4", "--json",
        )  # fmt: skip
        assert done.code == 0, done.err
        summary = json.loads(done.out)
        assert summary["frames"] == {str(video): 20} and summary["objects"] == {"red": 1}
        lines = [json.loads(x) for x in (tmp_path / "o.jsonl").read_text().splitlines()]
        assert len(lines) == 20 and lines[5]["found"][0]["label"] == "red"
        assert (tmp_path / "o.mp4").stat().st_size > 1000

    def test_what_is_seen_is_said_when_it_changes(
        self, call: Call, detect: Bundle, tmp_path: Path
    ) -> None:
        done = call("run", detect.path, moving(tmp_path / "a.avi", 20))
        assert done.code == 0 and "saw red ×1 in 20 images" in done.err
        assert 1 <= len(done.out.splitlines()) <= 6 and "red" in done.out

    def test_a_scene(self, call: Call, detect: Bundle, tmp_path: Path) -> None:
        scene = tmp_path / "gate.toml"
        scene.write_text('[[lines]]\nname = "gate"\npoints = [[0.5, 0.0], [0.5, 1.0]]\n')
        done = call("run", detect.path, moving(tmp_path / "a.avi"), "--scene", scene)
        assert "gate left ×1" in done.err and "red → gate left" in done.out
        scene.write_text('[[lines]]\nname = "gate"\npoints = [[0.5, 0.0]]\n')
        done = call("run", detect.path, moving(tmp_path / "a.avi"), "--scene", scene)
        assert done.code == 2 and "gate.toml: lines[0].points: 2 values are needed" in done.err

    def test_thresholds(self, call: Call, detect: Bundle, tmp_path: Path) -> None:
        video = moving(tmp_path / "a.avi", 5)
        done = call("run", detect.path, video, "--threshold", "red=1.0")
        assert "saw nothing in 5 images" in done.err
        done = call("run", detect.path, video, "--threshold", "green=0.5")
        assert done.code == 2 and "green" in done.err

    def test_thresholds_of_masks(self, call: Call, segment: Bundle, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), (0, 0, 255), np.uint8))
        for given, says in (("0.5", "red"), ("red=0.9", "red"), ("1.0", "nothing")):
            done = call("run", segment.path, tmp_path / "a.png", "--threshold", given)
            assert done.code == 0 and f"saw {says}" in done.err
        done = call("run", segment.path, tmp_path / "a.png", "--threshold", "ground=0.5")
        assert done.code == 2 and "tells of" in done.err

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('labels = ["cat"]', "names cat; reds tells of red, blue"),
            ("[thresholds]\nred = 7.5", "must lie in"),
            ("[thresholds]\ndog = 0.5", "names dog"),
        ],
    )
    def test_a_scene_of_another_model(
        self, call: Call, detect: Bundle, tmp_path: Path, text: str, says: str
    ) -> None:
        (tmp_path / "scene.toml").write_text(text)
        done = call("run", detect.path, "null:?seconds=1", "--scene", tmp_path / "scene.toml")
        assert done.code == 2 and says in done.err

    def test_a_scene_with_lines_for_what_follows_nothing(
        self, call: Call, segment: Bundle, tmp_path: Path
    ) -> None:
        (tmp_path / "s.toml").write_text('[[lines]]\nname = "a"\npoints = [[0, 0], [1, 1]]')
        done = call("run", segment.path, "null:?seconds=1", "--scene", tmp_path / "s.toml")
        assert done.code == 2 and "follows nothing" in done.err

    def test_sound_and_pictures_are_told_apart(
        self, call: Call, detect: Bundle, tmp_path: Path
    ) -> None:
        done = call("run", detect.path, "mic:default")
        assert done.code == 2 and "no source of images is called 'mic:'" in done.err
        done = call("run", "kws-gru", "null:1", "null:2")
        assert done.code == 2 and "one source of sound" in done.err

    def test_bench_and_inspect(self, call: Call, detect: Bundle) -> None:
        done = call("bench", detect.path, "--seconds", "1", "--json")
        assert done.code == 0, done.err
        (row,) = json.loads(done.out)["rows"]
        assert row["backend"] == "onnx" and row["cpu_ms"] > 0
        done = call("inspect", detect.path)
        assert "images of 64 × 64 rgb, by stretch" in done.out


def test_a_scene_that_cannot_be_right(tmp_path: Path) -> None:
    from edgenets.tasks.vision.zones import load_scene

    for text, says in (
        ("track = false\n[[lines]]\nname='a'\npoints=[[0,0],[1,1]]", "not followed"),
        ("[[zones]]\nname='a'\npoints=[[0,0],[1,1]]", "three points"),
        ("[[zones]]\nname='a'\npoints=[[0,0],[1,1],[2,0]]", r"in \[0, 1\]"),
        ("zones = 3", "a list is needed"), ("color = 'red'", "unknown key"),
    ):  # fmt: skip
        path = tmp_path / "scene.toml"
        path.write_text(text)
        with pytest.raises(RecordError, match=says):
            load_scene(path)
    assert replace(Scene(), smoothing=1.0).smoothing == 1.0
    assert servers.free_port() > 0
