"""A stack of recurrent layers of one kind, with dropout before, between and behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgenets.extras import require
from edgenets.recipeparts import Cell


def recurrent(x: Any, cell: Cell, units: Sequence[int], dropout: float) -> Any:
    """(batch, steps, channels) to (batch, steps, units of the last layer)."""
    layers = require("keras").layers
    cells = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.SimpleRNN}
    for i, width in enumerate(units):
        x = layers.Dropout(dropout, name=f"dropout_{i}")(x)
        x = cells[cell](width, return_sequences=True, name=f"{cell}_{i}")(x)
    return layers.Dropout(dropout, name="dropout_head")(x)
