"""Images made larger or smaller.

ONNX names six ways to lay one grid of pixels over another, and five to round;
TFLite has three. What a node means is computed as a matrix along each axis, and
TFLite's own operator is taken where it does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals

from .node import Node, operator
from .value import Value

if TYPE_CHECKING:
    from tensorflow import Tensor

Matrix = NDArray[np.float32]  # (out, in)

# TensorFlow's two switches (half_pixel_centers, align_corners) as ONNX says them.
_GRIDS = {"half_pixel": (True, False), "asymmetric": (False, False), "align_corners": (False, True)}

_KNOWN = (*_GRIDS, "half_pixel_symmetric", "pytorch_half_pixel", "tf_half_pixel_for_nn")


@operator("Resize", "Upsample")
def resize(node: Node) -> Value:
    """Nearest, linear or cubic, along rows and columns or any other axes."""
    x = node.value()
    sizes, scales = _wanted(node, x)
    way = _way_of(node)
    matrices = {
        axis: _matrix(way, x.shape[axis], sizes[axis], scales[axis])
        for axis in range(x.rank)
        if sizes[axis] != x.shape[axis]
    }
    if x.rank == 4 and set(matrices) <= {2, 3}:
        made = _by_operator(node, x, way.mode, matrices, sizes)
        if made is not None:
            return made
    return _by_products(node, x, way.mode, matrices)


@dataclass(frozen=True)
class _Way:
    """How new pixels are made of old ones, in ONNX's words."""

    mode: str
    grid: str  # coordinate_transformation_mode
    rounding: str  # nearest_mode, or "simple": as before opset 11
    cubic: float = 0.0  # cubic_coeff_a
    only_inside: bool = False  # exclude_outside


def _way_of(node: Node) -> _Way:
    if node.get("antialias", 0):
        raise node.refusal("smooths what it makes smaller, which TFLite does not")
    grid = node.get("coordinate_transformation_mode", "half_pixel")
    rounding = node.get("nearest_mode", "round_prefer_floor")
    if _is_old(node):
        grid, rounding = "asymmetric", "simple"
    if grid == "tf_crop_and_resize":
        raise node.refusal("cuts a region out as it resizes; do that before")
    if grid not in _KNOWN:
        raise node.refusal(f"lays pixels over one another by {grid}, which is not known")
    cubic, only_inside = node.get("cubic_coeff_a", -0.75), bool(node.get("exclude_outside", 0))
    return _Way(node.get("mode", "nearest"), grid, rounding, cubic, only_inside)


def _is_old(node: Node) -> bool:
    """Whether it is of before opset 11, where there was one grid."""
    return node.op == "Upsample" or node.opset < 11


def _wanted(node: Node, x: Value) -> tuple[list[int], list[float]]:
    """Sizes and factors of every axis."""
    if _is_old(node):
        scales = node.get("scales") or [float(s) for s in node.constant(1)]
        return [_size(n, s) for n, s in zip(x.shape, scales, strict=True)], scales
    axes = node.get("axes") or list(range(x.rank))
    sizes, scales = list(x.shape), [1.0] * x.rank
    if node.has(3):
        if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise node.refusal("keeps the shape of an image; give the size that it comes to")
        for axis, size in zip(axes, node.constant(3), strict=True):
            sizes[axis] = int(size)
            scales[axis] = int(size) / x.shape[axis]
    else:
        for axis, scale in zip(axes, node.constant(2), strict=True):
            sizes[axis] = _size(x.shape[axis], scale)
            scales[axis] = float(scale)
    return sizes, scales


def _size(size: int, scale: float) -> int:
    """As runtimes compute it, in 32 bits: 0.7 of 10 is 7 there."""
    return int(np.floor(np.float32(size) * np.float32(scale)))


def _places(grid: str, size: int, wanted: int, scale: float) -> NDArray[np.float64]:
    """Where each new pixel lies among those of before."""
    # In 32 bits, as runtimes compute it: what lies halfway between two pixels does so there alone.
    i, factor = np.arange(wanted, dtype=np.float32), np.float32(scale)
    match grid:
        case "half_pixel" | "half_pixel_symmetric":
            at = (i + np.float32(0.5)) / factor - np.float32(0.5)
            if grid == "half_pixel_symmetric":
                at = at + size / 2 * (1 - wanted / (scale * size))
        case "pytorch_half_pixel":
            at = (i + np.float32(0.5)) / factor - np.float32(0.5) if wanted > 1 else np.zeros(1)
        case "align_corners":
            at = i * np.float32(size - 1) / np.float32(wanted - 1) if wanted > 1 else np.zeros(1)
        case "tf_half_pixel_for_nn":
            at = (i + np.float32(0.5)) / factor
        case _:
            at = i / factor
    return np.asarray(at, np.float64)


