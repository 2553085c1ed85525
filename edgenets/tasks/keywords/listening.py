"""How a model does where it listens without end: false accepts an hour, and recall.

The scores of a stream are computed once, and decided anew at every threshold by the decoder that a
device runs. Negatives are one stream, file after file, as a room is heard. Each recording of a word
is a stream of its own, with its own background before it and behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.sound import audio
from edgenets.tasks.evaluation import Evaluation, Table
from edgenets.tasks.heard import Heard, HeardDecoding, HeardSpec
from edgenets.tasks.keywords.augment import QUIET, frame_powers
from edgenets.tasks.keywords.clips import is_recording, recordings_below
from edgenets.tasks.keywords.decoding import means, posteriors_of
from edgenets.tasks.keywords.rates import poisson_bounds
from edgenets.tasks.sound_pipeline import Stepper
from edgenets.tasks.task import Streams

Scores = NDArray[np.float32]  # (steps, labels)

# s of a recording's own background before and behind it: the model has settled, and its answer is
# heard.
_BEFORE, _BEHIND = 1.0, 1.2

# The background of a recording is as loud as the quiet parts of it. One that is cut to the word
# has none; then it is as quiet as this.
_FAINT = 1e-4

# Thresholds of the curve.
_CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.88, 0.9, 0.92, 0.95, 0.98, 0.99)

# Means of float32 are as exact as this.
_ROUNDING = 1e-4

# False accepts that are shown one by one.
_SHOWN = 100


@dataclass(frozen=True)
class Accepted:
    """A word that was heard where none was said."""

    label: str
    score: float  # smoothed posterior, 0…1
    path: Path
    time: float  # s of this file


@dataclass(frozen=True)
class Found:
    """What was heard at one threshold."""

    said: Counter[str]  # recordings of each word
    heard: Counter[str]  # of these, such as the word was heard in
    accepted: tuple[Accepted, ...]  # in the negatives
    hours: float  # of negatives

    @property
    def recall(self) -> float:
        """Of all recordings of words, the part that was heard; 1 where there are none."""
        return self.heard.total() / self.said.total() if self.said else 1.0

    @property
    def rate(self) -> float:
        """False accepts an hour; 0 where nothing was listened to."""
        return len(self.accepted) / self.hours if self.hours else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % interval of that."""
        low, high = poisson_bounds(len(self.accepted))
        return low / self.hours, high / self.hours

    @property
    def line(self) -> str:
        """The rate in words, with its bounds and what it was counted in."""
        low, high = self.bounds
        return (
            f"{self.rate:.2f} false accepts an hour (95 %: {low:.2f} to {high:.2f}) in "
            f"{self.hours:.2f} h"
        )

    def figures(self) -> Json:
        """All of it, for records."""
        return {
            "hours": self.hours,
            "false_accepts": len(self.accepted),
            "per_hour": self.rate,
            "per_hour_95": list(self.bounds) if self.hours else None,
            "recall": self.recall,
            "said": dict(self.said),
            "heard": dict(self.heard),
        }


