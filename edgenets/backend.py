"""Backends: what runs an artifact, behind one face.

`BACKENDS` names the module of each; it is imported when it is used. A backend
module has `FORMAT`, `version()` and `load(artifact, files, options)`, and may have `PRECISIONS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.artifact import OPEN, Artifact, TensorInfo
from edgenets.errors import BackendError, MissingExtra
from edgenets.quantization import quantize
from edgenets.selfcontained import refuse_outside
from edgenets.session import Given as Given
from edgenets.session import Session as Session
from edgenets.session import State as State
from edgenets.windowed import Windowed

# Backend → its module. To add one: a file there, and a line here.
BACKENDS = {
    "tflite": "edgenets.runtime.backends.tflite",
    "onnx": "edgenets.runtime.backends.onnx",
    "openvino": "edgenets.runtime.backends.openvino",
    "edgetpu": "edgenets.runtime.backends.edgetpu",
    "tensorrt": "edgenets.runtime.backends.tensorrt",
    "null": "edgenets.runtime.backends.null",
}

MOST_THREADS = 256

Interpreter = Literal["auto", "ai-edge-litert", "tflite-runtime"]


@dataclass(frozen=True)
class Options:
    """How an artifact is run."""

    threads: int = 1  # a step of a compact network is too short to share
    interpreter: Interpreter = "auto"  # tflite: which package
    providers: tuple[str, ...] = ()  # onnx: in order of preference; none: its fastest here
    # openvino: its CPU plugin computes fp32 models in bf16 where the chip can, by default.
    inference_precision: Literal["f32", "bf16", "f16"] = "f32"

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= MOST_THREADS:
            raise ValueError(f"threads must be 1 to {MOST_THREADS}")


class Coupled:
    """The session of a decoder, with that of its encoder beside it."""

    def __init__(self, encoder: Session, decoder: Session) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.artifact, self.runs_on = decoder.artifact, decoder.runs_on
        self.run, self.reset, self.state = decoder.run, decoder.reset, decoder.state
        self.restore, self.places, self.infer = decoder.restore, decoder.places, decoder.infer


def load(
    backend: str, artifact: Artifact, files: Mapping[str, bytes], options: Options | None = None
) -> Session:
    """Load an artifact on a backend.

    Raises:
        BackendError: there is no such backend, it refuses the artifact, or the artifact reads
            files that are not its own.
        MissingExtra: its package is not installed.
    """
    module = _module(backend)
    if not runs(backend, artifact):
        kinds = " or ".join(getattr(module, "PRECISIONS", ())) or "all precisions"
        raise BackendError(
            f"{backend} runs {module.FORMAT} artifacts in {kinds}, not {artifact.id}"
        )
    _check_files(module.FORMAT, artifact, files)
    session: Session = module.load(artifact, files, options or Options())
    return session if artifact.window is None else Windowed(session, artifact)


def prepare(backend: str, artifact: Artifact, files: Mapping[str, bytes]) -> None:
    """Do what a backend does but once for an artifact on this machine, and may take long; errors as
    `load`."""
    module = _module(backend)
    made = getattr(module, "prepare", None)
    if made is not None:
        _check_files(module.FORMAT, artifact, files)
        made(artifact, files)


def _check_files(format: str | None, artifact: Artifact, files: Mapping[str, bytes]) -> None:
    """Refuse a model that reads other files, before its runtime sees it."""
    if format is not None and all(name in files for name in artifact.files):
        own = [(name, files[name]) for name in artifact.files]
        refuse_outside(artifact.format, own, BackendError)


def backend_of(artifact: Artifact) -> str:
    """The backend that runs an artifact's format, where no other is asked for."""
    return artifact.format


def runs(backend: str, artifact: Artifact) -> bool:
    """Whether an artifact is of a kind that a backend runs.

    Raises:
        BackendError: there is no such backend.
    """
    module = _module(backend)
    precisions = getattr(module, "PRECISIONS", None)
    return module.FORMAT in (None, artifact.format) and (
        precisions is None or artifact.precision in precisions
    )


def why_not(backend: str) -> str | None:
    """Why a backend cannot be used on this machine, or None when it can."""
    try:
        _module(backend).version()
    except MissingExtra as exc:
        return str(exc)
    return None


def version(backend: str) -> str:
    """Package and version of a backend."""
    text: str = _module(backend).version()
    return text


