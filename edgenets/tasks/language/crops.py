"""Crops of a long text: what a language model is trained on, and measured by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.keywords.batches import Batch

Tokens = NDArray[np.int32]


def sequences(tokens: Tokens, length: int) -> tuple[Tokens, Tokens]:
    """A text in pieces that follow each other, without the rest.

    Returns:
        what comes, (pieces, length), and what comes next at each place, (pieces, length).
    """
    count = (len(tokens) - 1) // length
    end = count * length
    return tokens[:end].reshape(count, length), tokens[1 : end + 1].reshape(count, length)


class CropBatches:
    """Crops that begin anywhere, as `Batches`."""

    def __init__(self, tokens: Tokens, length: int, count: int, size: int, seed: int) -> None:
        """Take a text.

        Args:
            tokens: (tokens,), more than `length`.
            length: tokens of a crop.
            count: crops an epoch.
            size: crops a batch.
        """
        self._tokens, self._length, self._size, self._seed = tokens, length, size, seed
        self._count = max(1, count // size)

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.tasks.keywords.batches.Batches`."""
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        starts = rng.integers(0, len(self._tokens) - self._length, self._size)
        places = starts[:, None] + np.arange(self._length + 1)
        crops = self._tokens[places]
        return Batch(crops[:, :-1], crops[:, 1:])
