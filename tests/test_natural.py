"""Voices that learned from a person: what they say, out of which throat, and at what pace."""

from dataclasses import replace

import numpy as np
import pytest

from edgenets.tasks.keywords.clips import find_clips
from edgenets.tasks.keywords.natural import THROATS, NaturalVoice
from edgenets.tasks.keywords.synthetic import make_dataset, speak
from edgenets.tasks.keywords.voice import cast
from tests.test_speech import PLAIN, RATE, log_mel, pitch_of


def test_a_natural_voice_says_the_same_each_time():
    one = NaturalVoice(4, seed=3)
    assert np.array_equal(speak("marvin", one), speak("marvin", one))
    assert not np.array_equal(speak("marvin", one), speak("marvin", replace(one, seed=4)))


def test_throats_are_of_men_women_and_children():
    """The pitch follows the throat, and so do the formants: /i/ has its second there."""
    said = [speak("see", NaturalVoice(n, liveliness=0.3)) for n in range(len(THROATS))]
    pitches, stretches = zip(*THROATS, strict=True)
    heard = [pitch_of(sound) for sound in said]
    assert np.corrcoef(heard, pitches)[0, 1] > 0.95
    assert 70 < min(heard) < 120 and 240 < max(heard) < 400
    assert np.corrcoef([_brightness(sound) for sound in said], stretches)[0, 1] > 0.7


def _brightness(sound):
    """Hz, the middle of the power above 1 kHz."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return np.sum((power * hz)[hz > 1000]) / np.sum(power[hz > 1000])


def test_a_natural_voice_has_a_pace():
    slow, quick = (speak("marvin", NaturalVoice(0, pace=pace)) for pace in (0.75, 1.35))
    assert len(slow) > 1.3 * len(quick)
    assert len(speak("marvin", NaturalVoice(0).hurried())) < len(quick)


@pytest.mark.parametrize("speaker", [PLAIN, NaturalVoice(0)], ids=["espeak-ng", "hibari"])
def test_phonemes_are_read_as_they_are_written(speaker):
    """The word by its letters and by its phonemes is the same word; with others, it is not."""
    for word, other in (("marvin", "window"), ("alexa", "potato")):
        spelled, else_spelled = speaker.mnemonics([word, other])
        said = log_mel(speak(word, speaker))
        again = log_mel(speak("".join(spelled), speaker, phonemes=True))
        different = log_mel(speak("".join(else_spelled), speaker, phonemes=True))
        assert np.abs(said - again).mean() < 0.6 * np.abs(said - different).mean()


def test_half_of_a_cast_speak_by_each_engine():
    speakers = cast(9, seed=5)
    assert [isinstance(s, NaturalVoice) for s in speakers] == [True, False] * 4 + [True]
    assert cast(4, seed=5) == speakers[:4] == cast(4, seed=5, words=["go"])
    assert len(set(speakers)) == 9


def test_a_word_that_hibari_does_not_know_is_said_by_espeak_alone(tmp_path):
    assert NaturalVoice.mnemonics(["Ħ"]) == [()]
    assert not any(isinstance(s, NaturalVoice) for s in cast(4, seed=5, words=["go", "Ħ"]))
    made = make_dataset(["Ħ"], tmp_path / "a", clips_per_word=2, seed=1)
    assert len(find_clips(made)) == 2 * 4
