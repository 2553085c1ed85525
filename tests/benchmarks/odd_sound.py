"""How often usual recordings are called odd, and what the measuring costs.

    python -m tests.benchmarks.odd_sound FOLDER…

Every recording below the folders is read as `edgenets run` reads a file, and once more in one long
stream of all of them, as it comes from a microphone. The cost is that of the hot loop, block by
block, beside the same loop without a check, in turns.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np

from edgenets.sound import audio
from edgenets.sound.check import Finding, SoundCheck

RATE, BLOCK = 16_000, 640  # Hz, samples
TURNS = 15


def falses(folder: Path) -> None:
    """Print what is found in the recordings of a folder, file by file and as a stream."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in audio.SUFFIXES)
    files, stream, check, seconds = Counter[str](), Counter[str](), SoundCheck(RATE, "s16le"), 0.0
    for path in paths:
        found: list[Finding] = []
        sound = audio.float_to_pcm16(audio.read(path, RATE, found.append))
        seconds += len(sound) / RATE
        files.update({finding.kind for finding in found})
        for at in range(0, len(sound), BLOCK):
            block = sound[at : at + BLOCK]
            stream.update(f.kind for f in check.push(block, block.tobytes()))
    share = sum(files.values()) / max(1, len(paths))
    print(
        f"{folder.name}: {len(paths):,} files, {seconds / 60:.1f} min: "
        f"{sum(files.values())} findings ({share:.2%} of files) {dict(files)}; "
        f"as one stream {dict(stream) or 'none'}"
    )


def cost(channels: int) -> None:
    """Print the time of a second of sound in blocks of 40 ms: mixing alone, and with the check."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 1000, (RATE, channels)).astype(np.int16)
    blocks = [(b, b.tobytes()) for b in np.split(sound, RATE // BLOCK)]

    def without() -> None:
        for block, _ in blocks:
            audio.to_mono(block)

    def with_check() -> None:
        for block, raw in blocks:
            check.push(block, raw)
            audio.to_mono(block)

    check, times = SoundCheck(RATE, "s16le"), ([], [])  # type: ignore[var-annotated]
    for _ in range(TURNS * 20):
        for way, taken in zip((without, with_check), times, strict=True):
            begun = time.perf_counter()
            way()
            taken.append(time.perf_counter() - begun)
    plain, checked = (1e6 * float(np.median(t)) for t in times)
    print(f"{channels} channel(s): {checked - plain:.0f} µs a second of sound for the check")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    for folder in parser.parse_args().folders:
        falses(folder)
    for channels in (1, 2):
        cost(channels)


if __name__ == "__main__":
    main()