def _matrix(way: _Way, size: int, wanted: int, scale: float) -> Matrix:
    """How much of each pixel is in each new one."""
    at = _places(way.grid, size, wanted, scale)
    made = np.zeros((wanted, size), np.float64)
    rows = np.arange(wanted)
    if way.mode == "nearest":
        rounding = way.rounding
        if rounding == "simple":  # as ONNX Runtime has it
            rounding = "ceil" if scale < 1 else "floor"
        made[rows, _whole(at, rounding).clip(0, size - 1)] = 1
        return made.astype(np.float32)
    low = np.floor(at).astype(int)
    part = at - low
    weights = {0: 1 - part, 1: part} if way.mode == "linear" else _cubic(part, way.cubic)
    for offset, weight in weights.items():
        at_pixel = low + offset
        if way.only_inside:
            weight = weight * ((at_pixel >= 0) & (at_pixel < size))
        np.add.at(made, (rows, at_pixel.clip(0, size - 1)), weight)
    made /= made.sum(axis=1, keepdims=True)
    return made.astype(np.float32)


def _cubic(part: NDArray[np.float64], a: float) -> dict[int, NDArray[np.float64]]:
    """Weights of four pixels, by their offset (Keys, "Cubic convolution interpolation", 1981)."""
    before = ((a * (part + 1) - 5 * a) * (part + 1) + 8 * a) * (part + 1) - 4 * a
    here = ((a + 2) * part - (a + 3)) * part**2 + 1
    behind = ((a + 2) * (1 - part) - (a + 3)) * (1 - part) ** 2 + 1
    return {-1: before, 0: here, 1: behind, 2: 1 - (before + here + behind)}


def _whole(at: Reals, rounding: str) -> NDArray[np.int64]:
    match rounding:
        case "floor":
            rounded = np.floor(at)
        case "ceil":
            rounded = np.ceil(at)
        case "round_prefer_floor":
            rounded = np.ceil(at - 0.5)
        case _:
            rounded = np.floor(at + 0.5)
    whole: NDArray[np.int64] = rounded.astype(np.int64)
    return whole


def _by_operator(
    node: Node, x: Value, mode: str, matrices: dict[int, Matrix], sizes: list[int]
) -> Value | None:
    """By TFLite's own operator, if one does the same."""
    if mode == "cubic":
        return None
    tf = node.tf
    for grid, (half, corners) in _GRIDS.items():
        rounding = "floor" if grid == "asymmetric" else "round_prefer_ceil"
        way = _Way(mode, grid, rounding)
        own = {
            axis: _matrix(way, x.shape[axis], sizes[axis], sizes[axis] / x.shape[axis])
            for axis in matrices
        }
        if all(np.allclose(own[axis], matrices[axis], atol=1e-6) for axis in matrices):
            name = "ResizeNearestNeighbor" if mode == "nearest" else "ResizeBilinear"
            made = getattr(tf.raw_ops, name)(
                images=x.channels_last,
                size=np.array(sizes[2:], np.int32),
                align_corners=corners,
                half_pixel_centers=half,
            )
            return Value(made, (0, 2, 3, 1))
    return None


def _by_products(node: Node, x: Value, mode: str, matrices: dict[int, Matrix]) -> Value:
    tf, tensor, order = node.tf, x.tensor, x.order
    for axis, matrix in matrices.items():
        place = order.index(axis)
        if mode == "nearest":
            tensor = tf.gather(tensor, matrix.argmax(1).astype(np.int32), axis=place)
            continue
        behind = (*(p for p in range(x.rank) if p != place), place)
        tensor = tf.matmul(_two(tf, tf.transpose(tensor, behind)), matrix.T)
        shape = [int(x.shape[order[p]]) for p in behind[:-1]]
        for done in matrices:  # those before are of their new size
            if done == axis:
                break
            shape[behind.index(order.index(done))] = len(matrices[done])
        tensor = tf.reshape(tensor, (*shape, len(matrix)))
        tensor = tf.transpose(tensor, np.argsort(behind))
    return Value(tensor, order)


def _two(tf: Any, tensor: Tensor) -> Tensor:
    return tf.reshape(tensor, (-1, int(tensor.shape[-1])))
