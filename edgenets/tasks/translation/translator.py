"""A sentence in, its translation out, through the artifacts of an encoder and a decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session, State
from edgenets.tasks.translation.search import Translated, longest, search
from edgenets.tasks.translation.spec import END, MEMORY, START, TranslationDecoding, TranslationSpec


class Translator:
    """Translates sentences, one after another."""

    def __init__(
        self,
        spec: TranslationSpec,
        encoder: Session,
        decoder: Session,
        decoding: TranslationDecoding | None = None,
    ) -> None:
        """Take the two sessions.

        Args:
            decoding: None takes the spec's own.
        """
        self._spec, self._encoder, self._decoder = spec, encoder, decoder
        self._decoding = decoding or spec.decoding
        self._place = np.empty((1, 1, 1), np.int32)

    def read(self, pieces: Sequence[int] | NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        """What the decoder is given of a sentence: its memory, (pieces and the end, numbers), and
        the state that a translation begins with, (1, units), both float32."""
        self._encoder.reset()
        rows = np.empty((len(pieces) + 1, self._spec.memory), np.float32)
        for at, piece in enumerate([*pieces, END]):
            self._place[...] = piece
            answer = self._encoder.run({self._spec.step.input: self._place})
            rows[at] = answer[MEMORY][0, -1]
        return {MEMORY: rows, START: answer[START][0]}

    def translate(self, pieces: Sequence[int] | NDArray[np.int32]) -> Translated:
        """The translation of a sentence, in pieces."""
        self._decoder.reset(self.read(pieces))
        begun = self._decoder.state()
        most = longest(self._decoding, len(pieces))
        if self._decoding.beam == 1:  # there is but one way on: no state is put back
            return search(lambda piece, _: (self._step(piece), None), None, self._decoding, most)
        return search(self._follow, begun, self._decoding, most)

    def _follow(self, piece: int, state: State) -> tuple[NDArray[np.float32], State]:
        self._decoder.restore(state)
        return self._step(piece), self._decoder.state()

    def _step(self, piece: int) -> NDArray[np.float32]:
        self._place[...] = piece
        step = self._spec.step
        answer = self._decoder.run({step.input: self._place})
        scores: NDArray[np.float32] = answer[step.output][0, -1]
        return scores
