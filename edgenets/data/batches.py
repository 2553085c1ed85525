"""Batches: what a training step sees, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """What one training step sees."""

    inputs: NDArray[Any] | list[NDArray[Any]]  # (items, …), of the model's type, for each input
    targets: NDArray[Any]  # (items, …), as the loss takes them
    weights: NDArray[np.float32] | None = None  # how much a target counts; None: all alike


class Batches(Protocol):
    """A training set, in batches."""

    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def batch(self, epoch: int, number: int) -> Batch:
        """One batch; the same arguments give the same batch, in any order of calls."""
        ...
