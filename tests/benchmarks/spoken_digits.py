"""Digit errors of a bundle for speech: clean, in noise at 10 dB, and by voices of another engine.

    python -m tests.benchmarks.spoken_digits [BUNDLE] [--shared ../shared] [--artifact tflite-int8]

Strings of the test split of the Free Spoken Digit Dataset as `eval` makes them; the same in pink
noise, in the talk of five people and in a kitchen; and strings by flite's voices, an engine that no
training uses (`apt install flite`). On one core it takes about a minute.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgenets import zoo
from edgenets.runtime.load import load
from edgenets.selection import Request, select
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.speech.evaluation import evaluate_speech
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.strings import String, strings_to_measure
from edgenets.tasks.speech.surroundings import text_of
from edgenets.tasks.speech.utterances import find_utterances, load_utterances
from tests.benchmarks.own_words import RATE, VOICES, Noise, in_noise, noises

STRINGS, FLITE_STRINGS = 400, 120
PACES = (0.9, 1.0, 1.1)  # of flite's own


def of_data(spec: SpeechSpec, shared: Path) -> list[String]:
    """The strings of the test split."""
    of = spec.split
    every = find_utterances(shared / "data" / "fsdd")
    kept = [u for u in every if u.split(of.apart, of.validation, of.test) == "test"]
    rate = spec.input.sample_rate
    spoken = load_utterances(kept, spec.labels[1:], "characters", rate)
    return strings_to_measure(spoken, STRINGS, (1, 7), 1)


def noisy(strings: list[String], noise: Noise, rate: int) -> Iterator[String]:
    """The same in noise at 10 dB."""
    rng = np.random.default_rng(7)
    for string in strings:
        sound = audio.Resampler(rate, RATE).push(string.sound, last=True)
        mixed = in_noise(np.asarray(sound, np.float32), noise, rng)
        taken = audio.Resampler(RATE, rate).push(mixed, last=True)
        yield String(np.asarray(taken, np.float32), string.symbols)


def by_flite(spec: SpeechSpec, folder: Path) -> Iterator[String]:
    """Strings of one to seven digits, with pauses as people make them."""
    rng, rate, symbols = np.random.default_rng(3), spec.input.sample_rate, spec.labels[1:]
    for number in range(FLITE_STRINGS):
        said = rng.integers(len(symbols), size=int(rng.integers(1, 8))).tolist()
        path = folder / f"{number}.wav"
        voice = VOICES[number % len(VOICES)]
        pace = f"duration_stretch={PACES[number % len(PACES)]}"
        text = ", ".join(text_of(symbols[n]) for n in said)
        subprocess.run(
            ["flite", "-voice", voice, "--setf", pace, "-t", text, "-o", str(path)], check=True
        )
        quiet = np.zeros(rate // 2, np.float32)
        sound = np.concatenate([quiet, audio.read(path, rate), quiet])
        yield String(sound, tuple(n + 1 for n in said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", nargs="?", default="asr-digits")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--artifact", default="tflite-int8")
    given = parser.parse_args()
    bundle = zoo.load(given.bundle)
    spec = spec_as(bundle.spec, SpeechSpec)
    session = load(bundle, select(bundle, Request(*given.artifact.split("-"))))
    strings = of_data(spec, given.shared)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
        kinds = {"clean": strings}
        for name, noise in noises(given.shared).items():
            if noise is not None:
                kinds[name] = list(noisy(strings, noise, spec.input.sample_rate))
        if shutil.which("flite"):
            kinds["flite's voices"] = list(by_flite(spec, Path(place)))
        for name, some in kinds.items():
            found = evaluate_speech(spec, session, some)
            print(
                f"{name}: {found.symbol_error_rate:.2%} of {found.symbols:,} digits wrong, "
                f"{found.exact:.1%} of {found.n} strings exact",
                flush=True,
            )


if __name__ == "__main__":
    main()
