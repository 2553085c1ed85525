"""Words that are learned from a few recordings of people, judged by others' recordings.

    python -m tests.benchmarks.enrolment [--words alexa jarvis snowboy view_glass] [--counts 10 20]
        [--bundle speech-embedding] [--shared ../shared]

Some recordings of a word (`wake_words`), drawn at random, are enrolled; all others judge, clean and
in noise at 10 dB, with the negatives of `own_words`. `--commands` does the same for words of Speech
Commands, of which recordings of three speakers are enrolled; such judge as the training of
`speech-embedding` left for its test: it knows these words. Enrolment runs in a process of its own
on one core, whose time and largest memory are shown.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenets import zoo
from edgenets.data.split import SplitShares, split_of
from edgenets.runtime.load import load
from edgenets.selection import select
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.keywords.clips import speaker_of
from edgenets.tasks.keywords.listening import listen
from edgenets.tasks.keywords.spec import KeywordSpec
from tests.benchmarks.own_words import ALLOWED, RATE, at_rates, in_noise, noises, others

COMMANDS = ("yes", "stop", "left", "go")
SPEAKERS = 3
SHARES = SplitShares(0.08, 0.12)  # of speech-embedding's recipe


def enrolled(bundle: str, word: str, clips: Sequence[Path], out: Path) -> str:
    """Enrol by the command; gives what that took."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "edgenets.cli.main", "enrol", bundle, *map(str, clips)]
    command = ["taskset", "-c", "0", *command, "--word", word, "--out", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Kilobytes, of the largest of all children so far.
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    first = done.stdout.splitlines()[0]
    return f"{time.monotonic() - begun:.1f} s, at most {largest:.0f} MB; {first}"


def judge(word: str, path: Path, right: Sequence[Path], shared: Path, folder: Path) -> None:
    """Print what a bundle hears of recordings that it never heard."""
    bundle = zoo.load(path)
    spec = spec_as(bundle.spec, KeywordSpec)
    session = load(bundle, select(bundle))
    negatives = listen(spec, session, others([word.replace("_", " ")], shared), [])
    print(f"  {negatives.at(spec.decoding).line}", flush=True)
    for name, noise in noises(shared).items():
        rng = np.random.default_rng(7)
        root = folder / name
        (root / word).mkdir(parents=True)
        for clip in right:
            sound = in_noise(audio.read(clip, RATE), noise, rng)
            audio.write_wav(root / word / f"{clip.stem}.wav", sound, RATE)
        heard = replace(negatives, words=listen(spec, session, [], [root]).words, _known={})
        by_rate = zip(ALLOWED, at_rates(heard), strict=True)
        rates = ", ".join(f"{rate:g}: {recall}" for rate, recall in by_rate)
        recall = heard.at(spec.decoding).recall
        print(f"  {name}: recall {recall:.1%}; by false accepts an hour: {rates}", flush=True)
        shutil.rmtree(root)


def drawn(paths: list[Path], count: int) -> tuple[list[Path], list[Path]]:
    """So many recordings at random, and the others."""
    order = np.random.default_rng(5).permutation(len(paths))
    return [paths[i] for i in order[:count]], [paths[i] for i in order[count:]]


def of_speakers(paths: list[Path], count: int) -> tuple[list[Path], list[Path]]:
    """So many recordings of three speakers who validate, those who recorded most; and all of those
    who test."""
    by_speaker: dict[str, list[Path]] = {}
    for path in paths:
        by_speaker.setdefault(str(speaker_of(path)), []).append(path)
    splits = {who: split_of(who, SHARES.validation, SHARES.test) for who in by_speaker}
    validating = [who for who, split in splits.items() if split == "validation"]
    most = sorted(validating, key=lambda who: (-len(by_speaker[who]), who))[:SPEAKERS]
    mine = [path for who in most for path in by_speaker[who]]
    right = [p for who, every in by_speaker.items() if splits[who] == "test" for p in every]
    return mine[:count], right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", nargs="*", default=["alexa", "jarvis", "snowboy", "view_glass"])
    parser.add_argument("--commands", nargs="*", default=[], help=f"such as {' '.join(COMMANDS)}")
    parser.add_argument("--counts", nargs="+", type=int, default=[10, 20])
    parser.add_argument("--bundle", default="speech-embedding")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    given = parser.parse_args()
    data = given.shared / "data"
    kinds = (("wake_words", given.words, drawn), ("speech_commands", given.commands, of_speakers))
    for place, words, divided in kinds:
        for word in words:
            paths = sorted((data / place / word).glob("*.flac"))
            for count in given.counts:
                mine, right = divided(paths, count)
                with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
                    out = Path(folder) / "enrolled.edge"
                    said = enrolled(given.bundle, word, mine, out)
                    print(
                        f"{word}: {len(mine)} recordings, {len(right)} others: {said}", flush=True
                    )
                    judge(word, out, right, given.shared, Path(folder))


if __name__ == "__main__":
    main()
