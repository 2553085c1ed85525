"""Batches of sentences and their translations: of about one length each, the rest padded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.keywords.batches import Batch, ByLength
from edgenets.tasks.translation.spec import BEGIN, END, PADDING, UNKNOWN

Tokens = NDArray[np.int32]

# A batch is as long as the next of these: few lengths are few graphs to be traced.
_STEP = 4  # pieces


@dataclass(frozen=True)
class Sentences:
    """Sentences and their translations as pieces, without what begins and ends them."""

    sources: tuple[Tokens, ...]
    targets: tuple[Tokens, ...]

    def __len__(self) -> int:
        return len(self.sources)


class SentenceBatches(ByLength):
    """Pairs of about one length, in another order every epoch, as `Batches`.

    Inputs are [source, target], (items, pieces) int32 each; targets are the target moved on by
    one. Padding counts nothing.
    """

    def __init__(
        self, sentences: Sentences, size: int, longest: int, word_dropout: float, seed: int
    ) -> None:
        """Take sentences.

        Args:
            size: pairs a batch, at most.
            longest: pieces of a sentence; longer pairs are left out.
            word_dropout: part of the pieces that are made unknown where they are read.
        """
        groups: dict[int, list[int]] = {}
        for place, pair in enumerate(zip(sentences.sources, sentences.targets, strict=True)):
            pieces = max(map(len, pair))
            if pieces <= longest:
                length = -(-(pieces + 1) // _STEP) * _STEP  # with what ends it
                groups.setdefault(length, []).append(place)
        super().__init__(groups, size, seed)
        self._sentences, self._dropout = sentences, word_dropout

    def _made(self, length: int, chosen: list[int], rng: np.random.Generator) -> Batch:
        made = padded(self._sentences, chosen, length)
        for tokens in made.inputs:
            dropped = (rng.random(tokens.shape) < self._dropout) & (tokens > UNKNOWN)
            tokens[dropped] = UNKNOWN
        return made

    def _divided(self, order: NDArray[np.int64]) -> list[list[int]]:
        # Batches of about one size: of each length two graphs are traced at most.
        return [part.tolist() for part in np.array_split(order, -(-len(order) // self._size))]


def padded(sentences: Sentences, chosen: Sequence[int], length: int) -> Batch:
    """Pairs as a network is taught with them, each side filled up to a length."""
    source, came, following = (np.full((len(chosen), length), PADDING, np.int32) for _ in range(3))
    for row, index in enumerate(chosen):
        read, written = sentences.sources[index], sentences.targets[index]
        source[row, : len(read)], source[row, len(read)] = read, END
        came[row, 0], came[row, 1 : len(written) + 1] = BEGIN, written
        following[row, : len(written)], following[row, len(written)] = written, END
    there = (following != PADDING).astype(np.float32)
    return Batch([source, came], following, there / there.mean())
