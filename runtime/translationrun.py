"""`TranslationRun`: sentences in, their translations out."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from edgenets.backend import Coupled, Session
from edgenets.bundle import Bundle
from edgenets.errors import DataError
from edgenets.events import TextSummary, Translation
from edgenets.spec import spec_as
from edgenets.tasks.translation.spec import UNKNOWN, TranslationSpec
from edgenets.tasks.translation.subwords import subwords_of
from edgenets.tasks.translation.translator import Translator

from .linerun import AnswerRun
from .lines import Line


class TranslationRun(AnswerRun[Translation]):
    """One run of a bundle over lines of text."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, beam: int | None = None
    ) -> None:
        """Open the source.

        Args:
            beam: translations that are kept in mind; 1: the likeliest piece every time; None: as
                the model has it.

        Raises:
            SourceError: it cannot be opened.
            DataError: what divides text is damaged.
        """
        spec = spec_as(bundle.spec, TranslationSpec)
        assert isinstance(session, Coupled), "as it is loaded"
        self._input = spec.input
        self._pieces = subwords_of(bundle)
        decoding = spec.decoding if beam is None else replace(spec.decoding, beam=beam)
        self._translator = Translator(spec, session.encoder, session.decoder, decoding)
        summary = TextSummary(str(bundle.path), session.artifact.form, session.runs_on)
        super().__init__(source_uri, summary)

    def _answer(self, line: Line) -> Translation:
        pieces = self._pieces.encode(line.text)
        unknown = int((pieces == UNKNOWN).sum())
        if refusal := self._pieces.refusal(pieces, self._input):
            raise DataError(refusal)
        found = self._translator.translate(pieces)
        summary, written = self.summary, len(found.pieces)
        summary.tokens += len(pieces) + written
        summary.unknown += unknown
        now = time.monotonic()
        return Translation(
            self.source_name, line.text, self._pieces.decode(found.pieces),
            # What ends a translation has a probability, too.
            math.exp(found.log_p / max(written + found.whole, 1)), found.whole, len(pieces),
            unknown, line.number,
            now - self._started, now - line.captured,
        )  # fmt: skip
