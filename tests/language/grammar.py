"""Texts of a small grammar: what may come next is known, and so is what a sentence thinks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NOUNS = ("cat", "dog", "bird")
VERBS = {"cat": "sleeps", "dog": "barks", "bird": "sings"}
GOOD, BAD = ("fine", "lovely", "great"), ("awful", "dull", "poor")


def stories(count: int, seed: int = 1) -> str:
    """Sentences such as `the cat sleeps.`"""
    rng = np.random.default_rng(seed)
    chosen = (NOUNS[i] for i in rng.integers(0, len(NOUNS), count))
    return "\n".join(f"the {noun} {VERBS[noun]}." for noun in chosen) + "\n"


def opinions(folder: Path, count: int, seed: int = 1) -> Path:
    """`good.txt` and `bad.txt`: the last opinion of a sentence counts, after a `but`."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for label, words, others in (("good", GOOD, BAD), ("bad", BAD, GOOD)):
        lines = []
        for _ in range(count):
            begin = f"{rng.choice(others)} at first but " if rng.random() < 0.5 else ""
            filler = " ".join(rng.choice(["a", "the", "film", "story", "so"], rng.integers(1, 8)))
            lines.append(f"{begin}{filler} is {rng.choice(words)}")
        (folder / f"{label}.txt").write_text("\n".join(lines))
    return folder
