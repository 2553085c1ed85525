"""Weights rounded so that what products give changes least, before any tool rounds them.

Each weight to the nearest integer is not the best that integers can do: the error of one can be
made good by those that are rounded after it, as far as the inputs that they meet go together. So it
is done column by column, by the second moments of the inputs on calibration items (optimal brain
surgeon, Hassibi and Stork 1993; for all rows in one order, Frantar et al. 2022, “GPTQ”). It takes
the shift of the mean that rounding brings along with it, which bias correction is for.

What comes out are float weights that lie on the grid that a tool rounds to, a channel or a layer
each: TensorFlow's converter, ONNX Runtime and, by what these write, OpenVINO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.quantization import WEIGHT_STEPS

from .samples import Samples, count, spread

# Items that moments are taken of, and places of all of them together at which an output is looked
# at: the least and the most, and how many an input.
_ITEMS = 64
_LEAST_PLACES, _MOST_PLACES, _PLACES_AN_INPUT = 2_048, 8_192, 6

# Inputs of one output beyond which moments would take gigabytes, and minutes.
_MOST_INPUTS = 6_000

# What is added to each input's own moment, a part of their mean, so that those that never differ
# are no division by nothing.
_DAMPING = 0.01

# Products whose inputs are looked at in one pass over the items: more would fill the memory.
_AT_ONCE = 24

# Columns after which the others are moved.
_BLOCK = 64


@dataclass(frozen=True)
class Product:
    """A convolution or a product of matrices with weights that are known."""

    name: str  # of the weights
    source: str  # the tensor that they are multiplied with
    weights: NDArray[np.float32]  # (outputs, inputs of a group, kernel …)
    groups: int = 1
    strides: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    pads: tuple[tuple[int, int], ...] = ()  # before and behind, an axis each
    last: bool = False  # the source's channels stand last
    steps: int = WEIGHT_STEPS  # of an integer to each side of zero

    @property
    def inputs(self) -> int:
        """Of one output."""
        return int(self.weights[0].size)

    @property
    def is_depthwise(self) -> bool:
        """Whether each output comes of a channel of its own alone."""
        return 1 < self.groups == len(self.weights) and self.weights.shape[1] == 1

    @property
    def places(self) -> int:
        """At how many places an output is looked at."""
        return min(_MOST_PLACES, max(_LEAST_PLACES, _PLACES_AN_INPUT * self.inputs))


# Names of tensors, and an item as the model takes it, to the tensors' values.
Look = Callable[[Sequence[str], Mapping[str, Array]], Mapping[str, Array]]


def compensated(
    products: Sequence[Product],
    look: Look,
    samples: Samples,
    items: Callable[[Samples], Iterator[Mapping[str, Array]]],
    per_channel: bool = True,
) -> dict[str, NDArray[np.float32]]:
    """The weights of products, on the grid of their integers.

    Args:
        products: those that will be rounded. Weights that several share are left as they are.
        look: computes inner tensors of the float model.
        samples: (items, …) of every input, to calibrate on.
        items: each item of samples as the model takes it.
        per_channel: whether each output has a scale of its own, or all have one.
    """
    names = [product.name for product in products]
    known = [p for p in products if names.count(p.name) == 1 and p.inputs <= _MOST_INPUTS]
    few = spread(samples, _ITEMS)
    found = {}
    for begin in range(0, len(known), _AT_ONCE):
        some = known[begin : begin + _AT_ONCE]
        wanted = [*dict.fromkeys(product.source for product in some)]
        moments: dict[str, NDArray[np.float32]] = {}
        for number, item in enumerate(items(few)):
            values = look(wanted, item)
            rng = np.random.default_rng(number)
            for product in some:
                places = -(-product.places // count(few))
                met = _met(product, values[product.source], places, rng)
                seen = np.matmul(met, met.transpose(0, 2, 1))
                seen += moments.get(product.name, np.float32(0))
                moments[product.name] = seen
        for product in some:
            if np.isfinite(seen := moments[product.name]).all():
                found[product.name] = _rounded(product, seen, per_channel)
    return found


def _met(
    product: Product, values: Array, places: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """What the weights of an output meet at some places, (groups, inputs of a group, places)."""
    kernel = product.weights.shape[2:]
    if not kernel:
        rows = values.reshape(-1, values.shape[-1])
        chosen = rng.choice(len(rows), min(places, len(rows)), replace=False)
        return np.asarray(rows[chosen].T[None], np.float32)
    planes = np.moveaxis(values, -1, 0) if product.last else np.moveaxis(values, 1, 0)
    planes = np.pad(planes, ((0, 0), (0, 0), *product.pads))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, product.dilations, strict=True)]
    axes = tuple(range(2, planes.ndim))
    every: Array = np.lib.stride_tricks.sliding_window_view(planes, reach, axes)  # type: ignore[call-overload]
    thinned = tuple(slice(None, None, n) for n in (1, 1, *product.strides, *product.dilations))
    every = every[thinned]
    shape = every.shape[1 : 2 + len(kernel)]  # of the batch and its places
    total = int(np.prod(shape))
    where = np.unravel_index(rng.choice(total, min(places, total), replace=False), shape)
    met = np.stack([plane[where] for plane in every])  # (channels, places, kernel …)
    met = met.reshape(product.groups, -1, met.shape[1], int(np.prod(kernel)))
    met = met.transpose(0, 1, 3, 2).reshape(product.groups, product.inputs, -1)
    return np.asarray(met, np.float32)


def _rounded(
    product: Product, moments: NDArray[np.float32], per_channel: bool
) -> NDArray[np.float32]:
    """Weights on their grid."""
    rows = product.weights.reshape(len(product.weights), -1).astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    scales = (largest if per_channel else np.full_like(largest, largest.max())) / product.steps
    scales = np.where(scales > 0, scales, 1.0)
    grouped = rows.reshape(product.groups, -1, product.inputs)
    made = on_grid(
        grouped, moments.astype(np.float64), scales.reshape(product.groups, -1), product.steps
    )
    return np.asarray(made.reshape(product.weights.shape), np.float32)


def on_grid(
    rows: NDArray[np.float64],
    moments: NDArray[np.float64],
    scales: NDArray[np.float64],
    steps: int = WEIGHT_STEPS,
) -> NDArray[np.float64]:
    """Rows of weights on their grids, so that what they give changes least.

    Args:
        rows: (groups, outputs, inputs).
        moments: (groups, inputs, inputs) the sums of the products of every two inputs.
        scales: (groups, outputs) a step of each row's grid. The largest weight of a row keeps its
            place, for the grid is known by it.
        steps: of the grid to each side of zero.
    """
    width = rows.shape[2]
    own = np.diagonal(moments, axis1=1, axis2=2)
    damping = _DAMPING * own.mean(axis=1) + 1e-12
    damped = moments + damping[:, None, None] * np.eye(width)
    order = np.argsort(-own, axis=1, kind="stable")  # those that matter most come first
    damped = np.take_along_axis(damped, order[:, :, None], axis=1)
    damped = np.take_along_axis(damped, order[:, None, :], axis=2)
    inverse = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    left = np.take_along_axis(rows, order[:, None, :], axis=2)
    largest = np.abs(left).argmax(axis=2)
    before, done = left.copy(), np.empty_like(rows)
    errors = np.empty_like(rows)
    for begin in range(0, width, _BLOCK):
        end = min(begin + _BLOCK, width)
        for column in range(begin, end):
            kept = np.clip(np.round(left[..., column] / scales), -steps, steps) * scales
            first = np.round(before[..., column] / scales) * scales
            kept = np.where(largest == column, first, kept)
            done[..., column] = kept
            error = (left[..., column] - kept) / inverse[:, column, column, None]
            errors[..., column] = error
            near = inverse[:, column, None, column + 1 : end]
            left[..., column + 1 : end] -= error[..., None] * near
        # What comes behind the block is moved by all of it at once.
        left[..., end:] -= errors[..., begin:end] @ inverse[:, begin:end, end:]
    out = np.empty_like(rows)
    np.put_along_axis(out, order[:, None, :], done, axis=2)
    return out
