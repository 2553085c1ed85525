"""Batches of sentences and their translations."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgenets.tasks.translation.batches import SentenceBatches, Sentences
from edgenets.tasks.translation.spec import BEGIN, END, PADDING

SIDES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=40)


@given(SIDES, st.integers(1, 12), st.integers(1, 7))
def test_every_pair_that_is_short_enough_is_taught_once(
    sides: list[tuple[int, int]], longest: int, size: int
) -> None:
    """The number of a pair is its first piece: 10 and on."""
    made = [
        tuple(np.r_[10 + i, np.full(n - 1, 5)].astype(np.int32) for i, n in enumerate(lengths))
        for lengths in zip(*sides, strict=True)
    ]
    batches = SentenceBatches(Sentences(*made), size, longest, 0.0, 3)
    wanted = [10 + i for i, pair in enumerate(sides) if max(pair) <= longest]
    assert batches.items == len(wanted)
    for epoch in (0, 1):
        seen = []
        for number in range(len(batches)):
            batch = batches.batch(epoch, number)
            source, came = batch.inputs
            assert len(source) <= size and (came[:, 0] == BEGIN).all()
            assert ((source == END).sum(axis=1) == 1).all()
            assert ((batch.targets == END).sum(axis=1) == 1).all()
            assert batch.weights is not None
            assert ((batch.weights > 0) == (batch.targets != PADDING)).all()
            seen += source[:, 0].tolist()
        assert sorted(seen) == wanted
