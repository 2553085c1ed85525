"""An int8 step on ONNX Runtime with its quantized kernels and without, in one run.

    python -m tests.benchmarks.onnx_step [BUNDLE]

Both sessions get the same inputs, in turns; the ratio is of the medians.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import onnxruntime

import edgenets


def session(model: bytes, quantized_kernels: bool) -> onnxruntime.InferenceSession:
    """A session on one thread."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    if not quantized_kernels:
        settings.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def main(name: str = "kws-gru", steps: int = 300, rounds: int = 21) -> None:
    """Measure both in turns and print the ratio."""
    bundle = edgenets.load(name)
    artifact = bundle.artifact("onnx-int8")
    model = bundle.files(artifact)[artifact.files[0]]
    sessions = {kind: session(model, kind == "quantized") for kind in ("quantized", "float")}
    types = {"tensor(float)": np.float32, "tensor(int8)": np.int8}
    feeds = {i.name: np.zeros(i.shape, types[i.type]) for i in sessions["float"].get_inputs()}
    times: dict[str, list[float]] = {kind: [] for kind in sessions}
    for _ in range(rounds):
        for kind, run in ((k, s.run) for k, s in sessions.items()):
            start = time.perf_counter()
            for _ in range(steps):
                run(None, feeds)
            times[kind].append(1e6 * (time.perf_counter() - start) / steps)
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    for kind, median in medians.items():
        print(f"{name} onnx-int8, {kind} kernels: {median:.1f} µs a step")
    print(f"ratio of medians {medians['quantized'] / medians['float']:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
