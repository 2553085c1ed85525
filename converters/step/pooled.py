"""The mean and the maximum of all frames so far."""

from __future__ import annotations

import numpy as np

from .builder import Builder, Signal


def mean_so_far(b: Builder, x: Signal, name: str, rank: int) -> Signal:
    """The mean of all frames so far: a sum and a count as state, which stay float."""
    before = total = b.recurrent_state(x, x.channels, name, "sum")
    count = b.recurrent_state(x, 1, name, "count")
    for frame in range(x.frames):
        total = b.binary("add", total, b.slice(x.tensor, 0, frame, 1, name), name)
    new = b.constant(np.full((1, 1), x.frames, np.float32), name)
    counted = b.binary("add", count, new, name)
    b.close_state(x, before, total, name, float_only=True)
    b.close_state(x, count, counted, name, float_only=True)
    mean = b.binary("div", total, counted, name)
    return _ended(x, mean, rank)


def most_so_far(b: Builder, x: Signal, name: str, rank: int) -> Signal:
    """The maximum of all frames so far."""
    before = peak = b.recurrent_state(x, x.channels, name, "peak")
    for frame in range(x.frames):
        peak = b.binary("max", peak, b.slice(x.tensor, 0, frame, 1, name), name)
    lowest = float(np.finfo(np.float32).min)
    b.close_state(x, before, peak, name, initial=lowest, float_only=True)
    return _ended(x, peak, rank)


def _ended(x: Signal, tensor: str, rank: int) -> Signal:
    return Signal(tensor, 1, x.channels, rank=rank, delay=x.delay // x.frames, sequence=False)
