"""What a bundle is tried with, and what is kept of the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.tasks.vision.picture import Picture
from edgenets.tasks.vision.preprocess import Preprocessor
from edgenets.tasks.vision.spec import ImageSpec

# Values that are kept of an answer, spread evenly over it: a mask of all pixels would be larger
# than the model.
MOST_VALUES = 1024


def output_of(spec: ImageSpec, session: Session, picture: Picture) -> NDArray[np.float32]:
    """What a session answers to a picture, (n,) float32: its outputs one after another, thinned."""
    (source,) = session.artefact.inputs
    given = np.empty(source.shape, np.float32)
    Preprocessor(spec.input).into(picture, given)
    outputs = session.run({source.name: given})
    flat = [outputs[info.name].reshape(-1) for info in session.artefact.outputs]
    whole: NDArray[np.float32] = np.concatenate(flat).astype(np.float32)
    return whole[:: -(-len(whole) // MOST_VALUES)]
