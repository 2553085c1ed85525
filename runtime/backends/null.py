"""A backend that computes nothing: outputs are zero. It needs no package and no hardware.

It shows what everything around a model costs, and lets the runtime be tried anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact
from edgenets.backend import Given, Options, State, check_given

from .checks import check_inputs, taken_dtype

FORMAT = None  # it takes artifacts of any format


def version() -> str:
    """It is part of edgenets."""
    return "null"


def load(artifact: Artifact, files: Mapping[str, bytes], options: Options) -> NullSession:
    """Take any artifact."""
    return NullSession(artifact)


class NullSession:
    """Checks its inputs, and answers zeros of the announced shapes."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.runs_on = "nothing: the null backend"
        self._places = {i.name: np.zeros(i.shape, i.dtype) for i in artifact.inputs}
        self._zeros = {o.name: np.zeros(o.shape, taken_dtype(o)) for o in artifact.outputs}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; see `edgenets.backend.Session`."""
        check_inputs(self.artifact, inputs)
        return {name: zeros.copy() for name, zeros in self._zeros.items()}

    def reset(self, given: Given | None = None) -> None:
        """There is no state."""
        if given is not None:
            check_given(self.artifact, given)

    def state(self) -> State:
        """See `edgenets.backend.Session`."""
        return State((), 0)

    def restore(self, state: State) -> None:
        """See `edgenets.backend.Session`."""

    def places(self) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        return self._places

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """See `edgenets.backend.Session`."""
        return self._zeros
