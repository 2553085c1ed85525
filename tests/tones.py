"""A data set that any network learns in seconds: two tones and silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgenets.recipeparts import AugmentRecipe, ModelRecipe
from edgenets.sound import audio
from edgenets.tasks.keywords.recipe import DataRecipe, KeywordRecipe, ScheduleRecipe

RATE = 16_000
LABELS = ("_silence_", "high", "low")

RECIPE = KeywordRecipe(
    name="tones",
    description="Two tones and silence",
    model=ModelRecipe("kws-gru", stem=8, units=(8,), dropout=0.1),
    seed=3,
    data=DataRecipe(validation=0.25, test=0.25),
    augment=AugmentRecipe(room=0.1),
    schedule=ScheduleRecipe(epochs=6, batch=8, learning_rate=1e-2, average=0.9),
)


def make_tones(root: Path) -> Path:
    """Three labels that any network tells apart, by twelve speakers each."""
    rng = np.random.default_rng(0)
    for label, pitch in zip(LABELS, (0.0, 2400.0, 300.0), strict=True):
        (root / label).mkdir()
        for i in range(24):
            time = np.arange(RATE) / RATE
            inside = (time > 0.3) & (time < 0.7)
            sound = 0.2 * np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * time) * inside
            sound += 0.005 * rng.standard_normal(RATE)
            speaker = f"{0xABC00000 + i // 2:08x}"
            audio.write_wav(root / label / f"{speaker}_nohash_{i % 2}.wav", sound, RATE)
    return root
