"""What a folder of recordings holds, for people: see `edgenets.data.survey`."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenets.data.survey import Item, Survey
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.sound import audio
from edgenets.tasks.keywords.clips import find_clips

_RATE = 16_000  # Hz, at which all are listened to

# Quieter than this, dB of full scale, or at full scale for such a share of samples: no recording.
_FAINTEST, _CLIPPED = -60.0, 0.01

# Labels of recordings in which nothing is to be heard.
_QUIET = ("_silence_", "_background_noise_")

# Points of a drawn wave.
_POINTS = 90


def survey(root: Path, progress: Progress) -> Survey:
    """Listen to every recording of LABEL/*; errors as `find_clips`."""
    clips = find_clips(root)
    items, waves = [], []
    with progress.task("listening to") as done:
        for number, clip in enumerate(clips, 1):
            name = str(clip.path.relative_to(root))
            try:
                sound = audio.read(clip.path, _RATE)
                items.append(_item(name, clip.label, sound))
            except DataError as exc:
                sound = np.zeros(0, np.float32)
                items.append(Item(name, Counter([clip.label]), faults=(str(exc),)))
            waves.append(_wave(sound))
            done.update(number, len(clips))
    speakers = {clip.speaker for clip in clips if clip.speaker}
    notes = (f"{len(speakers):,} speakers by the names of files",) if speakers else ()
    return Survey("LABEL/*", "recordings", tuple(items), notes=notes, preview=waves.__getitem__)


def _item(name: str, label: str, sound: NDArray[np.float32]) -> Item:
    faults, odd = [], []
    loudest = float(np.abs(sound).max(initial=0.0))
    if not len(sound):
        faults.append("holds no sound")
    elif loudest < 10 ** (_FAINTEST / 20) and label not in _QUIET:
        faults.append("nothing is to be heard in it")
    elif float(np.mean(np.abs(sound) >= 0.999)) > _CLIPPED:
        odd.append("is clipped: it was too loud for the microphone")
    digest = hashlib.sha256(audio.float_to_pcm16(sound).tobytes()).hexdigest()
    powers = powers_of(sound)
    print = None if powers is None else fingerprint(powers)
    detail = None if powers is None else np.log(powers + 1e-9).astype(np.float32).ravel()
    return Item(name, Counter([label]), None, digest, print, detail, tuple(faults), tuple(odd))


def powers_of(sound: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """The power of 8 bands in 9 stretches of a recording, beside its mean, (8, 9); None of what is
    too short.
    """
    if len(sound) < 9 * 256 or not sound.any():
        return None
    size = len(sound) // 9
    frames = sound[: 9 * size].reshape(9, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    edges = np.geomspace(2, power.shape[1], 9).astype(int)
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(edges)])
    scaled: NDArray[np.float64] = bands / bands.mean()
    return scaled


def fingerprint(powers: NDArray[np.float64]) -> int:
    """64 bits that copies of one recording have nearly in common, at whatever level: whether each
    stretch is louder than the one before, in each band.
    """
    return int.from_bytes(np.packbits(powers[:, 1:] > powers[:, :-1]).tobytes(), "big")


def _wave(sound: NDArray[np.float32]) -> str:
    """A recording as HTML: its loudest samples over time."""
    size = max(1, len(sound) // _POINTS)
    highs = [
        float(np.abs(sound[at : at + size]).max(initial=0)) for at in range(0, len(sound), size)
    ]
    top = max(highs, default=1.0) or 1.0
    tall = [56 * high / top for high in highs[:_POINTS]]
    bars = "".join(
        f'<rect x="{2 * n}" y="{30 - one / 2:.1f}" width="1.4" height="{one:.1f}"/>'
        for n, one in enumerate(tall)
    )
    return f'<svg class="wave" viewBox="0 0 {2 * _POINTS} 60" role="img">{bars}</svg>'
