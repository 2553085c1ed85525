"""`evaluate_language` and `evaluate_texts`: how well a model foresees a text, or sorts texts,
through the very artefact that a device runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.tasks.language.likelihood import bits, nats
from edgenets.tasks.language.spec import LanguageSpec, TextSpec
from edgenets.tasks.language.texts import LabelledText
from edgenets.tasks.language.tokens import Tokenizer
from edgenets.tasks.text.pipeline import Reader

# Tokens that are judged at once: their scores must fit the memory of a board.
_PIECE = 2048


@dataclass(frozen=True)
class LanguageEvaluation:
    """How well a text was foreseen, as one stream."""

    n: int  # tokens that were foreseen
    nats: float  # a token
    bits: float  # a token
    bits_a_character: float
    foreseen: float  # tokens that were the likeliest, 0…1
    tokens_per_s: float  # of CPU time


@dataclass(frozen=True)
class TextEvaluation:
    """How well texts were sorted."""

    n: int  # texts
    accuracy: float  # 0…1
    confusion: tuple[tuple[int, ...], ...]  # row the truth, column the decision
    tokens_per_s: float  # of CPU time
    unknown: float  # words that the model does not know, 0…1


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
        count, total / count, bits(total / count), bits(total / characters), hits / count,
        count / max(cpu, 1e-9),
    )  # fmt: skip


def evaluate_texts(
    spec: TextSpec,
    session: Session,
    texts: Sequence[LabelledText],
    progress: Progress | None = None,
) -> TextEvaluation:
    """Read each text from an empty state.

    Args:
        texts: with labels of the model.

    Raises:
        DataError: a text has nothing in it that the model could read.
    """
    reader = Reader(spec, session)
    matrix: NDArray[np.int64] = np.zeros((len(spec.labels), len(spec.labels)), np.int64)
    begun, tokens, unknown = time.process_time(), 0, 0
    with (progress or Progress()).task("reading") as task:
        for done, text in enumerate(texts, 1):
            read = reader.read(text.text)
            matrix[spec.labels.index(text.label), read.label] += 1
            tokens += read.tokens
            unknown += read.unknown
            task.update(done, len(texts))
    cpu = max(time.process_time() - begun, 1e-9)
    return TextEvaluation(
        len(texts), float(np.trace(matrix) / max(1, matrix.sum())),
        tuple(tuple(int(n) for n in row) for row in matrix), tokens / cpu,
        unknown / max(1, tokens),
    )  # fmt: skip
