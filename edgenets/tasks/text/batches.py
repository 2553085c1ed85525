"""Batches of texts: of one length each, for a stream has no padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.keywords.batches import Batch, ByLength

Tokens = NDArray[np.int32]

# Lengths of training texts are multiples of this: batches of one length are then rarely small.
_ROUND = 4  # tokens


@dataclass(frozen=True)
class Texts:
    """Texts of one split, as a network takes them."""

    tokens: tuple[Tokens, ...]  # (tokens,) each
    targets: NDArray[np.int64]  # (texts,) numbers of labels

    def __len__(self) -> int:
        return len(self.tokens)


class TextBatches(ByLength):
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
        lengths = [-(-min(len(t), longest) // _ROUND) * _ROUND for t in texts.tokens]
        groups = {n: [i for i, m in enumerate(lengths) if m == n] for n in set(lengths)}
        super().__init__(groups, size, seed)
        self._texts, self._labels, self._unknown = texts, labels, unknown
        self._dropout = word_dropout

    def _made(self, length: int, chosen: list[int], rng: np.random.Generator) -> Batch:
        tokens = np.full((len(chosen), length), self._unknown, np.int32)
        for row, index in zip(tokens, chosen, strict=True):
            text = self._texts.tokens[index][-length:]
            row[length - len(text) :] = text
        tokens[rng.random(tokens.shape) < self._dropout] = self._unknown
        targets = np.eye(self._labels, dtype=np.float32)[self._texts.targets[chosen]]
        return Batch(tokens, targets)


def by_length(items: Iterable[Sized]) -> dict[int, list[int]]:
    """The places of texts, or of other sequences, by their length."""
    found: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        found.setdefault(len(item), []).append(place)
    return found


def pieces_by_length(items: Iterable[Sized], most: int) -> Iterator[list[int]]:
    """The same in pieces of at most so many places, the shortest items first.

    Made for `predict_on_batch`: `predict` takes a tenth of a second however little it is given,
    and lengths are many.
    """
    for _, places in sorted(by_length(items).items()):
        for at in range(0, len(places), most):
            yield places[at : at + most]
