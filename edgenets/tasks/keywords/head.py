"""A head for one word on what a network knows of speech: what `enrol` learns, without a framework.

It looks at what the network gave now and some steps ago, which together hold the whole word, by
one layer of rectified units. It is trained in NumPy, by Adam (Kingma and Ba 2015) with dropout.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Steps before the present one that are looked at, beside it.
DELAYS = (0, 5, 10, 15)

UNITS = 32  # of a head as it is learned; several are joined

# Log-odds are divided by it: posteriors that are all next to 0 or 1 leave nothing for a threshold.
TEMPERATURE = 3.0

DROPOUT = 0.3
EPOCHS = 15
BATCH = 512
RATE = 3e-3
DECAY = 1e-3  # of the weights of the first layer
_MOMENTS = (0.9, 0.999)
_TINY = 1e-7

# What no vector differs by counts for nothing.
_FLAT = 1e-2


@dataclass(frozen=True)
class Head:
    """What says how likely a word has just ended."""

    delays: tuple[int, ...]
    first: Floats  # (delays × numbers, units)
    bias: Floats  # (units,)
    second: Floats  # (units,)
    last: float

    def stored(self) -> bytes:
        """The weights, as a bundle carries them; `delays` and units are stored beside them."""
        parts = (self.first.ravel(), self.bias, self.second, np.array([self.last]))
        data: bytes = np.concatenate(parts).astype("<f4").tobytes()
        return data

    @staticmethod
    def read(data: bytes | memoryview, delays: tuple[int, ...], units: int) -> Head:
        """The head of such weights.

        Raises:
            ValueError: there are not as many as it has.
        """
        numbers = np.frombuffer(data, "<f4")
        inputs, rest = divmod(len(numbers) - 2 * units - 1, units)
        if rest or inputs <= 0 or inputs % len(delays) or not np.isfinite(numbers).all():
            raise ValueError(f"{len(numbers):,} numbers are no head of {units} units")
        first, bias, second, last = np.split(numbers, np.cumsum([inputs * units, units, units]))
        return Head(delays, first.reshape(inputs, units), bias, second, float(last[0]))

    @property
    def units(self) -> int:
        """Of its layer."""
        return len(self.bias)

    def logits(self, vectors: Floats) -> Floats:
        """The log-odds of the word at every step of a stream, (steps,).

        Args:
            vectors: (steps, numbers) of a stream from its beginning.
        """
        return self.of(history(vectors, self.delays))

    def of(self, windows: Floats) -> Floats:
        """The same of (windows, delays × numbers) as `history` gives them."""
        hidden = np.maximum(windows @ self.first + self.bias, 0.0)
        found: Floats = hidden @ self.second + np.float32(self.last)
        return found


class Follower:
    """A head on a stream, step by step; decides as `Head.logits` does."""

    def __init__(self, head: Head) -> None:
        self.head = head
        size = len(head.first) // len(head.delays)
        # What each delay adds, of the last steps: every vector is multiplied once.
        self._parts = head.first.reshape(len(head.delays), size, -1)
        self._past: deque[Floats] = deque(maxlen=max(head.delays) + 1)

    def reset(self) -> None:
        """Begin a new stream."""
        self._past.clear()

    def push(self, vector: Floats) -> float:
        """The log-odds after one more step, whose vector is (numbers,)."""
        self._past.append(vector)
        known = len(self._past)
        hidden = self.head.bias.copy()
        for part, delay in zip(self._parts, self.head.delays, strict=True):
            # Before its beginning, a stream was as it began.
            hidden += self._past[max(0, known - 1 - delay)] @ part
        np.maximum(hidden, 0.0, out=hidden)
        return float(hidden @ self.head.second) + self.head.last


def joined(heads: Sequence[Head]) -> Head:
    """The mean of heads with the same delays, as one; it wavers less than any of them."""
    count = np.float32(len(heads))
    return Head(
        heads[0].delays,
        np.concatenate([head.first for head in heads], axis=1),
        np.concatenate([head.bias for head in heads]),
        np.concatenate([head.second for head in heads]) / count,
        sum(head.last for head in heads) / len(heads),
    )


def history(vectors: Floats, delays: tuple[int, ...] = DELAYS) -> Floats:
    """(steps, numbers) to (steps, delays × numbers): each with those some steps before it."""
    steps = np.arange(len(vectors))
    places = [np.maximum(0, steps - delay) for delay in delays]
    return np.concatenate([vectors[place] for place in places], axis=-1)


def trained(
    windows: Floats,
    asked: Floats,
    seed: int,
    delays: tuple[int, ...] = DELAYS,
    progress: Callable[[int, int], None] | None = None,
) -> Head:
    """Learn to tell windows from one another; both kinds count alike, however many there are.

    Args:
        windows: (windows, delays × numbers); they are changed in their place.
        asked: (windows,), 1 of those in which the word has just ended, 0 of all else.
        progress: called with (epochs done, all).
    """
    rng = np.random.default_rng(seed)
    right = float(asked.sum())
    counts = np.where(asked > 0, 0.5 / right, 0.5 / (len(asked) - right)).astype(np.float32)
    counts *= len(asked)
    mean = windows.mean(axis=0)
    windows -= mean
    # Without a copy of all, as `std` would make.
    squares = np.einsum("ij,ij->j", windows, windows) / np.float32(len(windows))
    spread = np.sqrt(squares) + np.float32(_FLAT)
    windows /= spread
    network = _Network(rng, windows.shape[1])
    batches = math.ceil(len(windows) / BATCH)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(windows))
        for number, chosen in enumerate(np.array_split(order, batches)):
            done = (epoch * batches + number) / (EPOCHS * batches)
            rate = RATE * 0.5 * (1 + math.cos(math.pi * done))
            network.step(windows[chosen], asked[chosen], counts[chosen], rate)
        if progress is not None:
            progress(epoch + 1, EPOCHS)
    first = network.first / spread[:, None]
    bias = network.bias - mean @ first
    cooler = np.float32(1 / TEMPERATURE)
    return Head(delays, first, bias, cooler * network.second, float(network.last[0] * cooler))


class _Network:
    """The head while it learns."""

    def __init__(self, rng: np.random.Generator, numbers: int) -> None:
        self._rng = rng
        scale = math.sqrt(6 / (numbers + UNITS))
        self.first = rng.uniform(-scale, scale, (numbers, UNITS)).astype(np.float32)
        self.bias = np.zeros(UNITS, np.float32)
        scale = math.sqrt(6 / (UNITS + 1))
        self.second = rng.uniform(-scale, scale, UNITS).astype(np.float32)
        self.last = np.zeros(1, np.float32)
        self._every = (self.first, self.bias, self.second, self.last)
        self._means = [np.zeros_like(one) for one in self._every]
        self._squares = [np.zeros_like(one) for one in self._every]
        self._steps = 0

    def step(self, windows: Floats, asked: Floats, counts: Floats, rate: float) -> None:
        """Learn from a batch."""
        windows = windows * self._kept(windows.shape)
        hidden = np.maximum(windows @ self.first + self.bias, 0.0)
        kept = self._kept(hidden.shape)
        hidden = hidden * kept
        logits = hidden @ self.second + self.last[0]
        wrong = (1 / (1 + np.exp(-logits)) - asked) * counts / len(windows)
        below = np.outer(wrong, self.second) * kept * (hidden > 0)
        slopes = (
            windows.T @ below + DECAY * self.first,
            below.sum(axis=0),
            hidden.T @ wrong,
            wrong.sum(keepdims=True),
        )
        self._steps += 1
        corrections = [1 - moment**self._steps for moment in _MOMENTS]
        for one, slope, mean, square in zip(
            self._every, slopes, self._means, self._squares, strict=True
        ):
            mean += (1 - _MOMENTS[0]) * (slope - mean)
            square += (1 - _MOMENTS[1]) * (slope * slope - square)
            root = np.sqrt(square / corrections[1]) + _TINY
            one -= (rate / corrections[0]) * mean / root

    def _kept(self, shape: tuple[int, ...]) -> Floats:
        """Dropout: which numbers are kept, and made larger by as much as others are dropped."""
        # Bytes are drawn four times as quickly as numbers.
        drawn = self._rng.integers(0, 256, shape, np.uint8) >= np.uint8(256 * DROPOUT)
        return drawn * np.float32(1 / (1 - DROPOUT))
