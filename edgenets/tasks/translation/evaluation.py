"""`evaluate_translation`: how near translations come to those of people, through the artifacts
that a device runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets import records
from edgenets.backend import Coupled, Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.extras import require
from edgenets.metrics import BLEU
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation, some
from edgenets.tasks.translation.bleu import similarity
from edgenets.tasks.translation.pairs import Pair, split_pairs
from edgenets.tasks.translation.spec import TranslationDecoding, TranslationSpec
from edgenets.tasks.translation.subwords import Subwords, subwords_of
from edgenets.tasks.translation.translator import Translator


@dataclass(frozen=True)
class Way:
    """What one way of looking for a translation found."""

    beam: int
    bleu: float
    chrf: float
    ms_per_sentence: float  # of CPU time


@dataclass(frozen=True)
class TranslationEvaluation:
    """How near the translations came."""

    n: int  # sentences
    refused: int  # of them, that a run refuses: too long, or nothing in them can be read
    ways: tuple[Way, ...]  # greedy, and the model's own beam where that is another
    signature: str  # sacrebleu's


def evaluate_translation(
    spec: TranslationSpec,
    session: Coupled,
    pairs: Sequence[Pair],
    pieces: Subwords,
    progress: Progress | None = None,
) -> TranslationEvaluation:
    """Translate sentences, and hold them against those of people.

    What a run refuses counts as an empty translation.

    Raises:
        DataError: there are none.
        MissingExtra: sacrebleu is not installed.
    """
    require("sacrebleu")  # before the work, not after it
    if not pairs:
        raise DataError("there is no sentence to translate")
    wanted = [pair.target for pair in pairs]
    sources = pieces.encode_all([pair.source for pair in pairs])
    refused = [bool(pieces.refusal(source, spec.input)) for source in sources]
    own = spec.decoding
    decodings: list[TranslationDecoding] = [replace(own, beam=1)]
    decodings += [own] if own.beam > 1 else []
    ways: list[Way] = []
    signature = ""
    for decoding in decodings:
        translator = Translator(spec, session.encoder, session.decoder, decoding)
        found, begun = [], time.process_time()
        with (progress or Progress()).task(f"translating, beam {decoding.beam}") as task:
            for number, (source, no) in enumerate(zip(sources, refused, strict=True), 1):
                found.append("" if no else pieces.decode(translator.translate(source).pieces))
                task.update(number, len(sources))
        seconds = time.process_time() - begun
        near = similarity(found, wanted)
        signature = near.signature
        each = 1e3 * seconds / len(pairs)
        ways.append(Way(decoding.beam, near.bleu, near.chrf, each))
    return TranslationEvaluation(len(pairs), sum(refused), tuple(ways), signature)


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec = spec_as(bundle.spec, TranslationSpec)
    assert isinstance(session, Coupled), "as it is loaded"
    pairs = split_pairs(
        data,
        split or "test",
        spec.files,
        spec.input.source,
        spec.input.target,
        spec.split.validation,
    )
    found = evaluate_translation(
        spec, session, some(pairs, data, split), subwords_of(bundle), progress
    )
    best = found.ways[-1]
    line = (
        f"BLEU {best.bleu:.2f}, chrF {best.chrf:.2f} on {found.n:,} sentences ({found.signature}), "
        f"{best.ms_per_sentence:.1f} ms CPU a sentence"
        f"{f'; {found.refused:,} were refused and count as empty' if found.refused else ''}"
    )
    rows = tuple(
        (str(w.beam), f"{w.bleu:.2f}", f"{w.chrf:.2f}", f"{w.ms_per_sentence:.1f} ms")
        for w in found.ways
    )
    return Evaluation(
        BLEU.name, best.bleu, found.n, line, records.to_plain(found),
        ("beam", "BLEU", "chrF", "CPU a sentence"), rows,
    )  # fmt: skip
