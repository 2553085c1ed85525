"""A text in, its label out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session, last_answer
from edgenets.errors import DataError
from edgenets.tasks.keywords.decoding import softmax
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.language.tokens import Tokenizer


@dataclass(frozen=True)
class Read:
    """What a text is."""

    label: int  # its number
    posterior: NDArray[np.float32]  # (labels,)
    tokens: int
    unknown: int  # tokens that the model does not know


class Reader:
    """Reads texts, each from its beginning to its end, with one session."""

    def __init__(self, spec: TextSpec, session: Session) -> None:
        self._session = session
        self._tokenizer = Tokenizer(spec.input)
        self._are_logits = spec.decoding.scores == "logits"

    def read(self, text: str) -> Read:
        """Tell what a text is, of any length.

        Raises:
            DataError: there is no word in it, or one that the model refuses.
        """
        tokens = self._tokenizer.encode(text)
        if not len(tokens):
            raise DataError("there is nothing in the text that could be read")
        scores = last_answer(self._session, tokens[:, None])
        posterior = softmax(scores) if self._are_logits else scores
        unknown = self._tokenizer.unknown(tokens)
        return Read(int(posterior.argmax()), posterior, len(tokens), unknown)
