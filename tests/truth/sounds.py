"""Sound that carries numbers: one of ten tones a word, each word at a time of its own.

The model of a keyword bundle is exchanged for one that knows the tones (`ToneSession`); features,
decoding, sources and sinks are the product's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import zoo
from edgenets.artifact import Artifact
from edgenets.backend import State
from edgenets.sound import features

RATE = 16_000  # Hz
EVERY, LENGTH, FIRST = 1.2, 0.4, 0.5  # s, from one word to the next, of one, before the first

TONES = np.geomspace(350, 3400, 10)  # Hz
LABELS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")

bundle = "kws-gru"  # a shipped one, or its path on a board, to which none is shipped

_SURE = 20.0  # a logit


def spoken(count: int, first: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """(samples,) in [−1, 1): words `first` and after; word n is tone n modulo 10."""
    sound = np.zeros(round(rate * (FIRST + EVERY * count)), np.float32)
    at = np.arange(round(rate * LENGTH)) / rate
    edge = np.minimum(1, np.minimum(at, LENGTH - at) / 0.01)
    for place in range(count):
        begin = round(rate * start(place))
        tone = 0.3 * edge * np.sin(2 * np.pi * TONES[(first + place) % 10] * at)
        sound[begin : begin + len(at)] = tone
    return sound


def start(place: int) -> float:
    """s from the beginning of the sound to that of a word."""
    return FIRST + EVERY * place


def load(artifact: Artifact, files: Mapping[str, bytes], options: Any) -> ToneSession:
    """As a backend's `load`."""
    return ToneSession(artifact)


def version() -> str:
    return "tones"


FORMAT = None


class ToneSession:
    """A session whose model knows the ten tones."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact, self.runs_on = artifact, "tones"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        (frames,) = inputs["features"]
        logits = np.zeros((1, 1, 2 + len(TONES)), np.float32)
        row = frames.mean(axis=0)
        best = int(row.argmax())
        place = _bands().get(best) if row[best] > 1.0 and row[best] - np.median(row) > 1.0 else None
        logits[0, 0, 0 if place is None else 2 + place] = _SURE
        return {"logits": logits}

    def reset(self, given: Any = None) -> None:
        pass

    def state(self) -> State:
        return State((), 0)

    def restore(self, state: State) -> None:
        pass

    def places(self) -> Mapping[str, NDArray[Any]]:
        raise NotImplementedError

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, NDArray[Any]]:
        raise NotImplementedError


@cache
def _bands() -> dict[int, int]:
    """Band of the front end → tone, with its neighbors."""
    spec = zoo.load(bundle).spec
    found: dict[int, int] = {}
    for number in range(len(TONES)):
        front = features.extractor(spec.input, spec.step.frames)
        frames = front.push(spoken(1, number)[round(RATE * FIRST) :][: round(RATE * LENGTH)])
        best = int(np.median(frames[4:-4].argmax(axis=1)))
        for near in (best - 1, best + 1):
            found.setdefault(near, number)
        found[best] = number
    return found
