"""`TextRun`: lines in, what they are or what may follow them out; `Writing`: a text goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import Classified, Suggested, TextSummary, Written
from edgenets.spec import spec_as
from edgenets.tasks.language.pipeline import Writer
from edgenets.tasks.language.sampling import Sampling
from edgenets.tasks.language.spec import LanguageSpec, TextSpec
from edgenets.tasks.text.pipeline import Reader

from .delivery import Delivery
from .linerun import AnswerRun
from .lines import Line
from .vitals import Vitals

# How much of a written text the summary keeps.
_KEPT = 1_000_000  # characters


class TextRun(AnswerRun["Classified | Suggested"]):
    """One run of a bundle over lines of text."""

    def __init__(
        self, bundle: Bundle, session: Session, source_uri: str, suggestions: int = 3
    ) -> None:  # fmt: skip
        """Open the source.

        Args:
            suggestions: words that a model of language tells after each line.

        Raises:
            SourceError: it cannot be opened.
        """
        spec = bundle.spec
        summary = TextSummary(str(bundle.path), session.artifact.id, session.runs_on)
        super().__init__(source_uri, summary)
        self._labels = spec.labels
        self._reader = Reader(spec, session) if isinstance(spec, TextSpec) else None
        self._writer = Writer(spec, session) if isinstance(spec, LanguageSpec) else None
        self._count = suggestions

    def _answer(self, line: Line) -> Classified | Suggested:
        return self._sorted(line) if self._reader else self._suggested(line)

    def _sorted(self, line: Line) -> Classified:
        assert self._reader is not None
        read = self._reader.read(line.text)
        label, summary = self._labels[read.label], self.summary
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.tokens += read.tokens
        summary.unknown += read.unknown
        scores = {name: float(p) for name, p in zip(self._labels, read.posterior, strict=True)}
        now = time.monotonic()
        return Classified(
            self.source_name, line.text, label, scores[label], scores, read.tokens, read.unknown,
            line.number, now - self._started, now - line.captured,
        )  # fmt: skip

    def _suggested(self, line: Line) -> Suggested:
        assert self._writer is not None
        found = self._writer.suggest(line.text, self._count)
        self.summary.tokens += len(line.text)
        now = time.monotonic()
        return Suggested(
            self.source_name, line.text, tuple((s.word, s.probability) for s in found),
            line.number, now - self._started, now - line.captured,
        )  # fmt: skip


class Writing(Delivery[Written, TextSummary]):
    """One text that a model of language goes on with."""

    def __init__(
        self, bundle: Bundle, session: Session, prompt: str = "", tokens: int = 500,
        sampling: Sampling | None = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        """Read the prompt.

        Args:
            prompt: what the text goes on from; empty: the model's own beginning.
            tokens: to write.
            sampling: how they are drawn; None takes the model's own way.
            seed: of the draws; None: another text every time.

        Raises:
            DataError: the model has no token for something in the prompt.
        """
        spec = spec_as(bundle.spec, LanguageSpec)
        self._writer = Writer(spec, session, sampling, seed)
        self._tokens, self._stopped = tokens, False
        self.source_name = f"{prompt[:40]!r}" if prompt else "its own beginning"
        self.vitals = Vitals()
        self.summary = TextSummary(str(bundle.path), session.artifact.id, session.runs_on)
        self._begun = time.process_time()
        self.summary.tokens = self._writer.read(prompt)

    def stop(self) -> None:
        """See `Delivery.stop`."""
        self._stopped = True

    def __iter__(self) -> Iterator[Written]:
        started = time.monotonic()
        parts: list[str] = []
        try:
            for number in range(self._tokens):
                if self._stopped:
                    break
                before = time.monotonic()
                drawn = self._writer.draw()
                self.vitals.infer(time.monotonic() - before)
                if number < _KEPT:
                    parts.append(drawn.text)
                self.summary.tokens += 1
                yield Written(
                    self.source_name, drawn.text, drawn.probability, number, before - started
                )
        finally:
            self.summary.texts = 1
            self.summary.text = "".join(parts)
            self.summary.wall_seconds = time.monotonic() - started
            self.summary.cpu_seconds = time.process_time() - self._begun
