"""The whole audio pipeline beside pymicro-wakeword's, in one run, on one core.

    python -m tests.benchmarks.pipeline [BUNDLE] [--seconds 20] [--rounds 9]

Ours: PCM in → log-mel → step artifact → decision every step (40 ms for the shipped bundles).
Theirs: PCM in → micro frontend → okay_nabu.tflite → mean of five probabilities, every 30 ms.
Both get the same 16-bit sound in blocks of 40 ms. CPU time of the process is taken, in turns,
so that a machine whose speed drifts treats both alike; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

BLOCK = 640  # samples: 40 ms at 16 kHz
RATE = 16_000


def sound(seconds: float) -> np.ndarray:
    """Noise whose level moves as speech does, (n,) int16."""
    rng = np.random.default_rng(0)
    count = int(seconds * RATE)
    level = 0.02 + 0.2 * np.abs(np.sin(np.arange(count) * 2 * np.pi * 2.3 / RATE)) ** 4
    return np.clip(level * rng.standard_normal(count) * 32767, -32768, 32767).astype(np.int16)


Push = Callable[[bytes], None]


def ours(bundle_name: str, backend_name: str, precision: str) -> tuple[str, Push]:
    """Our keyword detector, as `edgenets run` drives it."""
    import edgenets
    from edgenets.runtime.load import load
    from edgenets.selection import Request, select
    from edgenets.tasks.keywords.pipeline import KeywordDetector

    bundle = edgenets.load(bundle_name)
    choice = select(bundle, Request(backend_name, precision))
    detector = KeywordDetector(bundle.spec, load(bundle, choice))

    def push(block: bytes) -> None:
        detector.push(np.frombuffer(block, np.int16))

    return f"edgenets {choice.artifact.id} ({bundle.spec.name})", push


def theirs() -> tuple[str, Callable[[bytes], None]]:
    """pymicro-wakeword, as its README drives it."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    model = MicroWakeWord.from_builtin(Model.OKAY_NABU)
    features = MicroWakeWordFeatures()

    def push(block: bytes) -> None:
        for frame in features.process_streaming(block):
            model.process_streaming(frame)

    return f"pymicro-wakeword {version('pymicro-wakeword')} (okay_nabu)", push


def cpu_ms(push: Callable[[bytes], None], pcm: bytes) -> float:
    """CPU milliseconds for a second of sound."""
    start = time.process_time()
    for at in range(0, len(pcm), 2 * BLOCK):
        push(pcm[at : at + 2 * BLOCK])
    return 1e3 * (time.process_time() - start) / (len(pcm) / 2 / RATE)


def main() -> None:
    """Measure both in turns and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", nargs="?", default="kws-gru")
    parser.add_argument("--backend", default="tflite")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pcm = sound(arguments.seconds).tobytes()
    runners = [ours(arguments.bundle, arguments.backend, arguments.precision), theirs()]
    times: list[list[float]] = [[], []]
    for _, push in runners:
        cpu_ms(push, pcm[: 4 * RATE])  # warm up
    for _ in range(arguments.rounds):
        for record, (_, push) in zip(times, runners, strict=True):
            record.append(cpu_ms(push, pcm))
    machine = platform.processor() or platform.machine()
    print(f"{machine}, one core, {arguments.seconds:g} s of sound")
    for record, (name, _) in zip(times, runners, strict=True):
        print(
            f"{name:48} CPU ms a second of sound: median {statistics.median(record):.3f}, "
            f"min {min(record):.3f}, max {max(record):.3f}"
        )
    pairs = [a / b for a, b in zip(*times, strict=True)]
    print(
        f"ratio of medians {statistics.median(times[0]) / statistics.median(times[1]):.3f} "
        f"(pair by pair {min(pairs):.3f} … {max(pairs):.3f}); the goal is at most 0.333"
    )


if __name__ == "__main__":
    main()
