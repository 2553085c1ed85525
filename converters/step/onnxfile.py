"""An ONNX file under construction: nodes and initializers, no idea of step graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from edgenets.arrays import Array
from edgenets.extras import require


class OnnxFile:
    """Collects nodes and constants; `finish` gives the bytes."""

    def __init__(self, name: str) -> None:
        self.onnx = require("onnx")
        self._name = name
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}

    def node(self, code: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append an operator of one output, and give the output's name."""
        self.nodes(code, inputs, [output], **attributes)
        return output

    def nodes(
        self, code: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Append an operator."""
        self._nodes.append(self.onnx.helper.make_node(code, inputs, outputs, **attributes))

    def publish(self, name: str, public: str) -> None:
        """Give a tensor to the outside, by a name of its own."""
        self.node("Identity", [name], public)

    def ints(self, values: Sequence[int]) -> str:
        """A constant of 64-bit integers, as shapes and axes are."""
        return self.constant(np.asarray(values, np.int64))

    def constant(self, value: Array) -> str:
        """An initializer; equal ones are stored once."""
        value = np.ascontiguousarray(value) if value.ndim else value
        key = f"{value.dtype}{value.shape}{value.tobytes()!r}"
        if key not in self._initializers:
            name = f"constant_{len(self._initializers)}"
            self._initializers[key] = self.onnx.numpy_helper.from_array(value, name)
        found: str = self._initializers[key].name
        return found

    def value(self, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> Any:
        """What an input or output of the file is announced as; an axis with a name is open."""
        element = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, element, shape)

    def finish(
        self, inputs: Sequence[Any], outputs: Sequence[Any], opset: int, ir_version: int
    ) -> bytes:
        """The file, checked by ONNX's own checker."""
        helper = self.onnx.helper
        constants = list(self._initializers.values())
        model = helper.make_model(
            helper.make_graph(self._nodes, self._name, inputs, outputs, constants),
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=ir_version,
            producer_name="edgenets",
        )
        self.onnx.checker.check_model(model, full_check=True)
        blob: bytes = model.SerializeToString()
        return blob
