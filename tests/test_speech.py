"""Synthetic speech: what is said, by whom, how loud, and when."""

import hashlib
import itertools
import json
import re
import subprocess
import sys
import threading
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.errors import DataError, MissingExtra
from edgenets.sound import audio
from edgenets.sound.input import AudioInput
from edgenets.sound.logmel import LogMel
from edgenets.tasks.keywords import background, espeak, unknown
from edgenets.tasks.keywords import synthetic as speech
from edgenets.tasks.keywords import voice as voice_module
from edgenets.tasks.keywords.clips import Clip, find_clips, speaker_of, split_of
from edgenets.tasks.keywords.natural import THROATS, NaturalVoice, natural_voices
from edgenets.tasks.keywords.recipe import DataRecipe
from edgenets.tasks.keywords.synthetic import (
    Voice,
    make_dataset,
    make_stream,
    speak,
    unheard_voices,
    voices,
)
from edgenets.tasks.keywords.voice import MEN, PEAK, WOMEN, cast
from edgenets.tasks.keywords.words import COMMON, PHRASES, SILENCE, UNKNOWN, label_of, vocabulary
from edgenets.tasks.speech import continuous as monologue
from tests.commands import call

__all__ = ["call"]

pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")
pytest.importorskip("soxr", reason="synthetic speech needs soxr")

RATE = 16_000
PLAIN = Voice("en-us")
EVERY_THROAT = [
    *(Voice("en", variant) for variant in (*MEN, *WOMEN)),
    *(NaturalVoice(throat) for throat in range(len(THROATS))),
]


def split(voice):
    usual = DataRecipe()
    return split_of(Clip(Path(), "", voice.speaker), usual.validation, usual.test)


def log_mel(sound, frames=40):
    """(frames, bands) of a sound stretched to so many frames, at one loudness."""
    mel = LogMel(AudioInput()).push((sound / sound.std() * 0.1).astype(np.float32))
    return mel[np.linspace(0, len(mel) - 1, frames).round().astype(int)]


def pitch_of(sound):
    """Hz, by autocorrelation of the loudest 60 ms."""
    width = int(0.06 * RATE)
    middle = int(np.convolve(sound**2, np.ones(width), "valid").argmax())
    piece = sound[middle : middle + width]
    same = np.correlate(piece, piece, "full")[width - 1 :]
    shortest, longest = RATE // 400, RATE // 50
    return RATE / (shortest + same[shortest:longest].argmax())


def digest(folder):
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


# --- one text, one voice ---------------------------------------------------------------------


def test_speech_is_trimmed_and_levelled():
    for text, voice in itertools.product(["five", "yes"], cast(12, seed=4)):
        sound = speak(text, voice)
        assert sound.dtype == np.float32 and sound.ndim == 1
        assert np.abs(sound).max() == pytest.approx(PEAK, rel=1e-4)
        loud = np.flatnonzero(np.abs(sound) > PEAK * 10 ** (-49 / 20))
        assert loud[0] / RATE == pytest.approx(0.02, abs=0.015), (text, voice)
        assert (len(sound) - loud[-1]) / RATE == pytest.approx(0.02, abs=0.025), (text, voice)
        assert 0.15 < len(sound) / RATE < 1.2


@pytest.mark.parametrize("text", ["five", "thanks", "hello", "off", "path", "six", "stop"])
def test_trimming_cuts_nothing_that_is_heard(text):
    voice = Voice("en-us", "f3")
    raw = audio.pcm16_to_float(
        espeak.synthesize(text, voice.identifier, voice.speed, voice.pitch, voice.pitch_range)
    )
    kept = speak(text, voice, espeak.SAMPLE_RATE) * np.abs(raw).max() / PEAK
    lost = np.sum(raw**2) - np.sum(kept**2)
    assert lost < 1e-5 * np.sum(raw**2)


