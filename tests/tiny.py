"""The smallest data and recipe that each task can be tried with: some seconds from data to bundle.

The models learn next to nothing; what is tried is that every stage does what the protocol says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.sound import audio
from edgenets.tasks.series import nab
from tests.language import grammar
from tests.series import waves
from tests.translation import phrases
from tests.vision import sets


@dataclass(frozen=True)
class Tiny:
    """How one task is tried."""

    recipe: dict[str, Any]
    data: Callable[[Path], Path]  # writes it into a folder; what `train` is given
    source: str  # what `run` is given, of the data; see `source_of`


def source_of(tiny: Tiny, data: Path) -> str:
    """The source of a run: a file of the data, or what needs none."""
    if ":" in tiny.source:
        return tiny.source
    return str(data if data.is_file() else sorted(data.glob(tiny.source))[0])


# Ten recordings a label, by ten speakers.
_RECORDINGS, _RATE = 10, 16_000


def _tones(rate: int, *labels: str, named: str = "{1:08x}_nohash_0") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        rng = np.random.default_rng(0)
        for number, label in enumerate(labels):
            (folder / label).mkdir(parents=True)
            time = np.arange(rate) / rate
            for i in range(_RECORDINGS):
                pitch = 300.0 * 2.0**number * rng.uniform(0.9, 1.1)
                sound = 0.2 * np.sin(2 * np.pi * pitch * time) * ((time > 0.3) & (time < 0.7))
                sound += 0.005 * rng.standard_normal(rate)
                name = f"{named.format(label, 0xABC00000 + i)}.wav"
                audio.write_wav(folder / label / name, sound, rate)
        return folder

    return write


def _stories(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "stories.txt").write_text(grammar.stories(60), encoding="utf-8")
    return folder / "stories.txt"


def _waves(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return waves.write(folder / "waves.csv", waves.waves(400))


def _corpus(folder: Path) -> Path:
    """Four series as the Numenta Anomaly Benchmark lays them out, each with one window."""
    (folder / "data").mkdir(parents=True)
    windows = {}
    for seed in range(4):
        lines = ["timestamp,value"]
        stamps = np.datetime64("2026-01-01T00:00:00") + np.arange(400).astype("timedelta64[h]")
        values = waves.waves(400, seed)[:, 0]
        values[300:304] += 40.0
        times = [str(stamp).replace("T", " ") for stamp in stamps]
        lines += [f"{time},{value:.5f}" for time, value in zip(times, values, strict=True)]
        (folder / "data" / f"{seed}.csv").write_text("\n".join(lines) + "\n")
        windows[f"{seed}.csv"] = [[f"{times[298]}.000000", f"{times[308]}.000000"]]
    costs = {"tpWeight": 1.0, "fpWeight": 0.11, "fnWeight": 1.0, "tnWeight": 1.0}
    for path, plain in (
        (nab.WINDOWS, windows),
        (nab.PROFILES, {"standard": {"CostMatrix": costs}}),
    ):
        (folder / path).parent.mkdir()
        (folder / path).write_text(json.dumps(plain))
    return folder


_SCHEDULE = {"epochs": 1, "batch": 8, "learning_rate": 1e-2}
# An artifact equals its model here as anywhere; a decision of a model that knows nothing is easily
# another one.
_GATE = {"stream_steps": 300, "agreement": 0.3, "metric_drop": 0.9}
_SPLIT = {"validation": 0.25, "test": 0.25}
_SOUND_MODEL = {"architecture": "kws-gru", "stem": 8, "units": [8]}

TINY: dict[str, Tiny] = {
    "keywords": Tiny(
        {"model": _SOUND_MODEL, "data": _SPLIT}, _tones(_RATE, "_silence_", "high", "low"),
        "*/*.wav",
    ),
    "embed": Tiny(
        {"model": _SOUND_MODEL, "data": _SPLIT}, _tones(_RATE, "high", "low", "middle"), "*/*.wav"
    ),
    "speech": Tiny(
        {"model": {**_SOUND_MODEL, "architecture": "asr-gru"},
         "data": {**_SPLIT, "symbols": ["1", "2"], "apart": "recordings", "seconds": 2.0,
                  "strings": 16, "test_strings": 6, "test_words": [1, 2]},
         "features": {"sample_rate": 8000, "window": 200, "hop": 80, "fft": 256, "bands": 32,
                      "high_hz": 3800.0}},
        _tones(8000, "1", "2", named="{0}_{1:x}_0"), "*/*.wav",
    ),
    "language": Tiny(
        {"model": {"architecture": "language-rnn", "embedding": 8, "units": [12]},
         "data": {"length": 16, "crops": 32, "validation": 0.2, "test": 0.2}},
        _stories, "*.txt",
    ),
    "text": Tiny(
        {"model": {"architecture": "text-rnn", "embedding": 8, "units": [8]}, "data": _SPLIT},
        lambda folder: grammar.opinions(folder, 40), "*.txt",
    ),
    "translation": Tiny(
        {"model": {"architecture": "translation-rnn", "embedding": 8, "encoder": 12,
                   "decoder": 12, "memory": 8},
         "data": {"source": "en", "target": "de", "pieces": 38, "validation": 0.1,
                  "longest": 24}},
        lambda folder: phrases.write(folder, 200, 20), "*.en",
    ),
    "forecast": Tiny(
        {"model": {"architecture": "series-rnn", "segment": 4, "embedding": 8, "units": [8]},
         "data": {**_SPLIT, "window": 24, "windows": 32}, "decoding": {"horizon": 6}},
        _waves, "*.csv",
    ),
    "anomaly": Tiny(
        {"model": {"architecture": "seasonal-rnn", "units": [8]},
         "data": {"files": "data/*.csv", "beginning": 0.3, "held": 60}},
        _corpus, "data/*.csv",
    ),
    "classify": Tiny(
        {"model": {"architecture": "image-classify", "channels": [8], "blocks": [1]},
         "decoding": {"kind": "class"}, "input": {"width": 32, "height": 24}, "data": _SPLIT},
        lambda folder: sets.WRITERS["folders"](folder, 24), "null:32x24?seconds=0.2&rate=20",
    ),
    "detect": Tiny(
        {"model": {"architecture": "object-detect", "channels": [8, 8, 8], "blocks": [1, 1, 1],
                   "head": 8},
         "decoding": {"kind": "boxes", "head": {"kind": "points", "strides": [8, 16]}},
         "input": {"width": 64, "height": 48}, "data": _SPLIT,
         # Batches enough for the averages of its normalizations, without which int8 is another.
         "schedule": {**_SCHEDULE, "epochs": 6, "repeat": 4, "average": 0.8}},
        lambda folder: sets.WRITERS["voc"](folder, 20), "null:64x48?seconds=0.2&rate=20",
    ),
    "segment": Tiny(
        {"model": {"architecture": "segment", "channels": [8, 8], "blocks": [1, 1], "head": 8},
         "decoding": {"kind": "mask", "background": ["background"]},
         "data": {**_SPLIT, "labels": ["background", "shape"], "foreground": True},
         "input": {"width": 32, "height": 24}},
        lambda folder: sets.WRITERS["masks"](folder, 20), "null:32x24?seconds=0.2&rate=20",
    ),
}  # fmt: skip


def recipe_of(task: str) -> dict[str, Any]:
    """The recipe of a task, as a file would have it."""
    common = {"name": f"tiny-{task}", "description": "Tiny", "task": task, "schedule": _SCHEDULE,
              "gate": _GATE}  # fmt: skip
    return common | TINY[task].recipe
