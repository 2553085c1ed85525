"""Models of a window, run as models of a stream: a step brings the newest frames, and the model
sees the last ones.

A network that takes a whole clip (a second of sound, forty tokens, a day of readings) has no state.
With its window it is a step model as every other one is, and all that runs, measures and proves
step models takes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.errors import BackendError
from edgenets.session import Given, Session, State


def face_of(artifact: Artifact) -> Artifact:
    """An artifact as whoever steps it sees it; one without a window is seen as it is.

    Its input is (1, frames a step, numbers a frame), and each output (1, 1, scores).
    """
    window = artifact.window
    if window is None:
        return artifact
    (source,) = artifact.inputs
    shape = (1, window.step, window.width_in(source.shape))
    taken = TensorInfo(source.name, shape, "int32" if window.tokens else "float32")
    given = tuple(TensorInfo(o.name, (1, 1, o.shape[-1]), "float32") for o in artifact.outputs)
    return replace(artifact, inputs=(taken,), outputs=given, window=None)


class Windowed:
    """A session that holds the last frames of a stream; see `Session`."""

    def __init__(self, inner: Session, artifact: Artifact) -> None:
        """Take the session of an artifact with a window."""
        window = artifact.window
        assert window is not None, "it has one"
        self._inner, self._window = inner, window
        self._source = artifact.inputs[0]
        self.artifact, self.runs_on = face_of(artifact), inner.runs_on
        (self._taken,) = self.artifact.inputs
        # Sessions take real values in float32 where an input is quantized.
        self._type = "float32" if self._source.quantization else self._source.dtype
        width = self._taken.shape[-1]
        self._fill = np.full((window.frames, width), window.fill, self._taken.dtype)
        self.reset()

    def reset(self, given: Given | None = None) -> None:
        """See `Session.reset`."""
        if given is not None:
            raise BackendError(f"{self.artifact.id}: is given nothing once a sequence")
        self._held, self._count = self._fill.copy(), 0

    def push(self, frames: Array) -> None:
        """Take (1, frames, numbers) without an answer."""
        wanted = self._taken.shape
        if frames.ndim != 3 or frames.shape[0] != 1 or frames.shape[2] != wanted[2]:
            raise BackendError(
                f"input '{self._taken.name}' has shape {list(frames.shape)}; {list(wanted)} is "
                f"needed"
            )
        size, new = self._window.frames, frames[0]
        if self._window.holds == "first":
            room = new[: max(0, size - self._count)]
            self._held[self._count : self._count + len(room)] = room
            self._count = min(size, self._count + len(new))
            return
        new = new[-size:]
        self._held[: size - len(new)] = self._held[len(new) :].copy()
        self._held[size - len(new) :] = new

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See `Session.run`."""
        name = self._taken.name
        if inputs.keys() != {name}:
            raise BackendError(f"inputs {sorted(inputs)} were given; '{name}' is needed")
        self.push(inputs[name])
        held = self._held.T if self._window.turned else self._held
        shaped = np.ascontiguousarray(held, self._type).reshape(self._source.shape)
        found = self._inner.run({self._source.name: shaped})
        return {name: values.reshape(1, 1, -1) for name, values in found.items()}

    def state(self) -> State:
        """See `Session.state`."""
        return State((self._held.copy(),), self._count)

    def restore(self, state: State) -> None:
        """See `Session.restore`."""
        (held,) = state.values
        self._held, self._count = held.copy(), state.step

    def places(self) -> Mapping[str, Array]:
        """See `Session.places`."""
        raise BackendError(f"{self.artifact.id}: holds a window, and is run step by step")

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `Session.infer`."""
        raise BackendError(f"{self.artifact.id}: holds a window, and is run step by step")
