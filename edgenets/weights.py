"""What training can go on from: a model's weights by layer, in a run folder and in its bundle.

weights.json   what the network is and takes, and the layer and shape of every array
weights.f16    these arrays in float16, one after another
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgenets import records
from edgenets.arrays import Array
from edgenets.errors import ModelError, RecordError
from edgenets.files import Json

if TYPE_CHECKING:
    import keras

INDEX, ARRAYS = "weights.json", "weights.f16"

# Beyond it a file is broken or hostile.
MOST_ARRAYS = 100_000


@dataclass(frozen=True)
class Stored:
    """One array of a layer."""

    layer: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Index:
    """What a trained network is, and which arrays of it are stored."""

    task: str
    model: Json  # the recipe's `model`
    input: Json  # what the network takes: `input` of the spec
    arrays: tuple[Stored, ...] = ()


# As `get_weights` of each layer gives them, by its name.
Layers = dict[str, list[Array]]


def layers_of(model: keras.Model) -> Layers:
    """The weights of the layers that have any, by name."""
    found = {layer.name: layer.get_weights() for layer in model.layers}
    return {name: arrays for name, arrays in found.items() if arrays}


def stored(network: Index, layers: Layers) -> dict[str, bytes]:
    """The files of a network."""
    arrays = [(name, array) for name, every in layers.items() for array in every]
    index = replace(network, arrays=tuple(Stored(name, array.shape) for name, array in arrays))
    data = b"".join(array.astype("<f2").tobytes() for _, array in arrays)
    return {INDEX: json.dumps(records.to_plain(index)).encode(), ARRAYS: data}


def read_index(data: bytes | memoryview, stored_bytes: int, where: str) -> Index:
    """What is stored.

    Args:
        stored_bytes: of the arrays, which need not be read for it.

    Raises:
        ModelError: it is damaged, or not of these arrays.
    """
    try:
        index: Index = records.parse(Index, json.loads(bytes(data)))
        sizes = [math.prod(one.shape) for one in index.arrays]
        if len(sizes) > MOST_ARRAYS or min(sizes, default=0) < 0 or 2 * sum(sizes) != stored_bytes:
            raise ValueError(f"{stored_bytes:,} bytes are not those of its {INDEX}")
    except (ValueError, RecursionError, RecordError) as exc:
        raise ModelError(f"{where}: the weights in it cannot be read: {exc}") from exc
    return index


def read_layers(index: Index, data: bytes | memoryview) -> Layers:
    """The weights, from the bytes of the arrays of an index."""
    sizes = [math.prod(one.shape) for one in index.arrays]
    layers: Layers = {}
    parts = np.split(np.frombuffer(data, "<f2"), np.cumsum(sizes)[:-1])
    for one, part in zip(index.arrays, parts, strict=True):
        layers.setdefault(one.layer, []).append(part.reshape(one.shape).astype(np.float32))
    return layers
