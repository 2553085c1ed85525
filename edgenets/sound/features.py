"""Feature extractors, by the kind of a model's input.

`EXTRACTORS` names the class of each; it is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.audio import Sound
from edgenets.sound.input import AudioInput, MicroFrontendInput, RawInput
from edgenets.sound.melinput import MelInput

SoundInput = AudioInput | MicroFrontendInput | MelInput | RawInput

# What training makes.
TrainedInput = AudioInput | MicroFrontendInput

# Kind of input → its extractor. To add one: a class, and a line here.
EXTRACTORS = {
    "audio": "edgenets.sound.logmel:LogMel",
    "mel": "edgenets.sound.mel:Mel",
    "raw": "edgenets.sound.raw:Raw",
    "micro-frontend": "edgenets.sound.microfrontend:MicroFrontend",
}


class Extractor(Protocol):
    """Turns sound into frames, and keeps what the next frame needs."""

    def push(self, samples: Sound) -> NDArray[np.float32]:
        """(n,) mono sound, float32 in [−1, 1) or int16, to the frames that it completes.

        Returns:
            (frames, bands) float32.
        """
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


def extractor(config: SoundInput, group: int = 1) -> Extractor:
    """The extractor for a model's input, which gives frames in multiples of `group`.

    Raises:
        MissingExtra: it needs a package that is not installed.
    """
    module, _, name = EXTRACTORS[config.kind].partition(":")
    made: Extractor = getattr(importlib.import_module(module), name)(config, group)
    return made


def frames_of_many(sounds: NDArray[np.float32], config: TrainedInput) -> NDArray[np.float32]:
    """The frames of clips of one length, for training: (clips, n) to (clips, frames, bands).

    Those of `log_mel` may differ from the ones that a device computes by rounding.

    Raises:
        MissingExtra: they need a package that is not installed.
    """
    if isinstance(config, AudioInput):
        from edgenets.sound.logmel import log_mel_of_many

        return log_mel_of_many(sounds, config)
    made = extractor(config)
    every = []
    for sound in sounds:
        made.reset()
        every.append(made.push(sound))
    return np.stack(every)


def frame_count(samples: int, config: TrainedInput) -> int:
    """How many whole frames `samples` samples give."""
    return max(0, (samples - config.window) // config.hop + 1)


def frames_of(samples: Sound, config: SoundInput) -> NDArray[np.float32]:
    """The frames of a whole clip: (n,) sound to (frames, bands) float32."""
    return extractor(config).push(samples)
