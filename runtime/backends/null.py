"""A backend that computes nothing: outputs are zero. It needs no package and no hardware.

It shows what everything around a model costs, and lets the runtime be tried anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets.artefact import Artefact
from edgenets.backend import Options

from .checks import check_inputs

FORMAT = None  # it takes artefacts of any format


def version() -> str:
    """It is part of edgenets."""
    return "null"


def load(artefact: Artefact, files: Mapping[str, bytes], options: Options) -> NullSession:
    """Take any artefact."""
    return NullSession(artefact)


class NullSession:
    """Checks its inputs, and answers zeros of the announced shapes."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.runs_on = "nothing: the null backend"

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """One inference; see `edgenets.backend.Session`."""
        check_inputs(self.artefact, inputs)
        return {
            info.name: np.zeros(info.shape, info.dtype if info.quantization is None else np.float32)
            for info in self.artefact.outputs
        }

    def reset(self) -> None:
        """There is no state."""
