"""Models of a window, run as models of a stream: what the model sees at every step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import Artifact, StateLink, TensorInfo, Window
from edgenets.errors import BackendError
from edgenets.records import parse, to_plain
from edgenets.session import Given, State
from edgenets.windowed import Windowed, face_of


class Recorder:
    """A session that answers with what it was shown."""

    runs_on = "a recorder"

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.seen: list[Array] = []

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        (values,) = inputs.values()
        self.seen.append(values.copy())
        return {"out": values.reshape(1, -1)[:, -2:].copy()}

    def reset(self, given: Given | None = None) -> None:
        pass

    def state(self) -> State:
        return State((), 0)

    def restore(self, state: State) -> None:
        pass

    def places(self) -> Mapping[str, Array]:
        return {}

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        return {}


def artifact(
    frames: int = 6, width: int = 3, step: int = 2, dtype: Any = "float32", **more: Any
) -> Artifact:
    turned = more.get("turned", False)
    shape = (1, width, frames) if turned else (1, frames, width)
    return Artifact(
        "onnx", "fp32", ("a.onnx",), (TensorInfo("in", shape, dtype),),
        (TensorInfo("out", (1, 2), "float32"),), window=Window(frames, step, **more),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8), st.integers(1, 3), st.integers(1, 8), st.integers(0, 12),
    st.sampled_from(["last", "first"]), st.booleans(), st.floats(-5, 5, width=32),
)  # fmt: skip
def test_a_model_sees_its_window(
    frames: int, width: int, step: int, steps: int, holds: Literal["last", "first"],
    turned: bool, fill: float,
) -> None:  # fmt: skip
    step = min(step, frames)
    of = artifact(frames, width, step, holds=holds, turned=turned, fill=fill)
    inner = Recorder(of)
    session = Windowed(inner, of)
    rng = np.random.default_rng(frames + steps)
    came = rng.standard_normal((steps * step, width)).astype(np.float32)
    found = backend.run_sequence(session, came)
    assert found.shape == (steps, 1, 2)
    around = np.full((frames, width), fill, np.float32)
    for number, seen in enumerate(inner.seen, 1):
        so_far = came[: number * step]
        if holds == "last":
            wanted = np.concatenate([around, so_far])[-frames:]
        else:
            wanted = np.concatenate([so_far, around])[:frames]
        assert seen.shape == of.inputs[0].shape
        assert np.array_equal(seen[0].T if turned else seen[0], wanted)


@given(st.integers(1, 10), st.integers(0, 30))
def test_the_last_answer_needs_one_inference(step: int, extra: int) -> None:
    of = artifact(10, 3, step)
    came = np.random.default_rng(extra).standard_normal((step + extra, 3)).astype(np.float32)
    inner = Recorder(of)
    found = backend.last_answer(Windowed(inner, of), came)
    assert len(inner.seen) == 1
    assert np.array_equal(found, backend.answers(Windowed(Recorder(of), of), came)[-1])


def test_a_stream_goes_on_where_it_stood() -> None:
    of = artifact()
    came = np.arange(36, dtype=np.float32).reshape(12, 3)
    session = Windowed(Recorder(of), of)
    wanted = backend.answers(session, came)
    session.reset()
    pieces = [came[None, i : i + 2] for i in range(0, 12, 2)]
    for frames in pieces[:3]:
        session.run({"in": frames})
    stood = session.state()
    session.run({"in": 9 * pieces[0]})
    session.restore(stood)
    rest = [session.run({"in": frames})["out"][0, 0] for frames in pieces[3:]]
    assert np.array_equal(np.stack(rest), wanted[3:])


def test_tokens_are_numbers_whatever_the_model_takes() -> None:
    of = artifact(4, 1, 1, "int64", tokens=True, holds="first")
    inner = Recorder(of)
    assert face_of(of).inputs[0].dtype == "int32"
    backend.answers(Windowed(inner, of), np.array([[5], [7]], np.int32))
    assert inner.seen[-1].dtype == np.int64
    assert inner.seen[-1].ravel().tolist() == [5, 7, 0, 0]


@pytest.mark.parametrize(
    "inputs", [{}, {"other": np.zeros((1, 2, 3), "f")}, {"in": np.zeros((1, 2, 4), "f")}]
)
def test_what_is_not_taken_is_refused(inputs: dict[str, Array]) -> None:
    of = artifact()
    with pytest.raises(BackendError, match=r"'?in'?"):
        Windowed(Recorder(of), of).run(inputs)


def test_it_is_a_session_and_a_record() -> None:
    of = artifact(holds="first", turned=True)
    assert isinstance(Windowed(Recorder(of), of), backend.Session)
    assert parse(Artifact, to_plain(of)) == of


def test_a_window_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no more than the window holds"):
        Window(3, 4)
    with pytest.raises(ValueError, match="holds no 7 frames"):
        artifact(6, 3).__class__(**{**vars(artifact(6, 3)), "window": Window(7, 1)})
    state = TensorInfo("s", (1, 2), "float32")
    with pytest.raises(ValueError, match="without states"):
        Artifact(
            "onnx", "fp32", ("a.onnx",), (TensorInfo("in", (1, 6, 3), "float32"),),
            (TensorInfo("out", (1, 2), "float32"),), (StateLink(state, state),),
            window=Window(6, 2),
        )  # fmt: skip
