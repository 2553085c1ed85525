"""How well a network foresaw a text: nats a token, and bits a character."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Integers, Reals
from edgenets.tasks.speech.ctc import log_softmax


def nats(logits: Reals, tokens: Integers) -> NDArray[np.float64]:
    """−ln p of each token.

    Args:
        logits: (steps, vocabulary), what was predicted for each of `tokens`.
        tokens: (steps,), what came.

    Returns:
        (steps,) float64.
    """
    found: NDArray[np.float64] = -log_softmax(logits)[np.arange(len(tokens)), tokens]
    return found


def bits(nats_a_token: float) -> float:
    """The same in bits."""
    return nats_a_token / math.log(2)
