"""`selftest`: does this bundle answer on this machine as it did where it was made?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artefact import Artefact
from edgenets.bundle import Bundle
from edgenets.errors import EdgenetsError
from edgenets.sound.features import frames_of
from edgenets.tasks.language.spec import TextInput
from edgenets.tasks.sound import SoundSpec
from edgenets.tasks.translation.golden import answers
from edgenets.tasks.translation.pieces import pieces_of
from edgenets.tasks.translation.spec import MEMORY, START, TranslationSpec
from edgenets.tasks.vision import picture
from edgenets.tasks.vision.golden import output_of
from edgenets.tasks.vision.spec import ImageSpec

# Largest |logit difference| from one machine to another. Float kernels differ in the order of
# their sums; integer ones may round a tie the other way, which a recurrent net carries on.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2, "dynamic": 0.5, "int8": 1.0, "int16x8": 0.5}


Answer = Callable[[backend.Session], NDArray[np.float32]]


@dataclass(frozen=True)
class Trial:
    """What came of one artefact."""

    id: str
    passed: bool | None  # None: no backend for it on this machine
    difference: float | None  # largest |logit difference| from the golden output
    tolerance: float
    runs_on: str
    reason: str = ""


def selftest(bundle: Bundle) -> list[Trial]:
    """Check every member, then replay the golden data on every backend that is here.

    Raises:
        BundleError: the bundle is damaged.
        DataError: what divides text is of another model.
        MissingExtra: a package that its runs need on any backend is not installed.
    """
    bundle.check()
    answer = answerer(bundle)
    return [_try(bundle, artefact, answer) for artefact in bundle.artefacts]


def answerer(bundle: Bundle) -> Answer:
    """What makes a session answer the golden data, as the bundle holds its answers."""
    spec = bundle.spec
    if isinstance(spec, ImageSpec):
        drawing = picture.decode(bundle.golden_picture(), f"{bundle.path}: the golden picture")
        image_spec = spec
        return lambda session: output_of(image_spec, session, drawing)
    if isinstance(spec, TranslationSpec):
        pieces_of(bundle)  # without it, nothing is translated
        tokens = bundle.golden_tokens()
        given = {MEMORY: bundle.golden_given(MEMORY, spec.memory),
                 START: bundle.golden_given(START, spec.start)}  # fmt: skip
        return lambda session: answers(session, tokens, given)
    if isinstance(spec, SoundSpec):
        features: NDArray[Any] = frames_of(bundle.golden_sound(), spec.input)
    elif isinstance(spec.input, TextInput):
        features = bundle.golden_tokens()[:, None]
    else:
        features = bundle.golden_frames()
    return lambda session: backend.answers(session, features)


def _try(bundle: Bundle, artefact: Artefact, answer: Answer) -> Trial:
    tolerance = TOLERANCE[artefact.precision]
    name = backend.backend_of(artefact)
    obstacle = backend.why_not(name)
    if obstacle is not None:
        return Trial(artefact.id, None, None, tolerance, "", obstacle)
    golden = bundle.golden_output(artefact)
    try:
        session = backend.load(name, artefact, bundle.files(artefact))
        found = answer(session)
    except EdgenetsError as exc:
        return Trial(artefact.id, False, None, tolerance, "", str(exc))
    if found.shape != golden.shape:
        reason = f"gives {list(found.shape)} values where {list(golden.shape)} are golden"
        return Trial(artefact.id, False, None, tolerance, session.runs_on, reason)
    difference = float(np.abs(found - golden).max())  # neither is empty: `found` is like golden
    passed = bool(difference <= tolerance)  # a NaN is not
    return Trial(artefact.id, passed, difference, tolerance, session.runs_on)
