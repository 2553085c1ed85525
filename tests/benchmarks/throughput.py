"""A video file through the pipeline, beside a loop that only decodes, resizes and invokes.

    python -m tests.benchmarks.throughput [BUNDLE]

Both take turns over one video that is drawn for it, 640 × 480; the ratio of the medians is what
counts. The pipeline decodes outputs, makes results and hands them to a sink besides.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from edgenets import zoo
from edgenets.runtime.load import load
from edgenets.selection import select
from edgenets.tasks.vision.smear import Smear
from tests.runs import run_of

IMAGES, ROUNDS = 500, 5


def main(name: str = "segment") -> None:
    """Measure and print."""
    bundle = zoo.load(name)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "smear.mp4"
        _draw(video)
        bare, piped = [], []
        for _ in range(ROUNDS):
            bare.append(_bare(bundle, video))
            piped.append(_piped(bundle, video, Path(folder) / "out.jsonl"))
    ratios = sorted(p / b for p, b in zip(piped, bare, strict=True))
    print(f"{name}, {select(bundle).artifact.id}; {IMAGES} images of 640 × 480 from an .mp4")
    print(f"decode, resize, invoke   {np.median(bare):7.1f} images a second")
    print(f"edgenets run             {np.median(piped):7.1f} images a second")
    print(
        f"ratio of medians {np.median(piped) / np.median(bare):.3f} "
        f"(pair by pair {ratios[0]:.3f} … {ratios[-1]:.3f}); the goal is at least 0.95"
    )


def _draw(path: Path) -> None:
    smear = Smear()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (640, 480))
    for number in range(IMAGES):
        writer.write(smear.view(number / 25))
    writer.release()


def _bare(bundle: zoo.Bundle, video: Path) -> float:
    """Images a second of the loop that people write by hand."""
    session = load(bundle, select(bundle))
    (into,) = session.places().values()
    frame = bundle.spec.input
    capture = cv2.VideoCapture(str(video))
    begun, count = time.perf_counter(), 0
    while True:
        done, image = capture.read()
        if not done:
            break
        small = cv2.resize(image, (frame.width, frame.height))  # type: ignore[union-attr]
        small = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        into[0] = small - 128 if into.dtype == np.int8 else small / 255.0
        session._interpreter.invoke()  # type: ignore[attr-defined]
        count += 1
    return count / (time.perf_counter() - begun)


def _piped(bundle: zoo.Bundle, video: Path, out: Path) -> float:
    """Images a second of a run with a sink."""
    watch = run_of(bundle, load(bundle, select(bundle)), [str(video)])
    begun = time.perf_counter()
    watch.deliver([f"jsonl:{out}"], print)
    return sum(watch.summary.frames.values()) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main(*sys.argv[1:])