def test_silence_around_speech_is_cut(monkeypatch):
    said = speak("six", PLAIN)
    bare = espeak.synthesize

    def hesitant(*arguments):
        return np.pad(bare(*arguments), (espeak.SAMPLE_RATE, espeak.SAMPLE_RATE // 2))

    monkeypatch.setattr(espeak, "synthesize", hesitant)
    assert np.array_equal(speak("six", PLAIN), said)


def test_silence_alone_is_an_error(monkeypatch):
    monkeypatch.setattr(espeak, "synthesize", lambda *_: np.zeros(999, dtype=np.int16))
    with pytest.raises(DataError, match="says nothing"):
        speak("six", PLAIN)


def test_sample_rate_changes_the_samples_and_not_the_time():
    slow, fast = speak("marvin", PLAIN, 8_000), speak("marvin", PLAIN, 44_100)
    assert len(slow) / 8_000 == pytest.approx(len(fast) / 44_100, abs=0.002)


def test_speech_depends_on_nothing_that_was_said_before():
    fluttering = Voice("en-us", "m1")
    first = speak("marvin", fluttering)
    speak("elephants are big", Voice("en", "f5"))
    assert np.array_equal(speak("marvin", fluttering), first)
    program = (
        "import hashlib; from edgenets.tasks.keywords.synthetic import *;"
        "print(hashlib.sha256(speak('marvin', Voice('en-us', 'm1')).tobytes()).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert elsewhere.stdout.strip() == hashlib.sha256(first.tobytes()).hexdigest()


def test_threads_do_not_mix_their_words():
    words = ["yes", "no", "marvin", "seven"]
    alone = [speak(word, PLAIN) for word in words]
    together = {}
    threads = [
        threading.Thread(target=lambda w=w: together.update({w: [speak(w, PLAIN) for _ in "123"]}))
        for w in words
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for word, expected in zip(words, alone, strict=True):
        assert all(np.array_equal(sound, expected) for sound in together[word])


def test_pitch_and_speed_are_heard():
    low, high = (speak("yellow", Voice("en-us", "m3", pitch=p, pitch_range=0)) for p in (20, 80))
    assert 60 < pitch_of(low) < 0.8 * pitch_of(high) < 200
    slow, quick = (speak("marvin", replace(PLAIN, speed=speed)) for speed in (120, 210))
    assert len(slow) > 1.3 * len(quick)


def test_markup_is_read_as_text():
    assert len(speak("[[n'oU]] no", PLAIN)) > 1.5 * len(speak("no", PLAIN))
    assert len(speak("<b>no</b>", PLAIN)) > 1.5 * len(speak("no", PLAIN))


@pytest.mark.parametrize("text", ["", "  ", "...", "!?", "a\0b", "yes\nno", "\ud800", "🙂"])
def test_nothing_to_say_is_an_error(text):
    with pytest.raises(DataError, match="no text that can be spoken"):
        speak(text, PLAIN)


@pytest.mark.parametrize(
    ("voice", "reason"),
    [
        (Voice("en-us", "nosuch"), "no variant 'nosuch'"),
        (Voice("en-us", "../f1"), "no variant"),
        (Voice("xx"), "no language 'xx'"),
        (Voice("en-gb"), "British English is 'en'"),
        (Voice("../lang/gmw/en"), "no language"),
        (Voice(""), "no language"),
    ],
)
def test_voices_that_espeak_does_not_have(voice, reason):
    with pytest.raises(DataError, match=reason):
        speak("yes", voice)
    assert len(speak("yes", PLAIN)) > 0


@pytest.mark.parametrize("bad", [{"speed": 79}, {"speed": 451}, {"pitch": 100}, {"pitch": -1}])
def test_voices_beyond_the_limits(bad):
    with pytest.raises(ValueError, match="must be"):
        Voice("en-us", **bad)


def test_a_sample_rate_that_cannot_be():
    with pytest.raises(DataError, match="sample rate"):
        speak("yes", PLAIN, 0)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(max_codepoint=0x24F), max_size=12), st.sampled_from(EVERY_THROAT))
def test_any_text_is_spoken_or_refused(text, speaker):
    try:
        sound = speak(text, speaker)
    except DataError:
        return
    assert np.isfinite(sound).all() and 0 < np.abs(sound).max() <= PEAK * 1.0001


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'edgenets[train]'")):
        speak("yes", PLAIN)


def test_missing_voice_data_is_an_error_and_no_end(monkeypatch, capfd):
    import espeakng_loader

    with monkeypatch.context() as patch:
        patch.setattr(espeakng_loader, "get_data_path", lambda: "/nonexistent")
        with pytest.raises(MissingExtra, match="/nonexistent"):
            speak("yes", PLAIN)
    capfd.readouterr()  # espeak-ng complains on stderr as well
    assert len(speak("yes", PLAIN)) > 0


# --- voices ----------------------------------------------------------------------------------


def test_voices_are_distinct_and_follow_from_the_seed():
    many = voices(300, seed=9)
    assert len(set(many)) == 300
    assert voices(300, seed=9) == many
    assert voices(20, seed=9) == many[:20]
    assert voices(20, seed=10) != many[:20]
    assert {v.name for v in many} == set(voice_module.ACCENTS)
    assert {v.variant for v in many} == set(MEN) | set(WOMEN)
    women = sum(v.variant in WOMEN for v in many)
    assert women == 100


@pytest.mark.parametrize("engine", [voices, natural_voices])
def test_voices_differ_in_sound(engine):
    spoken = [log_mel(speak("marvin", voice)) for voice in engine(24, seed=2)]
    apart = [np.abs(a - b).mean() for a, b in itertools.combinations(spoken, 2)]
    # A tenth of a neper apart all over the spectrum is heard; most are more than one apart.
    assert min(apart) > 0.1 and np.median(apart) > 0.8


def test_no_throat_saturates():
    for variant in (*MEN, *WOMEN):
        voice = Voice("en-us", variant, pitch=85)
        samples = espeak.synthesize("yellow", voice.identifier, 165, 85, 50)
        assert 500 < np.abs(samples.astype(int)).max() < 32_000, variant


def test_the_speaker_is_the_throat():
    one = Voice("en-us", "f1", pitch=20)
    assert one.speaker == Voice("en", "f1", pitch=80, speed=200).speaker
    assert NaturalVoice(3, pitch=0.9).speaker == NaturalVoice(3, pace=1.3, seed=5).speaker
    throats = {speaker.speaker for speaker in EVERY_THROAT}
    assert len(throats) == len(EVERY_THROAT)
    assert all(re.fullmatch("[0-9a-f]{8}", t) for t in throats)


def test_throats_fill_all_splits():
    for seed in range(40):
        assert {split(v) for v in voices(20, seed)} == {"train", "validation", "test"}
        assert {split(v) for v in natural_voices(12, seed)} == {"train", "validation", "test"}
        assert {split(v) for v in cast(20, seed)} == {"train", "validation", "test"}
    for throats in (MEN, WOMEN):
        assert {split(Voice("en", t)) for t in throats} == {"train", "validation", "test"}


def test_a_voice_that_does_not_load_is_found_at_once(monkeypatch):
    monkeypatch.setattr(voice_module, "MEN", ("nosuch",))
    with pytest.raises(DataError, match="nosuch"):
        voices(3, seed=1)


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (-1, 1), (1, -1)])
def test_voices_that_cannot_be_counted(count, seed):
    with pytest.raises(ValueError):
        voices(count, seed)


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("Marvin", "marvin"),
        ("  hey   Computer ", "hey_computer"),
        ("don't", "dont"),
        ("e\u0301clair", "\u00e9clair"),
        ("Straße", "straße"),
        ("well-known", "well_known"),
        ("R2D2", "r2d2"),
        ("silence", "silence"),
    ],
)
def test_labels(word, label):
    assert label_of(word) == label


