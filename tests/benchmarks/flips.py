"""A model's file with one bit turned, at many places: does each end in an answer or in one error?

    python -m tests.benchmarks.flips FILE [PLACES] [import]

FILE is a .tflite, .onnx, .keras or .h5 file; every variant is converted by the command line, or
imported as a model of images, in a process of its own. What may come: artifacts, or one line that
says what is wrong. What may not: a traceback, a crash of the command, silence.
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


def command(path: Path, imports: bool) -> list[str | Path]:
    """What is asked of edgenets."""
    if imports:
        labels = path.with_name("labels.txt")
        labels.write_text("\n".join(f"label {i}" for i in range(1001)))
        return ["import", path, "--task", "classify", "--labels", labels, "--out", f"{path}.edge"]
    return ["convert", path, "--to", "onnx" if path.suffix == ".onnx" else "tflite"]


def outcome(data: bytes, place: int, ending: str, imports: bool) -> tuple[str, str]:
    """What comes of the file with a bit turned: a word, and what the command said."""
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as folder:
        path = Path(folder) / f"model{ending}"
        path.write_bytes(changed)
        wanted = [sys.executable, "-m", "edgenets.cli.main", *command(path, imports)]
        try:
            done = subprocess.run(wanted, capture_output=True, text=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return "hangs", ""
    said = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in said if line.startswith("error: ")]
    if done.returncode == 0:
        return "made", ""
    if done.returncode != 2 or "Traceback" in done.stderr or len(errors) != 1:
        return "CRASH", done.stderr[-400:]
    return "native crash, said" if "was ended by" in errors[0] else "refused", errors[0]


def main(path: Path, count: int, imports: bool) -> None:
    data = path.read_bytes()
    places = np.random.default_rng(7).choice(8 * len(data), count, replace=False)
    found: Counter[str] = Counter()
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(outcome, data, int(place), path.suffix, imports) for place in places]
        for place, job in zip(places, jobs, strict=True):
            word, said = job.result()
            found[word] += 1
            if word in ("CRASH", "hangs"):
                print(f"bit {place}: {word}: {said}", flush=True)
    print(f"{path.name}: {count} places: " + ", ".join(f"{n} {w}" for w, n in found.most_common()))


if __name__ == "__main__":
    main(
        Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500, "import" in sys.argv[3:]
    )
