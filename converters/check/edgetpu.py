"""What the Edge TPU's compiler would map, by its documentation: a prediction.

Source: coral.ai/docs/edgetpu/models-intro, "Supported operations", for runtime 14. The compiler
maps what stands before the first operator that it cannot; everything behind it runs on the CPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .operators import Graph, Operator

# Bytes that the chip holds; what is beyond is sent over USB or PCIe at every inference.
ON_CHIP = 8 << 20

_SOFTMAX = 16_000  # elements

_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"

_BEHIND = "stands behind what the CPU does; one part of a graph is mapped"

# What speaks against an operator that is known; nothing where all is well.
Limit = Callable[[Operator], str]


@dataclass(frozen=True)
class Mapping:
    """What would run where."""

    mapped: tuple[Operator, ...]
    left: tuple[tuple[Operator, str], ...]  # to the CPU, and why
    split: Operator | None  # behind which more could be mapped, were it not for it
    weights: int  # bytes of the constants of what is mapped

    @property
    def beyond(self) -> int:
        """Bytes of weights that do not fit on the chip."""
        return max(self.weights - ON_CHIP, 0)


def mapping(graph: Graph) -> Mapping:
    """Which operators would be mapped."""
    mapped: list[Operator] = []
    left: list[tuple[Operator, str]] = []
    behind: set[int] = set()  # tensors that come from the CPU
    last: Operator | None = None  # up to which all was mapped
    for operator in graph.operators:
        why = obstacle(operator) or (_BEHIND if operator.takes & behind else "")
        if not why:
            mapped.append(operator)
            continue
        left.append((operator, why))
        if mapped:  # what comes before the first divides nothing
            last = last or operator
            behind |= {t.number for t in operator.outputs}
    split = last if any(why == _BEHIND for _, why in left) else None
    return Mapping(tuple(mapped), tuple(left), split, _weights(mapped))


def _weights(operators: Sequence[Operator]) -> int:
    """Bytes of their constants, each counted once."""
    sizes = {t.number: t.size for o in operators for t in o.inputs if t.is_constant}
    return sum(sizes.values())


def obstacle(operator: Operator) -> str:
    """Why an operator would run on the CPU; nothing where it would not."""
    if operator.is_custom:
        return "is a custom operator"
    if operator.name not in _KNOWN:
        return "is no operator of the Edge TPU"
    for tensor in (*operator.inputs, *operator.outputs):
        if tensor.is_dynamic:
            return f"has a tensor of open size ('{tensor.name}')"
        # A recurrent layer's cell is of sixteen bits by its definition.
        if tensor.is_variable and operator.name == _LSTM:
            continue
        if not tensor.is_constant and tensor.dtype not in ("INT8", "UINT8"):
            return f"is of {tensor.dtype}; eight-bit integers are mapped"
        if not tensor.is_constant and len(tensor.shape) > 3 and max(tensor.shape[:-3]) > 1:
            shape = " × ".join(map(str, tensor.shape))
            return f"is of {shape}; of more than three axes the last three alone may be long"
    return _KNOWN[operator.name](operator)


def counted(graph: Graph, found: Mapping) -> list[tuple[str, int, int]]:
    """Kinds of operators: how many are mapped, and how many there are."""
    every = Counter(o.name for o in graph.operators)
    mapped = Counter(o.name for o in found.mapped)
    return [(name, mapped[name], count) for name, count in sorted(every.items())]


def _nothing(operator: Operator) -> str:
    return ""


def _without_activation(operator: Operator) -> str:
    fused = operator.option("fusedActivationFunction")
    return "has an activation fused into it, which is not mapped" if fused else ""


def _same_dilation(operator: Operator) -> str:
    same = operator.option("dilationWFactor", 1) == operator.option("dilationHFactor", 1)
    return "" if same else "has holes of another size in one direction than in the other"


def _concatenation(operator: Operator) -> str:
    constant = [t for t in operator.inputs if t.is_constant]
    if constant and len(operator.inputs) > 2:
        return "joins a constant with more than one tensor"
    if not all(t.is_zero for t in constant):
        return "joins a constant that is not zero"
    return _without_activation(operator)


def _fully_connected(operator: Operator) -> str:
    if operator.option("weightsFormat"):
        return "has weights in another order"
    rows = any(d > 1 for d in operator.outputs[0].shape[:-1])
    return "gives more than one row" if rows else ""


def _squeeze(operator: Operator) -> str:
    first, *behind = operator.inputs[0].shape
    for length in behind:
        if length == 1 and first > 1:
            return "takes out an axis behind one that is longer"
        first = max(first, length)
    return ""


def _axes(operator: Operator) -> list[int]:
    rank = len(operator.inputs[0].shape)
    return [int(axis) % rank for t in operator.inputs[1:2] for axis in t.values]


def _not_over_batch(operator: Operator) -> str:
    return "reduces the batch" if 0 in _axes(operator) else ""


def _mean(operator: Operator) -> str:
    shape, axes = operator.inputs[0].shape, _axes(operator)
    if len(shape) == 4 and 3 in axes and shape[3] % 4:
        return f"is the mean of {shape[3]} channels, which is no multiple of 4"
    return _not_over_batch(operator)


def _padding(operator: Operator) -> str:
    pads = operator.inputs[1].values
    return "pads the batch" if any(pads[:2]) else ""


def _prelu(operator: Operator) -> str:
    slopes = operator.inputs[1].shape
    return "has a slope for every pixel" if any(d > 1 for d in slopes[:-1]) else ""


def _softmax(operator: Operator) -> str:
    shape = operator.inputs[0].shape
    if any(d > 1 for d in shape[:-1]):
        return "is a softmax of more than one row"
    if shape[-1] > _SOFTMAX:
        return f"is a softmax of {shape[-1]} elements; {_SOFTMAX} are the most"
    return ""


def _packed(operator: Operator) -> str:
    return "packs along the batch" if operator.option("axis") == 0 else ""


def _strided(operator: Operator) -> str:
    steps = operator.inputs[3].values if len(operator.inputs) > 3 else ()
    if any(step != 1 for step in steps):
        return "takes every other element"
    if operator.option("ellipsisMask") or operator.option("newAxisMask"):
        return "adds axes as it slices"
    return ""


_KNOWN: dict[str, Limit] = {
    "ADD": _nothing, "AVERAGE_POOL_2D": _without_activation, "CONCATENATION": _concatenation,
    "CONV_2D": _same_dilation, "DEPTHWISE_CONV_2D": _same_dilation, "EXPAND_DIMS": _nothing,
    "FULLY_CONNECTED": _fully_connected, "L2_NORMALIZATION": _nothing, "LOGISTIC": _nothing,
    _LSTM: _nothing, "MAXIMUM": _nothing,
    "MAX_POOL_2D": _without_activation, "MEAN": _mean, "MINIMUM": _nothing, "MUL": _nothing,
    "PACK": _packed, "PAD": _padding, "PRELU": _prelu, "QUANTIZE": _nothing,
    "REDUCE_MAX": _not_over_batch, "REDUCE_MIN": _not_over_batch, "RELU": _nothing,
    "RELU6": _nothing, "RELU_N1_TO_1": _nothing, "RESHAPE": _nothing,
    "RESIZE_BILINEAR": _nothing, "RESIZE_NEAREST_NEIGHBOR": _nothing, "RSQRT": _nothing,
    "SLICE": _nothing, "SOFTMAX": _softmax, "SPACE_TO_DEPTH": _nothing, "SPLIT": _nothing,
    "SQUEEZE": _squeeze, "STRIDED_SLICE": _strided, "SUB": _nothing, "SUM": _not_over_batch,
    "SQUARED_DIFFERENCE": _nothing, "TANH": _nothing, "TRANSPOSE": _nothing,
    "TRANSPOSE_CONV": _nothing,
}  # fmt: skip
