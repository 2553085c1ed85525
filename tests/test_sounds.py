"""Sound events: what begins and ends, recordings and their splits, streams, from data to events."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets import models
from edgenets.data.split import SplitShares, split_of, splits_of
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.recipe import load_recipe, parse
from edgenets.sound.audio import write_wav
from edgenets.tasks.keywords.augment import FRAME
from edgenets.tasks.sounds import recordings
from edgenets.tasks.sounds.decoding import Change, EventDecoder, decide_clips
from edgenets.tasks.sounds.recipe import SoundsRecipe
from edgenets.tasks.sounds.spec import EventDecoding
from edgenets.tasks.sounds.streams import EventStreams, closed, sounding
from tests.commands import Call, call
from tests.tiny import made, recipe_of

__all__ = ["call"]

drawing = settings(deadline=None, derandomize=True, database=None, max_examples=60)

LABELS = ("bark", "rain")
STEP = 0.1  # s
RATE = 16_000


def decoded(posteriors: list[list[float]], **settings: float) -> list[Change]:
    decoding = EventDecoding(scores="probabilities", **{"smoothing": 1, **settings})  # type: ignore[arg-type]
    decoder = EventDecoder(LABELS, decoding, STEP)
    changes = [c for row in posteriors for c in decoder.push(np.array(row, np.float32))]
    return changes + decoder.end()


def test_sounds_begin_and_end_at_once() -> None:
    on, off = 0.9, 0.0
    rows = [[off, off], [on, off], [on, on], [off, on], [off, on], [off, on], [off, off]]
    found = decoded(rows, refractory=0.2)
    assert [(c.label, c.begins, c.step) for c in found] == [
        ("bark", True, 1),
        ("rain", True, 2),
        ("bark", False, 2),
        ("rain", False, 5),
    ]
    assert [c.since for c in found if not c.begins] == [1, 2]


def test_what_pauses_shortly_goes_on() -> None:
    barks = [[0.9, 0.0], [0.0, 0.0], [0.0, 0.0]] * 3
    assert sum(c.begins for c in decoded(barks, refractory=0.3)) == 1
    assert sum(c.begins for c in decoded(barks, refractory=0.1)) == 3


def test_what_is_less_sure_goes_on_and_does_not_begin() -> None:
    rows = [[0.4, 0.0], [0.6, 0.0], [0.4, 0.0], [0.4, 0.0], [0.1, 0.0], [0.1, 0.0]]
    (begun, ended) = decoded(rows, refractory=0.1)
    assert (begun.step, ended.step, ended.score) == (1, 3, pytest.approx(0.6))


@drawing
@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=60),
    smoothing=st.integers(1, 5),
    release=st.floats(0.1, 1),
    refractory=st.floats(0, 0.6),
)
def test_every_beginning_has_its_end(
    rows: list[tuple[float, float]], smoothing: int, release: float, refractory: float
) -> None:
    found = decoded(
        [list(row) for row in rows], smoothing=smoothing, release=release, refractory=refractory
    )
    for label in LABELS:
        states = [(c.begins, c.step, c.since) for c in found if c.label == label]
        assert [begins for begins, _, _ in states] == [True, False] * (len(states) // 2)
        for (_, began, _), (_, last, since) in zip(states[::2], states[1::2], strict=True):
            assert since == began <= last


def test_a_clip_is_what_is_likeliest_anywhere_in_it() -> None:
    scores = np.full((2, 20, 2), -4.0, np.float32)
    scores[0, 3:6, 1], scores[1, :, 0] = 4.0, 0.5
    decoding = EventDecoding(smoothing=3)
    assert decide_clips(scores, decoding, LABELS).tolist() == [1, 0]


@drawing
@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=6), st.integers(0, 3), max_size=40),
    st.floats(0.05, 0.3),
    st.floats(0.05, 0.3),
)
def test_every_label_is_in_every_split(
    groups: dict[str, int], validation: float, test: float
) -> None:
    found = splits_of(((str(n), group) for group, n in groups.items()), validation, test)
    assert set(found) == set(groups)
    for label in set(groups.values()):
        own = [found[group] for group, n in groups.items() if n == label]
        assert "train" in own or all(
            split_of(g, validation, test) != "train" for g, n in groups.items() if n == label
        )
        if own.count("train") > 1:
            assert {"validation", "test"} <= set(own)


def clip(folder: Path, name: str, seconds: float = 1.0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    write_wav(folder / name, 0.3 * np.sin(2 * np.pi * 440 * time).astype(np.float32), RATE)


def test_takes_of_a_recording_stay_together(tmp_path: Path) -> None:
    for label in LABELS:
        for number in range(12):
            for take in "AB":
                clip(tmp_path / label, f"1-{label}{number}-{take}.wav", 0.1)
    where: dict[str, str] = {}
    for split in ("train", "validation", "test"):
        for found in recordings.find(tmp_path, None, split, SplitShares(0.2, 0.2))[0]:  # type: ignore[arg-type]
            assert where.setdefault(found.path.stem[:-2], split) == split
    assert len(where) == 24 and set(where.values()) == {"train", "validation", "test"}


def test_a_label_with_too_few_recordings_is_named(tmp_path: Path) -> None:
    for number in range(8):
        clip(tmp_path / "bark", f"{number}.wav", 0.1)
    clip(tmp_path / "rain", "0.wav", 0.1)
    recipe = parse(recipe_of("sounds"))
    assert isinstance(recipe, SoundsRecipe)
    with pytest.raises(DataError, match="no recordings of rain; every label needs three"):
        for split in ("train", "validation", "test"):
            recordings.load(recipe, tmp_path, split, Progress())  # type: ignore[arg-type]


def test_silence_around_a_sound_is_no_sound() -> None:
    pcm = np.zeros(3 * RATE, np.int16)
    pcm[RATE : RATE + RATE // 2] = 8000
    found = sounding(pcm, RATE)
    assert len(found.sound) / RATE == pytest.approx(0.5, abs=0.05) and found.on.all()
    assert not sounding(np.zeros(RATE, np.int16), RATE).on.any()
    assert len(sounding(np.zeros(10, np.int16), RATE).sound) <= 10


@drawing
@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_short_pauses_are_filled_and_nothing_else(on: list[bool]) -> None:
    before = np.array(on)
    after = closed(before)
    assert (after | before == after).all()
    for at in np.flatnonzero(after & ~before).tolist():
        nearest = np.abs(np.flatnonzero(before) - at).min()
        assert nearest * FRAME <= 1.0


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> EventStreams:
    root = tmp_path_factory.mktemp("sounds")
    for label, seconds in (("bark", 0.4), ("rain", 7.0)):
        for number in range(6):
            clip(root / label, f"{number}.wav", seconds)
    plain = recipe_of("sounds") | {"mixing": {"streams": 8, "seconds": 3.0, "overlap": 1.0}}
    recipe = parse(plain)
    assert isinstance(recipe, SoundsRecipe)
    found = recordings.load(recipe, root, "train", Progress())
    return EventStreams(found, recipe.features, recipe)


class TestStreams:
    def test_the_same_batch_again(self, streams: EventStreams) -> None:
        one, again = streams.batch(3, 0), streams.batch(3, 0)
        assert np.array_equal(one.inputs, again.inputs)
        assert np.array_equal(one.targets, again.targets)

    def test_what_is_asked_for_is_heard_there(self, streams: EventStreams) -> None:
        rng = np.random.default_rng(0)
        labels: NDArray[np.int64] = np.zeros(2, np.int64)
        for _ in range(40):
            sound, targets, weights = streams.stream(rng)
            assert targets.shape == (streams.steps, 2) and weights.shape == (streams.steps,)
            assert len(sound) == 3 * RATE and np.abs(sound).max() <= 1
            labels += targets.any(axis=0)
            # What is longer than a stream fills it; what is shorter, so much of it.
            assert targets[:, 0].sum() * 0.04 <= 2 * 0.75 + 1.0
        assert (labels > 5).all()


def test_from_recordings_to_events(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, call: Call
) -> None:
    """Thresholds of nearly nothing: what is tried is that all of it comes out."""
    of = made("sounds", tmp_path_factory)
    assert of.run.spec.labels == ("high", "low"), "what is in the background is no label"
    (clip, *_), lines = sorted((of.data / "high").glob("*.wav")), tmp_path / "events.jsonl"
    run = ("run", of.bundle.path, clip, "--threshold", 0.01)
    call(*run, "--sink", f"jsonl:{lines}", "--json")
    events = [json.loads(line) for line in lines.read_text().splitlines()]
    heard = [event for event in events if event["event"] == "sound"]
    ends = [event for event in heard if event["state"] == "ends"]
    assert len(ends) * 2 == len(heard) > 0 and all(event["seconds"] >= 0 for event in ends)
    assert "ends after" in call(*run).out


def test_it_is_judged_by_clips_and_by_streams(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, call: Call
) -> None:
    of = made("sounds", tmp_path_factory)
    bundle, quiet = of.bundle.path, ("--negatives", of.data / "_background_")
    found = call("eval", bundle, "--data", of.data, "--json").json()
    assert found["metric"] == "accuracy" and found["n"] == 20
    listened = call("eval", bundle, *quiet, "--json").json()
    assert listened["figures"]["hours"] == pytest.approx(10 / 3600, rel=0.01)
    out = ("--out", tmp_path / "set.edge", "--json")
    set_by = call("calibrate", bundle, *quiet, "--positives", of.data, *out).json()["after"]
    assert set_by["false_accepts"] == 0 and set(set_by["said"]) == {"high", "low"}


def test_the_shipped_recipe_is_small() -> None:
    recipe = load_recipe("sound-events")
    model = models.build(recipe.model, recipe.features.bands, 10)  # type: ignore[attr-defined]
    assert model.count_params() <= 100_000
