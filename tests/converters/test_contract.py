"""What every backend must do, whatever computes behind it. The table of backends says which."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import layers

from edgenets import backend
from edgenets.backend import BACKENDS, Options, Session
from edgenets.converters import store
from edgenets.converters.formats import Written
from edgenets.converters.step.convert import Conversion, convert
from edgenets.errors import BackendError
from tests.accelerators import stand_ins
from tests.converters import nets

PRECISIONS = ("fp32", "int8")
ROOT = Path(__file__).parents[2]

# What reads files here; the null backend takes any and answers zeros, and what is for accelerators
# runs on stand-ins for them.
ACCELERATED = {"edgetpu": ("int8",), "tensorrt": ("fp32",)}
REAL = [name for name in BACKENDS if name != "null" and name not in ACCELERATED]
CASES = [(b, p) for b in BACKENDS for p in ACCELERATED.get(b, PRECISIONS)]


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    """Two frames a step, a recurrent state and ring buffers, one of them held."""
    model = nets.chain(
        layers.Conv1D(6, 3, strides=2, padding="causal"), layers.ReLU(), layers.Conv1D(6, 2),
        layers.GRU(8, return_sequences=True), layers.ZeroPadding1D((2, 0)),
        layers.DepthwiseConv1D(3), layers.Dense(3),
    )  # fmt: skip
    return convert(model, nets.features(40, clips=16), precisions=PRECISIONS)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(params=CASES, ids="-".join)
def case(
    request: pytest.FixtureRequest, conversion: Conversion, engines: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, Written]]:  # fmt: skip
    """A backend, and an artifact that it runs."""
    name, precision = request.param
    format = backend._module(name).FORMAT or "tflite"
    wanted = f"{'tflite' if format == 'edgetpu' else format}-{precision}"
    written = next(w for w in conversion.written if w.artifact.id == wanted)
    with ExitStack() as stack:
        if name == "edgetpu":
            stack.enter_context(stand_ins.plugged("libedgetpu.so.1"))
            written = stand_ins.as_if_compiled(written)
        elif name == "tensorrt":
            stack.enter_context(stand_ins.gpu(monkeypatch, engines))
        yield name, written


@pytest.fixture
def session(case: tuple[str, Written]) -> Session:
    return load(case)


def load(case: tuple[str, Written], options: Options | None = None) -> Session:
    name, written = case
    return backend.load(name, written.artifact, written.files, options)


def steps(session: Session, count: int = 12, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Inputs of some steps."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield {
            i.name: rng.standard_normal(i.shape).astype(np.float32) for i in session.artifact.inputs
        }


def run(session: Session, count: int = 12, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.concatenate([session.run(x)["logits"] for x in steps(session, count, seed)])


def test_a_session_is_one(session: Session, case: tuple[str, Written]) -> None:
    assert isinstance(session, Session)
    assert session.artifact == case[1].artifact
    assert session.runs_on
    assert backend.version(case[0])
    assert backend.why_not(case[0]) is None


def test_answers_are_as_announced(session: Session) -> None:
    for inputs in steps(session):
        outputs = session.run(inputs)
        assert list(outputs) == [i.name for i in session.artifact.outputs]
        for info in session.artifact.outputs:
            assert outputs[info.name].shape == info.shape
            assert outputs[info.name].dtype == np.float32
            assert np.isfinite(outputs[info.name]).all()


def test_a_missing_input_is_named(session: Session) -> None:
    with pytest.raises(BackendError, match="features"):
        session.run({})


def test_an_unknown_input_is_named(session: Session) -> None:
    (inputs,) = steps(session, 1)
    with pytest.raises(BackendError, match="sound"):
        session.run({**inputs, "sound": inputs["features"]})
    with pytest.raises(BackendError, match="sound"):
        session.run({"sound": inputs["features"]})


def test_states_are_no_inputs(session: Session) -> None:
    (inputs,) = steps(session, 1)
    link = session.artifact.states[0]
    value = np.zeros(link.input.shape, link.input.dtype)
    with pytest.raises(BackendError, match=link.input.name):
        session.run({**inputs, link.input.name: value})


def test_a_stream_goes_on_from_where_it_stood(session: Session) -> None:
    """Also from the first steps on, in which some states are held."""
    for before in (0, 1, 5):
        session.reset()
        inputs = list(steps(session, 16))
        for x in inputs[:before]:
            session.run(x)
        stood = session.state()
        first = [session.run(x)["logits"] for x in inputs[before:]]
        kept = session.state()
        session.restore(stood)
        again = [session.run(x)["logits"] for x in inputs[before:]]
        session.restore(stood)  # what was kept is not what the stream wrote over
        thrice = [session.run(x)["logits"] for x in inputs[before:]]
        assert np.array_equal(first, again) and np.array_equal(first, thrice)
        for a, b in zip(kept.values, session.state().values, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("shape", [(1, 2), (1, 1, 3), (1, 3, 2), (2, 2, 3), (0,), (1, 2, 3, 1)])
def test_another_shape_is_named(session: Session, shape: tuple[int, ...]) -> None:
    with pytest.raises(BackendError, match=r"'features'.*\[1, 2, 3\]"):
        session.run({"features": np.zeros(shape, np.float32)})


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "int8", "int64", "bool", "complex64", "U1"]
)
def test_another_type_is_named(session: Session, dtype: str) -> None:
    with pytest.raises(BackendError, match=r"'features'.*float32"):
        session.run({"features": np.zeros((1, 2, 3), dtype)})


@pytest.mark.parametrize("value", [None, 1.0, "sound", [[[0.0] * 3] * 2]])
def test_what_is_no_array_is_named(session: Session, value: Any) -> None:
    with pytest.raises(BackendError, match=r"'features'.*array"):
        session.run({"features": value})


def test_a_refused_input_changes_nothing(session: Session) -> None:
    expected = run(session)
    session.reset()
    out = []
    for inputs in steps(session):
        with pytest.raises(BackendError):
            session.run({"features": np.ones((1, 9, 9), np.float32)})
        out.append(session.run(inputs)["logits"])
    assert np.array_equal(np.concatenate(out), expected)


def test_outputs_are_the_caller_s(session: Session) -> None:
    answers = [session.run(x)["logits"] for x in steps(session)]
    kept = [a.copy() for a in answers]
    session.reset()
    list(map(session.run, steps(session, seed=1)))
    for answer, copy in zip(answers, kept, strict=True):
        assert np.array_equal(answer, copy)
    session.reset()
    for answer in (session.run(x)["logits"] for x in steps(session)):
        answer[...] = 1e6  # the caller may do with it what he likes
    session.reset()
    assert np.array_equal(run(session), np.concatenate(kept))


def test_inputs_stay_the_caller_s(session: Session) -> None:
    expected = run(session)
    session.reset()
    inputs = {"features": np.empty((1, 2, 3), np.float32)}
    out = []
    for new in steps(session):
        inputs["features"][...] = new["features"]
        out.append(session.run(inputs)["logits"])
        assert np.array_equal(inputs["features"], new["features"])
        inputs["features"][...] = 1e6
    assert np.array_equal(np.concatenate(out), expected)


def test_inputs_need_not_lie_in_one_piece(session: Session) -> None:
    expected = run(session)
    session.reset()
    out = []
    for new in steps(session):
        wide = np.full((1, 4, 6), 1e6, np.float32)
        wide[:, ::2, ::2] = new["features"]
        out.append(session.run({"features": wide[:, ::2, ::2]})["logits"])
    assert np.array_equal(np.concatenate(out), expected)


def test_state_goes_on_and_reset_puts_it_back(session: Session, case: tuple[str, Written]) -> None:
    first = run(session)
    second = run(session)
    session.reset()
    assert np.array_equal(run(session), first)
    if case[0] != "null":
        assert not np.array_equal(first, second)


def test_a_new_session_is_a_reset_one(session: Session, case: tuple[str, Written]) -> None:
    run(session)
    session.reset()
    assert np.array_equal(run(session), run(load(case)))


def test_sessions_share_no_state(case: tuple[str, Written]) -> None:
    one, other = load(case), load(case)
    alone = run(one), run(load(case), seed=1)
    one.reset()
    mixed: tuple[list[Any], list[Any]] = [], []
    for a, b in zip(steps(one), steps(other, seed=1), strict=True):
        mixed[0].append(one.run(a)["logits"])
        mixed[1].append(other.run(b)["logits"])
    for apart, together in zip(alone, mixed, strict=True):
        assert np.array_equal(apart, np.concatenate(together))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_change_no_answer(case: tuple[str, Written], threads: int) -> None:
    session = load(case, Options(threads=threads))
    assert np.allclose(run(session), run(load(case)), atol=1e-6)
    if case[0] not in ("null", "tensorrt"):
        assert f"{threads} thread" in session.runs_on


@pytest.mark.parametrize("threads", [0, -1, 1000])
def test_threads_are_few(threads: int) -> None:
    with pytest.raises(ValueError, match="threads"):
        Options(threads=threads)


def test_an_unknown_backend_is_named(case: tuple[str, Written]) -> None:
    with pytest.raises(BackendError, match=r"no backend 'coreml'.*tflite"):
        load(("coreml", case[1]))


def test_another_format_is_refused(case: tuple[str, Written]) -> None:
    other = next(b for b in REAL if b != case[1].artifact.format)
    with pytest.raises(BackendError, match=f"{other} runs {other} artifacts"):
        load((other, case[1]))


# -- files --------------------------------------------------------------------------------------


@pytest.fixture(params=[(b, p) for b in REAL for p in PRECISIONS], ids="-".join)
def real(request: pytest.FixtureRequest, conversion: Conversion) -> Written:
    name, precision = request.param
    return next(w for w in conversion.written if w.artifact.id == f"{name}-{precision}")


def refuse(written: Written, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(BackendError, match=said):
        backend.load(written.artifact.format, written.artifact, files)


def test_a_missing_file_is_named(real: Written) -> None:
    for name in real.files:
        refuse(real, {n: d for n, d in real.files.items() if n != name}, name)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"TFL3", b"<?xml version='1.0'?><net/>"])
def test_what_is_no_model_is_refused(real: Written, content: bytes) -> None:
    first = real.artifact.files[0]
    refuse(real, {**real.files, first: content}, first)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_refused(real: Written, part: float) -> None:
    first = real.artifact.files[0]
    refuse(
        real, {**real.files, first: real.files[first][: int(part * len(real.files[first]))]}, first
    )


def test_tensors_are_held_against_the_announcement(real: Written) -> None:
    artifact = real.artifact
    (source,), (result,), links = artifact.inputs, artifact.outputs, artifact.states
    lies = [
        ("features|sound", replace(artifact, inputs=(replace(source, name="sound"),))),
        ("scores", replace(artifact, outputs=(replace(result, name="scores"),))),
        ("features", replace(artifact, inputs=(replace(source, shape=(1, 3, 2)),))),
        ("logits", replace(artifact, outputs=(replace(result, dtype="int64"),))),
        (links[0].input.name, replace(artifact, states=links[1:])),
        (links[1].input.name, replace(artifact, states=(links[0], *links[2:]))),
    ]
    for said, lie in lies:
        with pytest.raises(BackendError, match=said):
            backend.load(artifact.format, lie, real.files)


def test_scales_are_held_against_the_announcement(conversion: Conversion) -> None:
    written = next(w for w in conversion.written if w.artifact.id == "tflite-int8")
    link = written.artifact.states[0]
    q = link.input.quantization
    assert q is not None
    for lie in (replace(q, scale=1.05 * q.scale), replace(q, zero_point=q.zero_point + 1)):
        ends = (replace(t, quantization=lie) for t in (link.input, link.output))
        states = (replace(link, **dict(zip(("input", "output"), ends, strict=True))),)
        artifact = replace(written.artifact, states=states + written.artifact.states[1:])
        with pytest.raises(BackendError, match=f"{link.input.name}|{link.output.name}"):
            backend.load("tflite", artifact, written.files)


# -- damage -------------------------------------------------------------------------------------

# Of a thousand files with one bit wrong, ai-edge-litert 2.3 ended its process on two or three
# (SIGSEGV, SIGABRT, SIGFPE), OpenVINO 2026.4 on one or none, ONNX Runtime 1.32 on none. Nothing in
# Python can hold that up: a bundle's SHA-256 is what keeps damaged files from them.
MOST_CRASHES = 0.02


@pytest.mark.parametrize(
    "id, count",
    [("tflite-fp32", 150), ("tflite-int8", 150), ("onnx-fp32", 150), ("onnx-int8", 150),
     ("openvino-fp32", 50), ("openvino-int8", 50)],
)  # fmt: skip
def test_damaged_files_end_in_an_error(
    conversion: Conversion, tmp_path: Path, id: str, count: int
) -> None:
    store.save(tmp_path, conversion.written)
    command = [sys.executable, "-m", "tests.converters.damage", str(tmp_path), id, str(count), "1"]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    assert "raised" not in found, found["raised"]
    assert "hung" not in found, found["hung"]
    assert len(found["refused"]) > 0.2 * count
    crashed = {k: v for k, v in found.items() if k.startswith("signal")}
    crashes = sum(map(len, crashed.values()))
    if crashes:
        warnings.warn(f"{id}: {crashes} of {count} damaged files ended it: {crashed}", stacklevel=1)
    assert crashes <= MOST_CRASHES * count, crashed
