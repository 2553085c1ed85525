"""x · Φ(x), which exporters write out as five operators in ever other order, as the one it is.

TFLite has an operator for it, with an integer kernel, and none for the error
function inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose, sqrt
from typing import Any

from edgenets.extras import require

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
                (abs(self.inner), sqrt(0.5)), (self.scale * self.offset, 0.5), (half, 0.5),
            )
        )  # fmt: skip


def with_gelus(model: Any) -> Any:
    """A copy of an `onnx.ModelProto` in which every written-out GELU is a node of that name."""
    onnx = require("onnx")
    if not any(node.op_type == "Erf" for node in model.graph.node):
        return model
    copy = onnx.ModelProto()
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


def _constants(graph: Any) -> dict[str, float]:
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


def _term(node: Any, terms: dict[str, _Term], constants: dict[str, float]) -> _Term | None:
    """What a node gives, where that can be part of a GELU."""
    names = list(node.input)

    def of(name: str) -> _Term:
        return terms.get(name, _Term(name, 1.0, 1, 1.0))

    if node.op_type == "Erf" and of(names[0]).is_linear:
        linear = of(names[0])
        return _Term(linear.x, 1.0, 0, 0.0, 1.0, linear.scale * linear.offset)
    if node.op_type == "Neg":
        return replace(of(names[0]), scale=-of(names[0]).scale)
    if len(names) != 2:
        return None
    a, b = names
    if node.op_type == "Mul":
        if b in constants or a in constants:
            a, b = (a, b) if b in constants else (b, a)
            return replace(of(a), scale=of(a).scale * constants[b])
        one, two = of(a), of(b)
        if one.x == two.x and one.power + two.power == 1 and (one.share == 0 or two.share == 0):
            linear, other = (one, two) if one.power else (two, one)
            if linear.is_linear:
                scale = linear.scale * linear.offset * other.scale
                return replace(other, power=1, scale=scale)
        return None
    if node.op_type == "Div" and b in constants and constants[b]:
        return replace(of(a), scale=of(a).scale / constants[b])
    if node.op_type in ("Add", "Sub"):
        sign = -1.0 if node.op_type == "Sub" else 1.0
        if b in constants and of(a).share:
            term, added, factor = of(a), sign * constants[b], 1.0
        elif a in constants and of(b).share:
            term, added, factor = of(b), constants[a], sign
        else:
            return None
        if term.power:
            return None
        scale = factor * term.scale
        return replace(
            term, scale=1.0, offset=scale * term.offset + added, share=scale * term.share
        )
    return None


def _without_unused(graph: Any) -> None:
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
