"""Batches of texts: of one length each, for a stream has no padding."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.data.batches import Batch

Tokens = NDArray[np.int32]

# Lengths of training texts are multiples of this: batches of one length are then rarely small.
_ROUND = 4  # tokens


@dataclass(frozen=True)
class Texts:
    """Texts of one split, as a net takes them."""

    tokens: tuple[Tokens, ...]  # (tokens,) each
    targets: NDArray[np.int64]  # (texts,) numbers of labels

    def __len__(self) -> int:
        return len(self.tokens)


class TextBatches:
    """Texts of about one length, in another order every epoch, as `Batches`.

    Shorter ones are brought to the length by unknown words before them, and some of their words
    are made unknown, so that no single word decides.
    """

    def __init__(
        self, texts: Texts, labels: int, unknown: int, size: int, longest: int, word_dropout: float,
        seed: int,
    ) -> None:  # fmt: skip
        """Take texts.

        Args:
            labels: how many there are.
            unknown: number of the token that stands for unknown words.
            size: texts a batch, at most.
            longest: tokens of a text that count, the last ones.
            word_dropout: part of the words that are made unknown.
        """
        self._texts, self._labels, self._unknown = texts, labels, unknown
        self._size, self._dropout, self._seed = size, word_dropout, seed
        lengths = [-(-min(len(t), longest) // _ROUND) * _ROUND for t in texts.tokens]
        self._groups = {n: [i for i, m in enumerate(lengths) if m == n] for n in set(lengths)}
        self._count = sum(-(-len(group) // size) for group in self._groups.values())
        self._plans: dict[int, list[tuple[int, list[int]]]] = {}  # of the epoch that goes on

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `edgenets.data.batches.Batches`."""
        if epoch not in self._plans:
            self._plans = {epoch: self._plan(epoch)}
        length, chosen = self._plans[epoch][number]
        rng = np.random.default_rng((self._seed, 2, epoch, number))
        tokens = np.full((len(chosen), length), self._unknown, np.int32)
        for row, index in zip(tokens, chosen, strict=True):
            text = self._texts.tokens[index][-length:]
            row[length - len(text) :] = text
        tokens[rng.random(tokens.shape) < self._dropout] = self._unknown
        targets = np.eye(self._labels, dtype=np.float32)[self._texts.targets[chosen]]
        return Batch(tokens, targets)

    def _plan(self, epoch: int) -> list[tuple[int, list[int]]]:
        """The length and the texts of every batch of an epoch."""
        rng = np.random.default_rng((self._seed, 1, epoch))
        batches = []
        for length, group in sorted(self._groups.items()):
            order = rng.permutation(group).tolist()
            for at in range(0, len(order), self._size):
                batches.append((length, order[at : at + self._size]))
        return [batches[i] for i in rng.permutation(len(batches))]


def by_length(items: Iterable[Sized]) -> dict[int, list[int]]:
    """The places of texts, or of other sequences, by their length."""
    found: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        found.setdefault(len(item), []).append(place)
    return found
