"""Folders of labeled recordings: `LABEL/*.wav|flac|mp3`, as Speech Commands has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data import split
from edgenets.data.split import Split, SplitShares, splits_of
from edgenets.errors import DataError
from edgenets.sound import audio

# Speech Commands keeps minutes of noise among its words, which are no clips of anything.
NO_LABELS = frozenset({"_background_noise_"})

# Speech Commands writes `SPEAKER_nohash_N`, and `WORD_SPEAKER_nohash_N` among the unknown words.
_SPEAKER = re.compile(r"(?:^|_)([0-9a-f]{8})_nohash_\d+$")


@dataclass(frozen=True)
class Clip:
    """One recording on disk."""

    path: Path
    label: str
    speaker: str | None  # None where the file's name carries none

    @property
    def group(self) -> str:
        """What must not be divided between splits: the speaker, else the recording."""
        return self.speaker or self.path.name


def find_clips(root: Path, labels: Sequence[str] | None = None) -> list[Clip]:
    """All recordings below `root/LABEL/`, sorted by path; hidden files are none.

    Args:
        root: a folder that holds one folder a label.
        labels: take only these; every one must be there. None takes every folder but those of
            `NO_LABELS`.

    Raises:
        DataError: the folder, a label's folder or its recordings are missing.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give a folder of LABEL/*.wav or *.flac")
    folders = _folders(root, labels)
    clips = [
        Clip(path, folder.name, speaker_of(path))
        for folder in folders
        for path in sorted(folder.iterdir())
        if is_recording(path)
    ]
    empty = {p.name for p in folders} - {c.label for c in clips}
    if empty:
        raise DataError(f"{root}: no sound files in {', '.join(sorted(empty))}")
    if not clips:
        raise DataError(f"{root}: no LABEL/*.wav or *.flac below it")
    return clips


def _folders(root: Path, labels: Sequence[str] | None) -> list[Path]:
    """The folders of some labels, or of all; see `find_clips`."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if labels is None:
        return [p for p in folders if p.name not in NO_LABELS]
    if missing := set(labels) - {p.name for p in folders}:
        raise DataError(f"{root}: no folder for the label(s) {', '.join(sorted(missing))}")
    return [p for p in folders if p.name in labels]


def is_recording(path: Path) -> bool:
    """Whether a file is a recording, by its name."""
    # macOS leaves ._NAME.wav beside what it copies.
    return path.suffix.lower() in audio.SUFFIXES and not path.name.startswith(".")


def speaker_of(path: Path) -> str | None:
    """The speaker that a Speech Commands file name carries, or None."""
    match = _SPEAKER.search(path.stem)
    return match.group(1) if match else None


def split_of(clip: Clip, validation: float, test: float) -> Split:
    """The split that a clip belongs to, with its speaker; see `edgenets.data.split.split_of`."""
    return split.split_of(clip.group, validation, test)


def of_split(
    clips: Sequence[Clip],
    split: Split | None,
    shares: SplitShares,
    group: Callable[[Clip], str] = lambda clip: clip.group,
) -> list[Clip]:
    """The clips of a split; None: all of them. See `edgenets.data.split.splits_of`.

    Args:
        group: what must not be divided between splits.
    """
    of = splits_of(((clip.label, group(clip)) for clip in clips), shares.validation, shares.test)
    return [clip for clip in clips if split in (None, of[group(clip)])]


def recordings_below(root: Path) -> list[Path]:
    """The recording that a path is, or all below a folder, sorted; hidden files are none."""
    return [root] if root.is_file() else sorted(p for p in root.rglob("*") if is_recording(p))


def some_recordings(root: Path) -> list[Path]:
    """The same.

    Raises:
        DataError: there are none.
    """
    found = recordings_below(root)
    if not found:  # nor is there such a folder
        raise DataError(f"{root}: no recordings in it")
    return found


@dataclass(frozen=True)
class ClipSet:
    """Recordings of one split, in memory."""

    sounds: tuple[NDArray[np.int16], ...]  # one a clip, any length
    targets: NDArray[np.int64]  # (clips,), index into `labels`
    labels: tuple[str, ...]
    sample_rate: int  # Hz

    def __len__(self) -> int:
        return len(self.sounds)

    def counts(self) -> dict[str, int]:
        """Clips a label."""
        found = Counter(self.targets.tolist())
        return {label: found[i] for i, label in enumerate(self.labels)}


def load_clips(
    clips: Sequence[Clip],
    labels: Sequence[str],
    sample_rate: int,
    progress: Callable[[int, int], None] | None = None,
) -> ClipSet:
    """Read clips into memory as mono 16-bit sound at `sample_rate` Hz.

    Args:
        progress: called with (done, all).

    Raises:
        DataError: a recording cannot be read or is empty.
    """
    index = {label: i for i, label in enumerate(labels)}
    sounds = []
    for done, clip in enumerate(clips, 1):
        sound = audio.read(clip.path, sample_rate)
        if not len(sound):
            raise DataError(f"{clip.path}: holds no sound")
        sounds.append(audio.float_to_pcm16(sound))
        if progress is not None:
            progress(done, len(clips))
    targets = np.array([index[c.label] for c in clips], dtype=np.int64)
    return ClipSet(tuple(sounds), targets, tuple(labels), sample_rate)
