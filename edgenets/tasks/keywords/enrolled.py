"""A session that also hears what was enrolled: words, and whether a person's voice says one.

The artifact stays as it was proven. A word's score is such that its posterior is what its head
says, beside those of the model's own labels. A voice lowers the score of its word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.artifact import Artifact
from edgenets.bundle import Bundle
from edgenets.errors import BundleError, ModelError
from edgenets.quantization import dequantizer
from edgenets.session import Given, Session
from edgenets.spec import spec_as
from edgenets.tasks.keywords.head import TEMPERATURE, Follower, Head
from edgenets.tasks.keywords.spec import KeywordSpec, head_of
from edgenets.tasks.sound import SoundSpec

# What layers that remember call their state.
_MEMORY = "/h"

Vectors = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def vectors_of(spec: SoundSpec, session: Session) -> tuple[int, Vectors]:
    """The numbers of a step's vector, and what gives it from the answer to the step, (scores,).

    It is the answer itself of a model that embeds, and else what its recurrent layers remember.

    Raises:
        ModelError: the model has no such layer.
    """
    size: int = getattr(spec, "size", 0)
    if size:
        return size, lambda answer: answer
    kept = [
        (place, link.input)
        for place, link in enumerate(session.artifact.states)
        if link.input.name.endswith(_MEMORY)
    ]
    if not kept:
        raise ModelError(
            f"{spec.name}: has no recurrent layers, by which a word could be known; enrol into "
            f"speech-embedding, or into a GRU model"
        )

    reals = [(place, dequantizer(info.quantization)) for place, info in kept]

    def remembered(_: NDArray[np.float32]) -> NDArray[np.float32]:
        values = session.state().values
        return np.concatenate([real(values[place]).ravel() for place, real in reals])

    return sum(info.elements for _, info in kept), remembered


class EnrolledSession:
    """See `Session`; the answers have the enrolled words' scores behind the model's own."""

    def __init__(self, spec: KeywordSpec, session: Session, heads: Mapping[str, Head]) -> None:
        """Put heads on a session.

        Args:
            heads: by label; its kind is in the spec.

        Raises:
            ModelError: a head is not for such a model.
        """
        self.artifact: Artifact = session.artifact
        self.runs_on = session.runs_on
        self._session, self._output = session, spec.step.output
        # These are of the model alone.
        self.state, self.restore = session.state, session.restore
        self.places, self.infer = session.places, session.infer
        size, self._vectors = vectors_of(spec, session)
        if any(len(head.first) != size * len(head.delays) for head in heads.values()):
            raise ModelError(f"{spec.name}: what was enrolled is not for vectors of {size} numbers")
        kinds = {one.label: one.kind for one in spec.enrolled}
        self._words = [Follower(heads[label]) for label, kind in kinds.items() if kind == "word"]
        self._voices = [
            (spec.labels.index(label), Follower(heads[label]))
            for label, kind in kinds.items()
            if kind == "voice"
        ]
        self._embeds = bool(spec.size)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See `Session.run`."""
        found = self._session.run(inputs)
        answer = found[self._output]
        last = answer.reshape(-1, answer.shape[-1])[-1]
        vector = self._vectors(last)
        own = np.zeros(1, np.float32) if self._embeds else last.copy()
        for place, voice in self._voices:
            own[place] -= np.logaddexp(0.0, -TEMPERATURE * voice.push(vector))
        odds = [word.push(vector) for word in self._words]
        most = float(own.max())
        base = most + math.log(float(np.exp(own - most).sum()))
        found[self._output] = np.array([[[*own, *(base + z for z in odds)]]], np.float32)
        return found

    def reset(self, given: Given | None = None) -> None:
        """See `Session.reset`."""
        self._session.reset(given)
        for follower in (*self._words, *(voice for _, voice in self._voices)):
            follower.reset()


def with_enrolled(bundle: Bundle, session: Session) -> Session:
    """A session of a bundle with what was enrolled into it.

    Raises:
        BundleError: the weights of a head are damaged.
        ModelError: they are not for this model.
    """
    spec = spec_as(bundle.spec, KeywordSpec)
    heads = {}
    for number, one in enumerate(spec.enrolled):
        name = head_of(number)
        try:
            heads[one.label] = Head.read(bundle.read(name), one.delays, one.units)
        except ValueError as exc:
            raise BundleError(f"{bundle.path}: '{name}': {exc}") from exc
    return EnrolledSession(spec, session, heads)
