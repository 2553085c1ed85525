"""Streaming log-mel features, once for training and device.

A frame is a Hann-windowed stretch of sound; its power spectrum is summed into
triangular bands on the mel scale (HTK formula, O'Shaughnessy 1987) and the
logarithm is taken. Frame t covers the samples [t·hop, t·hop + window).

Every operation works on one frame at a time or element by element, and none
goes through BLAS, whose rounding depends on how many rows it is given. So a
frame has the same bits however its samples arrived: in one clip or in crumbs.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgenets.spec import AudioInput

# Frames that are computed at once: bounds the memory of a long clip's scratch arrays.
BLOCK = 64


class LogMel:
    """Turns sound into log-mel frames, keeping what the next frame needs.

    Memory is bounded: what is kept between calls is less than one window.
    """

    def __init__(self, config: AudioInput) -> None:
        self.config = config
        self._window, self._hop, self._bands = config.window, config.hop, config.bands
        self._hann = np.hanning(config.window + 1)[:-1]
        self._weights, self._edges = _filterbank(config)
        # Arrays, not numbers: NumPy would convert a number anew in every call.
        self._floor = np.array(config.log_floor)
        self._scale = np.array(1.0 / config.std)
        self._shift = np.array(-config.mean / config.std)
        # Sound waits at the front of this buffer; the frames are views into it, made once.
        # It is float64 because NumPy's FFT is: a product of mixed types would be buffered.
        self._sound = np.zeros((BLOCK - 1) * config.hop + config.window)
        self._frames = sliding_window_view(self._sound, config.window)[:: config.hop]
        self._fill = 0
        # The window is written to the front of these rows; their tails stay zero.
        self._padded = np.zeros((BLOCK, config.fft))
        self._power = np.empty((BLOCK, 1, config.fft // 2 + 1))
        self._sides = np.empty((BLOCK, 2, config.fft // 2 + 1))
        self._views = [self._rows(n) for n in range(BLOCK + 1)]
        self._even = (config.bands + 1) // 2

    def _rows(self, n: int) -> tuple[NDArray[np.float64], ...]:
        """The scratch arrays of n frames: making a view costs as much as summing a frame."""
        padded, power, sides = self._padded[:n], self._power[:n], self._sides[:n]
        return (
            self._frames[:n], padded[:, : self._window], padded, power[:, 0], power, sides,
            sides.reshape(n, 2 * sides.shape[2]),
        )  # fmt: skip

    def reset(self) -> None:
        """Forget what was heard."""
        self._fill = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take mono samples in [−1, 1) and give the frames that they complete.

        Args:
            samples: (n,) float32, any n.

        Returns:
            (frames, bands) float32; frames may be 0.
        """
        size, window, hop = len(samples), self._window, self._hop
        count = max(0, (self._fill + size - window) // hop + 1)
        out = np.empty((count, self._bands), dtype=np.float32)
        sound, taken, done = self._sound, 0, 0
        while taken < size:
            fill = self._fill
            room = min(len(sound) - fill, size - taken)
            sound[fill : fill + room] = samples[taken : taken + room]
            fill += room
            taken += room
            if fill >= window:
                n = (fill - window) // hop + 1
                self._transform(n, out[done : done + n])
                done += n
                sound[: fill - n * hop] = sound[n * hop : fill]
                fill -= n * hop
            self._fill = fill
        return out

    def _transform(self, n: int, out: NDArray[np.float32]) -> None:
        """The first n frames that wait, to (n, bands) normalised log power; n ≤ BLOCK."""
        frames, windowed, padded, power, rows, sides, flat = self._views[n]
        np.multiply(frames, self._hann, out=windowed)
        spectrum = np.fft.rfft(padded).view(np.float64)
        np.multiply(spectrum, spectrum, out=spectrum)
        np.add(spectrum[:, 0::2], spectrum[:, 1::2], out=power)
        np.multiply(rows, self._weights, out=sides)
        # Neighbouring triangles overlap, every second one does not: the even bands lie side by
        # side in one row of the weights, the odd ones in the other, and reduceat sums each.
        mel = np.add.reduceat(flat, self._edges, axis=1)
        np.add(mel, self._floor, out=mel)
        np.log(mel, out=mel)
        np.multiply(mel, self._scale, out=mel)
        np.add(mel, self._shift, out=mel)
        out[:, 0::2] = mel[:, : self._even]
        out[:, 1::2] = mel[:, self._even + 1 : self._bands + 1]


def log_mel(samples: NDArray[np.float32], config: AudioInput) -> NDArray[np.float32]:
    """The log-mel frames of a whole clip: (n,) float32 to (frames, bands) float32."""
    return LogMel(config).push(samples)


def frame_count(samples: int, config: AudioInput) -> int:
    """How many whole frames `samples` samples give."""
    return max(0, (samples - config.window) // config.hop + 1)


def hz_to_mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Hertz to mel: 2595 · log10(1 + f / 700)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0))


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel to hertz, the inverse of `hz_to_mel`."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))


def check_resolution(config: AudioInput) -> None:
    """Refuse bands that an FFT cannot tell apart.

    Raises:
        ValueError: a side of a triangle holds no bin.
    """
    if np.any(np.diff(_edges(config)[1]) < 1):
        raise ValueError(
            f"{config.bands} mel bands from {config.low_hz:g} Hz are finer than a "
            f"{config.fft}-point FFT resolves; use fewer bands or a longer FFT"
        )


def _edges(config: AudioInput) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The edges of the bands, (bands + 2,) Hz, and the first bin at or above each."""
    low, high = hz_to_mel(np.array([config.low_hz, config.high_hz]))
    hz = mel_to_hz(np.linspace(float(low), float(high), config.bands + 2))
    bin_hz = np.arange(config.fft // 2 + 1) * config.sample_rate / config.fft
    return hz, np.searchsorted(bin_hz, hz)


def _filterbank(config: AudioInput) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The triangles of the even and the odd bands, and where each begins.

    Returns:
        weights: (2, bins): in row 0 the even bands side by side, in row 1 the odd ones.
        edges: offsets into the flattened weights: the even bands and what is left
            of their row, then the odd bands and what is left of theirs, if anything.
    """
    bins = config.fft // 2 + 1
    hz, first = _edges(config)
    bin_hz = np.arange(bins) * config.sample_rate / config.fft
    weights = np.zeros((2, bins))
    for band, (low, centre, high) in enumerate(zip(hz, hz[1:], hz[2:], strict=False)):
        inside = slice(first[band], first[band + 2])
        f = bin_hz[inside]
        weights[band % 2, inside] = np.minimum(
            (f - low) / (centre - low), (high - f) / (high - centre)
        )
    starts = [np.append(first[p : config.bands : 2], _end(first, config.bands, p)) for p in (0, 1)]
    edges = np.concatenate([starts[0], bins + starts[1]])
    # Where the last odd band takes the last bin, nothing is left of its row.
    return weights, edges[:-1] if edges[-1] == weights.size else edges


def _end(first: NDArray[np.intp], bands: int, parity: int) -> int:
    """The bin after the last band of that parity."""
    last = bands - 1 if (bands - 1) % 2 == parity else bands - 2
    return int(first[last + 2]) if last >= 0 else 0
