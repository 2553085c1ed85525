"""A keyword network with random weights, converted, and what Keras and its artifacts say."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.backend import Options
from edgenets.converters.formats import Written
from edgenets.converters.step.convert import Conversion, convert
from tests.converters import nets

STEPS = 300


@dataclass(frozen=True)
class Converted:
    """One network in all formats and precisions."""

    model: keras.Model
    clips: NDArray[np.float32]  # that it was calibrated on
    conversion: Conversion
    features: NDArray[np.float32]  # (frames, bands) to run it on
    whole: NDArray[np.float32]  # (steps, labels), Keras's answer to them

    @classmethod
    def of(cls, name: str) -> Converted:
        model = nets.keyword_net(name)
        clips = nets.features(50, nets.BANDS, clips=32, seed=1)
        conversion = convert(model, clips)
        features = nets.features(STEPS * conversion.graph.frames, nets.BANDS, seed=2)
        whole = model.predict(features, verbose=0)[0]
        return cls(model, clips, conversion, features[0], whole)

    def get(self, id: str) -> Written:
        return next(w for w in self.conversion.written if w.artifact.id == id)


def answers(written: Written, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(steps, labels), of an artifact on its backend."""
    session = backend.load(written.artifact.format, written.artifact, written.files, Options())
    out = backend.run_sequence(session, features)
    return out.reshape(-1, out.shape[-1])
