"""The smallest data and recipe that each task can be tried with: some seconds from data to bundle.

Of keywords, embeddings, speech and anomalies the models learn next to nothing; what is tried is
that every stage does what the protocol says. The others learn their data.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgenets
from edgenets import runs
from edgenets.artifact import FORMATS, PRECISIONS, Precision
from edgenets.bundle import Bundle
from edgenets.converters import project, store
from edgenets.converters.verify.verdicts import Report
from edgenets.recipe import parse
from edgenets.sound import audio
from edgenets.tasks.series import nab
from edgenets.training.train import train
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
    precisions: tuple[Precision, ...] = ("fp32", "int8")  # that it is converted to


def source_of(tiny: Tiny, data: Path) -> str:
    """The source of a run: a file of the data, or what needs none."""
    if ":" in tiny.source:
        return tiny.source
    return str(data if data.is_file() else sorted(data.glob(tiny.source))[0])


# Written last, with where the data is: what lies beside it is whole.
_DONE = "done.txt"

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
    (folder / "stories.txt").write_text(grammar.stories(600), encoding="utf-8")
    return folder / "stories.txt"


def _waves(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return waves.write(folder / "waves.csv", waves.waves(1500))


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


def _opinions(net: str) -> Tiny:
    recipe = grammar.text_recipe(net)
    return Tiny(recipe, lambda folder: grammar.opinions(folder, 120), "*.txt", PRECISIONS)


def _shapes(task: str) -> Tiny:
    write, source = sets.WRITERS[sets.LAYOUT[task]], "null:64x48?seconds=0.2&rate=20"
    return Tiny(sets.recipe_of(task), lambda folder: write(folder, 48), source, PRECISIONS)


# A task's name, or that of another network for it.
TINY: dict[str, Tiny] = {
    "keywords": Tiny(
        {"model": _SOUND_MODEL, "data": _SPLIT}, _tones(_RATE, "_silence_", "high", "low"),
        "*/*.wav",
    ),
    "sounds": Tiny(
        {"model": _SOUND_MODEL, "data": _SPLIT, "mixing": {"streams": 16, "seconds": 2.0}},
        _tones(_RATE, "_background_", "high", "low"), "*/*.wav",
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
    "language": Tiny(grammar.LANGUAGE, _stories, "*.txt", PRECISIONS),
    "text": _opinions("rnn"),
    "text-cnn": _opinions("cnn"),
    "translation": Tiny(phrases.RECIPE, phrases.write, "*.en", PRECISIONS),
    "forecast": Tiny(waves.recipe_of("rnn"), _waves, "*.csv", PRECISIONS),
    "forecast-cnn": Tiny(waves.recipe_of("cnn"), _waves, "*.csv", PRECISIONS),
    "anomaly": Tiny(
        {"model": {"architecture": "seasonal-rnn", "units": [8]},
         "data": {"files": "data/*.csv", "beginning": 0.3, "held": 60}},
        _corpus, "data/*.csv",
    ),
    "classify": _shapes("classify"),
    "detect": _shapes("detect"),
    "segment": _shapes("segment"),
}  # fmt: skip


def recipe_of(name: str) -> dict[str, Any]:
    """A recipe, as a file would have it."""
    common = {"name": f"tiny-{name}", "description": "Tiny", "task": name, "schedule": _SCHEDULE,
              "gate": _GATE}  # fmt: skip
    return common | TINY[name].recipe


@dataclass(frozen=True)
class Made:
    """A model with all that was made of it. Several files of tests use it: it is not changed."""

    run: runs.Run
    data: Path  # as `train` was given it
    report: Report
    bundle: Bundle


def made(name: str, factory: pytest.TempPathFactory) -> Made:
    """One of `TINY`, all the way to a bundle: made once a session, by the worker that asks first.

    Raises:
        AssertionError: an artifact does not equal its model.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # its folder lies in that of the session
        root = root.parent
    folder = root / "made" / name
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _DONE).exists():
            shutil.rmtree(folder, ignore_errors=True)  # somebody failed here
            _make(TINY[name], recipe_of(name), folder)
    run = runs.load(folder / "run")
    report = project.load_report(run.folder, store.load(run.folder)[0])
    data = Path((folder / _DONE).read_text(encoding="utf-8"))
    return Made(run, data, report, Bundle(folder / "made.edge"))


def _make(tiny: Tiny, recipe: dict[str, Any], folder: Path) -> None:
    data = tiny.data(folder / "data")
    run = train(parse(recipe), data, folder / "run")
    edgenets.convert(run.folder, None, FORMATS, tiny.precisions, data=data)
    report = edgenets.verify(run.folder, data)
    failed = {v.id: v.error or v.checks for v in report.verdicts if not v.passed}
    assert not failed
    edgenets.pack(run.folder, folder / "made.edge")
    (folder / _DONE).write_text(str(data), encoding="utf-8")
