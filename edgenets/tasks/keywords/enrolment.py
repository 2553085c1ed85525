"""`enrol`: a word, or one person's voice for one, from a few recordings, on a board too.

A `Head` learns to tell the moments at which the word has just ended from all else: what the bundle
keeps of what a device hears all day, recordings of the user's without the word, and the word itself
before and behind that. What it is worth is tried on recordings that are left out in turn; by these
the threshold is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.progress import Progress, Task
from edgenets.sound import audio
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.clips import some_recordings
from edgenets.tasks.keywords.decoding import means
from edgenets.tasks.keywords.enrolled import vectors_of
from edgenets.tasks.keywords.head import DELAYS, Floats, Head, history, joined, trained
from edgenets.tasks.keywords.listening import Recorder
from edgenets.tasks.keywords.spec import Background
from edgenets.tasks.keywords.takes import Take, Takes
from edgenets.tasks.sound import SoundSpec

T = TypeVar("T")

# s about a word's end: it has just ended; it is not over yet; it is over.
ENDED, NOT_YET, OVER = (0.0, 0.28), (-0.64, -0.24), (0.52, 9.0)

# So many heads are learned and joined. Where there are enough recordings, each of some learns
# without one of so many parts of them and of the background, and is tried on that.
HEADS, FOLDS, ENOUGH = 4, 3, 6

# Steps that posteriors are averaged over of models that have no smoothing of their own; and accepts
# so far apart are two, s.
SMOOTHING, APART = 4, 0.8

SEED = 1

# Of recordings of the word, this part is less sure than a stream must be to hold it.
SURE = 0.25

# Thresholds that may be set.
LEAST, HIGHEST = 0.5, 0.98


@dataclass(frozen=True)
class Learned:
    """A head, and what it is worth."""

    head: Head
    threshold: float
    clips: int  # recordings
    heard: int | None  # of these, when they were left out; None: there were too few
    accepts: int  # in other sound, when that was left out
    hours: float  # of it

    @property
    def line(self) -> str:
        """That, in words."""
        if self.heard is None:
            return f"{self.clips} recordings are too few to leave some out and try them"
        return (
            f"{self.heard} of {self.clips} recordings are heard when they are left out, with "
            f"{self.accepts} false accepts in {60 * self.hours:.0f} min of other sound"
        )


class VectorRecorder(Recorder):
    """Keeps the vectors of a stream."""

    def __init__(self, spec: SoundSpec, session: Session) -> None:
        super().__init__(spec, session)  # type: ignore[arg-type]  # it asks for no labels
        self.size, self._vectors = vectors_of(spec, session)

    def heard(self, sound: Sound) -> Floats:
        """The vectors of a stream of its own, (steps, numbers)."""
        self.reset()
        self.push(sound)
        return self.taken()

    def _decide(self, scores: NDArray[np.float32]) -> None:
        self.rows.append(self._vectors(scores).copy())


def background_of(data: bytes | memoryview, background: Background, size: int) -> list[Floats]:
    """The streams that a bundle keeps, (steps, numbers) each.

    Raises:
        ValueError: it keeps others.
    """
    integers = np.frombuffer(data, np.int8)
    shape = (background.streams, background.steps, size)
    if len(integers) != int(np.prod(shape)):
        raise ValueError(f"{len(integers):,} numbers are not {' × '.join(map(str, shape))}")
    return list(integers.reshape(shape) * np.float32(background.scale))


def streams_of(recorder: VectorRecorder, paths: Sequence[Path], progress: Progress) -> list[Floats]:
    """The vectors of recordings in which the word is not said.

    Raises:
        DataError: one cannot be read, or a folder has none.
    """
    found, every = [], [path for root in paths for path in some_recordings(root)]
    with progress.task("listening to negatives") as task:
        for done, path in enumerate(every, 1):
            recorder.reset()
            for block in audio.read_blocks(path, recorder.spec.input.sample_rate):
                recorder.push(block)
            found.append(recorder.taken())
            task.update(done, len(every), path.name)
    return [stream for stream in found if len(stream)]


def learn(
    recorder: VectorRecorder,
    clips: Sequence[Sound],
    others: Sequence[Floats],
    progress: Progress,
    *,
    voices: Sequence[Sound] = (),
    common: bool = False,
) -> Learned:
    """Learn a word from recordings of it; the same ones give the same head.

    Args:
        clips: see `takes.clips_of`.
        others: streams in which it is not said, (steps, numbers) each.
        voices: recordings of the word by those who are not meant, where it is one voice's.
        common: whether it is a word that may be said in these streams all the same.
    """
    heard = _heard(recorder, clips, progress)
    apart = _heard(recorder, voices, progress) if voices else []
    said = _Said(heard, apart, recorder.spec.decoding.smoothing)
    heads, tried = said.learned(others, progress)
    if common and tried and (kept := _unlike(others, tried)):
        others = kept
        heads, tried = said.learned(others, progress)
    return _judged(joined(heads), tried, said.clips, others, recorder.spec.step_seconds)


@dataclass(frozen=True)
class _Said:
    """What became of the recordings of a word."""

    heard: list[_Heard]
    apart: list[_Heard]  # of other voices, where it is one voice's
    smoothing: int

    @property
    def clips(self) -> int:
        """How many there are."""
        return len({one.clip for one in self.heard})

    def learned(
        self, others: Sequence[Floats], progress: Progress
    ) -> tuple[list[Head], list[_Tried]]:
        """Heads, and what those came to that learned without a part."""
        folds = FOLDS if self.clips >= ENOUGH else 0
        heads: list[Head] = []
        with progress.task("learning") as task:
            for number in range(HEADS):
                out = number if number < folds else None
                kept = _without(self.heard, [one.clip for one in self.heard], out)
                known = _without(others, range(len(others)), out)
                update = partial(_update, task, number)
                windows = _windows(kept, known, self.apart)
                heads.append(trained(*windows, SEED + number, progress=update))
        tried = [_Tried.of(heads[fold], fold, self, others) for fold in range(folds)]
        return heads, tried


@dataclass(frozen=True)
class _Tried:
    """What a head came to on what was left out."""

    right: Floats  # of each recording: the median over its ways of its highest posterior, (clips,)
    others: dict[int, Floats]  # posteriors of other streams by their number, (steps,) each

    @classmethod
    def of(cls, head: Head, fold: int, said: _Said, others: Sequence[Floats]) -> _Tried:
        """A head that learned without a part."""
        by_clip: dict[int, list[float]] = {}
        for one in said.heard:
            if one.clip % FOLDS == fold:
                highest = _smoothed(head, one.vectors, said.smoothing).max()
                by_clip.setdefault(one.clip, []).append(float(highest))
        right = np.array([np.median(every) for every in by_clip.values()], np.float32)
        left = range(fold, len(others), FOLDS)
        return cls(right, {n: _smoothed(head, others[n], said.smoothing) for n in left})


def _unlike(others: Sequence[Floats], tried: Sequence[_Tried]) -> list[Floats]:
    """Streams that are not as sure to hold the word as recordings of it are.

    The background is common words: one of them is said in it, too, and would have its own
    recordings count as false accepts.
    """
    usual = float(np.quantile(np.concatenate([one.right for one in tried]), SURE))
    highest = {n: found.max() for one in tried for n, found in one.others.items()}
    return [stream for n, stream in enumerate(others) if highest[n] < usual]


def _judged(
    head: Head,
    tried: Sequence[_Tried],
    clips: int,
    others: Sequence[Floats],
    step: float,
) -> Learned:
    """A head with the threshold that what was left out asks for."""
    hours = sum(map(len, others)) * step / 3600
    if not tried:
        return Learned(head, (LEAST + HIGHEST) / 2, clips, None, 0, hours)
    right = np.concatenate([one.right for one in tried])
    left = [found for one in tried for found in one.others.values()]
    peaks = _peaks(np.concatenate(left), int(APART / step))
    threshold = _threshold(right, peaks)
    heard, accepts = (int(np.sum(found >= threshold)) for found in (right, peaks))
    return Learned(head, threshold, clips, heard, accepts, hours)


def _without(items: Sequence[T], numbers: Iterable[int], fold: int | None) -> list[T]:
    """What is not of a part that is left out, if one is."""
    pairs = zip(items, numbers, strict=True)
    return [item for item, number in pairs if fold is None or number % FOLDS != fold]


@dataclass(frozen=True)
class _Heard:
    """What became of a take."""

    clip: int
    vectors: Floats  # (steps, numbers)
    since: NDArray[np.float64]  # s from the word's end to each step

    @classmethod
    def of(cls, recorder: VectorRecorder, take: Take) -> _Heard:
        vectors = recorder.heard(take.sound)
        times = np.array([recorder.time_of(step) for step in range(len(vectors))])
        return cls(take.clip, vectors, times - take.end / recorder.spec.input.sample_rate)

    def within(self, *seconds: tuple[float, float]) -> NDArray[np.bool_]:
        """Which steps lie in one of these."""
        found = np.zeros(len(self.since), bool)
        for low, high in seconds:
            found |= (self.since >= low) & (self.since <= high)
        return found


def _update(task: Task, number: int, done: int, total: int) -> None:
    task.update(number * total + done, HEADS * total)


def _heard(recorder: VectorRecorder, clips: Sequence[Sound], progress: Progress) -> list[_Heard]:
    """What becomes of all takes of recordings."""
    takes = Takes(clips, recorder.spec.input.sample_rate, SEED)
    found = []
    with progress.task("listening") as task:
        for done, take in enumerate(takes.every(), 1):
            found.append(_Heard.of(recorder, take))
            task.update(done, takes.count)
    return found


def _windows(
    heard: Sequence[_Heard], others: Sequence[Floats], apart: Sequence[_Heard]
) -> tuple[Floats, Floats]:
    """What a head learns from, (windows, delays × numbers), and of each whether the word has just
    ended in it, as it is meant."""
    parts = [(one.vectors, one.within(ENDED), 1.0) for one in heard]
    parts += [(one.vectors, one.within(NOT_YET, OVER), 0.0) for one in heard]
    parts += [(one.vectors, one.within(NOT_YET, ENDED, OVER), 0.0) for one in apart]
    # At a stream's beginning, what was before is not known.
    parts += [(stream, np.arange(len(stream)) >= max(DELAYS), 0.0) for stream in others]
    sizes = [int(chosen.sum()) for _, chosen, _ in parts]
    # Filled in place: it is the most that is held.
    windows = np.empty((sum(sizes), len(DELAYS) * heard[0].vectors.shape[1]), np.float32)
    at = 0
    for size, (vectors, chosen, _) in zip(sizes, parts, strict=True):
        windows[at : at + size] = history(vectors)[chosen]
        at += size
    asked = np.repeat([answer for _, _, answer in parts], sizes).astype(np.float32)
    return windows, asked


def _smoothed(head: Head, vectors: Floats, smoothing: int) -> Floats:
    """The posterior over the last steps."""
    posteriors = 1 / (1 + np.exp(-head.logits(vectors)))
    return means(posteriors[:, None], smoothing)[:, 0]


def _peaks(scores: Floats, apart: int) -> Floats:
    """The highest of scores that are so many steps apart, in falling order."""
    found, left = [], scores.copy()
    while len(left) and left.max() >= LEAST:
        at = int(left.argmax())
        found.append(float(left[at]))
        left[max(0, at - apart) : at + apart + 1] = 0.0
    return np.array(found, np.float32)


def _threshold(right: Floats, peaks: Iterable[float]) -> float:
    """Where other sound is accepted no more; or half way to what is heard, where that is far."""
    highest = max(peaks, default=0.0)
    usual = float(np.quantile(right, 0.1)) if len(right) else HIGHEST
    return float(np.clip(max(highest + 1e-3, (highest + usual) / 2), LEAST, HIGHEST))
