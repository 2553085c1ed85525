"""Words of one's own, built from their spelling alone, judged by people who say them.

    python -m tests.benchmarks.own_words [--words snowboy "view glass"] [--shared ../shared]
        [--bundle FILE.edge | --recipe NAME] [--spoken HOURS] [--negatives PATH…]
        [--artifacts tflite-fp32 tflite-int8]

The words are synthesized and trained on as the README says; no recording is given. People's
recordings of them (`wake_words`) are heard clean and in noise at 10 dB: pink noise, five people who
talk, a kitchen. Negatives are people's sentences (`spoken_commands`), other wake words and the
words of Speech Commands; and hours of sentences by flite's voices, an engine that no training uses
(`apt install flite`). `--negatives` trains on recordings as well, which are judged by no more.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets import api, zoo
from edgenets.bundle import Bundle
from edgenets.progress import Progress
from edgenets.recipe import load_recipe
from edgenets.runtime.load import load
from edgenets.selection import Request, select
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.keywords.augment import frame_powers
from edgenets.tasks.keywords.listening import Listened, listen
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.keywords.synthetic import make_dataset
from edgenets.tasks.keywords.words import COMMON, FUNCTION, label_of

Sound = NDArray[np.float32]
Noise = Callable[[np.random.Generator, int], Sound]

RATE, SNR = 16_000, 10.0  # Hz, dB
CLIPS = 300  # synthesized, a word
ALLOWED = (0.0, 0.5, 1.0, 2.0, 5.0)  # false accepts an hour
VOICES = ("awb", "kal16", "rms", "slt")


def build(words: list[str], recipe_name: str, folder: Path, negatives: list[Path]) -> Bundle:
    """What a user makes of two words."""
    begun = time.monotonic()
    make_dataset(words, folder / "recordings", clips_per_word=CLIPS, seed=1)
    recipe = load_recipe(recipe_name)
    if negatives:
        recipe = recipe.with_negatives(tuple(negatives))
    data, out = folder / "recordings", folder / "own.edge"
    built = api.build(recipe, data, out, run_folder=folder / "run", progress=Progress())
    print(f"built from {', '.join(words)} in {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    return built.bundle


def noises(shared: Path) -> dict[str, Noise | None]:
    """What words are said in."""
    talk = shared / "data" / "spoken_commands"
    people = [audio.read(path, RATE) for path in sorted((talk / "speech").glob("*.ogg"))[::9]]
    kitchen = audio.read(talk / "noise" / "kitchen.flac", RATE)

    def pink(rng: np.random.Generator, length: int) -> Sound:
        spectrum = np.fft.rfft(rng.standard_normal(length))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        return np.fft.irfft(spectrum, length).astype(np.float32)

    def babble(rng: np.random.Generator, length: int) -> Sound:
        voices = [people[int(i)] for i in rng.choice(len(people), 5, replace=False)]
        parts = [np.resize(np.roll(v, int(rng.integers(len(v)))), length) for v in voices]
        return np.sum([part / part.std() for part in parts], axis=0)

    def cooking(rng: np.random.Generator, length: int) -> Sound:
        at = int(rng.integers(len(kitchen) - length))
        return kitchen[at : at + length]

    return {"clean": None, "pink noise": pink, "babble": babble, "kitchen": cooking}


def in_noise(sound: Sound, noise: Noise | None, rng: np.random.Generator) -> Sound:
    """A recording in noise, by the level of what is loud in it; with a second before and behind."""
    if noise is None:
        return sound
    power = frame_powers(sound, RATE)
    level = np.sqrt(power[power > power.max() / 100].mean())
    around = np.pad(sound, RATE)
    added = noise(rng, len(around))
    mixed: Sound = around + added / added.std() * level * 10 ** (-SNR / 20)
    return np.clip(mixed, -1, 1).astype(np.float32)


def said(words: list[str], shared: Path, noise: Noise | None, folder: Path) -> Path:
    """A folder of people's recordings of words in noise."""
    rng = np.random.default_rng(7)
    for word in words:
        label = label_of(word)
        (folder / label).mkdir(parents=True)
        for path in sorted((shared / "data" / "wake_words" / label).glob("*.flac")):
            sound = in_noise(audio.read(path, RATE), noise, rng)
            audio.write_wav(folder / label / f"{path.stem}.wav", sound, RATE)
    return folder


