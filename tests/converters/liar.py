"""A TFLite backend that can be told to answer wrongly, for the gate to find out."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import Artifact
from edgenets.backend import Given, Options, Session

FORMAT = "tflite"

Spoil = Callable[[int, NDArray[Any]], NDArray[Any]]

# (step since the reset, answer) → what is said instead
spoil: Spoil = lambda step, answer: answer  # noqa: E731 - tests put another in its place


def version() -> str:
    return "liar"


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> Liar:
    honest = importlib.import_module("edgenets.runtime.backends.tflite")
    return Liar(honest.load(artifact, files, options))


class Liar:
    """An honest session, and what is made of its answers."""

    def __init__(self, honest: Session) -> None:
        self._honest = honest
        self.artifact, self.runs_on = honest.artifact, honest.runs_on
        self._step = 0

    def reset(self, given: Given | None = None) -> None:
        self._honest.reset(given)
        self._step = 0

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        answers = self._honest.run(inputs)
        self._step += 1
        return {k: spoil(self._step, v).astype(np.float32) for k, v in answers.items()}
