"""How near translations come to those of people: BLEU and chrF, by sacrebleu (Post 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgenets.extras import require


@dataclass(frozen=True)
class TextSimilarity:
    """Two figures of a set of translations, 0…100; more is better."""

    bleu: float  # Papineni et al. 2002, of words in one to four, with sacrebleu's 13a tokens
    chrf: float  # Popović 2015, of letters in one to six
    signature: str  # what makes the BLEU one that others can be held against


def similarity(found: Sequence[str], wanted: Sequence[str]) -> TextSimilarity:
    """Hold translations against one of people each.

    Args:
        found: translations.
        wanted: of the same sentences, in the same order.
    """
    metrics = require("sacrebleu").metrics
    bleu, chrf = metrics.BLEU(), metrics.CHRF()
    score = bleu.corpus_score(list(found), [list(wanted)])
    return TextSimilarity(
        score.score, chrf.corpus_score(list(found), [list(wanted)]).score, str(bleu.get_signature())
    )