def spoken(hours: float, folder: Path) -> Path:
    """Sentences by flite's voices."""
    rng, made, number = np.random.default_rng(11), 0.0, 0
    every = [*COMMON, *FUNCTION]
    folder.mkdir()
    while made < hours * 3600:
        lines = (" ".join(rng.choice(every, rng.integers(4, 14))) for _ in range(40))
        path = folder / f"{number:04}.wav"
        stretch = f"duration_stretch={rng.uniform(0.8, 1.2):.2f}"
        voice = ["-voice", VOICES[number % len(VOICES)], "--setf", stretch]
        subprocess.run(["flite", *voice, "-t", ". ".join(lines), "-o", str(path)], check=True)
        made += len(audio.read(path, RATE)) / RATE
        number += 1
    return folder


def others(words: list[str], shared: Path) -> list[Path]:
    """People who say none of the words."""
    data = shared / "data"
    labels = {label_of(word) for word in words}
    wake = [p for p in sorted((data / "wake_words").iterdir()) if p.is_dir()]
    commands = [p for p in sorted((data / "speech_commands").iterdir()) if p.is_dir()]
    speech = data / "spoken_commands" / "speech"
    return [speech, *(p for p in (*wake, *commands) if p.name not in labels)]


def at_rates(heard: Listened) -> Iterator[str]:
    """The recall at the lowest threshold of all words that allows so many false accepts."""
    curve = [
        heard.at(replace(heard.spec.decoding, threshold=t / 1000, thresholds={}))
        for t in (*range(300, 950, 25), *range(950, 1000, 5), 999)
    ]
    for rate in ALLOWED:
        found = next((f for f in curve if f.rate <= rate), curve[-1])
        yield f"{found.recall:.1%}" if found.rate <= rate else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", nargs="+", default=["snowboy", "view glass"])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--recipe", default="custom-words")
    parser.add_argument("--spoken", type=float, default=0.0)
    parser.add_argument("--artifacts", nargs="+", help="fp32 and int8, where not given")
    parser.add_argument("--negatives", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
        folder = Path(place)
        if given.bundle:
            bundle = zoo.load(str(given.bundle))
        else:
            bundle = build(given.words, given.recipe, folder, given.negatives)
        wanted = given.artifacts or [
            artifact.id for artifact in bundle.artifacts if artifact.precision in ("fp32", "int8")
        ]
        for id in wanted:
            judge(bundle, id, given.words, given.shared, folder)
        if given.spoken and shutil.which("flite"):
            root = spoken(given.spoken, folder / "flite")
            spec = spec_as(bundle.spec, KeywordSpec)
            found = listen(spec, load(bundle, select(bundle)), [root], []).at(spec.decoding)
            print(f"flite's sentences: {found.line}")


def judge(bundle: Bundle, id: str, words: list[str], shared: Path, folder: Path) -> None:
    """Print what one artifact hears."""
    spec = spec_as(bundle.spec, KeywordSpec)
    selected = select(bundle, Request(*id.split("-")))  # type: ignore[arg-type]
    session = load(bundle, selected)
    negatives = listen(spec, session, others(words, shared), [])
    print(f"{id}: {negatives.at(spec.decoding).line}", flush=True)
    for name, noise in noises(shared).items():
        root = said(words, shared, noise, folder / f"{id} {name}")
        heard = replace(negatives, words=listen(spec, session, [], [root]).words, _known={})
        by_rate = zip(ALLOWED, at_rates(heard), strict=True)
        rates = ", ".join(f"{rate:g}: {recall}" for rate, recall in by_rate)
        recall = heard.at(spec.decoding).recall
        print(f"  {name}: recall {recall:.1%}; by false accepts an hour: {rates}", flush=True)


if __name__ == "__main__":
    main()
