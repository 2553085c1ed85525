"""People who say "alexa", as others' wake words hear them: false accepts an hour, and recall.

    pip install pymicro-wakeword pyopen-wakeword
    python -m tests.benchmarks.wake_peers [--shared ../shared] [--bundle FILE.edge]

Their models were trained for months on thousands of voices; `--bundle` is one of ours, that was
made of the word's spelling (`edgenets words alexa jarvis`, `build custom-words`). All hear the
streams of `own_words`, at their own thresholds, and may say a word again after 0.8 s.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenets import zoo
from edgenets.runtime.load import load
from edgenets.selection import select
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.keywords.listening import _surrounded, listen
from edgenets.tasks.keywords.rates import poisson_bounds
from edgenets.tasks.keywords.spec import KeywordSpec
from tests.benchmarks.own_words import RATE, noises, others, said

WORD = "alexa"
REFRACTORY = 0.8  # s
BLOCK = 1280  # samples: 80 ms

# Whether a word was heard at the end of a block of 16-bit sound.
Push = Callable[[bytes], bool]


def pymicro() -> Push:
    """pymicro-wakeword: streaming, quantized, features of TFLite Micro."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    model, features = MicroWakeWord.from_builtin(Model.ALEXA), MicroWakeWordFeatures()

    def push(block: bytes) -> bool:
        heard = [bool(model.process_streaming(f)) for f in features.process_streaming(block)]
        return any(heard)

    return push


def pyopen() -> Push:
    """pyopen-wakeword: a speech embedding, and a small network of its own for each word."""
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    model, features = OpenWakeWord.from_builtin(Model.ALEXA), OpenWakeWordFeatures.from_builtin()

    def push(block: bytes) -> bool:
        scores = [p for found in features.process_streaming(block)
                  for p in model.process_streaming(found)]  # fmt: skip
        return any(score > 0.5 for score in scores)

    return push


def accepts(push: Push, sounds: Iterable[np.ndarray]) -> tuple[int, float]:
    """How often a peer hears the word in sounds, one after another, and their hours."""
    count, blocks, last = 0, 0, -1e9
    for sound in sounds:
        pcm = audio.float_to_pcm16(sound)
        for at in range(0, len(pcm) - BLOCK + 1, BLOCK):
            now, blocks = blocks * BLOCK / RATE, blocks + 1
            if push(pcm[at : at + BLOCK].tobytes()) and now - last >= REFRACTORY:
                count, last = count + 1, now
    return count, blocks * BLOCK / RATE / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--bundle", type=Path)
    given = parser.parse_args()
    paths = [
        path
        for root in others([WORD], given.shared)
        for path in sorted((*root.glob("*.flac"), *root.glob("*.ogg")))
    ]
    with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
        words = {
            name: said([WORD], given.shared, noise, Path(place) / name)
            for name, noise in noises(given.shared).items()
        }
        for make in (pymicro, pyopen):
            count, hours = accepts(make(), (audio.read(path, RATE) for path in paths))
            low, high = (bound / hours for bound in poisson_bounds(count))
            print(f"{make.__doc__}\n  {count / hours:.2f} false accepts an hour "
                  f"(95 %: {low:.2f} to {high:.2f}) in {hours:.2f} h", flush=True)  # fmt: skip
            for name, root in words.items():
                clips = sorted((root / WORD).glob("*.wav"))
                heard = [bool(accepts(make(), [_surrounded(path, RATE)])[0]) for path in clips]
                print(f"  {name}: recall {np.mean(heard):.1%}", flush=True)
        if given.bundle:
            bundle = zoo.load(str(given.bundle))
            spec, session = spec_as(bundle.spec, KeywordSpec), load(bundle, select(bundle))
            decoding = replace(spec.decoding, refractory=REFRACTORY)
            print(f"ours: {listen(spec, session, paths, []).at(decoding).line}", flush=True)
            for name, root in words.items():
                found = listen(spec, session, [], [root / WORD]).at(decoding)
                print(f"  {name}: recall {found.recall:.1%}", flush=True)


if __name__ == "__main__":
    main()
