"""How far back a network's answer feels its inputs: the gradient, back through time.

Pascanu et al. 2013 (arXiv:1211.5063) say why it vanishes in plain recurrent networks; here it is
measured, by TensorFlow, of a network as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.extras import require

if TYPE_CHECKING:
    from keras import Model

# The gradient counts as gone where it is this part of its peak, for good.
GONE = 0.01


def norms(model: Model, items: Array, seed: int = 0) -> NDArray[np.float64]:
    """The norm of the gradient of a network's last answer with respect to each input before it.

    Args:
        model: a Keras model from sequences; one that reads tokens is felt behind its embedding.
        items: (items, time, …) of one length, as the model takes them.

    Returns:
        (time,): first that of the newest input; a root mean square over the items, of the answer
        along one random direction.
    """
    tf = require("tensorflow")
    body, came = _felt(model, items)
    rng = np.random.default_rng(seed)
    with tf.GradientTape() as tape:
        x = tf.convert_to_tensor(came)
        tape.watch(x)
        answer = body(x, training=False)
        last = answer[:, -1] if len(answer.shape) == 3 else answer
        direction = rng.standard_normal(last.shape[-1]).astype(np.float32)
        total = tf.reduce_sum(last * (direction / np.linalg.norm(direction)))
    slopes = tape.gradient(total, x).numpy()
    squares = np.square(slopes.astype(np.float64)).reshape(*slopes.shape[:2], -1).sum(axis=-1)
    found: NDArray[np.float64] = np.sqrt(squares.mean(axis=0))[::-1]
    return found


def reach(found: NDArray[np.float64], gone: float = GONE) -> int | None:
    """Inputs, counted back, to the last one that is still felt; None: all of them are."""
    return _last(found > gone * found.max())


def receptive_field(found: NDArray[np.float64]) -> int | None:
    """Inputs, counted back, that can be felt at all; None: no end was found."""
    return _last(found > 0)


def _last(felt: NDArray[np.bool_]) -> int | None:
    places = np.flatnonzero(felt)
    count = int(places[-1]) + 1 if len(places) else 0
    return None if count == len(felt) else count


def _felt(model: Model, items: Array) -> tuple[Model, NDArray[np.float32]]:
    """The part of a network behind the numbers of tokens, and what it takes."""
    keras = require("keras")
    if items.dtype != np.int32:
        return model, items.astype(np.float32)
    table = next(layer for layer in model.layers if type(layer).__name__ == "Embedding")
    inner = keras.Model(table.output, model.output)
    return inner, np.asarray(table(items))
