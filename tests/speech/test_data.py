"""Recordings with transcripts, and the strings that are made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenets.data.split import SPLITS
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.recipe import parse
from edgenets.recipeparts import AugmentRecipe
from edgenets.sound import audio
from edgenets.sound.input import AudioInput
from edgenets.tasks.speech import strings as made
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.strings import StringBatches, StringMaker, strings_to_measure
from edgenets.tasks.speech.symbols import spelling, symbols_of
from edgenets.tasks.speech.training import load_split
from edgenets.tasks.speech.utterances import Spoken, find_utterances, load_utterances

RATE = 8000
RECIPE = {
    "name": "words", "description": "words", "task": "speech",
    "model": {"architecture": "asr-gru"}, "data": {"symbols": ["yes", "no"], "units": "words"},
}  # fmt: skip
FEATURES = AudioInput(sample_rate=RATE, window=200, hop=80, fft=256, bands=16, high_hz=3800)


def write(path: Path, seconds: float = 0.3, pitch: float = 500.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    audio.write_wav(path, (0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32), RATE)
    return path


class TestLayouts:
    def test_names_of_files(self, tmp_path: Path) -> None:
        for name in ("7_theo_0", "7_lucas_12"):
            write(tmp_path / "recordings" / f"{name}.wav")
        found = find_utterances(tmp_path)
        assert [(u.text, u.speaker) for u in found] == [("7", "lucas"), ("7", "theo")]

    def test_folders(self, tmp_path: Path) -> None:
        write(tmp_path / "yes" / "0a7c2a8d_nohash_0.wav")
        write(tmp_path / "no" / "plain.wav")
        found = find_utterances(tmp_path)
        assert [(u.text, u.speaker) for u in found] == [("no", None), ("yes", "0a7c2a8d")]

    @pytest.mark.parametrize("style", ["{n:08x}_nohash_{n}", "word_{n:08x}_nohash_0"])
    def test_the_layout_of_speech_commands(self, tmp_path: Path, style: str) -> None:
        for word in ("yes", "no", "_background_noise_", "bed"):
            for n in range(3):
                write(tmp_path / word / f"{style.format(n=n)}.wav")
        said: list[str] = []
        found = find_utterances(tmp_path, spelling(("yes", "no"), "words"), said.append)
        assert {(u.text, u.speaker) for u in found} == {
            (word, f"{n:08x}") for word in ("yes", "no") for n in range(3)
        }
        assert "6 of 12 recordings are left out" in said[0] and "bed (3)" in said[0]

    def test_where_names_and_folders_look_like_texts_the_symbols_tell(self, tmp_path: Path) -> None:
        for word in ("yes", "no"):
            for n in range(3):
                write(tmp_path / word / f"take_anna_{n}.wav")
        folders = find_utterances(tmp_path, spelling(("yes", "no"), "words"))
        assert {u.text for u in folders} == {"yes", "no"}
        names = find_utterances(tmp_path, spelling(("take",), "words"))
        assert {(u.text, u.speaker) for u in names} == {("take", "anna")}

    def test_an_unknown_layout_names_those_that_are_known(self, tmp_path: Path) -> None:
        write(tmp_path / "a.wav")
        write(tmp_path / "b.wav")
        with pytest.raises(DataError) as caught:
            find_utterances(tmp_path)
        for part in ("transcripts.tsv", "seven_anna_3.wav", "yes/0a7c2a8d_nohash_0.wav",
                     "Found: 2 .wav (a.wav)"):  # fmt: skip
            assert part in str(caught.value)
        write(tmp_path / "down" / "c.wav")
        with pytest.raises(DataError, match="called down, which the recipe's symbols do not"):
            find_utterances(tmp_path, spelling(("yes",), "words"))

    def test_a_list(self, tmp_path: Path) -> None:
        write(tmp_path / "b.wav")
        write(tmp_path / "deep" / "a.wav")
        (tmp_path / "transcripts.tsv").write_text("b.wav\tone  two\n\ndeep/a.wav\tthree\tanna\n")
        found = find_utterances(tmp_path)
        assert [(u.text, u.speaker) for u in found] == [("one  two", None), ("three", "anna")]

    @pytest.mark.parametrize(
        ("text", "why"),
        [("b.wav", "line 1: a path, a transcript"), ("b.wav\t \n", "line 1"), ("", "no recordings"),
         ("b.wav\tx\n../c.wav\ty", r"line 2: there is no \.\./c.wav")],
    )  # fmt: skip
    def test_a_list_that_is_wrong(self, tmp_path: Path, text: str, why: str) -> None:
        write(tmp_path / "b.wav")
        (tmp_path / "transcripts.tsv").write_text(text)
        with pytest.raises(DataError, match=why):
            find_utterances(tmp_path)

    def test_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such folder"):
            find_utterances(tmp_path / "none")
        with pytest.raises(DataError, match=r"has neither transcripts\.tsv"):
            find_utterances(tmp_path)


class TestSymbols:
    def test_characters(self) -> None:
        assert symbols_of("ab  a", ["a", "b", " "], "characters") == (1, 2, 3, 1)
        assert symbols_of("1 2", ["1", "2"], "characters") == (1, 2)  # spaces are no symbol here

    def test_words(self) -> None:
        assert symbols_of(" one two ", ["one", "two"], "words") == (1, 2)

    def test_what_is_no_symbol(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"'naïve' has 'ï'"):
            symbols_of("naïve", list("aenv"), "characters")
        write(tmp_path / "x_anna_1.wav")
        with pytest.raises(DataError, match=r"x_anna_1\.wav: 'x' has 'x'"):
            load_utterances(find_utterances(tmp_path), ["a"], "characters", RATE)


def spoken(count: int = 6) -> Spoken:
    rng = np.random.default_rng(1)
    sounds = tuple(rng.integers(-9000, 9000, 2400 + 200 * n, np.int16) for n in range(count))
    return Spoken(sounds, tuple((n % 3 + 1,) for n in range(count)), RATE)


def maker(**changes: float) -> StringMaker:
    return StringMaker(spoken(), FEATURES, AugmentRecipe(), 4, changes.get("seconds", 3.0),
                       (0.02, 0.3), 5)  # fmt: skip


class TestStrings:
    def test_the_same_arguments_give_the_same_batch(self) -> None:
        first, again = (maker().batch(4, 2, 3) for _ in range(2))
        assert np.array_equal(first.inputs, again.inputs)
        assert np.array_equal(first.targets, again.targets)
        assert not np.array_equal(first.inputs, maker().batch(4, 2, 4).inputs)

    def test_shapes_and_targets(self) -> None:
        strings = maker()
        batch = strings.batch(8, 0, 0)
        assert batch.inputs.shape == (8, strings.steps * 4, 16)
        assert np.isfinite(batch.inputs).all()
        for row in batch.targets:  # symbols, then blanks; never more than CTC can say
            said = np.trim_zeros(row, "b")
            assert (said > 0).all() and 2 * len(said) <= strings.steps + 1
        assert batch.targets.any()

    def test_an_epoch_has_its_strings(self) -> None:
        assert len(StringBatches(maker(), 64, 16)) == 4

    def test_those_to_measure_by_are_always_the_same(self) -> None:
        first, again = (strings_to_measure(spoken(), 5, (2, 4), 9) for _ in range(2))
        for a, b in zip(first, again, strict=True):
            assert a.symbols == b.symbols and np.array_equal(a.sound, b.sound)
            assert 2 <= len(a.symbols) <= 4 and np.abs(a.sound).max() <= 1.0
        features = made.features_of(first, FEATURES, 4)
        assert features.shape[0] == 5 and features.shape[1] % 4 == 0


def test_a_split_without_recordings_is_said_before_training(tmp_path: Path) -> None:
    recipe = parse(RECIPE)
    assert isinstance(recipe, SpeechRecipe)
    for word in ("yes", "no"):
        write(tmp_path / word / "0a7c2a8d_nohash_0.wav")
    with pytest.raises(DataError, match=r"split has no recordings: 2 recordings are 1 speakers"):
        load_split(recipe, tmp_path, "train", Progress(), SPLITS)
