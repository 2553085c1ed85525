"""Lines in, the words that may follow each out."""

from __future__ import annotations

from edgenets.backend import Session
from edgenets.tasks.language.events import Suggested, TextSummary
from edgenets.tasks.language.pipeline import Writer
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.lines import AnswerPipeline, Line


class SuggestedLines(AnswerPipeline):
    """Words that may come next, after every line."""

    def __init__(
        self, spec: LanguageSpec, session: Session, summary: TextSummary, count: int
    ) -> None:
        """`count`: words a line."""
        super().__init__(summary)
        self._writer, self._count = Writer(spec, session), count

    def answer(self, line: Line) -> Suggested:
        """See `AnswerPipeline.answer`."""
        found = self._writer.suggest(line.text, self._count)
        self.summary.tokens += len(line.text)
        return Suggested(
            self.source,
            line.text,
            tuple((s.word, s.probability) for s in found),
            line.number,
            *self.times(line),
        )
