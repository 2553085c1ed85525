"""Sound as it is, in frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.audio import FULL_SCALE, Sound
from edgenets.sound.input import RawInput


class Raw:
    """Cuts sound into frames, keeping what fills none yet."""

    def __init__(self, config: RawInput, group: int = 1) -> None:
        """Begin a stream; frames are given in multiples of `group`."""
        self._hop, self._group, self._scale = config.hop, group, config.full_scale
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._waiting = np.empty(0, np.float32)

    def push(self, samples: Sound) -> NDArray[np.float32]:
        """(n,) mono sound, float32 in [−1, 1) or int16, to the frames that it completes.

        Returns:
            (frames, samples) float32.
        """
        scale = self._scale / (FULL_SCALE if samples.dtype == np.int16 else 1.0)
        sound = np.concatenate([self._waiting, samples.astype(np.float32) * np.float32(scale)])
        block = self._hop * self._group
        size = len(sound) // block * block
        self._waiting = sound[size:]
        frames: NDArray[np.float32] = sound[:size].reshape(-1, self._hop)
        return frames
