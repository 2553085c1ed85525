"""A stand-in for `edgetpu_compiler`: it takes its options, prints its lines and writes a file of
one operator with the inputs and outputs of the source, as the real one does where all is mapped.

    python -m tests.accelerators.compiler -s -o FOLDER MODEL
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from edgenets.converters.sources import tflite_file
from edgenets.extras import require


def compiled(model: bytes, operator: str = "edgetpu-custom-op") -> bytes:
    """A file whose one operator stands for all of another's."""
    schema = require("ai_edge_litert.schema_py_generated")
    tree = tflite_file.tree_of(Path("model"), model)
    graph = tree.subgraphs[0]
    ends = [*graph.inputs, *graph.outputs]
    tensors = [graph.tensors[i] for i in ends]
    for tensor in tensors:
        tensor.buffer = 0
    code, one = schema.OperatorCodeT(), schema.OperatorT()
    code.customCode, code.version = operator.encode(), 1
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    graph.tensors = tensors
    graph.inputs = np.arange(len(graph.inputs), dtype=np.int32)
    graph.outputs = np.arange(len(graph.inputs), len(ends), dtype=np.int32)
    one.opcodeIndex, one.inputs, one.outputs = 0, graph.inputs, graph.outputs
    graph.operators, tree.operatorCodes = [one], [code]
    tree.signatureDefs, tree.metadata = [], []
    tree.buffers = [schema.BufferT()]
    return tflite_file.packed(tree)


def main() -> None:
    *_, folder, source = sys.argv[1:]
    mode = os.environ.get("STAND_IN_COMPILER", "")
    model = Path(source).read_bytes()
    print("Edge TPU Compiler version 16.0.384591198")
    if mode == "refuses":
        print(f"Invalid model: {source}\nModel not quantized")
        sys.exit(1)
    names = operators(model)
    made = Path(folder) / f"{Path(source).stem}_edgetpu.tflite"
    made.write_bytes(model if mode == "maps nothing" else compiled(model))
    status = "Operation is working on an unsupported data type"
    print(
        "On-chip memory used for caching model parameters: 96.50KiB\n"
        "Off-chip memory used for streaming uncached model parameters: 0.00B\n"
        "Number of Edge TPU subgraphs: 1\n"
        f"Total number of operations: {sum(names.values())}\n\n"
        f"{'Operator':<30} {'Count':<10} Status\n"
    )
    for name, count in names.items():
        print(f"{name:<30} {count:<10} {status if mode else 'Mapped to Edge TPU'}")


def custom(model: bytes) -> set[str]:
    return tflite_file.custom_of(tflite_file.tree_of(Path("model"), model))


def operators(model: bytes) -> Counter[str]:
    schema = require("ai_edge_litert.schema_py_generated")
    names: dict[Any, str] = {v: k for k, v in vars(schema.BuiltinOperator).items()
                             if isinstance(v, int)}  # fmt: skip
    tree = tflite_file.tree_of(Path("model"), model)
    codes = [names[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in tree.operatorCodes]
    return Counter(codes[o.opcodeIndex] for o in tree.subgraphs[0].operators)


if __name__ == "__main__":
    main()
