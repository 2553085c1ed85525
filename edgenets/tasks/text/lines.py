"""Lines in, what each is out."""

from __future__ import annotations

from edgenets.backend import Session
from edgenets.tasks.language.events import TextSummary
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.lines import AnswerPipeline, Line
from edgenets.tasks.text.events import Classified
from edgenets.tasks.text.pipeline import Reader


class ClassifiedLines(AnswerPipeline):
    """A label for every line."""

    def __init__(self, spec: TextSpec, session: Session, summary: TextSummary) -> None:
        super().__init__(summary)
        self._labels, self._reader = spec.labels, Reader(spec, session)

    def answer(self, line: Line) -> Classified:
        """See `AnswerPipeline.answer`."""
        read = self._reader.read(line.text)
        label, summary = self._labels[read.label], self.summary
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.tokens += read.tokens
        summary.unknown += read.unknown
        scores = {name: float(p) for name, p in zip(self._labels, read.posterior, strict=True)}
        return Classified(
            self.source, line.text, label, scores[label], scores, read.tokens, read.unknown,
            line.number, *self.times(line),
        )  # fmt: skip
