"""Step graph → an int8 `.tflite` that keeps its state, of the few operators of microWakeWord.

ESPHome compiles TFLite Micro with just the operators in `OPERATORS`. Two that step graphs have are
not among them, and both have an equal one there: a slice is a strided slice, and a rectifier of
integers is a change of their scale, since integers end where the rectifier does.
"""

from __future__ import annotations

import numpy as np

from edgenets.errors import ConversionError
from edgenets.quantization import Quantization, quantize

from .graph import Activation, Op, Slice, State, StepGraph
from .plan import Plan
from .tflite import TFLiteWriter

# What ESPHome's component micro_wake_word registers for streaming models.
OPERATORS = frozenset(
    {
        *("CALL_ONCE", "VAR_HANDLE", "RESHAPE", "READ_VARIABLE", "STRIDED_SLICE", "CONCATENATION"),
        *("ASSIGN_VARIABLE", "CONV_2D", "MUL", "ADD", "MEAN", "FULLY_CONNECTED", "LOGISTIC"),
        *("QUANTIZE", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "PACK"),
        "SPLIT_V",
    }
)

# A probability in 8 bits, from 0 to 255/256.
PROBABILITY = Quantization(1 / 256, 0, "uint8")

# QUANTIZE and STRIDED_SLICE of integers are of version 2.
_OF_INTEGERS = 2


class StatefulWriter(TFLiteWriter):
    """Writes one step graph, whose only output is a probability."""

    def __init__(self, graph: StepGraph, plan: Plan) -> None:
        super().__init__(graph, "int8", plan)

    def write_stateful(self, source: Quantization) -> bytes:
        """The `.tflite` file: (1, frames, channels) int8 to (1, 1) uint8.

        Args:
            source: how the input's integers stand for features.

        Raises:
            ConversionError: the graph has what such files have no operator for.
        """
        graph, model = self._graph, self._model
        self._check()
        model.operator("CALL_ONCE", [], [], initSubgraphIndex=1)
        given = self._given(source)
        handles = [model.variable(state.input) for state in graph.states]
        for state, handle in zip(graph.states, handles, strict=True):
            model.operator("READ_VARIABLE", [handle], [self._new(state.input, True)])
        for op in graph.ops:
            self._emit(op)
        for state, handle in zip(graph.states, handles, strict=True):
            model.operator("ASSIGN_VARIABLE", [handle, self._integer_index(state.output)], [])
        found = self._integer_index(graph.output)
        flat = self._into(found, model.tensor_like(found, (1, 1)))
        result = model.tensor("", (1, 1), "uint8", PROBABILITY)
        model.operator("QUANTIZE", [flat], [result], _OF_INTEGERS)
        if missing := model.operators - OPERATORS:
            raise ConversionError(
                f"{graph.name}: needs {', '.join(sorted(missing))}, which microWakeWord's devices "
                f"do not have; a causal convolutional network (kws-dscnn) needs none of it"
            )
        self._initialized()
        return model.finish([("features", given)], [("probability", result)])

    def _check(self) -> None:
        for state in self._graph.states:
            if (
                state.float_only
                or state.hold
                or state.initial_input
                or not self._is_integer(state.input)
            ):
                raise ConversionError(
                    f"layer '{state.layer}': its state is no plain integers from the beginning, as "
                    f"microWakeWord's devices want it; a causal convolutional network's is"
                )

    def _given(self, source: Quantization) -> int:
        """The input, and the same in the scale that the graph takes."""
        name, model = self._graph.input, self._model
        frames, channels = self._graph.shapes[name]
        public = model.tensor("", (1, frames, channels), "int8", source)
        row = self._into(public, model.tensor_like(public, (1, frames, 1, channels)))
        model.operator("QUANTIZE", [row], [self._new(name, True)], _OF_INTEGERS)
        return public

    def _emit(self, op: Op) -> None:
        if isinstance(op, Slice):
            self._strided(op)
        elif isinstance(op, Activation) and op.kind == "relu":
            inputs = self._inputs(op)
            self._model.operator("QUANTIZE", inputs, [self._new(op.output, True)], _OF_INTEGERS)
        else:
            super()._emit(op)

    def _strided(self, op: Slice) -> None:
        axis = 1 if op.axis == 0 else 3
        inputs = self._inputs(op)
        out = self._new(op.output, True)
        begin, end = [0, 0, 0, 0], list(self._model.shape(inputs[0]))
        begin[axis], end[axis] = op.start, op.start + op.size
        places = [self._ints(values) for values in (begin, end, [1, 1, 1, 1])]
        self._model.operator("STRIDED_SLICE", [*inputs, *places], [out], _OF_INTEGERS)

    def _initialized(self) -> None:
        """The subgraph that gives all states their first values."""
        self._model.begin_graph("initialize")
        for state in self._graph.states:
            value = self._model.constant_like(self._first(state), self._quantization(state.input))
            self._model.operator("ASSIGN_VARIABLE", [self._model.variable(state.input), value], [])

    def _first(self, state: State) -> np.ndarray:  # type: ignore[type-arg]
        frames, channels = self._graph.shapes[state.input]
        real = np.full((1, frames, 1, channels), state.initial, np.float32)
        return quantize(real, self._quantization(state.input))
