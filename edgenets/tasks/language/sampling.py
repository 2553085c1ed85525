"""The next token, drawn from a network's scores.

Temperature, top-k and top-p (nucleus sampling; Holtzman et al. 2020, arXiv:1904.09751) leave fewer
and fewer tokens to draw from, in this order; the same seed draws the same text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals

# Beyond this a temperature only rounds to the uniform.
_HOTTEST = 100.0


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn."""

    temperature: float = 1.0  # 0: always the most likely one
    top_k: int = 0  # of so many of the most likely ones; 0: of all
    top_p: float = 1.0  # of the fewest whose probabilities come to this

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= _HOTTEST:
            raise ValueError(f"temperature must be 0 to {_HOTTEST:g}")
        if self.top_k < 0:
            raise ValueError("top_k must be at least 0")
        if not 0 < self.top_p <= 1:
            raise ValueError("top_p must lie in (0, 1]")


class Sampler:
    """Draws tokens, one after the other."""

    def __init__(self, sampling: Sampling, seed: int | None = None) -> None:
        """Begin.

        Args:
            seed: of the draws; None: another text every time.
        """
        self._sampling = sampling
        self._rng = np.random.default_rng(seed)

    def draw(self, logits: Reals) -> int:
        """The next token for scores (tokens,).

        Raises:
            ValueError: a score is NaN, or none is finite.
        """
        return self.pick(shares(logits, self._sampling))

    def pick(self, probabilities: NDArray[np.float64]) -> int:
        """A token by its probability, as `shares` gives them, (tokens,)."""
        # By the inverse of the distribution: one draw a token, whatever was left out.
        place = int(np.searchsorted(np.cumsum(probabilities), self._rng.random(), side="right"))
        # The sum may end a little below one, and never at a token that was left out.
        return min(place, int(np.flatnonzero(probabilities)[-1]))


def shares(logits: Reals, sampling: Sampling) -> NDArray[np.float64]:
    """The probability that each token is drawn with, (tokens,) float64.

    Raises:
        ValueError: a score is NaN, or none is finite.
    """
    scores = logits.astype(np.float64)
    best = scores.max()
    if not np.isfinite(best):
        raise ValueError("the model gave no finite score; its state may have run away")
    if sampling.temperature == 0:
        only = np.zeros(len(scores))
        only[int(scores.argmax())] = 1.0
        return only
    weights = np.exp((scores - best) / sampling.temperature)
    order = np.argsort(-weights, kind="stable")
    left = np.zeros(len(scores), dtype=bool)
    left[order[: sampling.top_k or None]] = True
    weights = np.where(left, weights, 0.0)
    weights /= weights.sum()
    if sampling.top_p < 1:
        total = np.cumsum(weights[order])
        count = int(np.searchsorted(total, sampling.top_p)) + 1
        weights[order[count:]] = 0.0
        weights /= weights.sum()
    found: NDArray[np.float64] = weights
    return found
