"""Sentences in, a line each; their translations out."""

from __future__ import annotations

import math
from dataclasses import replace

from edgenets.backend import Coupled
from edgenets.bundle import Bundle
from edgenets.errors import DataError
from edgenets.spec import spec_as
from edgenets.tasks.language.events import TextSummary
from edgenets.tasks.lines import AnswerPipeline, Line
from edgenets.tasks.translation.events import Translation
from edgenets.tasks.translation.spec import UNKNOWN, TranslationSpec
from edgenets.tasks.translation.subwords import subwords_of
from edgenets.tasks.translation.translator import Translator


class TranslatedLines(AnswerPipeline):
    """A translation for every line."""

    def __init__(
        self, bundle: Bundle, session: Coupled, summary: TextSummary, beam: int | None
    ) -> None:
        """Load the subword tokenizer.

        Args:
            beam: width; 1: greedy; None: as the model has it.

        Raises:
            DataError: the tokenizer is damaged.
        """
        super().__init__(summary)
        spec = spec_as(bundle.spec, TranslationSpec)
        self._input, self._tokenizer = spec.input, subwords_of(bundle)
        decoding = spec.decoding if beam is None else replace(spec.decoding, beam=beam)
        self._translator = Translator(spec, session.encoder, session.decoder, decoding)

    def answer(self, line: Line) -> Translation:
        """See `AnswerPipeline.answer`."""
        tokens = self._tokenizer.encode(line.text)
        unknown = int((tokens == UNKNOWN).sum())
        if refusal := self._tokenizer.refusal(tokens, self._input):
            raise DataError(refusal)
        found = self._translator.translate(tokens)
        summary, written = self.summary, len(found.pieces)
        summary.tokens += len(tokens) + written
        summary.unknown += unknown
        return Translation(
            self.source, line.text, self._tokenizer.decode(found.pieces),
            # What ends a translation has a probability, too.
            math.exp(found.log_p / max(written + found.whole, 1)), found.whole, len(tokens),
            unknown, line.number, *self.times(line),
        )  # fmt: skip