@pytest.mark.parametrize(
    "word",
    [
        "", " ", "-", "'", "a/b", "..", ".git", "a\\b", "a\0b", "日本", "привет", "🙂",
        "_unknown_", "_Silence_", "snake_case", "a:b", "x" * 61,
    ],
)  # fmt: skip
def test_words_that_cannot_be_labels(word):
    with pytest.raises(DataError):
        label_of(word)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_label_is_a_safe_folder_name(word):
    try:
        label = label_of(word)
    except DataError:
        return
    assert Path(label).name == label and label not in (UNKNOWN, SILENCE)
    assert label[0].isalnum() and label.isprintable() and " " not in label
    assert len(label.encode()) < 200


def test_common_words_and_phrases_are_labels():
    labels = [label_of(text) for text in (*COMMON, *PHRASES)]
    assert len(set(labels)) == len(labels) > 300


def test_unknown_words_are_none_of_the_users_to_the_ear():
    known = vocabulary(["right", "no", "go"])
    assert not {"right", "write", "no", "know", "go"} & {*known.others, *known.near}
    assert {"night", "white", "low"} <= set(known.near)
    assert not [p for p in known.phrases if {"right", "no", "know", "go"} & set(p.split())]
    assert "thank you" in known.phrases
    assert "inside" not in vocabulary(["in side"]).others