@dataclass(frozen=True)
class Listened:
    """What a model answered to streams."""

    spec: HeardSpec
    negatives: Scores
    files: tuple[tuple[int, Path], ...]  # the steps at which they begin, in order
    hours: float  # of negatives
    words: tuple[tuple[str, Scores], ...]  # the label of every recording, and what was answered
    _known: dict[int, list[Scores]] = field(default_factory=dict, repr=False)

    def at(self, decoding: HeardDecoding) -> Found:
        """What is heard."""
        said, heard = Counter[str](), Counter[str]()
        likely, *of_words = self.likely(decoding.smoothing)
        for (label, scores), own in zip(self.words, of_words, strict=True):
            said[label] += 1
            decided = self._decided(scores, own, decoding)
            heard[label] += any(h.label == label for h in decided)
        found = self._decided(self.negatives, likely, decoding)
        return Found(said, heard, tuple(map(self._accepted, found)), self.hours)

    def likely(self, smoothing: int) -> list[Scores]:
        """The largest smoothed posterior of a word at every step, of negatives and each word."""
        if smoothing not in self._known:
            words = [label in self.spec.reported for label in self.spec.labels]
            every = (self.negatives, *(scores for _, scores in self.words))
            decoding = self.spec.decoding
            self._known[smoothing] = [
                means(posteriors_of(scores, decoding), smoothing)[:, words].max(axis=1)
                for scores in every
            ]
        return self._known[smoothing]

    def _decided(self, scores: Scores, likely: Scores, decoding: HeardDecoding) -> Iterator[Heard]:
        """What a decoder says that takes every step; where no word is likely it need not look.

        Args:
            likely: see `likely`.
        """
        worth = np.flatnonzero(likely >= decoding.lowest - _ROUNDING)
        hear = self.spec.hearer(decoding)
        apart = decoding.smoothing + int(np.ceil(decoding.refractory / self.spec.step_seconds))
        for steps in np.split(worth, np.flatnonzero(np.diff(worth) > apart) + 1):
            if not len(steps):
                continue
            begin = max(0, int(steps[0]) - decoding.smoothing)
            for heard in hear(scores[begin : int(steps[-1]) + 1]):
                yield replace(heard, step=begin + heard.step)

    def _accepted(self, heard: Heard) -> Accepted:
        begin, path = max(f for f in self.files if f[0] <= heard.step)
        seconds = (heard.step + 1 - begin) * self.spec.step_seconds
        return Accepted(heard.label, heard.score, path, seconds)


def listen(
    spec: HeardSpec,
    session: Session,
    negatives: Sequence[Path],
    positives: Sequence[Path],
    progress: Progress | None = None,
) -> Listened:
    """Let a model hear streams.

    Args:
        negatives: recordings in which no word of the model is said, or folders of them.
        positives: folders LABEL, or of folders LABEL, of recordings of a word each.

    Raises:
        DataError: there is nothing to listen to, or a recording cannot be read.
    """
    progress = progress or Progress()
    recorder = Recorder(spec, session)
    paths = _negatives(negatives, spec, progress)
    words = [word for root in positives for word in _words(root, spec)]
    done, total = 0, len(paths) + len(words)
    files, answers, samples = [], [], 0
    with progress.task("listening") as task:
        for path in paths:
            files.append((len(recorder.rows), path))
            for block in audio.read_blocks(path, spec.input.sample_rate):
                recorder.push(block)
                samples += len(block)
            task.update(done := done + 1, total, path.name)
        scores = recorder.taken()
        for label, path in words:
            recorder.reset()
            recorder.push(_surrounded(path, spec.input.sample_rate))
            answers.append((label, recorder.taken()))
            task.update(done := done + 1, total, path.name)
    hours = samples / spec.input.sample_rate / 3600
    return Listened(spec, scores, tuple(files), hours, tuple(answers))


def measure(spec: HeardSpec, session: Session, streams: Streams, progress: Progress) -> Evaluation:
    """False accepts an hour and recall, by word and by threshold; errors as `listen`."""
    listened = listen(spec, session, streams.negatives, streams.positives, progress)
    found = listened.at(spec.decoding)
    curve = [(t, listened.at(replace(spec.decoding, threshold=t, thresholds={}))) for t in _CURVE]
    by_rate = bool(found.hours)
    return Evaluation(
        "false accepts an hour" if by_rate else "recall",
        found.rate if by_rate else found.recall,
        len(listened.files) if by_rate else len(listened.words),
        _line(found),
        _figures(spec, found, curve),
        (spec.noun, "said", "heard", "recall", "false accepts", "an hour"),
        tuple(_row(found, label) for label in spec.reported),
        more=(_curve(curve),),
    )


def _line(found: Found) -> str:
    parts = []
    if found.hours:
        parts.append(found.line)
    if found.said:
        parts.append(f"recall {found.recall:.2%} of {found.said.total()} recordings")
    return "; ".join(parts)


