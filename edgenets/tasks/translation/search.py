"""The likeliest translation, found greedily or by a beam, one step of a decoder at a time.

What is kept in mind are the `beam` likeliest beginnings; a translation that ends among them
competes by ln p a piece (Wu et al. 2016, arXiv:1609.08144, with the length itself as penalty).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.speech.ctc import log_softmax
from edgenets.tasks.translation.spec import BEGIN, END, NEVER, TranslationDecoding

S = TypeVar("S")  # where a decoder stands

# (piece, where the decoder stood) → (logits of the next piece, where it stands then)
Step = Callable[[int, S], tuple[NDArray[np.float32], S]]


@dataclass(frozen=True)
class Translated:
    """A translation, in pieces without its end."""

    pieces: tuple[int, ...]
    log_p: float  # of all of it
    whole: bool  # False: it was broken off where it became too long


@dataclass(frozen=True)
class _Beginning(Generic[S]):
    """What was written so far, and where the decoder stands after it."""

    pieces: tuple[int, ...]
    log_p: float
    scores: NDArray[np.float64]  # ln p of each piece that may follow
    state: S


def longest(decoding: TranslationDecoding, read: int) -> int:
    """Subwords that a translation may have, of a sentence of so many."""
    return int(decoding.longest * read) + 10


def search(step: Step[S], start: S, decoding: TranslationDecoding, most: int) -> Translated:
    """Find a translation.

    Args:
        step: the decoder.
        start: where it stands before the first step.
        most: pieces at which a translation is broken off; see `longest`.
    """
    beam = [_follow(step, (), 0.0, BEGIN, start)]
    ended: list[tuple[float, Translated]] = []
    for length in range(1, most + 1):
        onward = heapq.nlargest(
            2 * decoding.beam,
            (choice for at in beam for choice in _choices(at, decoding.beam)),
            key=lambda choice: choice[0],
        )
        beginnings: list[tuple[float, _Beginning[S], int]] = []
        for rank, (log_p, at, piece) in enumerate(onward):
            if piece != END:
                beginnings.append((log_p, at, piece))
            elif rank < decoding.beam:
                score = log_p / length**decoding.length_power
                ended.append((score, Translated(at.pieces, log_p, True)))
        if len(ended) >= decoding.beam:
            break
        if length == most and not ended:
            log_p, at, piece = beginnings[0]
            return Translated((*at.pieces, piece), log_p, False)
        beam = [
            _follow(step, (*at.pieces, piece), log_p, piece, at.state)
            for log_p, at, piece in beginnings[: decoding.beam]
        ]
    return max(ended, key=lambda item: item[0])[1]


def _choices(at: _Beginning[S], count: int) -> list[tuple[float, _Beginning[S], int]]:
    """The likeliest ways on from a beginning."""
    most = min(2 * count, len(at.scores))
    best = np.argpartition(-at.scores, most - 1)[:most]
    return [(at.log_p + float(at.scores[piece]), at, int(piece)) for piece in best]


def _follow(
    step: Step[S], pieces: tuple[int, ...], log_p: float, piece: int, state: S
) -> _Beginning[S]:
    logits, following = step(piece, state)
    scores = log_softmax(logits)
    scores[list(NEVER)] = -np.inf
    return _Beginning(pieces, log_p, scores, following)
