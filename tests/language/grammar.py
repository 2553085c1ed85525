"""Texts of a small grammar: what may come next is known, and so is what a sentence thinks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

NOUNS = ("cat", "dog", "bird")
VERBS = {"cat": "sleeps", "dog": "barks", "bird": "sings"}
GOOD, BAD = ("fine", "lovely", "great"), ("awful", "dull", "poor")


# Recipes that learn it.
LANGUAGE: dict[str, Any] = {
    "name": "stories", "description": "Stories", "task": "language",
    "data": {"length": 48, "crops": 256, "validation": 0.1, "test": 0.1},
    "model": {"architecture": "language-rnn", "embedding": 12, "units": [32], "dropout": 0.0},
    "schedule": {"epochs": 10, "batch": 32, "learning_rate": 2e-2, "average": 0.8},
    "gate": {"clips": 20, "stream_steps": 2000},
}  # fmt: skip

TEXT: dict[str, Any] = {
    "name": "opinions", "description": "Opinions", "task": "text",
    "data": {"validation": 0.2, "test": 0.2, "word_dropout": 0.05},
    "schedule": {"epochs": 6, "batch": 16, "learning_rate": 2e-2, "average": 0.8},
    "gate": {"stream_steps": 2000, "accuracy_drop": 0.02},
}  # fmt: skip
NETS: dict[str, dict[str, Any]] = {
    "rnn": {"architecture": "text-rnn", "embedding": 8, "units": [16], "dropout": 0.1},
    "cnn": {"architecture": "text-cnn", "embedding": 8, "kernels": [1, 2, 4], "channels": 12},
}


def text_recipe(net: str) -> dict[str, Any]:
    return {**TEXT, "model": NETS[net]}


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
