"""Scenarios of video files: constant and variable rates, rotated, damaged, cut off."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.truth import images, mp4
from tests.truth.ledger import Outcome, Verdict, numbers, once, run

_BUNDLE = ("image-classify", "--backend", "null")

# Half a millisecond: times are written in milliseconds.
_ROUNDED = 0.0005  # s


def film(seed: int, out: Path, count: int = 120) -> Verdict:
    """One file whose rate, rotation and damage come of a seed."""
    rng = np.random.default_rng(seed)
    turn = int(rng.choice([0, 0, 90, 180, 270]))
    verdict = Verdict(f"film {seed}", "video file", count)
    durations = _durations(rng, count)
    jpegs = [_lying(number, turn) for number in range(count)]
    damaged = _damage(rng, jpegs)
    size = (images.WIDTH, images.HEIGHT) if turn % 180 == 0 else (images.HEIGHT, images.WIDTH)
    data = mp4.movie(jpegs, durations, size, turn)
    missing = 0
    if rng.random() < 0.3:  # cut off in the middle of an image
        kept = int(rng.integers(count // 4, count - 5))
        data = data[: len(data) - sum(map(len, jpegs[kept:])) - len(jpegs[kept - 1]) // 2]
        missing = count - kept + 1
    verdict.faults = len(damaged) + bool(missing) + (turn != 0)
    path = out / "film.mp4"
    path.write_bytes(data)
    whole = [n for n in range(count - missing) if n not in damaged]
    _hold(verdict, run((*_BUNDLE, str(path)), out), whole, durations, count - len(whole))
    return verdict


def _durations(rng: np.random.Generator, count: int) -> list[float]:
    """A constant rate, one that changes, one with long pauses, one that is drawn anew each time."""
    kind = int(rng.integers(4))
    if kind == 0:
        return [1 / float(rng.choice([5, 24, 29.97, 60]))] * count
    if kind == 1:
        return [0.02 if n < count // 2 else 0.2 for n in range(count)]
    if kind == 2:
        return [3.0 if n % 37 == 36 else 0.05 for n in range(count)]
    return [float(d) for d in rng.uniform(0.01, 0.5, count)]


def _lying(number: int, turn: int) -> bytes:
    """As a camera stores it that is held turned; a player turns it back."""
    image = images.drawn(number)
    back = {
        90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE,
    }.get(turn)  # fmt: skip
    if back is not None:
        image = cv2.rotate(image, back)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def _damage(rng: np.random.Generator, jpegs: list[bytes]) -> set[int]:
    """Overwrite the end of some images with zeros, as a bad block of a card does; say which."""
    damaged = set()
    for number in rng.choice(len(jpegs), int(rng.integers(0, 4)), replace=False):
        data = jpegs[number]
        at = len(data) // 2
        jpegs[number] = data[:at] + bytes(len(data) - at)
        damaged.add(int(number))
    return damaged


def _hold(
    verdict: Verdict, outcome: Outcome, whole: list[int], durations: list[float], lost: int
) -> None:
    seen = numbers(verdict, outcome.of("seen"))
    got = [event["number"] for event in seen]
    once(verdict, got, whole)
    missing = sorted(set(whole) - set(got))
    verdict.hold(not missing, f"whole images that did not arrive: {missing[:5]}")
    starts = np.concatenate([[0.0], np.cumsum(durations)])
    for event in seen:
        if event["number"] not in whole:
            continue
        off = abs(event["time"] - float(starts[event["number"]]))
        verdict.hold(
            off <= durations[event["number"]] + _ROUNDED,
            f"image {event['number']} is said to be at {event['time']} s, not at "
            f"{starts[event['number']]:.3f} s",
        )
    counted = outcome.summary.get("lost", {}).get("images", 0)
    verdict.hold((counted > 0) == (lost > 0), f"{lost} images lost, {counted} counted")
    verdict.hold_exit(outcome, bool(lost))
