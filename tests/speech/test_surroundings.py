"""Synthesized voices and what is behind them, in trainings of speech."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgenets.progress import Progress
from edgenets.recipe import parse
from edgenets.sound.input import AudioInput
from edgenets.tasks.speech import surroundings
from edgenets.tasks.speech.recipe import SpeechRecipe
from edgenets.tasks.speech.strings import StringMaker
from edgenets.tasks.speech.utterances import Spoken
from tests.tiny import recipe_of

pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")

RATE = 8000


def recipe(**data: Any) -> SpeechRecipe:
    plain = recipe_of("speech")
    found = parse(plain | {"data": plain["data"] | data})
    assert isinstance(found, SpeechRecipe)
    return found


def test_every_symbol_is_said_as_often() -> None:
    own = Spoken((np.ones(RATE, np.int16),), ((1,),), RATE)
    made = surroundings.with_synthetic(recipe(synthetic=3), own, Progress())
    assert len(made) == 1 + 2 * 3 and made.symbols[0] == (1,)
    assert sorted(made.symbols[1:]) == [(1,)] * 3 + [(2,)] * 3
    assert all(0.1 < len(sound) / RATE < 2 for sound in made.sounds)


def test_digits_are_said_as_words() -> None:
    assert [surroundings.text_of(s) for s in ("0", "9", "left", "a", "٣")] == [
        *("zero", "nine", "left", "a"), "٣",
    ]  # fmt: skip


def test_what_is_behind_strings_is_longer_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "SENTENCES", 4)
    found = surroundings.behind(recipe(), Progress())
    assert len(found) > 100
    assert all(len(noise) >= 2 * RATE for noise in found)
    assert all(noise.std() == pytest.approx(1.0, abs=1e-3) for noise in found)


def test_some_strings_are_noise_alone_where_it_is_more_than_a_hiss() -> None:
    own = Spoken((np.full(RATE // 4, 5000, np.int16),), ((1,),), RATE)
    features = AudioInput(sample_rate=RATE, high_hz=3800.0, fft=512)
    noise = np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32)
    args = (own, features, recipe().augment, 2, 2.0, (0.0, 0.1), 1)
    empty = [
        int((StringMaker(*args, noises=noises).batch(200, 0, 0).targets[:, 0] == 0).sum())
        for noises in ((), (noise,))
    ]
    assert empty[0] == 0 and 2 <= empty[1] <= 30
