"""Recordings with what is said in them, in three layouts.

transcripts.tsv          a line a recording: path, transcript and, if known, speaker
TEXT_SPEAKER_NUMBER.wav  as the Free Spoken Digit Dataset names its files
LABEL/*.wav              as Speech Commands has them: the folder is what is said, and the speaker
                         is known by SPEAKER_nohash_N.wav

Names of files and of folders may both look like texts; then the symbols tell which are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.layouts import unknown_layout
from edgenets.data.split import Split, split_of
from edgenets.errors import DataError
from edgenets.sound import audio
from edgenets.tasks.keywords.clips import speaker_of
from edgenets.tasks.speech.symbols import Units, symbols_of

TRANSCRIPTS = "transcripts.tsv"

# An example of each layout, for who has another.
LAYOUTS = (
    "transcripts.tsv        take1.wav<TAB>what is said<TAB>speaker (if it is known)",
    "seven_anna_3.wav       what is said, who says it, a number",
    "yes/0a7c2a8d_nohash_0.wav   the folder is what is said (any names of files will do)",
)

# Whether a text can be written in symbols.
Spells = Callable[[str], bool]

_NAMED = re.compile(r"(?P<text>[^_]+)_(?P<speaker>[^_]+)_\d+")


@dataclass(frozen=True)
class Utterance:
    """One recording on disk."""

    path: Path
    text: str
    speaker: str | None  # None where nothing tells
    recording: str | None = None  # what it is called, where the name of its file is not enough

    def split(self, apart: str, validation: float, test: float) -> Split:
        """The split that it belongs to, with its speaker or by itself."""
        return split_of(self.group(apart), validation, test)

    def group(self, apart: str) -> str:
        """What must not be divided between splits: its speaker, or the recording."""
        if apart == "speakers" and self.speaker:
            return self.speaker
        return self.recording or self.path.name


@dataclass(frozen=True)
class Spoken:
    """Utterances of one split, in memory."""

    sounds: tuple[NDArray[np.int16], ...]
    symbols: tuple[tuple[int, ...], ...]  # of each its label numbers; 0, the blank, is never one
    sample_rate: int  # Hz

    def __len__(self) -> int:
        return len(self.sounds)


def find_utterances(
    root: Path, spells: Spells | None = None, say: Callable[[str], None] = lambda _: None
) -> list[Utterance]:
    """All utterances below a folder, sorted by path.

    Args:
        spells: whether a text can be written in the model's symbols; recordings in folders that
            are called otherwise, such as `_background_noise_`, are left out.
        say: given how many those are.

    Raises:
        DataError: the folder is missing, or laid out in none of these ways.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one of recordings with transcripts")
    if (root / TRANSCRIPTS).is_file():
        return _listed(root)
    files = _sound_files(root)
    by_name = _by_name(files)
    by_folder = [_in_folder(path) for path in files if path.parent != root]
    if by_name and not (by_folder and _folders_say(by_name, by_folder, spells)):
        return by_name
    if not by_folder:
        why = f"has neither {TRANSCRIPTS}, nor TEXT_SPEAKER_NUMBER.wav, nor LABEL/*.wav"
        raise DataError(unknown_layout(root, why, LAYOUTS))
    return by_folder if spells is None else _spelled(root, by_folder, spells, say)


def _sound_files(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in audio.SUFFIXES and not path.name.startswith(".")
    )


def _in_folder(path: Path) -> Utterance:
    """What is said is the folder; a speaker's files are called the same in each of them."""
    folder, speaker = path.parent.name, speaker_of(path)
    return Utterance(path, folder, speaker, f"{folder}/{path.name}" if speaker else None)


def _by_name(files: list[Path]) -> list[Utterance]:
    """What files are that are all named TEXT_SPEAKER_NUMBER; else nothing."""
    named = [(path, _NAMED.fullmatch(path.stem)) for path in files]
    found = [Utterance(path, m["text"], m["speaker"]) for path, m in named if m]
    return found if len(found) == len(files) else []


def _folders_say(
    by_name: list[Utterance], by_folder: list[Utterance], spells: Spells | None
) -> bool:
    """Whether it is the folders that have the texts, where names of files may have them, too."""
    if all(u.speaker is not None for u in by_folder):  # SPEAKER_nohash_N
        return True
    if spells is None:
        return False
    names, folders = {u.text for u in by_name}, {u.text for u in by_folder}
    return not any(map(spells, names)) and any(map(spells, folders))


def _spelled(
    root: Path, found: list[Utterance], spells: Spells, say: Callable[[str], None]
) -> list[Utterance]:
    """Those of folders that the symbols can spell."""
    others = Counter(u.text for u in found if not spells(u.text))
    if len(others) == len({u.text for u in found}):
        examples = ", ".join(list(others)[:5])
        why = f"its folders are called {examples}, which the recipe's symbols do not spell"
        raise DataError(unknown_layout(root, why, LAYOUTS))
    if others:
        listed = ", ".join(f"{name} ({count:,})" for name, count in others.most_common(5))
        more = f" and {len(others) - 5} more folders" if len(others) > 5 else ""
        say(
            f"{root}: {sum(others.values()):,} of {len(found):,} recordings are left out, in "
            f"folders that the symbols do not spell: {listed}{more}"
        )
    return [u for u in found if u.text not in others]


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
