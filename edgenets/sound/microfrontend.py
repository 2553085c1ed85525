"""The audio frontend of TFLite Micro, by the package pymicro-features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.extras import require
from edgenets.sound.audio import Sound, as_pcm16
from edgenets.sound.input import MicroFrontendInput


class MicroFrontend:
    """Noise-suppressed, gain-controlled filterbank features, as microWakeWord trains on."""

    def __init__(self, config: MicroFrontendInput, group: int = 1) -> None:
        """Begin a stream; frames are given in multiples of `group`."""
        self._group = group
        self._module = require("pymicro_features")
        self._hop_bytes = 2 * config.hop
        self._bands = config.bands
        self.reset()

    def reset(self) -> None:
        """Forget what was heard, the running noise estimate too."""
        self._frontend = self._module.MicroFrontend()
        self._pending = b""
        self._waiting: list[list[float]] = []  # frames that fill no group yet

    def push(self, samples: Sound) -> NDArray[np.float32]:
        """(n,) mono sound to the (frames, bands) float32 that it completes."""
        sound = self._pending + as_pcm16(samples).tobytes()
        frames, at = self._waiting, 0
        while at + self._hop_bytes <= len(sound):
            found = self._frontend.process_samples(sound[at : at + self._hop_bytes])
            at += 2 * found.samples_read
            if found.features:
                frames.append(found.features)
        self._pending = sound[at:]
        whole = len(frames) - len(frames) % self._group
        frames, self._waiting = frames[:whole], frames[whole:]
        return np.asarray(frames, np.float32).reshape(-1, self._bands)