def _figures(spec: HeardSpec, found: Found, curve: Sequence[tuple[float, Found]]) -> Json:
    """All of it, for programs."""
    words = {
        label: {
            "said": found.said[label],
            "heard": found.heard[label],
            "false_accepts": _count(found, label),
        }
        for label in spec.reported
    }
    points = [
        {"threshold": threshold, "per_hour": one.rate, "recall": one.recall if one.said else None}
        for threshold, one in curve
    ]
    accepted = [
        {"word": a.label, "score": round(a.score, 4), "file": str(a.path), "time": round(a.time, 2)}
        for a in found.accepted[:_SHOWN]
    ]
    return {
        "hours": found.hours,
        "false_accepts": len(found.accepted),
        "per_hour": found.rate,
        "per_hour_95": list(found.bounds) if found.hours else None,
        "recall": found.recall if found.said else None,
        "words": words,
        "curve": points,
        "accepted": accepted,
    }


def _row(found: Found, label: str) -> tuple[str, ...]:
    said, heard, accepts = found.said[label], found.heard[label], _count(found, label)
    recall = f"{heard / said:.1%}" if said else "–"
    rate = f"{accepts / found.hours:.2f}" if found.hours else "–"
    return label, str(said), str(heard), recall, str(accepts), rate


def _curve(curve: Sequence[tuple[float, Found]]) -> Table:
    """The detection error trade-off: what every threshold costs, and gains."""
    rows = [
        (
            f"{threshold:g}",
            f"{found.recall:.1%}" if found.said else "–",
            f"{found.rate:.2f}" if found.hours else "–",
        )
        for threshold, found in curve
    ]
    return Table("one threshold for all", ("threshold", "recall", "an hour"), tuple(rows))


def _count(found: Found, label: str) -> int:
    return sum(accepted.label == label for accepted in found.accepted)


class Recorder(Stepper[Heard]):  # type: ignore[type-var]  # it decides nothing
    """Keeps what a model answers."""

    def __init__(self, spec: HeardSpec, session: Session) -> None:
        super().__init__(spec, session)
        self.rows: list[Scores] = []
        self.reset()

    @property
    def posterior(self) -> NDArray[np.float32]:
        """The last scores."""
        return self.rows[-1]

    def taken(self) -> Scores:
        """What was answered so far, which is forgotten then."""
        rows, self.rows = self.rows, []
        return np.stack(rows) if rows else np.empty((0, len(self.spec.labels)), np.float32)

    def _forget(self) -> None:
        self.rows = []

    def _decide(self, scores: NDArray[np.float32]) -> None:
        self.rows.append(scores.copy())


def _negatives(roots: Sequence[Path], spec: HeardSpec, progress: Progress) -> list[Path]:
    """Recordings, in order; those that lie in a folder of a word's name are left out."""
    paths = []
    for root in roots:
        found = recordings_below(root)
        kept = [p for p in found if not {*p.relative_to(root).parts[:-1]} & {*spec.reported}]
        if not kept:
            raise DataError(f"{root}: no recordings in it, or of words of the model alone")
        if len(kept) < len(found):
            progress.say(
                f"{root}: {len(found) - len(kept):,} of {len(found):,} recordings lie in folders "
                f"of the model's words and are no negatives"
            )
        paths += kept
    return paths


def _words(root: Path, spec: HeardSpec) -> Iterator[tuple[str, Path]]:
    """The recordings of words below a folder, each with its label."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give a folder of LABEL/*.wav or *.flac")
    named = [root] if root.name in spec.reported else sorted(root.iterdir())
    folders = [f for f in named if f.is_dir() and f.name in spec.reported]
    paths = [p for folder in folders for p in sorted(folder.iterdir()) if is_recording(p)]
    if not paths:
        words = ", ".join(spec.reported)
        raise DataError(f"{root}: no recordings in a folder of a word's name ({words})")
    yield from ((path.parent.name, path) for path in paths)


def _surrounded(path: Path, rate: int) -> NDArray[np.float32]:
    """A recording with a background before and behind it, as loud as its quiet parts."""
    sound = audio.read(path, rate)
    levels = np.sqrt(frame_powers(sound, rate))
    level = max(float(np.quantile(levels, QUIET)) if len(levels) else 0.0, _FAINT)
    rng = np.random.default_rng(len(sound))
    before, behind = (
        (level * rng.standard_normal(int(seconds * rate))).astype(np.float32)
        for seconds in (_BEFORE, _BEHIND)
    )
    return np.concatenate([before, sound, behind])
