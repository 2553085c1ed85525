"""ONNX models as step graphs: each frame as the whole model gives it, or a true reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.converters.onnxstep.walk import walk
from edgenets.converters.routes.folder import convert_file, job_of, verify_folder
from edgenets.converters.sources.onnx_file import source_of
from edgenets.converters.step.reference import Reference
from edgenets.converters.verify.appendix import Wanted
from edgenets.errors import ConversionError
from tests.converters.onnxnets import WIDTH, Graph, drawn

FORMATS = ("tflite", "onnx", "openvino")


def answered(model: Any, x: Any) -> Any:
    """What ONNX Runtime makes of one sequence."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def sequence(model: Any, frames: int, seed: int = 0) -> Any:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    turned = dims[1].dim_value == WIDTH
    x = np.random.default_rng(seed).standard_normal((1, frames, WIDTH)).astype(np.float32)
    return x.swapaxes(1, 2).copy() if turned else x


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), st.booleans())
def test_steps_are_the_whole_model(seed: int, is_open: bool) -> None:
    length = 40
    held(drawn(seed, None if is_open else length), length, seed & 0xFF)


def held(model: Any, length: int, seed: int) -> None:
    """Hold the steps of a model against the whole of it."""
    source = source_of(Path("net.onnx"), model)
    found = walk(source.model, source.inputs, {})
    x = sequence(model, length, seed)
    wanted = answered(model, x)
    reference, rows = Reference(found.graph), found.rows(x)
    frames = found.graph.frames
    steps = [reference.step(rows[:, at : at + frames]) for at in range(0, rows.shape[1], frames)]
    made = np.concatenate(steps, axis=1)[0]
    tail = made[-1:] if wanted.ndim == 2 else made
    assert tail.size == wanted.size
    assert np.abs(tail.reshape(wanted.shape) - wanted).max() < 1e-4 * (1 + np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_they_go_all_the_way_in_integers(seed: int, tmp_path: Path) -> None:
    model = drawn(seed)
    onnx.save(model, str(tmp_path / "net.onnx"))
    rng = np.random.default_rng(seed)
    time = np.arange(48)[:, None]
    waves = [
        np.sin(time * rng.uniform(0.02, 0.6, WIDTH) + rng.uniform(0, 6, WIDTH)) for _ in range(80)
    ]
    items = np.stack(waves).astype(np.float32)
    if sequence(model, 3).shape[1] == WIDTH:
        items = items.swapaxes(1, 2).copy()
    np.save(tmp_path / "cal.npy", items[:40])
    np.save(tmp_path / "test.npy", items[40:])
    out = tmp_path / "out"
    found = convert_file(
        job_of(tmp_path / "net.onnx", tmp_path / "cal.npy"), out, FORMATS, ("fp32", "int8")
    )
    assert all(w.route[0].startswith("walk") for w in found.written), found.missing
    assert len(found.written) == 6
    report = verify_folder(out, tmp_path / "test.npy", wanted=Wanted(only_verdict=True))
    assert all(v.passed for v in report.verdicts if v.precision == "fp32")
    assert all(v.agreement > 0.8 for v in report.verdicts), [v.why for v in report.verdicts]


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_the_last_states_of_layers_side_by_side(layer: int) -> None:
    """As PyTorch's exporter gives h_n of several layers, of which one is taken."""
    g = Graph(layer + 5)
    first = g.add("Transpose", "x", perm=[1, 0, 2])
    names = []
    for inside in (WIDTH, 4):
        weights = [g.drawn(1, 12, inside), g.drawn(1, 12, 4)]
        every = g.add("GRU", first, *weights, outputs=2, hidden_size=4)
        names.append(every.replace("_0", "_1"))
        first = g.add("Squeeze", every, g.hold([1], np.int64))
    both = g.add("Concat", *names, axis=0)
    chosen = g.add("Gather", both, g.hold(layer, np.int64), axis=0)
    held(g.model(20, [g.add("MatMul", chosen, g.drawn(4, 3))]), 20, 1)


def refused(g: Graph, output: str, **more: Any) -> str:
    model = g.model(more.pop("length", 30), [output], **more)
    source = source_of(Path("net.onnx"), model)
    with pytest.raises(ConversionError) as found:
        walk(source.model, source.inputs, {})
    return str(found.value)


class TestRefusals:
    def test_what_looks_ahead(self) -> None:
        g = Graph(0)
        y = g.add("Conv", "x", g.drawn(4, WIDTH, 3), kernel_shape=[3], pads=[1, 1])
        assert "ahead" in refused(g, y, turned=True) or "padding in time" in refused(
            g, y, turned=True
        )

    @pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
    def test_what_runs_backwards(self, direction: str) -> None:
        g, count = Graph(0), 2 if direction == "bidirectional" else 1
        weights = [g.drawn(count, 12, WIDTH), g.drawn(count, 12, 4)]
        turned = g.add("Transpose", "x", perm=[1, 0, 2])
        y = g.add("GRU", turned, *weights, outputs=2, hidden_size=4, direction=direction)
        assert "backwards" in refused(g, y)

    def test_what_changes_from_frame_to_frame(self) -> None:
        g = Graph(0)
        y = g.add("Add", "x", g.hold(g.rng.standard_normal((30, 1))))
        turned = g.add("Transpose", y, perm=[1, 0, 2])
        weights = [g.drawn(1, 12, WIDTH), g.drawn(1, 12, 4)]
        assert "from frame to frame" in refused(g, g.add("GRU", turned, *weights, hidden_size=4))

    def test_what_is_taken_apart(self) -> None:
        g = Graph(0)
        names = [f"p{i}" for i in range(30)]
        g.nodes.append(onnx.helper.make_node("Split", ["x"], names, axis=1))
        h = names[0]
        for name in names[1:]:
            h = g.add("Tanh", g.add("Add", h, name))
        assert "unrolled" in refused(g, h)

    def test_operators_that_have_none(self) -> None:
        g = Graph(0)
        assert "no step form" in refused(g, g.add("Sin", "x"))

    def test_a_part_that_is_normalized_over_time(self) -> None:
        g = Graph(0)
        y = g.add("InstanceNormalization", "x", g.drawn(WIDTH), g.drawn(WIDTH))
        assert "no step form" in refused(g, y, turned=True)

    def test_weights_that_depend_on_the_input(self) -> None:
        g = Graph(0)
        other = g.add("Transpose", "x", perm=[0, 2, 1])
        assert "depend on the input" in refused(g, g.add("MatMul", "x", other))


@pytest.mark.slow
def test_a_step_form_is_honoured_or_refused(tmp_path: Path) -> None:
    """A fixed size means the whole, unless a step form is asked for."""
    onnx.save(drawn(2, 30), str(tmp_path / "net.onnx"))
    path = tmp_path / "net.onnx"
    steps = convert_file(job_of(path, variant="step"), tmp_path / "a", ("onnx",), ("fp32",))
    whole = convert_file(job_of(path), tmp_path / "b", ("onnx",), ("fp32",))
    assert steps.written[0].artifact.states
    assert not whole.written[0].artifact.states
    g = Graph(0)
    onnx.save(g.model(30, [g.add("Sin", "x")]), str(tmp_path / "sin.onnx"))
    job = job_of(tmp_path / "sin.onnx", variant="step")
    with pytest.raises(ConversionError, match="no step form"):
        convert_file(job, tmp_path / "c", ("onnx",), ("fp32",))
