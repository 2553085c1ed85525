"""Decoding of sound events: from a network's scores to sounds that begin and end.

The posterior of every sound by itself is averaged over the last few steps. A sound begins where its
average reaches its threshold. It ends where the average has been below a part of the threshold for
a while: a bark after the other, or a fire that crackles, is one event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals
from edgenets.tasks.keywords.decoding import means, posteriors_of
from edgenets.tasks.sounds.spec import EventDecoding


@dataclass(frozen=True)
class Change:
    """A sound that begins or ends."""

    label: str
    begins: bool
    score: float  # smoothed posterior, 0…1; of an end, the highest that it had
    step: int  # number of the step that decided it, from 0; of an end, the last at which it was on
    since: int  # the step at which it began


class EventDecoder:
    """Takes one step's scores after another, and says what begins and ends."""

    def __init__(self, labels: Sequence[str], decoding: EventDecoding, step_seconds: float) -> None:
        self._labels, self._decoding = labels, decoding
        self._is_sound = np.array([label not in decoding.background for label in labels])
        own = decoding.thresholds
        self._begins_at = np.array([own.get(n, decoding.threshold) for n in labels], np.float32)
        self._goes_on_at = np.float32(decoding.release) * self._begins_at
        self._gone_after = math.ceil(decoding.refractory / step_seconds)  # steps
        self._recent = np.zeros((decoding.smoothing, len(labels)), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the steps so far."""
        # Steps that are still to come count as nothing heard: no sound in a hurry.
        self._recent[:] = 0.0
        self._step = 0
        self._on: dict[int, Change] = {}  # what goes on, by label number: its end as of now

    @property
    def steps(self) -> int:
        """Steps so far."""
        return self._step

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The smoothed posterior after the last step, (labels,) float32."""
        mean: NDArray[np.float32] = np.add.reduce(self._recent) / np.float32(len(self._recent))
        return mean

    def push(self, scores: NDArray[np.float32]) -> list[Change]:
        """Take the scores of the next step, (labels,) float32."""
        step = self._step
        self._recent[step % len(self._recent)] = posteriors_of(scores, self._decoding)
        self._step = step + 1
        posterior = self.posterior
        begins = self._is_sound & (posterior >= self._begins_at)  # a NaN is not
        if not self._on and not begins.any():
            return []
        changes = self._ended(posterior, step)
        for number in np.flatnonzero(begins).tolist():
            if number not in self._on:
                score = float(posterior[number])
                self._on[number] = Change(self._labels[number], False, score, step, step)
                changes.append(Change(self._labels[number], True, score, step, step))
        return changes

    def end(self) -> list[Change]:
        """What goes on ends, with the stream."""
        ends = list(self._on.values())
        self._on = {}
        return ends

    def _ended(self, posterior: NDArray[np.float32], step: int) -> list[Change]:
        """What is gone by now; takes down what goes on."""
        ends = []
        for number, known in list(self._on.items()):
            score = float(posterior[number])
            if score >= self._goes_on_at[number]:
                best = max(known.score, score)
                self._on[number] = Change(known.label, False, best, step, known.since)
            elif step - known.step >= self._gone_after:
                ends.append(self._on.pop(number))
        return ends


def decide_clips(
    scores: Reals, decoding: EventDecoding, labels: Sequence[str]
) -> NDArray[np.int64]:
    """The number of the sound that is likeliest anywhere in each clip, (clips,).

    Args:
        scores: (clips, steps, labels).
    """
    smoothed = means(posteriors_of(scores, decoding), decoding.smoothing).max(axis=-2)
    silent = [n for n, label in enumerate(labels) if label in decoding.background]
    smoothed[..., silent] = -1.0
    decided: NDArray[np.int64] = smoothed.argmax(axis=-1)
    return decided
