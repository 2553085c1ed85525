"""Batches: what a training step sees, and where they come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array


@dataclass(frozen=True)
class Batch:
    """What one training step sees."""

    inputs: Array | list[Array]  # (items, …), of the model's type, for each input
    targets: Array  # (items, …), as the loss takes them
    weights: NDArray[np.float32] | None = None  # how much a target counts; None: all alike


class ByLength(ABC):
    """The base of `Batches` whose items are of one length each, in another order every epoch."""

    def __init__(self, groups: Mapping[int, Sequence[int]], size: int, seed: int) -> None:
        """Take items.

        Args:
            groups: the numbers of the items of each length.
            size: items a batch, at most.
        """
        self._groups, self._size, self._seed = groups, size, seed
        self._count = sum(-(-len(group) // size) for group in groups.values())
        self.items = sum(map(len, groups.values()))  # of an epoch
        self._plans: dict[int, list[tuple[int, list[int]]]] = {}  # of the epoch that goes on

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `Batches`."""
        if epoch not in self._plans:
            self._plans = {epoch: self._plan(epoch)}
        length, chosen = self._plans[epoch][number]
        return self._made(length, chosen, np.random.default_rng((self._seed, 2, epoch, number)))

    @abstractmethod
    def _made(self, length: int, chosen: list[int], rng: np.random.Generator) -> Batch:
        """The batch of some items of a length."""

    def _divided(self, order: NDArray[np.int64]) -> list[list[int]]:
        """The items of a length, `order`, in batches."""
        items = order.tolist()
        return [items[at : at + self._size] for at in range(0, len(items), self._size)]

    def _plan(self, epoch: int) -> list[tuple[int, list[int]]]:
        """The length and the items of every batch of an epoch."""
        rng = np.random.default_rng((self._seed, 1, epoch))
        batches = [
            (length, part)
            for length, group in sorted(self._groups.items())
            for part in self._divided(rng.permutation(group))
        ]
        return [batches[i] for i in rng.permutation(len(batches))]


class Batches(Protocol):
    """A training set, in batches."""

    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def batch(self, epoch: int, number: int) -> Batch:
        """One batch; the same arguments give the same batch, in any order of calls."""
        ...
