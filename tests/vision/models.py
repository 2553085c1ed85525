"""Bundles for tests that need a model of images and not its training.

Each is a few operators of ONNX, made by hand: it answers by the colors of the
image, so what it must find can be said.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgenets.artifact import Artifact, TensorInfo
from edgenets.bundle import CARD, GOLDEN_IMAGE, REPORT, Bundle, golden_name, write
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    ClassDecoding,
    ImageInput,
    ImageSpec,
    MaskDecoding,
    PointHead,
)

SIZE, STRIDE = 64, 8
FRAME = ImageInput(height=SIZE, width=SIZE)

CLASSIFY = ImageSpec(
    "colors", "classify", ("red", "green", "blue"), FRAME, ClassDecoding(threshold=0.4)
)
DETECT = ImageSpec(
    "reds", "detect", ("red", "blue"), FRAME,
    BoxDecoding(head=PointHead(strides=(STRIDE,)), threshold=0.5, iou=0.3),
)  # fmt: skip
SEGMENT = ImageSpec(
    "mask", "segment", ("ground", "red"), FRAME, MaskDecoding(background=("ground",))
)


def _model(
    nodes: list[object], weights: dict[str, np.ndarray], outputs: dict[str, list[int]]
) -> bytes:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, SIZE, SIZE, 3])
    graph = helper.make_graph(
        nodes, "test", [image], values, [numpy_helper.from_array(w, n) for n, w in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _written(spec: ImageSpec) -> tuple[bytes, dict[str, list[int]]]:
    """The model of a spec, and its outputs."""
    if spec.task == "classify":  # the mean of each color, against the others
        outputs = {"logits": [1, 3]}
        nodes = [
            helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("Mul", ["mean", "ten"], ["logits"]),
        ]
        return _model(nodes, {"ten": np.array(10.0, np.float32)}, outputs), outputs
    cells = SIZE // STRIDE
    mix = np.zeros((2, 3, 1, 1), np.float32)
    mix[0, :, 0, 0], mix[1, :, 0, 0] = (20, -10, -10), (-10, -10, 20)
    lower = np.full((1, 2, 1, 1), -8.0, np.float32)
    if spec.task == "detect":  # a score where a cell is red or blue; a box of fixed size
        outputs = {"boxes_8": [1, cells, cells, 4], "scores_8": [1, cells, cells, 2]}
        nodes = [
            helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node(
                "AveragePool", ["planes"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]
            ),
            helper.make_node("Conv", ["cells", "mix"], ["mixed"]),
            helper.make_node("Add", ["mixed", "lower"], ["shifted"]),
            helper.make_node("Transpose", ["shifted"], ["scores_8"], perm=[0, 2, 3, 1]),
            helper.make_node("Mul", ["scores_8", "zero"], ["none"]),
            helper.make_node("Concat", ["none", "none"], ["four"], axis=3),
            helper.make_node("Add", ["four", "three"], ["boxes_8"]),
        ]
        weights = {
            "mix": mix, "lower": lower, "zero": np.array(0.0, np.float32),
            "three": np.array(3.0, np.float32),
        }  # fmt: skip
        return _model(nodes, weights, outputs), outputs
    mix[0] = 0
    mix[1, :, 0, 0] = (20, -10, -10)
    outputs = {"logits": [1, SIZE, SIZE, 2]}
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "mix"], ["mixed"]),
        helper.make_node("Add", ["mixed", "lower"], ["shifted"]),
        helper.make_node("Transpose", ["shifted"], ["logits"], perm=[0, 2, 3, 1]),
    ]
    lower[0, 0] = 0
    return _model(nodes, {"mix": mix, "lower": lower}, outputs), outputs


def make_bundle(path: Path, spec: ImageSpec, **changes: object) -> Bundle:
    """A bundle of one ONNX artifact."""
    from edgenets.backend import load
    from edgenets.tasks.vision.golden import golden_image, golden_png, output_of

    spec = replace(spec, **changes)  # type: ignore[arg-type]
    model, outputs = _written(spec)
    infos = tuple(TensorInfo(n, tuple(s), "float32") for n, s in outputs.items())
    source = TensorInfo("image", FRAME.shape, "float32")
    artifact = Artifact("onnx", "fp32", ("onnx-fp32.onnx",), (source,), infos)
    files = {"onnx-fp32.onnx": model}
    answer = output_of(spec, load("onnx", artifact, files), golden_image(FRAME))
    others = {
        REPORT: b"{}", CARD: b"# test\n", GOLDEN_IMAGE: golden_png(FRAME),
        golden_name(artifact): answer.astype("<f4").tobytes(),
    }  # fmt: skip
    write(path, spec, {artifact: files}, others, "test", "test")
    return Bundle(path)
