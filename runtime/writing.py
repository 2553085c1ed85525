"""`Writing`: a model of language goes on with a text."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.events import TextSummary, Written
from edgenets.spec import spec_as
from edgenets.tasks.language.pipeline import Writer
from edgenets.tasks.language.sampling import Sampling
from edgenets.tasks.language.spec import LanguageSpec

from .run import Run

# How much of a written text the summary keeps.
_KEPT = 1_000_000  # characters


class Writing(Run[TextSummary]):
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
        super().__init__(TextSummary(str(bundle.path), session.artifact.id, session.runs_on))
        self._begun = time.process_time()
        self.summary.tokens = self._writer.read(prompt)

    def stop(self) -> None:
        """See `Run.stop`."""
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
