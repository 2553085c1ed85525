"""A stack of recurrent layers of one kind, with dropout before, between and behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.recipeparts import Cell

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor


def recurrent(
    x: KerasTensor,
    cell: Cell,
    units: Sequence[int],
    dropout: float,
    first: float | None = None,
) -> KerasTensor:
    """(batch, steps, channels) to (batch, steps, units of the last layer).

    Args:
        first: the dropout before the first layer, where it is another.
    """
    layers = require("keras").layers
    for i, width in enumerate(units):
        before = dropout if i or first is None else first
        x = layers.Dropout(before, name=f"dropout_{i}")(x)
        x = cell_of(cell)(width, return_sequences=True, name=f"{cell}_{i}")(x)
    return layers.Dropout(dropout, name="dropout_head")(x)


def cell_of(cell: str) -> type[keras.layers.RNN]:
    """The Keras layer of a cell."""
    layers = require("keras").layers
    kinds: dict[str, type[keras.layers.RNN]]
    kinds = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}
    return kinds[cell]
