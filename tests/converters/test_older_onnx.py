"""ONNX files as they were written years ago, or by other exporters than ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.source import open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.whole.onnxround import weights_in_bytes
from edgenets.data.items import Items
from edgenets.errors import ModelError

# Networks that learned nothing decide by hairs.
_BY_CHANCE = ("agreement", "metric_drop")

FLOAT = onnx.TensorProto.FLOAT


def saved(
    path: Path, nodes: list[Any], weights: dict[str, NDArray[Any]], opset: int = 17, ir: int = 8,
    shape: tuple[int, ...] = (1, 12), out: tuple[int, ...] = (1, 8), kind: int = FLOAT,
) -> Path:  # fmt: skip
    held = [onnx.numpy_helper.from_array(v, n) for n, v in weights.items()]
    inputs = [make_tensor_value_info("x", kind, shape)]
    if ir < 4:  # constants were inputs, too
        inputs += [make_tensor_value_info(t.name, t.data_type, t.dims) for t in held]
    graph = make_graph(nodes, "g", inputs, [make_tensor_value_info("y", kind, out)], held)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", opset)], ir_version=ir), path)
    return path


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def carried(path: Path, shape: tuple[int, ...] = (12,)) -> set[str]:
    """The artifacts in ONNX and OpenVINO, all of which pass."""
    source = open_source(path)
    items = {"x": random(24, *shape)}
    found = convert_source(
        Job(source, items), ("onnx", "openvino"), ("fp32", "fp16", "dynamic", "int8")
    )
    assert not found.missing, found.missing
    report = Judge(SourceReference(source, Items(items))).verify(found.written)
    for verdict in report.verdicts:
        failed = [c for c in verdict.checks if not c.passed and c.name not in _BY_CHANCE]
        assert not verdict.error and not failed, verdict
    return {w.artifact.id for w in found.written}


def test_constants_that_are_inputs_and_an_old_opset(tmp_path: Path) -> None:
    nodes = [make_node("Gemm", ["x", "w", "b"], ["a"], transB=1), make_node("Relu", ["a"], ["y"])]
    weights = {"w": random(8, 12), "b": random(8)}
    made = carried(saved(tmp_path / "a.onnx", nodes, weights, opset=9, ir=3))
    assert made == {f"{f}-{p}" for f in ("onnx", "openvino")
                    for p in ("fp32", "fp16", "dynamic", "int8")}  # fmt: skip


def test_a_matrix_that_is_turned_has_a_scale_for_each_output(tmp_path: Path) -> None:
    weights = {"w": random(8, 12), "b": random(8)}
    node = make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    model = weights_in_bytes(onnx.load(saved(tmp_path / "a.onnx", [node], weights)))
    scales = next(t for t in model.graph.initializer if t.name == "w/scale")
    assert list(scales.dims) == [8]


def test_a_product_with_a_vector(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.onnx", [make_node("MatMul", ["x", "v"], ["y"])], {"v": random(80)},
        shape=(1, 4, 80), out=(1, 4),
    )  # fmt: skip
    assert "onnx-dynamic" in carried(path, (4, 80))


def test_branches_see_what_stands_around_them(tmp_path: Path) -> None:
    """Names are shortened when integers are made; a branch uses the outer ones."""
    nodes = [
        make_node("MatMul", ["x", "w"], ["a"], name="/one/MatMul"),
        make_node("ReduceSum", ["a"], ["total"], keepdims=0),
        make_node("Greater", ["total", "nought"], ["positive"]),
        make_node(
            "If", ["positive"], ["y"],
            then_branch=make_graph([make_node("Relu", ["a"], ["t"])], "t", [],
                                   [make_tensor_value_info("t", FLOAT, (1, 8))]),
            else_branch=make_graph([make_node("Neg", ["a"], ["e"])], "e", [],
                                   [make_tensor_value_info("e", FLOAT, (1, 8))]),
        ),
    ]  # fmt: skip
    weights = {"w": random(12, 8), "nought": np.zeros((), np.float32)}
    source = open_source(saved(tmp_path / "a.onnx", nodes, weights))
    found = convert_source(Job(source, {"x": random(24, 12)}), ("onnx",), ("int8",))
    report = Judge(SourceReference(source, Items({"x": random(24, 12)}))).verify(found.written)
    (verdict,) = report.verdicts
    assert not verdict.error, verdict.error
    assert all(c.passed for c in verdict.checks if c.name not in _BY_CHANCE), verdict


@pytest.mark.parametrize("kind", [onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE])
def test_types_that_no_artefact_has(tmp_path: Path, kind: int) -> None:
    path = saved(tmp_path / "a.onnx", [make_node("Relu", ["x"], ["y"])], {}, out=(1, 12), kind=kind)
    with pytest.raises(ModelError, match=r"tensor x: is of float(16|64); float32, int8"):
        open_source(path)