def test_parts_of_a_phrase_are_unknown():
    known = vocabulary(["lights on", "on"])
    assert "lights" in known.near and "on" not in {*known.near, *known.others}


def test_a_half_that_is_another_word_is_not_unknown():
    halves = {(h.word, h.first) for h in vocabulary(["no", "nobody", "lights on"]).halves}
    assert ("nobody", True) not in halves and ("nobody", False) in halves
    assert {("lights on", True), ("lights on", False), ("no", True)} <= halves


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "one or more words"),
        ("marvin", "list"),
        (["go", "Go"], "more than once: go"),
        (["hey you", "hey-you"], "more than once: hey_you"),
        (["right", "write"], "sound the same"),
        (["3", "three"], "sound the same"),
        (["go", "_unknown_"], "name of the label"),
        (["go", ""], "letters or digits"),
    ],
)
def test_words_that_make_no_vocabulary(words, reason):
    with pytest.raises(DataError, match=reason):
        vocabulary(words)


# --- a data set ------------------------------------------------------------------------------

WORDS = ["Marvin", "hey computer"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    seen = []
    out = tmp_path_factory.mktemp("speech") / "words"
    made = make_dataset(WORDS, out, clips_per_word=24, seed=1, progress=lambda *a: seen.append(a))
    assert made == out
    assert seen == [(i + 1, 24 * 5) for i in range(24 * 5)]
    return out


def test_a_phrase_that_was_made_before_is_left_as_it_is(tmp_path):
    """Its clips were shorter then, as nobody halted between its words."""
    made = {"clips_per_word": 1, "seed": 1}
    before = make_dataset(["hey edge"], tmp_path / "a", clip_seconds=1.0, **made)
    origin = json.loads((before / "speech.json").read_text())
    (before / "speech.json").write_text(json.dumps({**origin, "version": 2}))
    assert make_dataset(["hey edge"], before, **made) == before
    with pytest.raises(DataError, match="other words or settings"):
        make_dataset(["hey edge"], before, clip_seconds=1.3, **made)


def test_a_data_set_reads_as_speech_commands(dataset):
    assert sorted(p.name for p in dataset.parent.iterdir()) == ["words"]
    clips = find_clips(dataset)
    counts = {label: sum(c.label == label for c in clips) for label in {c.label for c in clips}}
    assert counts == {"marvin": 24, "hey_computer": 24, "_unknown_": 48, "_silence_": 24}
    assert all(clip.speaker for clip in clips)
    for clip in clips:
        with wave.open(str(clip.path)) as sound:
            # A phrase may halt between its words.
            assert sound.getparams()[:4] == (1, 2, RATE, round(1.3 * RATE))


def test_every_split_has_every_label_and_no_speaker_is_in_two(dataset):
    usual = DataRecipe()
    throats = {speaker.speaker: speaker for speaker in EVERY_THROAT}
    where = {}
    for clip in find_clips(dataset):
        part = split_of(clip, usual.validation, usual.test)
        where.setdefault(part, set()).add(clip.label)
        assert split(throats[clip.speaker]) == part
    assert len(where) == 3
    assert all(len(labels) == 4 for labels in where.values())


def test_words_are_put_anywhere_but_at_the_very_end_of_a_clip():
    word = PEAK * np.ones(RATE // 2, dtype=np.float32)
    starts, ends = [], []
    for seed in range(60):
        clip = speech._record(np.random.default_rng(seed), word, RATE, RATE)
        loud = np.flatnonzero(np.abs(clip) > 0.5 * np.abs(clip).max())
        assert len(clip) == RATE and loud[-1] - loud[0] == pytest.approx(len(word), abs=2)
        starts.append(loud[0] / RATE)
        ends.append(loud[-1] / RATE)
    assert min(starts) < 0.03 and max(starts) > 0.25
    assert max(ends) < 0.81  # training asks over the last 0.2 s


def test_phrases_longer_than_a_clip_are_cut():
    rng = np.random.default_rng(1)
    clip = speech._record(rng, PEAK * np.ones(3 * RATE, dtype=np.float32), RATE, RATE)
    assert len(clip) == RATE and np.abs(clip).min() > 0


def test_clips_are_loud_and_soft_and_never_clipped(dataset):
    peaks = []
    for clip in find_clips(dataset, ["marvin"]):
        peaks.append(np.abs(audio.read(clip.path, RATE)).max())
    assert max(peaks) < 0.9 and max(peaks) / min(peaks) > 10 ** (12 / 20)
    for clip in find_clips(dataset, [SILENCE, UNKNOWN]):
        assert np.abs(audio.read(clip.path, RATE)).max() < 0.999


def test_unknown_clips_hold_halves_and_other_words(dataset):
    names = [c.path.stem.rpartition("_nohash_")[0][:-9] for c in find_clips(dataset, [UNKNOWN])]
    halves = [n for n in names if n.endswith(("-begin", "-end"))]
    assert {n.rpartition("-")[0] for n in halves} == {"marvin", "hey_computer"}
    assert len(set(names) - set(halves)) > 20
    assert not {"marvin", "hey_computer"} & set(names)


def test_half_a_word_is_audible_and_at_most_half():
    known = vocabulary(["marvin"])
    voice = Voice("en-us", "m4")
    whole = speak("marvin", voice)
    found = {}
    for seed in range(60):
        said = unknown.draw(np.random.default_rng(seed), known, voice, RATE)
        if said.name.startswith("marvin-"):
            found[said.name] = said.sound
    assert set(found) == {"marvin-begin", "marvin-end"}
    for sound in found.values():
        assert 0.3 * len(whole) < len(sound) <= 0.5 * len(whole)
        assert np.abs(sound).max() == pytest.approx(PEAK, rel=1e-4)
    assert found["marvin-begin"][-1] == 0 and found["marvin-end"][0] == 0


def test_the_same_arguments_make_the_same_files(tmp_path):
    sets = [
        make_dataset(["go"], tmp_path / name, clips_per_word=4, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    a, b, c = (digest(folder) for folder in sets)
    assert a == b
    assert not set(a.values()) & set(c.values())


def test_a_folder_made_before_is_used_again(dataset):
    before = {p: p.stat().st_mtime_ns for p in dataset.rglob("*")}
    assert make_dataset(WORDS, dataset, clips_per_word=24, seed=1) == dataset
    assert {p: p.stat().st_mtime_ns for p in dataset.rglob("*")} == before


def test_a_folder_of_an_earlier_edgenets_is_kept(tmp_path, call):
    made = make_dataset(["go"], tmp_path / "go", clips_per_word=2, seed=1)
    origin = json.loads((made / speech.ORIGIN).read_text(encoding="utf-8"))
    (made / speech.ORIGIN).write_text(json.dumps({**origin, "version": 1}), encoding="utf-8")
    before = digest(made)
    assert make_dataset(["go"], made, clips_per_word=2, seed=1) == made and digest(made) == before
    told = call("words", "go", "--out", made, "--clips", 2)
    assert told.code == 0 and "an earlier edgenets" in told.err and digest(made) == before
    (made / speech.ORIGIN).write_text(json.dumps({**origin, "version": 99}), encoding="utf-8")
    with pytest.raises(DataError, match="other words or settings"):
        make_dataset(["go"], made, clips_per_word=2, seed=1)


@pytest.mark.parametrize(
    "other",
    [
        {"words": ["marvin"]},
        {"seed": 2},
        {"clips_per_word": 23},
        {"sample_rate": 8_000},
        {"clip_seconds": 1.5},
    ],
)
def test_a_folder_of_other_arguments_is_not_touched(dataset, other):
    arguments = {"words": WORDS, "clips_per_word": 24, "seed": 1, **other}
    before = digest(dataset)
    with pytest.raises(DataError, match="other words or settings"):
        make_dataset(out=dataset, **arguments)
    assert digest(dataset) == before


def test_a_folder_that_is_not_whole_is_refused(tmp_path):
    arguments = {"words": ["go"], "out": tmp_path / "go", "clips_per_word": 2, "seed": 1}
    make_dataset(**arguments)
    next((tmp_path / "go" / "go").iterdir()).unlink()
    with pytest.raises(DataError, match="gone"):
        make_dataset(**arguments)
    (tmp_path / "go" / speech.ORIGIN).write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="no data set of synthetic speech"):
        make_dataset(**arguments)


def test_a_folder_of_the_users_own_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(DataError, match="no data set of synthetic speech"):
        make_dataset(["go"], tmp_path, clips_per_word=1, seed=1)
    with pytest.raises(DataError, match="no data set of synthetic speech"):
        make_dataset(["go"], tmp_path / "thesis.txt", clips_per_word=1, seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_data_set_is_not_there(tmp_path, interruption):
    def stop(done, total):
        assert not (tmp_path / "go").exists()
        if done == 3:
            raise interruption

    raised = DataError if interruption is OSError else interruption
    with pytest.raises(raised):
        make_dataset(["go"], tmp_path / "go", clips_per_word=2, seed=1, progress=stop)
    assert list(tmp_path.iterdir()) == []
    assert make_dataset(["go"], tmp_path / "go", clips_per_word=2, seed=1).is_dir()


def test_an_empty_folder_and_missing_parents_will_do(tmp_path):
    (tmp_path / "empty").mkdir()
    make_dataset(["go"], tmp_path / "empty", clips_per_word=1, seed=1)
    make_dataset(["go"], tmp_path / "a" / "b", clips_per_word=1, seed=1)
    assert digest(tmp_path / "empty") == digest(tmp_path / "a" / "b") != {}


def test_a_word_that_does_not_fit_says_what_would(tmp_path):
    long = "turn on the big kitchen lights"
    with pytest.raises(DataError, match="does not fit into clips of 1 s") as refused:
        make_dataset([long], tmp_path / "a", clips_per_word=6, seed=1, clip_seconds=1.0)
    needed = float(re.search(r"make them ([\d.]+) s", str(refused.value)).group(1))
    made = make_dataset([long], tmp_path / "a", clips_per_word=6, seed=1, clip_seconds=needed)
    assert len(find_clips(made, [label_of(long)])) == 6


def test_a_slow_voice_is_hurried_into_the_clip():
    slow = Voice("en-us", speed=80)
    assert len(speak("hey computer", slow)) > RATE
    assert 0.5 * RATE < len(speech._say_within(RATE, "hey computer", slow, [slow], RATE)) <= RATE


@pytest.mark.parametrize(
    "bad",
    [{"clips_per_word": 0}, {"seed": -1}, {"sample_rate": 5}, {"clip_seconds": 0.1},
     {"clip_seconds": float("nan")}],
)  # fmt: skip
def test_settings_that_make_no_data_set(tmp_path, bad):
    with pytest.raises(DataError):
        make_dataset(["go"], tmp_path / "go", **{"clips_per_word": 1, "seed": 1, **bad})
    assert list(tmp_path.iterdir()) == []


# --- background ------------------------------------------------------------------------------


def test_backgrounds_are_of_many_levels_and_colours():
    levels, colors = [], []
    for seed in range(80):
        sound = background.background(np.random.default_rng(seed), RATE, RATE)
        assert sound.dtype == np.float32 and len(sound) == RATE and np.abs(sound).max() < 1
        levels.append(20 * np.log10(sound.std()))
        power = np.abs(np.fft.rfft(sound)) ** 2
        colors.append((power * np.arange(len(power))).sum() / power.sum())
    assert min(levels) < -70 and max(levels) > -30
    assert min(colors) < 200 and max(colors) > 3000  # Hz


def test_hum_is_of_the_mains():
    sound = background.hum(np.random.default_rng(3), RATE, RATE)
    strongest = np.abs(np.fft.rfft(sound)).argsort()[-3:]  # bins of 1 Hz
    assert all(f % 50 == 0 or f % 60 == 0 for f in strongest)


def test_clicks_are_short():
    sound = background.clicks(np.random.default_rng(3), RATE, RATE)
    assert np.mean(np.abs(sound) > 0.1 * np.abs(sound).max()) < 0.25
    assert 10 ** (-30 / 20) <= np.abs(sound).max() <= 6 * 10 ** (-6 / 20)


# --- streams ---------------------------------------------------------------------------------


def test_a_stream_says_what_it_tells_when_it_tells():
    stream = make_stream(["go", "marvin"], seed=5, count=12, snr_db=np.inf)
    assert stream.sound.dtype == np.float32 and np.abs(stream.sound).max() < 1
    assert [sum(w.label == label for w in stream.words) for label in ("go", "marvin")] == [6, 6]
    assert stream.others and all(w.label == UNKNOWN for w in stream.others)
    told = sorted((*stream.words, *stream.others), key=lambda w: w.start)
    silent = np.ones(len(stream.sound), dtype=bool)
    for word in told:
        place = slice(round(word.start * RATE), round(word.end * RATE))
        silent[place] = False
        piece = stream.sound[place]
        loud = np.flatnonzero(np.abs(piece) > 0.01 * np.abs(piece).max())
        assert loud[0] < 0.03 * RATE and len(piece) - loud[-1] < 0.045 * RATE
    assert not stream.sound[silent].any()
    ends = [0.0, *(w.end for w in told)]
    starts = [*(w.start for w in told), len(stream.sound) / RATE]
    gaps = np.subtract(starts, ends)
    assert gaps.min() >= monologue.GAPS[0] - 1e-3 and gaps.max() <= monologue.GAPS[1] + 1e-3
    assert np.ptp(gaps) > 0.5


def test_the_words_of_a_stream_are_those_words():
    voice = Voice("en-us", "m4")
    stream = make_stream(["go", "marvin"], seed=5, count=4, snr_db=np.inf, voices=[voice])
    for word in stream.words:
        piece = stream.sound[round(word.start * RATE) : round(word.end * RATE)]
        said = speak(word.label, voice)
        assert len(piece) == len(said)
        assert np.corrcoef(piece, said)[0, 1] > 0.999


def test_a_stream_has_the_noise_that_was_asked_for():
    clean = make_stream(["go"], seed=2, count=6, snr_db=np.inf)
    noisy = make_stream(["go"], seed=2, count=6, snr_db=15.0)
    assert noisy.words == clean.words
    spoken = np.concatenate(
        [
            clean.sound[round(w.start * RATE) : round(w.end * RATE)]
            for w in (*clean.words, *clean.others)
        ]
    )
    snr = 20 * np.log10(spoken.std() / (noisy.sound - clean.sound).std())
    assert snr == pytest.approx(15.0, abs=0.2)
    loud = make_stream(["go"], seed=2, count=6, snr_db=-20.0)
    assert np.abs(loud.sound).max() <= monologue.LOUDEST * 1.0001


def test_streams_follow_from_the_seed():
    arguments = {"words": ["go", "marvin"], "count": 3}
    one, same, other = (make_stream(**arguments, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.sound, same.sound) and one.words == same.words
    assert one.words != other.words


def test_a_stream_is_said_by_voices_that_training_does_not_hear():
    found = unheard_voices(12, seed=3)
    assert len(set(found)) == 12
    assert {split(v) for v in found} == {"test"}
    assert len({v.speaker for v in found}) > 4


@pytest.mark.parametrize(
    "bad", [{"count": 0}, {"voices": []}, {"sample_rate": 0}, {"seed": -1}, {"words": []}]
)
def test_streams_that_cannot_be(bad):
    with pytest.raises(DataError):
        make_stream(**{"words": ["go"], "seed": 1, "count": 1, **bad})


def test_a_recording_names_its_speaker(dataset):
    for path in dataset.rglob("*.wav"):
        assert speaker_of(path) == path.stem.rpartition("_nohash_")[0][-8:]
