"""What the networks of a model that translates are tried with, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.tasks.translation.spec import MEMORY, START, UNKNOWN, TranslationSpec

# Subwords that are read and written, and rows of memory: enough for a state to go wrong.
_STEPS, _ROWS = 24, 11


def golden_tokens(spec: TranslationSpec) -> NDArray[np.int32]:
    """Subwords drawn at random, always the same for one number of them, (pieces,) int32."""
    rng = np.random.default_rng(23)
    return rng.integers(UNKNOWN, spec.input.count, _STEPS).astype(np.int32)


def given_of(spec: TranslationSpec) -> dict[str, NDArray[np.float32]]:
    """What a decoder might be given of a sentence: noise, always the same for one model's sizes."""
    rng = np.random.default_rng(24)
    memory = rng.standard_normal((_ROWS, spec.memory)).astype(np.float32)
    return {MEMORY: memory, START: np.tanh(rng.standard_normal((1, spec.start))).astype(np.float32)}


def answers(
    session: backend.Session, tokens: NDArray[np.int32], given: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What an encoder or a decoder answers, (steps, numbers of all its outputs)."""
    held = session.artifact.sequence_inputs  # an encoder is given nothing
    return backend.answers(session, tokens[:, None], given if held else None)
