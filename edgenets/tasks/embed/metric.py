"""How near embeddings are: cosines, and the label of the nearest neighbor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.embed.spec import EmbedDecoding
from edgenets.tasks.metrics import Answers

# A vector shorter than this has no direction.
_SHORTEST = 1e-12


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors, (…, numbers), made 1 long; one of zeros stays as it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: NDArray[np.float32] = (vectors / np.maximum(length, _SHORTEST)).astype(np.float32)
    return found


def embedding_of(steps: NDArray[np.float32], decoding: EmbedDecoding) -> NDArray[np.float32]:
    """What a clip is, (numbers,) float32 of length 1, by the last of its (steps, numbers)."""
    return unit(steps[-decoding.smoothing :].mean(axis=0))


def nearest(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The number of the other vector that is nearest to each, by cosine, (vectors,).

    Args:
        vectors: (vectors, numbers) of length 1, two at least.
    """
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    found: NDArray[np.int64] = cosines.argmax(axis=1)
    return found


def neighbor_accuracy(vectors: NDArray[np.float32], labels: Sequence[object]) -> float:
    """The share of items whose nearest neighbor has their label; 0 where there is no other."""
    if len(vectors) < 2:
        return 0.0
    of = np.asarray(labels)
    return float(np.mean(of[nearest(vectors)] == of))


class Neighbors:
    """A decision is an embedding; two are the same as far as they point the same way."""

    metric = "neighbor accuracy"

    def __init__(self, decoding: EmbedDecoding) -> None:
        self._decoding = decoding

    def decide(self, answers: Answers) -> Sequence[NDArray[np.float32]]:
        """See `Decisions.decide`: an embedding an item, (numbers,) float32."""
        return [embedding_of(np.nan_to_num(steps), self._decoding) for steps in answers]

    def score(self, decided: Sequence[Any], targets: Sequence[Any]) -> float:
        """See `Decisions.score`: of each item against all others of the same model."""
        return neighbor_accuracy(np.stack(decided), targets)

    def agreement(self, decided: Sequence[Any], others: Sequence[Any]) -> float:
        """See `Decisions.agreement`: the mean cosine, 0 where they point away.

        What all embeddings have in common is taken away first: it would make any two alike.
        """
        mean = np.mean(others, axis=0)
        mine, its = unit(np.stack(decided) - mean), unit(np.stack(others) - mean)
        return float(np.clip(np.sum(mine * its, axis=-1).mean(), 0.0, 1.0))
