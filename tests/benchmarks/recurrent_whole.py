"""A whole recurrent model in ONNX beside ONNX Runtime's own operator with the same weights.

    python -m tests.benchmarks.recurrent_whole [STEPS] [UNITS]

Prints how large the file is beside its weights, and how long an item takes beside a model that is
nothing but the GRU operator and the product behind it, written by hand: pairs in turn, one thread.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
from keras import layers
from onnx import helper, numpy_helper

from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of

CHANNELS, CLASSES = 40, 10
PAIRS, ITEMS = 40, 10


def by_hand(model: keras.Model, steps: int, units: int) -> bytes:
    """The operator and a product, with time first as the operator has it."""
    gru, dense = (layer for layer in model.layers if layer.weights)
    kernel, again, bias = (np.asarray(w) for w in gru.cell.weights)
    held = {
        "W": kernel.T[None], "R": again.T[None], "B": bias.reshape(1, -1),
        "K": np.asarray(dense.kernel), "b": np.asarray(dense.bias),
    }  # fmt: skip
    nodes = [
        helper.make_node("GRU", ["x", "W", "R", "B"], ["", "h"], hidden_size=units,
                         linear_before_reset=1),
        helper.make_node("MatMul", ["h", "K"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"]),
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [steps, 1, CHANNELS])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 1, CLASSES])
    graph = helper.make_graph(
        nodes, "bare", [x], [y], [numpy_helper.from_array(v, n) for n, v in held.items()]
    )
    opset = helper.make_opsetid("", 13)
    found: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return found


def session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def timed(run: Any, name: str, x: Any) -> float:
    begun = time.perf_counter()
    for _ in range(ITEMS):
        run.run(None, {name: x})
    return (time.perf_counter() - begun) / ITEMS


def main(steps: int, units: int) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [layers.Input((steps, CHANNELS), name="x"), layers.GRU(units), layers.Dense(CLASSES)]
    )
    begun = time.perf_counter()
    source = source_of(model, Path("gru.keras"))
    (written,) = convert_source(Job(source), ("onnx",), ("fp32",)).written
    taken = time.perf_counter() - begun
    (content,) = written.files.values()
    ours, bare = session(content), session(by_hand(model, steps, units))
    x = np.random.default_rng(0).standard_normal((1, steps, CHANNELS)).astype(np.float32)
    turned = x.transpose(1, 0, 2).copy()
    apart = np.abs(ours.run(None, {"x": x})[0] - bare.run(None, {"x": turned})[0][0]).max()
    timed(ours, "x", x), timed(bare, "x", turned)
    pairs = [(timed(ours, "x", x), timed(bare, "x", turned)) for _ in range(PAIRS)]
    ratios = np.array([a / b for a, b in pairs])
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    print(
        f"GRU({units}) over {steps} steps: {len(content):,} bytes, "
        f"{len(content) / (4 * model.count_params()):.3f} times its weights; converted in "
        f"{taken:.1f} s; an item takes {1e3 * np.median([a for a, _ in pairs]):.2f} ms, "
        f"{middle:.3f} times the bare operator ({low:.3f} to {high:.3f}, {PAIRS} pairs); "
        f"{apart:.1e} apart"
    )


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3])) if len(sys.argv) > 2 else main(500, 64)
