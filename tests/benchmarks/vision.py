"""What the pipeline costs around the model: from an image to what is found, but `invoke`.

    python -m tests.benchmarks.vision [BUNDLE] [PICTURE]

The bare interpreter and the pipeline take turns in one process, on one core, with the
same artifact; the difference of their medians is what the pipeline adds. Tracking is
measured apart.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from edgenets import zoo
from edgenets.events import Seen
from edgenets.runtime.cameras import Frame
from edgenets.runtime.load import load
from edgenets.selection import select
from edgenets.tasks.vision import image
from edgenets.tasks.vision.pipeline import ImagePipeline
from edgenets.tasks.vision.tracking import Tracker

ROUNDS = 400


def main(bundle: str = "object-detect", path: str | None = None) -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {0})
    cv2.setNumThreads(1)
    opened = zoo.load(bundle)
    choice = select(opened)
    session = load(opened, choice)
    watcher = ImagePipeline(opened.spec, session)  # type: ignore[arg-type]
    pixels = image.read(Path(path)) if path else _noise()
    pixels = cv2.resize(pixels, (640, 480))
    tracker = Tracker()
    times: dict[str, list[float]] = {"bare invoke": [], "pipeline": [], "tracking": []}
    found = watcher.look(pixels).found
    for number in range(ROUNDS):
        begun = time.perf_counter()
        session._interpreter.invoke() if hasattr(session, "_interpreter") else session.infer()
        bare = time.perf_counter()
        frame = Frame(pixels, number, number / 30, bare)
        found = watcher.look(frame.image).found
        event = Seen("camera", number, frame.time, time.perf_counter() - bare, found)
        event.plain()  # what a sink is given
        done = time.perf_counter()
        tracker.update(found, frame.time)
        followed = time.perf_counter()
        times["bare invoke"].append(bare - begun)
        times["pipeline"].append(done - bare)
        times["tracking"].append(followed - done)
    print(f"{bundle}, {choice.artifact.id} on {session.runs_on}; 640 × 480; {len(found)} found")
    for name, values in times.items():
        p50, p90 = np.percentile(values[20:], (50, 90))
        print(f"{name:12}  p50 {1e3 * p50:.3f} ms  p90 {1e3 * p90:.3f} ms")
    medians = {name: float(np.median(values[20:])) for name, values in times.items()}
    around = medians["pipeline"] - medians["bare invoke"]
    print(f"around the model: {1e3 * around:.3f} ms an image")


def _noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)


if __name__ == "__main__":
    main(*sys.argv[1:])
