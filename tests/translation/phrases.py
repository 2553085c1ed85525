"""A small language, and what it is in another: words have one meaning, and the order turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = {
    "one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf",
    "red": "rot", "green": "grün", "blue": "blau",
}  # fmt: skip


def translated(sentence: str) -> str:
    """The right translation: word for word, the last first."""
    return " ".join(WORDS[word] for word in reversed(sentence.split()))


def sentences(count: int, seed: int, longest: int = 5) -> list[str]:
    rng = np.random.default_rng(seed)
    words = list(WORDS)
    return [" ".join(rng.choice(words, rng.integers(1, longest + 1))) for _ in range(count)]


def write(folder: Path, train: int = 1500, test: int = 60) -> Path:
    """`train.en`, `train.de`, `val.en` and `val.de`; no sentence is in both."""
    folder.mkdir(parents=True, exist_ok=True)
    known = sorted(set(sentences(train, 1)))
    new = sorted(set(sentences(test * 4, 2)) - set(known))[:test]
    for name, lines in (("train", known), ("val", new)):
        (folder / f"{name}.en").write_text("\n".join(lines) + "\n")
        (folder / f"{name}.de").write_text("\n".join(map(translated, lines)) + "\n")
    return folder
