"""The shipped wake phrase, by an engine that no training used, and by people who say other things.

    python -m tests.benchmarks.wake [--bundle wake] [--spoken 6] [--shared ../shared]

flite's four voices say the phrase in 132 ways: eleven paces, three punctuations (one of which halts
in the middle), pitches at random. Negatives are people's sentences, other wake words and the words
of Speech Commands, and hours of sentences by flite.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from edgenets import api
from tests.benchmarks.own_words import spoken

# Of flite, with their mean pitch, Hz.
VOICES = {"awb": 110, "kal16": 105, "rms": 95, "slt": 170}


def phrases(phrase: str, folder: Path) -> Path:
    """The phrase in all its ways, in a folder of its label."""
    rng = np.random.default_rng(5)
    first, _, second = phrase.partition(" ")
    out = folder / phrase.replace(" ", "_")
    out.mkdir(parents=True)
    texts = (phrase, f"{first}, {second}!", f"{phrase}.")
    for voice, pitch in VOICES.items():
        for pace in np.linspace(0.8, 1.3, 11):
            for number, text in enumerate(texts):
                mean = pitch * rng.uniform(0.85, 1.2)
                file = out / f"{voice}-{pace:.2f}-{number}.wav"
                settings = (f"duration_stretch={pace:.2f}", f"int_f0_target_mean={mean:.0f}")
                flags = [part for one in settings for part in ("--setf", one)]
                command = ["flite", "-voice", voice, *flags, "-t", text, "-o", str(file)]
                subprocess.run(command, check=True)
    return out.parent


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bundle", default="wake")
    parser.add_argument("--phrase", default="hey edge")
    parser.add_argument("--spoken", type=float, default=6.0, help="hours of flite's sentences")
    parser.add_argument("--shared", default="../shared", type=Path)
    asked = parser.parse_args()
    data = asked.shared / "data"
    people = [data / "spoken_commands" / "speech", data / "wake_words", data / "speech_commands"]
    with tempfile.TemporaryDirectory() as folder:
        positives = [phrases(asked.phrase, Path(folder) / "said")]
        others = Path(folder) / "others"
        spoken(asked.spoken, others)
        for name, negatives in (("people", people), ("flite's sentences", [others])):
            print(f"{name}: {api.listen(asked.bundle, negatives, positives).result.line}")


if __name__ == "__main__":
    main()
