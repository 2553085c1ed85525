"""Following objects from image to image.

After ByteTrack (Zhang et al. 2022, arXiv:2110.06864): objects of high score are
matched first, those of low score only continue tracks. Boxes are predicted by a
Kalman filter of constant velocity over middle and size (Bewley et al. 2016,
arXiv:1602.00763), here with one gain for all four, which makes it a few lines of
NumPy; tracker libraries bring SciPy or PyTorch to a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.tasks.vision.boxes import Boxes, iou
from edgenets.tasks.vision.results import Found


@dataclass(frozen=True)
class TrackRules:
    """When an object is the one of before."""

    high: float = 0.5  # score from which an object may begin a track
    overlap: float = 0.25  # IoU with the predicted box that a match needs
    confirm: int = 2  # images in a row from which an object is reported by a number
    patience: float = 1.0  # s that a track outlives its object's being seen

    def __post_init__(self) -> None:
        if not (0 <= self.high <= 1 and 0 < self.overlap <= 1):
            raise ValueError("high and overlap lie in [0, 1]")
        if not (1 <= self.confirm <= 1000 and 0 <= self.patience <= 3600):
            raise ValueError("confirm is 1 to 1000 images, patience 0 to 3600 s")


@dataclass
class _Track:
    number: int
    label: str
    state: NDArray[np.float64]  # (4,) middle x, y, width, height
    speed: NDArray[np.float64]  # (4,) of it, a second
    # Variance of a value, covariance with its speed, variance of its speed: of all four alike,
    # relative to the object's size. Three numbers: matrices this small are slow in NumPy.
    spread: tuple[float, float, float]
    seen: int  # images in a row
    last: float  # s, when it was seen


# Relative to an object's size: how far a measured box is off, and how much a speed changes in a
# second. What matters is their ratio, which sets how soon a track believes a new direction.
_MEASURED, _ACCELERATED = 0.05, 1.0
_FIRST_SPREAD = (_MEASURED**2, 0.0, 1.0)


class Tracker:
    """Gives objects of one source numbers that stay with them."""

    def __init__(self, rules: TrackRules | None = None) -> None:
        self._rules = rules or TrackRules()
        self._tracks: list[_Track] = []
        self._next, self._time = 1, 0.0

    def update(self, found: Sequence[Found], time: float) -> tuple[Found, ...]:
        """Number the objects of the next image.

        Args:
            found: objects with boxes; others are passed through.
            time: s of the image, later than that of the last.
        """
        gap = max(time - self._time, 1e-3)
        self._time = time
        for track in self._tracks:
            _predict(track, gap)
        numbers: dict[int, int | None] = {}
        boxed = [i for i, f in enumerate(found) if f.box is not None]
        high = [i for i in boxed if found[i].score >= self._rules.high]
        low = [i for i in boxed if found[i].score < self._rules.high]
        free = list(self._tracks)
        for group in (high, low):
            free = self._match(group, found, free, numbers, time)
        for i in high:
            if i not in numbers:
                numbers[i] = self._begin(found[i], time)
        self._tracks = [t for t in self._tracks if time - t.last <= self._rules.patience]
        return tuple(replace(f, track=numbers.get(i)) for i, f in enumerate(found))

    def _match(
        self,
        group: list[int],
        found: Sequence[Found],
        free: list[_Track],
        numbers: dict[int, int | None],
        time: float,
    ) -> list[_Track]:
        """Give a group's objects to tracks, the greatest overlap first; what tracks are left."""
        if not group or not free:
            return free
        measured = np.array([found[i].box for i in group], np.float32)
        overlap = iou(_boxes(free), measured)
        same = [[t.label == found[i].label for i in group] for t in free]
        overlap *= np.array(same)
        left = list(free)
        while overlap.max() >= self._rules.overlap:
            row, column = np.unravel_index(overlap.argmax(), overlap.shape)
            track, i = free[row], group[column]
            _correct(track, measured[column])
            track.seen, track.last = track.seen + 1, time
            numbers[i] = track.number if track.seen >= self._rules.confirm else None
            overlap[row], overlap[:, column] = 0, 0
            left.remove(track)
        for track in left if group and found[group[0]].score < self._rules.high else ():
            track.seen = track.seen if track.seen >= self._rules.confirm else 0
        return left

    def _begin(self, found: Found, time: float) -> int | None:
        assert found.box is not None
        state = _state(np.array(found.box))
        track = _Track(self._next, found.label, state, np.zeros(4), _FIRST_SPREAD, 1, time)
        self._next += 1
        self._tracks.append(track)
        return track.number if self._rules.confirm <= 1 else None


def _state(box: Array) -> NDArray[np.float64]:
    left, top, right, bottom = box.astype(np.float64)
    return np.array(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top))


def _boxes(tracks: Sequence[_Track]) -> Boxes:
    states = np.array([t.state for t in tracks])
    half = np.maximum(states[:, 2:], 1.0) / 2
    boxes = np.concatenate((states[:, :2] - half, states[:, :2] + half), axis=1)
    return np.asarray(boxes, np.float32)


def _predict(track: _Track, gap: float) -> None:
    track.state = track.state + track.speed * gap
    value, both, speed = track.spread
    noise = _ACCELERATED**2
    track.spread = (
        value + gap * (2 * both + gap * speed) + noise * gap**4 / 4,
        both + gap * speed + noise * gap**3 / 2,
        speed + noise * gap**2,
    )


def _correct(track: _Track, box: NDArray[np.float32]) -> None:
    value, both, speed = track.spread
    gain, turn = value / (value + _MEASURED**2), both / (value + _MEASURED**2)
    off = _state(box) - track.state
    track.state = track.state + gain * off
    track.speed = track.speed + turn * off
    track.spread = ((1 - gain) * value, (1 - gain) * both, speed - turn * both)
