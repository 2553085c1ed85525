"""What the page shows of sound: the newest features as an image of bands and time, and scores."""

from __future__ import annotations

import base64
import threading

import numpy as np
from numpy.typing import NDArray

from edgenets.files import Json
from edgenets.tasks.heard import HeardSpec

# So much is kept for a viewer who comes now.
_SECONDS = 8.0

# Normalized features lie around 0; what is below or above these is black or white.
_DARKEST, _BRIGHTEST = -1.0, 3.5


class Spectrogram:
    """The last seconds of features. The run writes, viewers read, each from where he was."""

    def __init__(self, spec: HeardSpec) -> None:
        self._bands = spec.input.bands
        self._size = round(_SECONDS / spec.input.frame_seconds)
        self._ring = np.zeros((self._size, self._bands), np.uint8)
        self._count = 0  # frames so far
        self._labels = spec.labels
        self._posterior = np.zeros(len(spec.labels), np.float32)
        self._lock = threading.Lock()
        self._column_seconds = spec.input.frame_seconds
        # Third-party features are no normalized logarithms; theirs go from 0 to about 26.
        normal = spec.input.kind == "audio"
        self._low = _DARKEST if normal else 0.0
        self._scale = 255 / ((_BRIGHTEST - _DARKEST) if normal else 26.0)

    def take(self, frames: NDArray[np.float32], posterior: NDArray[np.float32]) -> None:
        """One step of the run."""
        levels = np.clip((frames - self._low) * self._scale, 0, 255).astype(np.uint8)
        with self._lock:
            for row in levels:
                self._ring[self._count % self._size] = row
                self._count += 1
            self._posterior = posterior

    def since(self, seen: int) -> Json:
        """What came after a number of frames, as JSON has it.

        Args:
            seen: the number that was given before; 0: everything that is kept.
        """
        with self._lock:
            first = max(seen, self._count - self._size, 0)
            numbers = np.arange(first, self._count) % self._size
            columns, count = self._ring[numbers], self._count
            posterior = self._posterior
        return {
            "count": count,
            "bands": self._bands,
            "kept": self._size,
            "columns": base64.b64encode(columns.tobytes()).decode(),
            "column_seconds": self._column_seconds,
            "scores": {
                label: round(float(p), 3) for label, p in zip(self._labels, posterior, strict=True)
            },
        }
