"""Training streams: reproducible, of one length, and asked for the answer where a word ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.recipeparts import AugmentRecipe
from edgenets.sound.audio import pcm16_to_float
from edgenets.sound.features import frame_count
from edgenets.sound.input import AudioInput
from edgenets.sound.logmel import log_mel
from edgenets.tasks.keywords import augment
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.streams import ANSWER_SECONDS, LONGEST_GAP, Batch, StreamMaker

RATE = 16_000  # Hz
LABELS = ("yes", "no", "_silence_")
FEATURES = AudioInput(mean=-8.0, std=4.0)
STEP = 2 * FEATURES.hop  # samples

# As a clip lies on disk: nothing is done to it but the hiss.
PLAIN = replace(
    AugmentRecipe(),
    **{name: 0 for name in AugmentRecipe.__dataclass_fields__ if name != "noise_snr"},
)


def clips(lengths: tuple[float, ...] = (1.0,) * 9, rate: int = RATE) -> ClipSet:
    """Clips of full loudness, so that the gaps between them can be told."""
    rng = np.random.default_rng(0)
    sounds = tuple(rng.integers(-20_000, 20_000, round(s * rate)).astype(np.int16) for s in lengths)
    return ClipSet(sounds, np.arange(len(lengths)) % 3, LABELS, rate)


def maker(
    recipe: AugmentRecipe = PLAIN, data: ClipSet | None = None, **options: Any
) -> StreamMaker:
    settings = {"frames_per_step": 2, "clip_seconds": 1.0, "clips_per_stream": 2, "seed": 1}
    return StreamMaker(data or clips(), FEATURES, recipe, **{**settings, **options})


def same(one: Batch, other: Batch) -> bool:
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def first(streams: StreamMaker, epoch: int = 0, index: int = 0) -> Batch:
    return streams.batch(streams.order(epoch)[:4], epoch, index)


def test_shapes() -> None:
    streams = maker()
    batch = first(streams)
    assert streams.length == 2 * round((1 + LONGEST_GAP) * RATE)
    assert streams.frames == 2 * streams.steps <= frame_count(streams.length, FEATURES)
    assert batch.inputs.shape == (4, streams.frames, FEATURES.bands)
    assert batch.targets.shape == (4, streams.steps, 3)
    assert batch.weights.shape == (4, streams.steps)
    assert all(part.dtype == np.float32 for part in vars(batch).values())
    assert np.isfinite(batch.inputs).all()


@pytest.mark.parametrize("recipe", [PLAIN, AugmentRecipe(), AugmentRecipe(noise=1.0, room=1.0)])
def test_a_batch_follows_from_its_seed(recipe: AugmentRecipe) -> None:
    once, again, other = maker(recipe), maker(recipe), maker(recipe, seed=2)
    assert np.array_equal(once.order(3), again.order(3))
    batch = first(once, 3, 5)
    first(again, 0, 0)  # what was drawn before does not matter
    assert same(batch, first(again, 3, 5))
    assert not np.array_equal(once.order(3), once.order(4))
    assert not np.array_equal(once.order(3), other.order(3))
    assert not same(batch, other.batch(once.order(3)[:4], 3, 5))
    assert not same(batch, once.batch(once.order(3)[:4], 3, 6))


def test_every_clip_comes_once_an_epoch() -> None:
    streams = maker(clips_per_stream=3)
    order = streams.order(0)
    assert order.shape == (3, 3) and sorted(order.ravel().tolist()) == list(range(9))
    assert maker(clips_per_stream=2).order(0).shape == (4, 2)  # the odd one is left out
    assert maker(clips_per_stream=10).order(0).shape == (0, 10)


def tones(count: int = 9) -> ClipSet:
    """Clips that can be told apart: each is a tone in a mel band of its own."""
    time = np.arange(RATE) / RATE
    sounds = [np.sin(2 * np.pi * 300 * 1.4**i * time) * 20_000 for i in range(count)]
    pcm = tuple(s.astype(np.int16) for s in sounds)
    return ClipSet(pcm, np.arange(count) % 3, LABELS, RATE)


TONES = {count: maker(data=tones(), clips_per_stream=count) for count in range(1, 5)}


@settings(max_examples=20)
@given(epoch=st.integers(0, 99), index=st.integers(0, 99), count=st.integers(1, 4))
def test_the_answer_is_asked_for_where_a_clip_ends(epoch: int, index: int, count: int) -> None:
    numbers = TONES[count].order(epoch)[:2]
    batch = TONES[count].batch(numbers, epoch, index)
    for row, clip_numbers in enumerate(numbers):
        asked = np.flatnonzero(batch.weights[row])
        runs = np.split(asked, np.flatnonzero(np.diff(asked) > 1) + 1)
        assert len(runs) == count
        for run, number in zip(runs, clip_numbers, strict=True):
            answer = np.eye(3, dtype=np.float32)[TONES[count].clips.targets[number]]
            assert np.all(batch.targets[row, run] == answer)
            heard = (2 * run + 1) * FEATURES.hop + FEATURES.window  # samples, by each step
            end = end_of(batch.inputs[row], number)
            # The end is known to half a frame only.
            assert np.all(heard > end - ANSWER_SECONDS * RATE - 2 * STEP)
            assert np.all(heard < end + 1.5 * STEP)
    assert np.array_equal(batch.targets.sum(axis=2), batch.weights)


def end_of(frames: NDArray[np.float32], number: int) -> int:
    """Where the clip of a tone ends, in samples."""
    band = int(log_mel(pcm16_to_float(tones().sounds[number]), FEATURES)[5].argmax())
    ours = np.flatnonzero((frames.argmax(axis=1) == band) & (frames[:, band] > 1))
    return int(ours[-1]) * FEATURES.hop + FEATURES.window // 2


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0, 2.5, 60.0])
def test_no_clip_makes_a_stream_longer(seconds: float) -> None:
    """A recording of a minute among the words costs no more than one of a second."""
    streams = maker(AugmentRecipe(), clips((seconds,) * 9))
    assert first(streams).inputs.shape == first(maker()).inputs.shape
    assert streams.length == maker().length


def test_silence_among_the_labels_is_noise_to_add() -> None:
    data = clips()
    without = maker(data=replace(data, labels=("a", "b", "c")))
    assert len(maker(data=data)._noises) == len(without._noises) + 3
    quiet = replace(data, sounds=tuple(np.zeros_like(s) for s in data.sounds))
    batch = first(maker(AugmentRecipe(noise=1.0), quiet))
    assert np.isfinite(batch.inputs).all()


@pytest.mark.parametrize("bands", [1, 2, 7])
def test_few_bands(bands: int) -> None:
    streams = StreamMaker(clips(), replace(FEATURES, bands=bands), AugmentRecipe(), 2, 1.0, 2, 1)
    assert first(streams).inputs.shape == (4, streams.frames, bands)


@given(st.integers(0, 50), st.integers(1, 60), st.integers(-80, 80))
def test_fit_keeps_the_middle(size: int, length: int, offset: int) -> None:
    sound = np.arange(1, size + 1, dtype=np.float32)
    out = augment.fit(sound, length, offset)
    assert out.shape == (length,) and out.dtype == np.float32
    start = (length - size) // 2 + offset
    for place in range(length):
        inside = 0 <= place - start < size
        assert out[place] == (sound[place - start] if inside else 0)


def test_noise_has_the_level_asked_for() -> None:
    rng = np.random.default_rng(0)
    sound, noise = augment.colored_noise(rng, 8000), augment.colored_noise(rng, 8000)
    mixed = augment.add_noise(sound, 7 * noise, 20.0)
    assert np.std(mixed - sound) / np.std(sound) == pytest.approx(0.1, rel=0.02)
    silent = np.zeros(8000, np.float32)
    assert np.array_equal(augment.add_noise(silent, noise, 0.0), silent)


def test_speed_changes_length_and_pitch() -> None:
    sound = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
    fast = augment.change_speed(sound, 2.0)
    assert len(fast) == RATE // 2
    assert np.abs(np.fft.rfft(fast)).argmax() * RATE / len(fast) == pytest.approx(1000, abs=3)


def test_masks_stay_inside() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 40), (50, 2)):
        for axis in (0, 1):
            frames = np.ones(shape, np.float32)
            augment.mask(rng, frames, axis, 3, 8)
            assert set(np.unique(frames)) <= {0.0, 1.0}


def test_a_room_keeps_the_length_and_the_direct_path() -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 1.0
    wet = augment.reverberate(np.random.default_rng(0), click, RATE)
    assert wet.shape == (8000,) and wet[100] == pytest.approx(1.0, abs=1e-5)
    assert np.abs(wet[:100]).max() < 1e-5 and np.abs(wet[7000:]).max() < 1e-3
