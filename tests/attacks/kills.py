"""Killed at any moment (kill −9): what was whole before is whole after, and the next start works.

Each subject is started, killed at a random moment, looked at, and after all kills run to its end in
the same place. Violations: a file that is half written, one from before that is spoiled, leftovers,
a next run that fails.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edgenets import runs, zoo
from edgenets.bundle import Bundle
from edgenets.converters import store
from edgenets.errors import EdgenetsError
from edgenets.sound.audio import write_wav
from tests.series import waves
from tests.truth import images, mp4, sounds

ROOT = Path(__file__).parents[2]

_LONGEST = 120.0  # s that a run to the end may take
_REACH = 1.3  # of the time that it takes: some kills come too late, and find it done


@dataclass(frozen=True)
class Subject:
    """Something that writes."""

    name: str
    prepare: Callable[[Path], None]
    command: tuple[str, ...]  # of edgenets; `{}` is its folder
    fault: Callable[[Path], str]  # what is wrong with what lies there, or ""
    done: Callable[[Path], str] = lambda folder: ""  # the same after a run to its end


def attack(kills: int, seed: int = 0) -> tuple[int, list[str]]:
    """Kill so many times, of all subjects in turn; how often one was still running, and faults."""
    rng = np.random.default_rng(seed)
    hit, faults = 0, []
    for number, subject in enumerate(SUBJECTS):
        share = len(range(number, kills, len(SUBJECTS)))
        if not share:
            continue
        with tempfile.TemporaryDirectory(prefix="edgenets-") as name:
            folder = Path(name)
            subject.prepare(folder)
            begun = time.monotonic()
            first = _run(subject, folder)
            took = time.monotonic() - begun
            if first:
                faults.append(f"{subject.name}: does not run at all: {first}")
                continue
            for _ in range(share):
                hit += _killed(subject, folder, float(rng.uniform(0.05, _REACH)) * took)
                if wrong := subject.fault(folder):
                    faults.append(f"{subject.name}: {wrong}")
            if wrong := _run(subject, folder) or subject.fault(folder) or subject.done(folder):
                faults.append(f"{subject.name}, run again: {wrong}")
    return hit, faults


def _command(subject: Subject, folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "edgenets",
        *(part.replace("{}", str(folder)) for part in subject.command),
    ]  # fmt: skip


def _run(subject: Subject, folder: Path) -> str:
    done = subprocess.run(
        _command(subject, folder), cwd=ROOT, capture_output=True, text=True, timeout=_LONGEST
    )
    return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stderr[-300:]}"


def _killed(subject: Subject, folder: Path, after: float) -> bool:
    """Whether it was still running."""
    process = subprocess.Popen(
        _command(subject, folder), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def _words(folder: Path) -> None:
    write_wav(folder / "words.wav", sounds.spoken(200), sounds.RATE)


def _film(folder: Path) -> None:
    jpegs = [images.jpeg(number) for number in range(400)]
    film = mp4.movie(jpegs, [0.04] * len(jpegs), (images.WIDTH, images.HEIGHT))
    (folder / "film.mp4").write_bytes(film)


def _lines_fault(folder: Path) -> str:
    """Every line but the last is whole: the kill may come within a write."""
    lines = (folder / "out.jsonl").read_text(encoding="utf-8").split("\n")
    broken = [number for number, line in enumerate(lines[:-1], 1) if not _is_json(line)]
    # The line in which a kill came stays, and the next begins on a line of its own.
    return f"lines {broken[:3]} are two in one" if _glued(lines, broken) else ""


def _glued(lines: list[str], broken: list[int]) -> bool:
    return any(lines[number - 1].count('{"event"') > 1 for number in broken)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _images_fault(folder: Path) -> str:
    for path in sorted((folder / "found").glob("seen-*.jpg")):
        data = path.read_bytes()
        if not data.endswith(b"\xff\xd9") or cv2.imdecode(np.frombuffer(data, np.uint8), 1) is None:
            return f"{path.name} is half written"
    return ""


def _no_leftovers(folder: Path) -> str:
    hidden = [path.name for path in folder.rglob(".*") if path.is_file()]
    return f"left over: {', '.join(hidden[:3])}" if hidden else ""


def _bundle_fault(folder: Path) -> str:
    path = folder / "b.edge"
    try:
        Bundle(path).check()
    except EdgenetsError as exc:
        return str(exc)
    return ""


def _copy(folder: Path) -> None:
    (folder / "b.edge").write_bytes(zoo.find("anomaly").read_bytes())


def _recordings_fault(folder: Path) -> str:
    for path in sorted((folder / "words").rglob("*.wav")):
        data = path.read_bytes()
        if len(data) < 44 or int.from_bytes(data[40:44], "little") != len(data) - 44:
            return f"{path.name} is half written"
    return ""


def _waves(folder: Path) -> None:
    waves.write(folder / "waves.csv", waves.waves(2400))


def _trained(folder: Path) -> None:
    """A table, and a run folder that was trained on it."""
    _waves(folder)
    if why := _run(TRAINING, folder):
        raise RuntimeError(why)


def _run_fault(folder: Path) -> str:
    """What a training left is whole, or is gone on from; whole ones make room for the next."""
    run = folder / "run"
    if not all((run / name).exists() for name in (runs.MODEL, runs.SPEC, runs.METRICS)):
        return ""
    try:
        runs.load(run)
        with zipfile.ZipFile(run / runs.MODEL) as model:
            broken = model.testzip()
    except (EdgenetsError, zipfile.BadZipFile) as exc:
        return str(exc)
    shutil.rmtree(run)
    return broken or ""


def _artifacts_fault(folder: Path) -> str:
    """Whatever the list of artifacts names is there, and is what it says."""
    if not store.index_of(folder / "run").exists():
        return ""
    try:
        store.load(folder / "run")
    except EdgenetsError as exc:
        return str(exc)
    return ""


TRAINING = Subject(
    "train", _waves,
    ("train", "forecast", "--data", "{}/waves.csv", "--epochs", "2", "--out", "{}/run"),
    _run_fault, _no_leftovers,
)  # fmt: skip

SUBJECTS = (
    Subject(
        "run into jsonl:", _words,
        ("run", "kws-gru", "{}/words.wav", "--sink", "jsonl:{}/out.jsonl"), _lines_fault,
    ),
    Subject(
        "run into frames:", _film,
        ("run", "image-classify", "{}/film.mp4", "--threshold", "0.01", "--sink",
         "frames:{}/found?most=2"), _images_fault, _no_leftovers,
    ),
    Subject(
        "choose", _copy, ("choose", "{}/b.edge", "--seconds", "1", "--backend", "tflite",
        "--threads", "1"), _bundle_fault, _no_leftovers,
    ),
    Subject(
        "words", lambda folder: None,
        ("words", "lights", "--clips", "20", "--out", "{}/words"), _recordings_fault, _no_leftovers,
    ),
    TRAINING,
    Subject(
        "convert", _trained, ("convert", "{}/run", "--data", "{}/waves.csv"), _artifacts_fault,
        _no_leftovers,
    ),
)  # fmt: skip


if __name__ == "__main__":
    found, wrong = attack(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
    print(f"{found} hit", *wrong, sep="\n")
