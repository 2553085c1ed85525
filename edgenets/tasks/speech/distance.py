"""How far strings of symbols are from what was said (Levenshtein 1966).

Reports of a finished model are made with jiwer; training and the gate judge every epoch and every
artifact, with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

# What `accuracy` is called.
METRIC = "symbol accuracy"


def edits(found: Sequence[Hashable], said: Sequence[Hashable]) -> int:
    """The least number of symbols put in, left out or exchanged that makes one of the other."""
    row = np.arange(len(said) + 1)
    places = np.arange(len(said) + 1)
    for count, symbol in enumerate(found, 1):
        exchanged = row[:-1] + np.array([symbol != other for other in said], dtype=np.int64)
        best = np.concatenate(([count], np.minimum(row[1:] + 1, exchanged)))
        # From the left each step costs one: the running minimum of what is left of it.
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])


def error_rate(found: Sequence[Sequence[Hashable]], said: Sequence[Sequence[Hashable]]) -> float:
    """Edits over symbols that were said, over all strings; above 1 where there are more edits."""
    wrong = sum(edits(a, b) for a, b in zip(found, said, strict=True))
    return wrong / max(1, sum(len(item) for item in said))


def accuracy(found: Sequence[Sequence[Hashable]], said: Sequence[Sequence[Hashable]]) -> float:
    """What is left of 1 without the error rate, and never less than nothing."""
    return max(0.0, 1.0 - error_rate(found, said))
