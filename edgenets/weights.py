"""What training can go on from: a model's weights by layer, in a run folder and in its bundle.

weights.json   what the network is and takes, and the layer and shape of every array
weights.f16    these arrays in float16, one after another
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
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
    """What is stored."""

    task: str
    model: Json  # the recipe's `model`
    input: Json  # what the network takes: `input` of the spec
    arrays: tuple[Stored, ...]


@dataclass(frozen=True)
class Weights:
    """A trained network, to go on from."""

    task: str
    model: Json
    input: Json
    layers: dict[str, list[Array]]  # as `get_weights` of each layer gives them


def layers_of(model: keras.Model) -> dict[str, list[Array]]:
    """The weights of the layers that have any, by name."""
    found = {layer.name: layer.get_weights() for layer in model.layers}
    return {name: arrays for name, arrays in found.items() if arrays}


def stored(weights: Weights) -> dict[str, bytes]:
    """The files of a network."""
    arrays = [(name, array) for name, every in weights.layers.items() for array in every]
    index = Index(
        weights.task,
        weights.model,
        weights.input,
        tuple(Stored(name, array.shape) for name, array in arrays),
    )
    data = b"".join(array.astype("<f2").tobytes() for _, array in arrays)
    return {INDEX: json.dumps(records.to_plain(index)).encode(), ARRAYS: data}


def read(files: Mapping[str, bytes | memoryview], where: str) -> Weights:
    """A network from its files.

    Raises:
        ModelError: they are damaged, or no network's.
    """
    try:
        index = records.parse(Index, json.loads(bytes(files[INDEX])))
        numbers = np.frombuffer(files[ARRAYS], "<f2")
        sizes = [math.prod(one.shape) for one in index.arrays]
        if len(sizes) > MOST_ARRAYS or min(sizes, default=0) < 0 or sum(sizes) != len(numbers):
            raise ValueError(f"{len(numbers):,} numbers are not those of its {INDEX}")
    except (ValueError, RecursionError, RecordError) as exc:
        raise ModelError(f"{where}: the weights in it cannot be read: {exc}") from exc
    layers: dict[str, list[Array]] = {}
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    for one, part in zip(index.arrays, parts, strict=True):
        layers.setdefault(one.layer, []).append(part.reshape(one.shape).astype(np.float32))
    return Weights(index.task, index.model, index.input, layers)
