"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .node import Node, operator
from .value import Value


@operator("Gemm")
def affine(node: Node) -> Value:
    """α · A · B + β · C."""
    tf = node.tf
    a = node.value(0).as_onnx
    b = node.value(1).as_onnx
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    made = tf.matmul(
        a, b, transpose_a=bool(node.get("transA", 0)), transpose_b=bool(node.get("transB", 0))
    )
    if alpha != 1.0:
        made = made * np.asarray(alpha, node.value(0).dtype)
    if node.has(2) and beta != 0.0:
        c = node.value(2).as_onnx
        c = c if beta == 1.0 else c * np.asarray(beta, node.value(0).dtype)
        width = int(made.shape[-1])
        is_row = node.value(2).shape in ((width,), (1, width))
        made = tf.nn.bias_add(made, tf.reshape(c, (width,))) if is_row else made + c
    return Value.plain(made)


@operator("MatMul")
def product(node: Node) -> Value:
    """As NumPy's matmul."""
    tf, a, b = node.tf, node.value(0), node.value(1)
    x, y = a.as_onnx, _second(b)
    swapped = b.rank > 1 and _is_swapped(b)
    if a.rank == 1:
        x = tf.reshape(x, (1, -1))
    if b.rank == 1:
        y = tf.reshape(y, (-1, 1))
    if a.rank > 2 and b.rank == 2:  # one product instead of one an item
        made = tf.matmul(tf.reshape(x, (-1, a.shape[-1])), y, transpose_b=swapped)
        return Value.plain(tf.reshape(made, (*a.shape[:-1], b.shape[-1])))
    made = tf.matmul(x, y, transpose_b=swapped)
    if a.rank == 1:
        made = tf.squeeze(made, -2)
    if b.rank == 1:
        made = tf.squeeze(made, -1)
    return Value.plain(made)


def _is_swapped(value: Value) -> bool:
    """Whether a tensor lies with ONNX's last two axes the other way round."""
    r = value.rank
    return not value.is_constant and value.order == (*range(r - 2), r - 1, r - 2)


def _second(value: Value) -> Any:
    return value.tensor if value.rank > 1 and _is_swapped(value) else value.as_onnx


@operator("Einsum")
def einsum(node: Node) -> Value:
    """By Einstein's convention."""
    equation = node.get("equation").replace(" ", "")
    return Value.plain(node.tf.einsum(equation, *(v.as_onnx for v in node.values())))
