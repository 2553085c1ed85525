"""Feature extractors, by the kind of a model's input.

`EXTRACTORS` names the class of each; it is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.spec import AudioInput, MicroFrontendInput

# Kind of input → its extractor. To add one: a class, and a line here.
EXTRACTORS = {
    "audio": "edgenets.logmel:LogMel",
    "micro-frontend": "edgenets.microfrontend:MicroFrontend",
}


class Extractor(Protocol):
    """Turns sound into frames, and keeps what the next frame needs."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) mono sound in [−1, 1) to the (frames, bands) float32 that it completes."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


def extractor(config: AudioInput | MicroFrontendInput) -> Extractor:
    """The extractor for a model's input.

    Raises:
        MissingExtra: it needs a package that is not installed.
    """
    module, _, name = EXTRACTORS[config.kind].partition(":")
    made: Extractor = getattr(importlib.import_module(module), name)(config)
    return made


def frames_of(
    samples: NDArray[np.float32], config: AudioInput | MicroFrontendInput
) -> NDArray[np.float32]:
    """The frames of a whole clip: (n,) float32 to (frames, bands) float32."""
    return extractor(config).push(samples)
