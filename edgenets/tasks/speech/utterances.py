"""Recordings with what is said in them, in three layouts.

transcripts.tsv          a line a recording: path, transcript and, if known, speaker
TEXT_SPEAKER_NUMBER.wav  as the Free Spoken Digit Dataset names its files
LABEL/*.wav              as Speech Commands has them: the folder is what is said
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.split import Split, split_of
from edgenets.errors import DataError
from edgenets.sound import audio
from edgenets.tasks.keywords.clips import speaker_of
from edgenets.tasks.speech.symbols import Units, symbols_of

TRANSCRIPTS = "transcripts.tsv"

_NAMED = re.compile(r"(?P<text>[^_]+)_(?P<speaker>[^_]+)_\d+")


@dataclass(frozen=True)
class Utterance:
    """One recording on disk."""

    path: Path
    text: str
    speaker: str | None  # None where nothing tells

    def split(self, apart: str, validation: float, test: float) -> Split:
        """The split that it belongs to, with its speaker or by itself."""
        name = self.speaker if apart == "speakers" and self.speaker else self.path.name
        return split_of(name, validation, test)


@dataclass(frozen=True)
class Spoken:
    """Utterances of one split, in memory."""

    sounds: tuple[NDArray[np.int16], ...]
    symbols: tuple[tuple[int, ...], ...]  # of each its label numbers; 0, the blank, is never one
    sample_rate: int  # Hz

    def __len__(self) -> int:
        return len(self.sounds)


def find_utterances(root: Path) -> list[Utterance]:
    """All utterances below a folder, sorted by path.

    Raises:
        DataError: the folder is missing, or laid out in none of these ways.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one of recordings with transcripts")
    if (root / TRANSCRIPTS).is_file():
        return _listed(root)
    files = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in audio.SUFFIXES and not path.name.startswith(".")
    )
    named = [(path, _NAMED.fullmatch(path.stem)) for path in files]
    if files and all(found for _, found in named):
        return [Utterance(p, found["text"], found["speaker"]) for p, found in named if found]
    found = [Utterance(p, p.parent.name, speaker_of(p)) for p in files if p.parent != root]
    if not found:
        raise DataError(
            f"{root}: has neither {TRANSCRIPTS}, nor TEXT_SPEAKER_NUMBER.wav, nor LABEL/*.wav"
        )
    return found


def _listed(root: Path) -> list[Utterance]:
    found = []
    path = root / TRANSCRIPTS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{path}: cannot be read: {exc}") from exc
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place, *rest = line.split("\t")
        if len(rest) not in (1, 2) or not rest[0].strip():
            raise DataError(
                f"{path}, line {number}: a path, a transcript and, if known, a speaker are needed, "
                f"with tabs between them"
            )
        if not (root / place).is_file():
            raise DataError(f"{path}, line {number}: there is no {place}")
        speaker = rest[1].strip() if len(rest) == 2 and rest[1].strip() else None
        found.append(Utterance(root / place, rest[0].strip(), speaker))
    if not found:
        raise DataError(f"{path}: lists no recordings")
    return sorted(found, key=lambda u: u.path)


def load_utterances(
    utterances: Sequence[Utterance],
    symbols: Sequence[str],
    units: Units,
    sample_rate: int,
    progress: Callable[[int, int], None] | None = None,
) -> Spoken:
    """Read utterances into memory as mono 16-bit sound at `sample_rate` Hz.

    Raises:
        DataError: a recording cannot be read or is empty, or says what is no symbol.
    """
    sounds, said = [], []
    for done, utterance in enumerate(utterances, 1):
        try:
            said.append(symbols_of(utterance.text, symbols, units))
        except DataError as exc:
            raise DataError(f"{utterance.path}: {exc}") from exc
        sound = audio.read(utterance.path, sample_rate)
        if not len(sound):
            raise DataError(f"{utterance.path}: holds no sound")
        sounds.append(audio.float_to_pcm16(sound))
        if progress is not None:
            progress(done, len(utterances))
    return Spoken(tuple(sounds), tuple(said), sample_rate)
