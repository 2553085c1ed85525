"""Streaming log-mel features, once for training and device.

A frame is a Hann-windowed stretch of sound; its power spectrum is summed into
triangular bands on the mel scale (HTK formula, O'Shaughnessy 1987) and the
logarithm is taken; or each band is leveled by what it was lately, see `Leveling`.
Frame t covers the samples [t·hop, t·hop + window).

A frame has the same bits however its samples arrived, in one clip or in crumbs:
every operation works on one frame at a time or element by element, but for the
sum into bands. That is a matrix product, and BLAS rounds differently for
different numbers of rows, so it always gets two: frames 2k and 2k + 1, the one
that is missing being whatever was there before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgenets.arrays import Reals
from edgenets.sound.audio import FULL_SCALE, Sound
from edgenets.sound.input import AudioInput, Leveling, edges

# Frames that are computed at once, or a few more: bounds a long clip's scratch arrays.
BLOCK = 64


class LogMel:
    """Turns sound into log-mel frames, keeping what the next frame needs.

    Memory is bounded: what is kept between calls is less than one window.
    """

    def __init__(self, config: AudioInput, group: int = 1) -> None:
        """Begin a stream.

        Args:
            group: frames are given in multiples of so many; the others wait as sound. Several
                at once cost little more than one.
        """
        self.config = config
        self._group = group
        block = -(-BLOCK // group) * group  # frames that are computed at once
        self._window, self._hop, self._bands = config.window, config.hop, config.bands
        # What waits is in units of 16-bit sound: then that needs no conversion at all.
        self._hann = np.hanning(config.window + 1)[:-1] / FULL_SCALE
        # ln(e^(−mean) · x) is ln x − mean: the mean is taken off by weights that are there anyway.
        centre = 1.0 if config.leveling else np.exp(-config.mean)
        self._filterbank = centre * _filterbank(config)
        # Sound waits at the front of this buffer; the frames are views into it, made once.
        # It is float64 because NumPy's FFT is: a product of mixed types would be buffered.
        self._sound = np.zeros((block - 1) * config.hop + config.window)
        frames = sliding_window_view(self._sound, config.window)[:: config.hop]
        self._fill = 0
        self._odd = 0  # 1 where the next frame is an odd one
        # The window is written to the front of these rows; their tails stay zero.
        self._padded = np.zeros((block, config.fft))
        # Row by row, as NumPy is slower where the frames of one product overlap.
        self._windowed = list(zip(frames, self._padded[:, : config.window], strict=True))
        # Real and imaginary parts in turn.
        self._squares = np.zeros((block + 2, len(self._filterbank)))
        self._sums = np.zeros((block + 2, config.bands))
        # Whole arrays, not numbers: NumPy is slower where it has to repeat one.
        shape = (block, config.bands)
        self._floor = np.full(shape, centre * config.log_floor)
        self._scale = np.full(shape, 1.0 / config.std)
        self._level = _Level(config, block) if config.leveling else None
        self._views = [[self._rows(odd, n) for n in range(block + 1)] for odd in (0, 1)]

    def _rows(self, odd: int, n: int) -> tuple[Any, ...]:
        """The scratch arrays of n frames: making a view costs as much as summing a frame."""
        end, pairs = odd + n, (odd + n + 1) // 2
        squares, sums = self._squares[: 2 * pairs], self._sums[: 2 * pairs]
        stacks = squares.reshape(pairs, 2, squares.shape[1]), sums.reshape(pairs, 2, self._bands)
        # One pair, which is the usual case live: one product has less to set up than a stack.
        product, into, out = (
            (np.dot, stacks[0][0], stacks[1][0]) if pairs == 1 else (np.matmul, *stacks)
        )
        return (
            self._windowed[:n], self._padded[:n], squares[odd:end], product, into, out,
            sums[odd:end], self._floor[:n], self._scale[:n],
        )  # fmt: skip

    def reset(self) -> None:
        """Forget what was heard."""
        self._fill = self._odd = 0
        if self._level is not None:
            self._level.reset()

    def push(self, samples: Sound) -> NDArray[np.float32]:
        """Take mono sound and give the frames that it completes.

        Args:
            samples: (n,) float32 in [−1, 1) or int16, any n. Sound that is given in the one way
                and in the other, value by value the same, gives the same frames to the bit.

        Returns:
            (frames, bands) float32; frames may be 0.
        """
        size, hop = len(samples), self._hop
        count = self._whole(self._fill + size)
        out = np.empty((count, self._bands), dtype=np.float32)
        sound, taken, done, is_pcm = self._sound, 0, 0, samples.dtype == np.int16
        while taken < size:
            fill = self._fill
            room = min(len(sound) - fill, size - taken)
            if is_pcm:
                sound[fill : fill + room] = samples[taken : taken + room]
            else:
                np.multiply(samples[taken : taken + room], FULL_SCALE, sound[fill : fill + room])
            fill += room
            taken += room
            n = self._whole(fill)
            if n:
                self._transform(n, out if n == count else out[done : done + n])
                done += n
                sound[: fill - n * hop] = sound[n * hop : fill]
                fill -= n * hop
            self._fill = fill
        return out

    def _whole(self, samples: int) -> int:
        """How many frames `samples` samples give."""
        frames = max(0, (samples - self._window) // self._hop + 1)
        return frames - frames % self._group

    def _transform(self, n: int, out: NDArray[np.float32]) -> None:
        """The first n frames that wait, to (n, bands) normalized log power."""
        rows, padded, squares, product, factors, sums, mel, floor, scale = self._views[self._odd][n]
        hann, multiply = self._hann, np.multiply
        for frame, windowed in rows:
            multiply(frame, hann, windowed)
        spectrum = np.fft.rfft(padded).view(np.float64)
        multiply(spectrum, spectrum, squares)
        product(factors, self._filterbank, sums)
        if self._level is None:
            np.add(mel, floor, mel)
            np.log(mel, mel)
        else:
            self._level.apply(mel)
        multiply(mel, scale, mel)
        out[...] = mel
        self._odd = (self._odd + n) & 1


class _Level:
    """Levels frame after frame, in place."""

    def __init__(self, config: AudioInput, block: int) -> None:
        assert config.leveling is not None, "asked before"
        self._by, self._mean = config.leveling, config.mean
        self._share = self._by.share(config.frame_seconds)
        self._recent = np.zeros((block, config.bands))
        self._last = np.zeros(config.bands)
        self.reset()

    def reset(self) -> None:
        """Begin a stream: its first frame is what was before."""
        self._begun = False

    def apply(self, powers: NDArray[np.float64]) -> None:
        """(frames, bands) of power to leveled ones, less their mean."""
        recent, last = self._recent[: len(powers)], self._last
        if not self._begun:
            last[:] = powers[0]
            self._begun = True
        for power, now in zip(powers, recent, strict=True):
            np.subtract(power, last, now)
            np.multiply(now, self._share, now)
            np.add(last, now, now)
            last = now
        self._last[:] = last
        leveled(powers, recent, self._by)
        np.subtract(powers, self._mean, powers)


def leveled(powers: Reals, recent: Reals, by: Leveling) -> None:
    """Bands by what they were lately, in place.

    Args:
        powers: (…, bands) of power; becomes (power · (floor + recent)^−gain + bias)^power −
            bias^power.
        recent: likewise, what they were; is spoiled.
    """
    np.add(recent, by.floor, recent)
    np.log(recent, recent)
    np.multiply(recent, -by.gain, recent)
    np.exp(recent, recent)
    np.multiply(powers, recent, powers)
    np.add(powers, by.bias, powers)
    if by.power == 0.5:
        np.sqrt(powers, powers)
    else:
        np.power(powers, by.power, powers)
    np.subtract(powers, by.bias**by.power, powers)


def log_mel(samples: Sound, config: AudioInput) -> NDArray[np.float32]:
    """The log-mel frames of a whole clip: (n,) sound to (frames, bands) float32."""
    return LogMel(config).push(samples)


def log_mel_of_many(sounds: NDArray[np.float32], config: AudioInput) -> NDArray[np.float32]:
    """The frames of clips of one length, as `log_mel` has them but for rounding: for training.

    Args:
        sounds: (clips, n) float32 in [−1, 1).

    Returns:
        (clips, frames, bands) float32.
    """
    hann = np.hanning(config.window + 1)[:-1]
    weights = _filterbank(config)[::2].astype(np.float32)
    frames = sliding_window_view(sounds, config.window, axis=1)[:, :: config.hop]
    out = np.empty((*frames.shape[:2], config.bands), np.float32)
    for row, of_clip in zip(out, frames, strict=True):
        spectrum = np.fft.rfft(of_clip * hann, config.fft)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        np.matmul(power.astype(np.float32), weights, row)
    if config.leveling:
        leveled(out, _recent(out, config.leveling.share(config.frame_seconds)), config.leveling)
    else:
        np.log(out + np.float32(config.log_floor), out)
    return (out - np.float32(config.mean)) * np.float32(1 / config.std)


def _recent(powers: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """What each band was lately, at every frame of (clips, frames, bands)."""
    recent = np.empty_like(powers)
    last = powers[:, 0]
    for at in range(powers.shape[1]):
        last = last + np.float32(share) * (powers[:, at] - last)
        recent[:, at] = last
    return recent


def _filterbank(config: AudioInput) -> NDArray[np.float64]:
    """The triangles as weights of the squared parts of a spectrum.

    Returns:
        (2 · bins, bands): a bin's real and imaginary part have the same weight, so
        the product with the squares is the weighted sum of the power.
    """
    bins = config.fft // 2 + 1
    hz, first = edges(config)
    bin_hz = np.arange(bins) * config.sample_rate / config.fft
    weights = np.zeros((bins, config.bands))
    for band, (low, centre, high) in enumerate(zip(hz, hz[1:], hz[2:], strict=False)):
        inside = slice(first[band], first[band + 2])
        f = bin_hz[inside]
        weights[inside, band] = np.minimum((f - low) / (centre - low), (high - f) / (high - centre))
    return np.repeat(weights, 2, axis=0)
