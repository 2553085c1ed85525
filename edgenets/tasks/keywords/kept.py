"""Streams that a training leaves in its run folder, to calibrate and to verify artifacts on.

Making them again takes as long as hearing them: they hold what was synthesized for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.errors import ModelError
from edgenets.files import replacing
from edgenets.tasks.keywords.trial import Trial

FILE = "streams.npz"


@dataclass(frozen=True)
class Kept:
    """Features of streams, (streams, frames, bands) each."""

    calibration: NDArray[np.float32]  # of training
    negatives: NDArray[np.float32]  # of validation, without a word
    positives: NDArray[np.float32]  # of validation, with one
    words: tuple[int, ...]  # the label of each of these
    hours: float  # that the negatives were chosen from


def keep(folder: Path, calibration: NDArray[np.float32], validation: Trial) -> None:
    """Write them, in half precision: a thousandth of a deviation, of what any sound differs by."""
    with replacing(folder / FILE) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file,
            calibration=calibration.astype(np.float16),
            negatives=validation.negatives.astype(np.float16),
            positives=validation.positives.astype(np.float16),
            words=np.array(validation.words),
            hours=np.array(validation.hours),
        )


def kept(folder: Path) -> Kept | None:
    """What a training left; None: it was on clips, or before trainings left it.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            calibration, negatives, positives = (
                found[name].astype(np.float32) for name in ("calibration", "negatives", "positives")
            )
            words, hours = tuple(found["words"].tolist()), float(found["hours"])
            return Kept(calibration, negatives, positives, words, hours)
    except Exception as exc:  # NumPy and zipfile raise many kinds over a damaged file
        raise ModelError(f"{path} is damaged ({exc}); train the model again") from exc
