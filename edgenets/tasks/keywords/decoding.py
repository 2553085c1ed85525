"""Keyword decoding: from a network's scores to words that were heard.

The posterior of every label is averaged over the last few steps. A word is
heard when its average is the highest of all labels and at least its threshold,
and no word was heard within the refractory time (Chen, Parada, Heigold 2014).
It is heard again only after its average fell below its threshold: a network that
dwells on a word says it once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals
from edgenets.tasks.heard import Heard, HeardDecoding
from edgenets.tasks.keywords.spec import KeywordDecoding


def softmax(logits: Reals) -> NDArray[np.float32]:
    """Scores to posteriors along the last axis, (…, labels) float32."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    posteriors: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return posteriors.astype(np.float32)


def clip_posteriors(logits: Reals, smoothing: int) -> NDArray[np.float32]:
    """The smoothed posterior at the end of clips: what the runtime would say there.

    Args:
        logits: (…, steps, labels).
        smoothing: steps that are averaged over.

    Returns:
        (…, labels) float32.
    """
    smoothed: NDArray[np.float32] = softmax(logits[..., -smoothing:, :]).mean(axis=-2)
    return smoothed


def decide_clips(
    logits: Reals, decoding: KeywordDecoding, labels: Sequence[str]
) -> NDArray[np.int64]:
    """The label number of each clip, (clips,), as `KeywordDecoding.clips` has it.

    Args:
        logits: (clips, steps, labels).
    """
    decided: NDArray[np.int64]
    if decoding.clips == "end":
        decided = clip_posteriors(logits, decoding.smoothing).argmax(axis=-1)
        return decided
    posteriors = posteriors_of(logits, decoding)
    smoothed = means(posteriors, decoding.smoothing)
    words = [n for n, label in enumerate(labels) if label not in decoding.background]
    others = [n for n in range(len(labels)) if n not in words]
    peaks = smoothed[..., words].max(axis=-2)
    decided = np.array(words)[peaks.argmax(axis=-1)]
    if not others:
        return decided
    least = np.array([decoding.thresholds.get(label, decoding.threshold) for label in labels])
    quiet = np.array(others)[posteriors.mean(axis=-2)[..., others].argmax(axis=-1)]
    return np.where(peaks.max(axis=-1) >= least[decided], decided, quiet)


def posteriors_of(scores: Reals, decoding: HeardDecoding) -> NDArray[np.float32]:
    """Posteriors of what a model gives, (…, labels), be it logits or already these."""
    if decoding.scores == "logits":
        return softmax(scores)
    return sigmoid(scores) if decoding.scores == "independent" else np.asarray(scores)


def sigmoid(logits: Reals) -> NDArray[np.float32]:
    """The posterior of each label by itself, (…, labels) float32."""
    posteriors: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float32)))
    return posteriors


def means(posteriors: Reals, smoothing: int) -> NDArray[np.float32]:
    """The mean over the last steps at every step, (…, steps, labels); before the first is 0."""
    sums = np.cumsum(posteriors, axis=-2, dtype=np.float64)
    before = np.zeros_like(sums)
    before[..., smoothing:, :] = sums[..., :-smoothing, :]
    return ((sums - before) / smoothing).astype(np.float32)


# s of silence behind a clip in which a word that ends with it is answered, where peaks decide.
BEHIND = 0.4

# By so much may a mean in float32 differ from the same in float64.
_ROUNDING = 1e-5


class KeywordDecoder:
    """Takes one step's scores after another, and says when a word was heard."""

    def __init__(
        self, labels: tuple[str, ...], decoding: HeardDecoding, step_seconds: float
    ) -> None:
        self.labels = labels
        self._count = decoding.smoothing
        self._divisor = np.float32(decoding.smoothing)
        self._are_logits = decoding.scores == "logits"
        self._is_word = [label not in decoding.background for label in labels]
        self._thresholds = [decoding.thresholds.get(w, decoding.threshold) for w in labels]
        self._refractory = int(np.ceil(decoding.refractory / step_seconds))  # steps
        self._scratch = np.empty(len(labels), np.float32)
        # A label that is not first in a step has a posterior of at most one half there. So where
        # all thresholds are above that, a word's mean can only reach one if the word was first in
        # so many of the last steps. A third-party model's scores need not be posteriors.
        lowest = min(self._thresholds)
        self._skips = self._are_logits and lowest > 0.5
        self._least_firsts = max(1, math.ceil(decoding.smoothing * (2 * lowest - 1) - 1e-6))
        self._recent = np.zeros((decoding.smoothing, len(labels)), dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the steps so far."""
        # Steps that are still to come count as nothing heard: no word in a hurry.
        self._recent[:] = 0.0
        self._step = self._known = 0  # steps so far, and how many of them have a posterior
        self._ready_at = 0
        self._held: int | None = None  # the word that was heard, until its average falls
        # Of each of the last steps: which label was first, and its posterior where it is a word.
        self._firsts = [-1] * self._count
        self._likely = [0.0] * self._count
        self._firsts_of = [0] * len(self.labels)  # how often each word was first in these steps

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The smoothed posterior after the last step, (labels,) float32."""
        # Each step's own posterior is computed once, and not at all where nobody asks.
        for step in range(max(self._known, self._step - self._count), self._step):
            row = self._recent[step % self._count]
            if self._are_logits:
                # The reduce methods of ufuncs: those of arrays come to the same through Python.
                np.subtract(row, np.maximum.reduce(row), out=row)
                np.exp(row, out=row)
                np.divide(row, np.add.reduce(row), out=row)
        self._known = self._step
        mean: NDArray[np.float32] = np.add.reduce(self._recent[: self._step]) / self._divisor
        return mean

    def push(self, logits: NDArray[np.float32]) -> Heard | None:
        """Take the scores of the next step, (labels,) float32."""
        step = self._step
        self._recent[step % self._count] = logits
        self._step = step + 1
        if self._skips and not self._worth_a_look(logits, step % self._count):
            return None
        if step + 1 < self._ready_at and self._held is None:
            return None
        posterior = self.posterior
        if self._held is not None and not posterior[self._held] >= self._thresholds[self._held]:
            self._held = None
        if step + 1 < self._ready_at:
            return None
        best = int(posterior.argmax())
        score = float(posterior[best])
        if not (self._is_word[best] and score >= self._thresholds[best]):  # nor with a NaN
            return None
        if best == self._held:
            return None
        self._held = best
        self._ready_at = step + 1 + self._refractory
        return Heard(self.labels[best], score, step)

    def _worth_a_look(self, logits: NDArray[np.float32], slot: int) -> bool:
        """Whether the means of all labels can lead to anything.

        Most of a day is silence, or noise that a network takes for this word and that:
        counting who came first is enough for the one, a sum of a few numbers for the other.
        """
        firsts, counts = self._firsts, self._firsts_of
        first, before = int(logits.argmax()), firsts[slot]
        firsts[slot] = first
        if before >= 0 and self._is_word[before]:
            counts[before] -= 1
        if self._is_word[first]:
            counts[first] += 1
            scratch = self._scratch
            np.subtract(logits, logits[first], out=scratch)
            np.exp(scratch, out=scratch)
            self._likely[slot] = 1.0 / float(np.add.reduce(scratch))
        most = max(counts)
        if most < self._least_firsts:
            self._held = None
            return False
        if most < self._count:
            return True
        mean = sum(self._likely) / self._count  # one word was first in all of these steps
        if mean < self._thresholds[first] - _ROUNDING:
            self._held = None
            return False
        return first != self._held or not mean >= self._thresholds[first] + _ROUNDING  # nor NaN
