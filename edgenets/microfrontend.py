"""The audio frontend of TFLite Micro, by the package pymicro-features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.audio import float_to_pcm16
from edgenets.extras import require
from edgenets.spec import MicroFrontendInput


class MicroFrontend:
    """Noise-suppressed, gain-controlled filterbank features, as microWakeWord trains on."""

    def __init__(self, config: MicroFrontendInput) -> None:
        self._module = require("pymicro_features")
        self._hop_bytes = 2 * config.hop
        self._bands = config.bands
        self.reset()

    def reset(self) -> None:
        """Forget what was heard, the running noise estimate too."""
        self._frontend = self._module.MicroFrontend()
        self._pending = b""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) mono sound in [−1, 1) to the (frames, bands) float32 that it completes."""
        sound = self._pending + float_to_pcm16(samples).tobytes()
        frames, at = [], 0
        while at + self._hop_bytes <= len(sound):
            found = self._frontend.process_samples(sound[at : at + self._hop_bytes])
            at += 2 * found.samples_read
            if found.features:
                frames.append(found.features)
        self._pending = sound[at:]
        return np.asarray(frames, np.float32).reshape(-1, self._bands)
