"""A model's file with one bit turned, at many places: does each end in an answer or in one error?

    python -m tests.benchmarks.flips FILE [PLACES]

FILE is a .tflite, .onnx, .keras or .h5 file; every variant is converted by the command line, in a
process of its own. What may come: artefacts, or one line that says what is wrong. What may not: a
traceback, a crash of the command, silence.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

# As long as a small model may take on a busy machine.
_PATIENCE = 180.0  # s


def outcome(data: bytes, place: int, ending: str) -> tuple[str, str]:
    """What comes of the file with a bit turned: a word, and what the command said."""
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        path = Path(folder) / f"model{ending}"
        path.write_bytes(changed)
        to = "onnx" if ending == ".onnx" else "tflite"
        command = [sys.executable, "-m", "edgenets.cli.main", "convert", path, "--to", to]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return "hangs", ""
    said = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in said if line.startswith("error: ")]
    if done.returncode == 0:
        return "converted", ""
    if done.returncode != 2 or "Traceback" in done.stderr or len(errors) != 1:
        return "CRASH", done.stderr[-400:]
    return "native crash, said" if "was ended by" in errors[0] else "refused", errors[0]


def main(path: Path, count: int) -> None:
    data = path.read_bytes()
    places = np.random.default_rng(7).choice(8 * len(data), count, replace=False)
    found: Counter[str] = Counter()
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(outcome, data, int(place), path.suffix) for place in places]
        for place, job in zip(places, jobs, strict=True):
            word, said = job.result()
            found[word] += 1
            if word in ("CRASH", "hangs"):
                print(f"bit {place}: {word}: {said}", flush=True)
    print(f"{path.name}: {count} places: " + ", ".join(f"{n} {w}" for w, n in found.most_common()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500)
