"""x · Φ(x), which exporters write out as five operators in ever other order, as the one it is.

TFLite has an operator for it, with an integer kernel, and none for the error
function inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isclose, sqrt
from typing import TYPE_CHECKING

from edgenets.extras import require

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

# Of what a graph's 32-bit constants may be off by.
_CLOSE = 1e-5


@dataclass(frozen=True)
class _Term:
    """A tensor as scale · xᵖ · (offset + share · erf(inner · x)), p zero or one."""

    x: str
    scale: float = 1.0
    power: int = 0
    offset: float = 0.0
    share: float = 0.0
    inner: float = 0.0

    @property
    def is_linear(self) -> bool:
        return self.power == 1 and not self.share

    @property
    def is_gelu(self) -> bool:
        half = self.scale * self.share * (1 if self.inner > 0 else -1)
        return self.power == 1 and all(
            isclose(found, wanted, rel_tol=_CLOSE)
            for found, wanted in (
                (abs(self.inner), sqrt(0.5)),
                (self.scale * self.offset, 0.5),
                (half, 0.5),
            )
        )


def with_gelus(model: ModelProto) -> ModelProto:
    """A copy of an `onnx.ModelProto` in which every written-out GELU is a node of that name."""
    onnx = require("onnx")
    if not any(node.op_type == "Erf" for node in model.graph.node):
        return model
    copy: ModelProto = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = _constants(copy.graph)
    terms: dict[str, _Term] = {}
    for node in copy.graph.node:
        term = _term(node, terms, constants)
        if term is None:
            continue
        terms[node.output[0]] = term
        if term.is_gelu:
            made = onnx.helper.make_node("Gelu", [term.x], list(node.output), node.name)
            node.CopyFrom(made)
    _without_unused(copy.graph)
    return copy


def _constants(graph: GraphProto) -> dict[str, float]:
    """Single numbers that stand in a graph, by name."""
    onnx = require("onnx")
    named = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            named += [(node.output[0], a.t) for a in node.attribute if a.name == "value"]
    return {
        name: float(onnx.numpy_helper.to_array(tensor).reshape(()))
        for name, tensor in named
        if all(d == 1 for d in tensor.dims)
    }


_Operand = _Term | float  # a number is a constant of the graph


def _erf(x: _Operand) -> _Term | None:
    if isinstance(x, float) or not x.is_linear:
        return None
    return _Term(x.x, 1.0, 0, 0.0, 1.0, x.scale * x.offset)


def _negative(x: _Operand) -> _Operand:
    return -x if isinstance(x, float) else replace(x, scale=-x.scale)


def _product(a: _Operand, b: _Operand) -> _Term | None:
    if isinstance(a, float):
        a, b = b, a
    if isinstance(a, float):
        return None
    if isinstance(b, float):
        return replace(a, scale=a.scale * b)
    linear, other = (a, b) if a.power else (b, a)
    if a.x != b.x or not linear.is_linear or other.power:
        return None
    return replace(other, power=1, scale=linear.scale * linear.offset * other.scale)


def _quotient(a: _Operand, b: _Operand) -> _Term | None:
    if isinstance(a, float) or not isinstance(b, float) or not b:
        return None
    return replace(a, scale=a.scale / b)


def _sum(a: _Operand, b: _Operand) -> _Term | None:
    """Of a constant and a term with an error function in it that was not multiplied by x."""
    if isinstance(a, float):
        a, b = b, a
    if isinstance(a, float) or not isinstance(b, float) or not a.share or a.power:
        return None
    return replace(a, scale=1.0, offset=a.scale * a.offset + b, share=a.scale * a.share)


def _difference(a: _Operand, b: _Operand) -> _Term | None:
    return _sum(a, _negative(b))


# What operators give for terms and constants; None: nothing that can be part of a GELU.
_RULES: dict[str, Callable[..., _Operand | None]] = {
    "Add": _sum,
    "Div": _quotient,
    "Erf": _erf,
    "Mul": _product,
    "Neg": _negative,
    "Sub": _difference,
}


def _term(node: NodeProto, terms: dict[str, _Term], constants: dict[str, float]) -> _Term | None:
    """What a node gives, where that can be part of a GELU."""

    def of(name: str) -> _Operand:
        return constants.get(name, terms.get(name, _Term(name, 1.0, 1, 1.0)))

    rule = _RULES.get(node.op_type)
    found = None if rule is None else rule(*map(of, node.input))
    return found if isinstance(found, _Term) else None


def _without_unused(graph: GraphProto) -> None:
    """Leave out what nothing takes any more."""
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        inner = [n for a in node.attribute if a.HasField("g") for n in a.g.node]
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
            wanted.update(name for n in inner for name in n.input)
    nodes = list(reversed(kept))
    del graph.node[:]
    graph.node.extend(nodes)
