"""What a training's figures give reason to doubt: that it learned anything, or all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgenets.files import Json
from edgenets.progress import Progress

# Fewer items of a label than this say little about it.
FEW = 5

# By so many standard errors must a network be better than one that always says the same.
SIGMAS = 2.0


def doubted(found: Mapping[str, Json], labels: Sequence[str], progress: Progress) -> list[str]:
    """What is wrong with the figures of the splits that have clips; it is said, too."""
    doubts = [
        doubt
        for split, figures in found.items()
        if figures["clips"]
        for doubt in doubts_of(figures, labels, split, "clips")
    ]
    for doubt in doubts:
        progress.say(doubt)
    return doubts


def doubts_of(figures: Json, labels: Sequence[str], split: str, items: str) -> list[str]:
    """What is wrong with the figures of a split, each with what to do.

    Args:
        figures: `confusion`, (labels, labels): rows the truth, columns the decisions.
        items: what is decided, such as `clips`.
    """
    matrix = np.array(figures["confusion"])
    said, right, total = matrix.sum(axis=1), np.trace(matrix), matrix.sum()
    if not total:
        return []
    share = said.max() / total
    least = share + SIGMAS * np.sqrt(share * (1 - share) / total)
    if right / total <= min(least, 1 - 1e-9) and (said > 0).sum() > 1:
        return [
            f"{split}: {right / total:.1%} is no better than always saying "
            f"{labels[int(said.argmax())]} ({share:.1%} of {total} {items}): it learned nothing "
            f"that holds for others; more recordings or speakers, longer training or another "
            f"learning rate are needed"
        ]
    found = []
    for label, count, heard in zip(labels, said.tolist(), matrix.sum(axis=0).tolist(), strict=True):
        if count and not heard:
            found.append(
                f"{split}: {label} is never decided for, in {count} {items} of it: give more of "
                f"it, or train longer"
            )
        elif 0 < count < FEW:
            found.append(f"{split}: {count} {items} of {label} say little about it")
    return found
