"""Items that a model is calibrated or verified on, as it takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import TensorInfo

# (items, …) of every input, by name.
Samples = Mapping[str, Array]


def count(samples: Samples) -> int:
    """How many items there are."""
    return min((len(values) for values in samples.values()), default=0)


def items_of(samples: Samples, inputs: Sequence[TensorInfo]) -> Iterator[dict[str, Array]]:
    """Each item as a model takes it.

    Args:
        inputs: what the model takes, in the order of the samples; where the first axis of one is a
            batch, the item is a batch of one.
    """
    ranks = {name: len(info.shape) for name, info in zip(samples, inputs, strict=True)}
    for number in range(count(samples)):
        yield {
            name: values[number : number + 1]
            if values.ndim == ranks[name]
            else np.asarray(values[number])
            for name, values in samples.items()
        }


def spread(samples: Samples, most: int) -> Samples:
    """At most so many items, at equal distances."""
    every = count(samples)
    chosen = np.linspace(0, every - 1, min(every, most)).astype(int)
    return {name: values[chosen] for name, values in samples.items()}


def rows_of(values: Array) -> Array:
    """Sequences as steps take them, (items, frames, channels): tokens have no axis of channels of
    their own, and bands have one more."""
    return values.reshape(*values.shape[:2], -1)


def one_by_one(
    run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    samples: Samples,
    inputs: Sequence[TensorInfo],
) -> dict[str, Array]:
    """The answers to many items, (items, …) of every output, from what answers one; arguments as
    `items_of`."""
    each = [run(item) for item in items_of(samples, inputs)]
    return {name: _joined([one[name] for one in each]) for name in each[0]}


def _joined(values: Sequence[Array]) -> Array:
    """The answers to items, one after another; a first axis of one is a batch."""
    return np.concatenate(values) if values[0].shape[:1] == (1,) else np.stack(values)
