"""How long a network can be taught to remember: one symbol, then noise, then it must say it.

The test that long short-term memory was made for (Hochreiter and Schmidhuber 1997,
doi:10.1162/neco.1997.9.8.1735), in a few seconds. The convolutions see further back than the
longest lag, and the networks are of one size, so that what differs is what they learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.models.recurrent import cell_of

if TYPE_CHECKING:
    from keras import Model

LAGS = (5, 20, 80, 200)  # steps from the symbol to the question
STEPS, _BATCH = 250, 64
CHANCE = 1 / 8
_SYMBOLS = 8
_DILATIONS = (1, 2, 4, 8, 16, 32, 64)  # of the convolutions, kernel 3
SEEN = 1 + 2 * sum(_DILATIONS)  # steps that they see

# Units, or channels, with which each family has about 4,500 parameters.
_WIDTHS = {"cnn": 14, "gru": 33, "lstm": 28, "rnn": 60}


def recall(
    family: str, lags: Sequence[int] | None = None, steps: int | None = None
) -> dict[int, float]:
    """The part of new sequences whose symbol a network of the family names, by the lag.

    Args:
        lags: None: `LAGS`.
        steps: of training; None: `STEPS`.
    """
    return {lag: _taught(family, lag, steps or STEPS) for lag in lags or LAGS}


def net_of(family: str) -> Model:
    """An untrained network, from (batch, steps, symbols) to (batch, symbols)."""
    keras = require("keras")
    layers, width = keras.layers, _WIDTHS[family]
    entry = layers.Input((None, _SYMBOLS))
    if family == "cnn":
        x = layers.Dense(width)(entry)
        for dilation in _DILATIONS:
            inner = layers.Conv1D(
                width, 3, dilation_rate=dilation, padding="causal", activation="relu"
            )(x)
            x = layers.Add()([x, inner])
        x = x[:, -1]
    else:
        x = cell_of(family)(width)(entry)
    return keras.Model(entry, layers.Dense(_SYMBOLS)(x))


def _taught(family: str, lag: int, steps: int) -> float:
    keras = require("keras")
    keras.utils.set_random_seed(lag)
    network = net_of(family)
    network.compile(
        keras.optimizers.Adam(3e-3, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(lag)
    for _ in range(steps):
        network.train_on_batch(*_sequences(rng, lag, _BATCH))
    came, wanted = _sequences(rng, lag, 512)
    answer = np.asarray(network(came, training=False))
    return float(np.mean(answer.argmax(axis=-1) == wanted))


def _sequences(
    rng: np.random.Generator, lag: int, count: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(count, lag + 1, symbols) and the symbol that each begins with."""
    symbols = rng.integers(0, _SYMBOLS, count)
    came = 0.3 * rng.standard_normal((count, lag + 1, _SYMBOLS))
    came[np.arange(count), 0] += 3 * np.eye(_SYMBOLS)[symbols]
    return came.astype(np.float32), symbols