def run_sequence(
    session: Session, features: Array, given: Given | None = None
) -> NDArray[np.float32]:
    """Step through a whole sequence from a reset state.

    Args:
        session: of a step model with one input.
        features: (frames, channels), of the input's type; frames that fill no step are left out.
        given: see `Session.reset`.

    Returns:
        (steps, frames out, channels out); several outputs stand side by side in their channels.
    """
    session.reset(given)
    (source,), results = session.artifact.inputs, session.artifact.outputs
    frames = source.shape[1]
    steps = len(features) // frames
    channels = [result.shape[-1] for result in results]
    out = np.empty((steps, *results[0].shape[1:-1], sum(channels)), np.float32)
    ends = np.cumsum(channels).tolist()
    places = [
        (result.name, slice(end - width, end))
        for result, width, end in zip(results, channels, ends, strict=True)
    ]
    for step in range(steps):
        answer = session.run({source.name: features[None, step * frames : (step + 1) * frames]})
        for name, place in places:
            out[step, ..., place] = answer[name][0]
    return out


def last_answer(session: Session, features: Array) -> NDArray[np.float32]:
    """The last answer to a whole sequence from a reset state, (scores,) float32.

    Args:
        session: of a step model with one input.
        features: (frames, channels), of the input's type, and of one step at least.
    """
    if not isinstance(session, Windowed):
        answer: NDArray[np.float32] = answers(session, features)[-1]
        return answer
    (source,) = session.artifact.inputs
    frames = source.shape[1]
    last = (len(features) // frames - 1) * frames
    session.reset()
    session.push(features[None, :last])
    (result, *_) = session.artifact.outputs
    found = session.run({source.name: features[None, last : last + frames]})[result.name]
    return np.asarray(found[0, -1], np.float32)


def answers(session: Session, features: Array, given: Given | None = None) -> NDArray[np.float32]:
    """The same without its frames: (answers, channels out), one after another."""
    out = run_sequence(session, features, given)
    return out.reshape(-1, out.shape[-1])


def check_inputs(artifact: Artifact, inputs: Mapping[str, Array]) -> None:
    """Refuse inputs that an artifact does not take, with a message that names them.

    Raises:
        BackendError: an input is missing, unknown or of another shape.
    """
    wanted = {info.name: info for info in artifact.inputs}
    if inputs.keys() != wanted.keys():
        raise BackendError(f"inputs {sorted(inputs)} were given; {sorted(wanted)} are needed")
    for name, info in wanted.items():
        if inputs[name].shape != info.shape:
            raise BackendError(
                f"input '{name}' has shape {list(inputs[name].shape)}; {list(info.shape)} is needed"
            )


def initial_state(artifact: Artifact, given: Given | None = None) -> dict[str, Array]:
    """The states of an artifact after a reset, in its own integers, by input name."""
    states = {}
    for link in artifact.states:
        info = link.input
        if link.initial_input and given is not None:
            real = given[info.name].reshape(info.shape)
        else:
            real = np.full(info.shape, link.initial, np.float32)
        states[info.name] = _stored(real, info)
    return states


def held(artifact: Artifact, given: Given | None = None) -> dict[str, Array]:
    """What an artifact is given once a sequence, in its own integers; None: a row of zeros."""
    values = {}
    for info in artifact.sequence_inputs:
        shape = tuple(1 if d == OPEN else d for d in info.shape)
        real = np.zeros(shape, np.float32)
        if given is not None:
            rows = given[info.name]
            real = rows[None] if len(shape) > rows.ndim else rows
        values[info.name] = _stored(real, info)
    return values


def check_given(artifact: Artifact, given: Given) -> None:
    """Refuse what an artifact is not given, with a message that names it.

    Raises:
        BackendError: something is missing, unknown, of another type or shape.
    """
    states = {link.input.name: link.input for link in artifact.states if link.initial_input}
    wanted = states.keys() | {info.name for info in artifact.sequence_inputs}
    if given.keys() != wanted:
        raise BackendError(f"{sorted(given)} are given once a sequence; {sorted(wanted)} is needed")
    for name, value in given.items():
        if not isinstance(value, np.ndarray) or value.dtype != np.float32:
            raise BackendError(f"'{name}', which is given, is no array of float32")
        if name in states and value.size != states[name].elements:
            raise BackendError(
                f"the state '{name}' has shape {list(value.shape)}; "
                f"{states[name].elements} numbers are needed"
            )
    for info in artifact.sequence_inputs:
        value = given[info.name]
        if value.ndim != 2 or not info.fits((1,) * (len(info.shape) - 2) + value.shape):
            raise BackendError(
                f"'{info.name}', which is given, has shape {list(value.shape)}; rows of "
                f"{info.shape[-1]} numbers are needed"
            )


def _stored(real: Array, info: TensorInfo) -> Array:
    """Real values as a tensor holds them."""
    if info.quantization is None:
        return real.astype(info.dtype, order="C")  # OpenVINO takes no other
    return quantize(np.ascontiguousarray(real), info.quantization)


def _module(backend: str) -> Any:
    if backend not in BACKENDS:
        raise BackendError(f"no backend '{backend}'; there are {', '.join(BACKENDS)}")
    return importlib.import_module(BACKENDS[backend])
