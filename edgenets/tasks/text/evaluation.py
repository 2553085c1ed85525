"""How well texts are classified, through the very artifact that a device runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets import records
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation, confusion_of, rows_by_label, some
from edgenets.tasks.language.spec import TextSpec
from edgenets.tasks.language.texts import LabelledText, find_texts
from edgenets.tasks.text.pipeline import Reader


@dataclass(frozen=True)
class TextEvaluation:
    """How well texts were sorted."""

    n: int  # texts
    accuracy: float  # 0…1
    confusion: tuple[tuple[int, ...], ...]  # row the truth, column the decision
    tokens_per_s: float  # of CPU time
    unknown: float  # words that the model does not know, 0…1


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
    targets = [spec.labels.index(text.label) for text in texts]
    decided: list[int] = []
    begun, tokens, unknown = time.process_time(), 0, 0
    with (progress or Progress()).task("reading") as task:
        for done, text in enumerate(texts, 1):
            read = reader.read(text.text)
            decided.append(read.label)
            tokens += read.tokens
            unknown += read.unknown
            task.update(done, len(texts))
    cpu = max(time.process_time() - begun, 1e-9)
    confusion = confusion_of(targets, decided, len(spec.labels))
    right = sum(row[i] for i, row in enumerate(confusion))
    return TextEvaluation(
        len(texts), right / max(1, len(texts)), confusion, tokens / cpu, unknown / max(1, tokens)
    )


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec, shares = spec_as(bundle.spec, TextSpec), bundle.spec.split
    texts = [
        text
        for text in find_texts(data, spec.labels, spec.columns, progress.say)
        if split in (None, text.split(shares.validation, shares.test))
    ]
    found = evaluate_texts(spec, session, some(texts, data, split), progress)
    line = (
        f"accuracy {found.accuracy:.2%} of {found.n:,} texts, {found.unknown:.1%} of their words "
        f"unknown, {found.tokens_per_s:,.0f} words a second of CPU"
    )
    return Evaluation(
        "accuracy", found.accuracy, found.n, line, records.to_plain(found),
        ("label", "texts", "right", "share"), rows_by_label(spec.labels, found.confusion),
    )  # fmt: skip
