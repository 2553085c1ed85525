"""How well a model predicts a text, through the very artifact that a device runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets import records
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.metrics import NATS
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation
from edgenets.tasks.language.likelihood import bits, nats
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.language.texts import read_corpus, split_text
from edgenets.tasks.language.tokens import Tokenizer

# Tokens that are judged at once: their scores must fit the memory of a board.
_PIECE = 2048


@dataclass(frozen=True)
class LanguageEvaluation:
    """How well a text was predicted, as one stream."""

    n: int  # tokens that were predicted
    nats: float  # a token
    bits: float  # a token
    bits_a_character: float
    foreseen: float  # tokens that were the likeliest, 0…1
    tokens_per_s: float  # of CPU time


def evaluate_language(
    spec: LanguageSpec, session: Session, text: str, progress: Progress | None = None
) -> LanguageEvaluation:
    """Step through a text from an empty state.

    Raises:
        DataError: it is shorter than two tokens, or has what the model has no token for.
    """
    tokens = Tokenizer(spec.input).encode(text)
    if len(tokens) < 2:
        raise DataError("two tokens at least are needed: nothing foresees the first")
    session.reset()
    begun = time.process_time()
    total, hits = 0.0, 0
    place = np.empty((1, 1, 1), np.int32)
    with (progress or Progress()).task("reading") as task:
        for at in range(0, len(tokens) - 1, _PIECE):
            came = tokens[at : min(at + _PIECE, len(tokens) - 1)]
            logits = np.empty((len(came), spec.scores), np.float32)
            for row, token in zip(logits, came, strict=True):
                place[...] = token
                row[:] = session.run({spec.step.input: place})[spec.step.output][0, -1]
            following = tokens[at + 1 : at + 1 + len(came)]
            total += float(nats(logits, following).sum())
            hits += int((logits.argmax(axis=1) == following).sum())
            task.update(at + len(came), len(tokens) - 1)
    count, cpu = len(tokens) - 1, time.process_time() - begun
    characters = max(1, len(text))
    return LanguageEvaluation(
        count,
        total / count,
        bits(total / count),
        bits(total / characters),
        hits / count,
        count / max(cpu, 1e-9),
    )


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec = spec_as(bundle.spec, LanguageSpec)
    text = read_corpus(data, "*.txt")
    if split is not None:
        text = split_text(text, split, spec.split.validation, spec.split.test)
    found = evaluate_language(spec, session, text, progress)
    per = "character" if spec.input.units == "characters" else "word"
    line = (
        f"{found.nats:.4f} nats, {found.bits:.4f} bits a {per} over {found.n:,}; "
        f"{found.foreseen:.1%} predicted, {found.tokens_per_s:,.0f} a second of CPU"
    )
    return Evaluation(NATS.name, found.nats, found.n, line, records.to_plain(found))
