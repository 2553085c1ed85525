"""Keyword decoding: from a net's scores to words that were heard.

The posterior of every label is averaged over the last few steps. A word is
heard when its average is the highest of all labels and at least its threshold,
and no word was heard within the refractory time (Chen, Parada, Heigold 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.spec import KeywordDecoding


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores to posteriors along the last axis, (…, labels) float32."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)


def clip_posteriors(logits: NDArray[np.floating], smoothing: int) -> NDArray[np.float32]:
    """The smoothed posterior at the end of clips: what the runtime would say there.

    Args:
        logits: (…, steps, labels).
        smoothing: steps that are averaged over.

    Returns:
        (…, labels) float32.
    """
    return softmax(logits[..., -smoothing:, :]).mean(axis=-2)


@dataclass(frozen=True)
class Heard:
    """A word that a decoder heard."""

    label: str
    score: float  # smoothed posterior, 0…1
    step: int  # number of the step at which it was heard, from 0


class KeywordDecoder:
    """Takes one step's scores after another, and says when a word was heard."""

    def __init__(
        self, labels: tuple[str, ...], decoding: KeywordDecoding, step_seconds: float
    ) -> None:
        self.labels = labels
        self._count = decoding.smoothing
        self._divisor = np.float32(decoding.smoothing)
        self._is_word = [label not in decoding.background for label in labels]
        self._thresholds = [decoding.thresholds.get(w, decoding.threshold) for w in labels]
        self._refractory = int(np.ceil(decoding.refractory / step_seconds))  # steps
        self._recent = np.zeros((decoding.smoothing, len(labels)), dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the steps so far."""
        self._recent[:] = 0.0
        self._step = 0
        self._ready_at = 0
        self.posterior: NDArray[np.float32] = np.zeros(len(self.labels), dtype=np.float32)

    def push(self, logits: NDArray[np.float32]) -> Heard | None:
        """Take the scores of the next step, (labels,) float32.

        `posterior` then holds the smoothed posterior, (labels,) float32.
        """
        recent = self._recent[self._step % self._count]
        # The reduce methods of ufuncs: those of arrays come to the same by way of Python.
        np.subtract(logits, np.maximum.reduce(logits), out=recent)
        np.exp(recent, out=recent)
        # Until enough steps came, the missing ones count as nothing heard: no word in a hurry.
        np.divide(recent, np.add.reduce(recent) * self._divisor, out=recent)
        self._step += 1
        self.posterior = np.add.reduce(self._recent, axis=0)
        best = self.posterior.argmax()
        if not self._is_word[best] or self._step < self._ready_at:
            return None
        score = float(self.posterior[best])
        if score < self._thresholds[best]:
            return None
        self._ready_at = self._step + self._refractory
        return Heard(self.labels[best], score, self._step - 1)
