"""Streams of words among all else that is said: what is asked for in them, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.data.split import SplitShares, split_of
from edgenets.errors import DataError, RecipeError
from edgenets.progress import Progress
from edgenets.recipe import load_recipe
from edgenets.recipeparts import AugmentRecipe, ModelRecipe
from edgenets.sound import audio
from edgenets.sound.features import frame_count
from edgenets.sound.input import AudioInput
from edgenets.tasks.keywords import dataset, espeak, mixture, noises, running
from edgenets.tasks.keywords.clips import ClipSet
from edgenets.tasks.keywords.decoding import decide_clips, means, softmax
from edgenets.tasks.keywords.listening import Listened
from edgenets.tasks.keywords.material import material, with_background, word_of
from edgenets.tasks.keywords.mixture import Material, MixtureBatches
from edgenets.tasks.keywords.noises import babble, clatter, machine, music
from edgenets.tasks.keywords.recipe import KeywordRecipe, ListeningRecipe
from edgenets.tasks.keywords.spec import KeywordDecoding
from edgenets.tasks.keywords.synthetic import make_dataset
from edgenets.tasks.keywords.trial import recall, trial
from edgenets.tasks.keywords.words import Ear
from tests.test_listening import spec

drawing = settings(deadline=None, derandomize=True, database=None, max_examples=25)

RATE = 16_000
FEATURES = AudioInput(mean=-8.0, std=4.0)
PLAIN = replace(
    AugmentRecipe(),
    **{name: 0 for name in AugmentRecipe.__dataclass_fields__ if name != "noise_snr"},
)
WORD, OTHER, SILENCE = range(3)
LABELS = ("lights", "_unknown_", "_silence_")
SHARES = SplitShares()


def pulse(hz: float, seconds: float) -> NDArray[np.int16]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (16_000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


SPEECH = ((pulse(400, 1.4), pulse(500, 0.6)), (pulse(450, 0.3),))
MATERIAL = Material(
    LABELS,
    ((WORD, (pulse(3000, 0.5), pulse(3000, 0.7))),),
    SPEECH,
    noises.noises(SPEECH[0], (pulse(100, 0.3), np.zeros(9, np.int16)), 4 * RATE, RATE),
    OTHER,
    SILENCE,
)


def mixed(
    recipe: AugmentRecipe = PLAIN, seed: int = 1, negatives: float = 0.5, seconds: float = 4.0
) -> MixtureBatches:
    listening = ListeningRecipe(streams=40, negatives=negatives, seconds=seconds)
    return MixtureBatches(MATERIAL, FEATURES, listening, recipe, (8, 2), seed)


def test_a_batch_follows_from_its_seed() -> None:
    one, again = mixed(AugmentRecipe(room=0.5)), mixed(AugmentRecipe(room=0.5))
    batch = one.batch(3, 2)
    again.batch(0, 0)
    for a, b in zip(vars(batch).values(), vars(again.batch(3, 2)).values(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert not np.array_equal(batch.inputs, one.batch(3, 3).inputs)
    assert not np.array_equal(batch.inputs, mixed(AugmentRecipe(room=0.5), 2).batch(3, 2).inputs)
    steps = frame_count(4 * RATE, FEATURES) // 2
    assert batch.inputs.shape == (8, 2 * steps, 40) and batch.targets.shape == (8, steps, 3)
    assert len(one) == 5 and np.all(batch.targets.sum(axis=2) == 1)


@drawing
@given(seed=st.integers(0, 10_000), seconds=st.sampled_from([2.0, 3.0, 4.0]))
def test_the_word_is_asked_for_once_it_was_said(seed: int, seconds: float) -> None:
    batches = mixed(negatives=0.0, seconds=seconds)
    sound, asked, weights = batches.stream(np.random.default_rng(seed))
    assert sound.shape == (round(seconds * RATE),) and np.abs(sound).max() <= 1
    # Where the word's tone is heard: in 20 ms about each sample.
    spectrum = np.abs(np.fft.rfft(sound[: len(sound) // 320 * 320].reshape(-1, 320), axis=1))
    tone = spectrum[:, 60] > 0.5 * spectrum[:, 60].max()
    begin, end = np.flatnonzero(tone)[[0, -1]] * 320 + (0, 320)
    ends = (np.arange(len(asked)) * 2 + 1) * FEATURES.hop + FEATURES.window
    answered = np.flatnonzero(asked == WORD)
    assert np.all(ends[answered] >= end - 640)
    assert np.all(ends[answered] <= end + mixture.ANSWER * RATE + 640)
    assert np.all(weights[answered] == mixture.WORD_WEIGHT)
    # While it is said, nobody asks; before, whatever stands there is no word.
    within = (ends > begin + 0.5 * (end - begin)) & (ends < end - 640)
    assert np.all(weights[within] == 0)
    assert len(answered) or end + 640 > ends[-1]


@drawing
@given(seed=st.integers(0, 10_000))
def test_without_a_word_none_is_asked_for(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixture, "MUTED", 1.0)  # no hiss: what is not said is nothing at all
        sound, asked, weights = mixed(negatives=1.0).stream(np.random.default_rng(seed))
    assert WORD not in asked and np.all(weights == 1)
    heard = np.flatnonzero(sound)
    for step, label in enumerate(asked):
        end = (2 * step + 1) * FEATURES.hop + FEATURES.window
        lately = heard[(heard < end) & (heard > end - (mixture.ECHO + 0.02) * RATE)]
        if label == OTHER:
            assert len(lately)
        elif len(lately):  # the first sample of what begins, or the last of what ended
            assert lately[-1] - lately[0] < 640


def test_noises() -> None:
    noisy = replace(PLAIN, noise=1.0, noise_snr=(10.0, 10.0))
    for number in range(20):
        loud = mixed(noisy, negatives=0.0).stream(np.random.default_rng(number))[0]
        assert np.isfinite(loud).all() and loud.std() > 0
    assert all(noise.std() == pytest.approx(1.0, abs=1e-3) for noise in MATERIAL.noises)
    assert len(MATERIAL.noises) == 411  # nothing at all is no noise
    rng = np.random.default_rng(1)
    for noise in (
        babble(rng, MATERIAL.speech[0], 9000),
        *(kind(rng, 9000, RATE) for kind in (music, clatter, machine) for _ in range(9)),
    ):
        assert noise.shape == (9000,) and noise.dtype == np.float32 and noise.std() > 0


@pytest.mark.parametrize("words", [("lights",), ("hey computer", "stop"), ("alexa", "go")])
def test_what_is_said_holds_none_of_the_words(words: tuple[str, ...]) -> None:
    parts = [part for word in words for part in word.split()]
    ear = Ear(words, [*running.COMMON, *running.FUNCTION, *parts])
    assert all(ear.hears(["please", *word.split(), "now"]) for word in words)
    assert not ear.hears(["computer" if "computer" in parts else "the", "hello"])
    assert not ear.hears(["the", "garden", "again"])
    cast = running.cast_of("train", SHARES, 1)[:5]
    said = list(running.sentences(words, 4, cast, 1, RATE))
    again = list(running.sentences(words, 4, cast, 1, RATE))
    assert all(np.array_equal(a, b) for a, b in zip(said, again, strict=True))
    assert all(0.3 * RATE < len(sound) < 10 * RATE for sound in said)


@pytest.mark.parametrize("word", ["go", "jarvis", "hey computer"])
def test_what_is_nearly_a_word_is_another(word: str) -> None:
    (own,), others = espeak.mnemonics([word]), espeak.mnemonics(running.COMMON[:50])
    every = [phoneme for other in others for phoneme in other]
    rng = np.random.default_rng(3)
    for number in range(200):
        made = running._changed(rng, own, every)
        if number % 2:
            made = running._joined(rng, own, others[number % 50])
        if running._is_like(made, own):
            continue
        assert running.unstressed(made) != running.unstressed(own)
        assert running.edits(made, own) >= (1 if len(own) <= 4 else 2) - 1
    cast = running.cast_of("train", SHARES, 1)[:5]
    assert len(list(running.near_misses([word], 6, cast, 1, RATE))) == 6


def test_throats_of_splits_are_others() -> None:
    casts = {split: running.cast_of(split, SHARES, 7) for split in running.SEEDS}
    for split, cast in casts.items():
        assert cast and {split_of(v.speaker, 0.1, 0.15) for v in cast} == {split}


@drawing
@given(
    before=st.floats(0, 1),
    said=st.floats(0.2, 1),
    behind=st.floats(0, 1),
    level=st.floats(-30, 0),
    noise=st.floats(-96, -60),
)
def test_the_word_alone(
    before: float, said: float, behind: float, level: float, noise: float
) -> None:
    rng = np.random.default_rng(1)
    word = 10 ** (level / 20) * pulse(700, said)
    silent = [np.zeros(round(s * RATE)) for s in (before, behind)]
    sound = np.concatenate([silent[0], word, silent[1]])
    sound = sound + 32768 * 10 ** (noise / 20) * rng.standard_normal(len(sound))
    found = word_of(sound.astype(np.int16), RATE)
    assert len(word) - 800 <= len(found) <= len(word) + 2000
    assert len(word_of(np.zeros(5000, np.int16), RATE)) == 5000


RECIPE = KeywordRecipe(
    "tiny",
    "",
    ModelRecipe("kws-gru", stem=8, units=(8,)),
    listening=ListeningRecipe(streams=16, sentences=8, near=8, trial=12, seconds=2.0),
)


def clips() -> ClipSet:
    sounds = tuple(pulse(hz, 1.0) for hz in (700, 710, 1500, 1510))
    return ClipSet(sounds, np.array([0, 0, 1, 1]), ("lights", "stop"), RATE)


def test_material_has_a_background_where_the_data_have_none() -> None:
    made = material(RECIPE, with_background(clips()), "train", Progress())
    assert made.labels == ("lights", "stop", "_unknown_", "_silence_")
    assert [label for label, _ in made.words] == [0, 1]
    assert [len(kind) for kind in made.speech] == [8, 8]
    tried = trial(made, FEATURES, RECIPE, 5)
    assert tried.negatives.shape[0] == 12 and tried.hours == pytest.approx(12 * 2 / 3600)
    assert len(tried.positives) == len(tried.words) == 120 and set(tried.words) == {0, 1}


def test_recall_of_a_trial() -> None:
    made, rng = spec(), np.random.default_rng(1)
    words = [made.labels.index(label) for label in made.reported[:2]]
    quiet = made.labels.index("_silence_")

    def scores(label: int, height: float) -> NDArray[np.float32]:
        found = rng.normal(0, 0.1, (80, len(made.labels))).astype(np.float32)
        found[:, quiet] += 6
        found[40:55, label] += height
        return found

    negatives = np.concatenate([scores(words[0], 3.0) for _ in range(20)])
    right = [(made.labels[w], scores(w, 12.0)) for w in words]
    missed = [(made.labels[w], scores(w, 0.0)) for w in words]
    for given_words, wanted in ((right, 1.0), (missed, 0.0), (right + missed, 0.5)):
        heard = Listened(made, negatives, (), 1.0, tuple(given_words))
        assert recall(heard) == wanted


@drawing
@given(seed=st.integers(0, 999), threshold=st.floats(0.1, 0.95), smoothing=st.integers(1, 6))
def test_a_clip_is_the_likeliest_word_in_it(seed: int, threshold: float, smoothing: int) -> None:
    rng = np.random.default_rng(seed)
    logits = 3 * rng.standard_normal((9, 20, 3)).astype(np.float32)
    decoding = KeywordDecoding(smoothing, threshold, {"a": 0.5}, clips="peak")
    decided = decide_clips(logits, decoding, ("a", "b", "_silence_"))
    for row, label in zip(means(softmax(logits), smoothing), decided, strict=True):
        best = int(row[:, :2].max(axis=0).argmax())
        enough = row[:, best].max() >= (0.5 if best == 0 else threshold)
        assert label == (best if enough else 2)


def test_negatives_of_a_recipe(tmp_path: Path) -> None:
    recipe = load_recipe("custom-words").with_negatives((tmp_path,))
    assert recipe.listening.recordings == (str(tmp_path),)  # type: ignore[attr-defined]
    for name in ("kws-gru", "forecast"):
        with pytest.raises(RecipeError, match="not trained on streams"):
            load_recipe(name).with_negatives((tmp_path,))
    with pytest.raises(ValueError, match="need sentences"):
        ListeningRecipe(streams=5, sentences=0)


@pytest.mark.parametrize("files", [1, 3, 25])
def test_recordings_of_the_user_are_divided(tmp_path: Path, files: int) -> None:
    for number in range(files):
        tone = pulse(200 + 30 * number, 60 / files) / 32768
        audio.write_wav(tmp_path / f"{number}.wav", tone, RATE)
    (tmp_path / "._0.wav").write_bytes(b"of macOS")
    splits = {
        split: running.recordings([tmp_path], split, SHARES, RATE, Progress())
        for split in running.SEEDS
    }
    # Every piece is in one split; nothing but short rests is lost.
    assert sum(len(piece) for pieces in splits.values() for piece in pieces) >= 59 * RATE
    assert splits["train"] and all(
        len(piece) <= 5 * RATE for pieces in splits.values() for piece in pieces
    )
    with pytest.raises(DataError, match="no recordings in it"):
        running.recordings([tmp_path / "none"], "train", SHARES, RATE, Progress())


def test_more_recordings_than_are_of_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio.write_wav(tmp_path / "a.wav", pulse(300, 60) / 32768, RATE)
    monkeypatch.setattr(running, "MOST_PIECES", 3)
    assert len(running.recordings([tmp_path], "train", SHARES, RATE, Progress())) == 3


@pytest.mark.parametrize(
    ("lengths", "wanted", "seconds"),
    [([0.4, 0.7], 0.0, 1.0), ([1.0] * 9, 0.0, 1.0), ([1.6] * 99 + [60.0], 0.0, 1.6),
     ([40.0] * 5, 0.0, 10.0), ([2.0] * 5, 1.0, 1.0), ([], 0.0, 1.0)],
)  # fmt: skip
def test_clips_are_as_long_as_nearly_all(
    lengths: list[float], wanted: float, seconds: float
) -> None:
    sounds = tuple(np.ones(round(s * RATE), np.int16) for s in lengths)
    found = ClipSet(sounds, np.zeros(len(sounds), np.int64), ("a",), RATE)
    assert dataset.seconds_of(found, wanted) == pytest.approx(seconds)


def test_a_phrase_is_given_the_time_that_it_takes(tmp_path: Path) -> None:
    for words, longer in ((["go", "stop"], False), (["please turn the kitchen lights on"], True)):
        made = make_dataset(words, tmp_path / words[0], clips_per_word=3, seed=1)
        again = make_dataset(words, tmp_path / words[0], clips_per_word=3, seed=1)
        assert made == again
        seconds = {len(audio.read(path, RATE)) / RATE for path in made.rglob("*.wav")}
        assert len(seconds) == 1 and (seconds.pop() > 1.5) == longer
