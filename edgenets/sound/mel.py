"""Streaming mel features by the conventions of other libraries; see `MelInput`.

A frame has the same bits however its samples arrived: every product is of one frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenets.sound.audio import FULL_SCALE, Sound
from edgenets.sound.input import share_of
from edgenets.sound.melinput import MelInput, mel_edges, to_hz, to_mel

Rows = NDArray[np.float64]

# The middle frame of TensorFlow's and Kaldi's `povey` window is a Hann's to this power.
_POVEY = 0.85

# Below it PCEN's smoothed energy is nothing.
_SILENT = 1e-12


class Mel:
    """Turns sound into frames, keeping what the next frame needs."""

    def __init__(self, config: MelInput, group: int = 1) -> None:
        """Begin a stream; frames are given in multiples of `group`."""
        self.config = config
        self._group = group
        self._window = window_of(config)
        self._weights = filterbank(config)
        self._turned = dct_of(config) if config.coefficients else None
        self._smooth = share_of(config.pcen_time * config.sample_rate / config.hop)
        self._mean = np.asarray(config.mean)
        self._std = np.asarray(config.std)
        # Where the window lies in the FFT turns its spectrum's phase, not its power.
        self._lead = config.lead
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        waits = self.config.before == "reflect"
        self._sound: Rows = np.zeros(0 if waits else max(0, self._lead))
        self._begun = not waits
        self._left_out = max(0, -self._lead)  # samples that are still to be
        self._last = 0.0  # the sample before, for emphasis
        self._energy: Rows | None = None  # PCEN's, smoothed
        self._waiting: list[NDArray[np.float32]] = []  # frames that fill no group yet

    def push(self, samples: Sound) -> NDArray[np.float32]:
        """(n,) mono sound, float32 in [−1, 1) or int16, to the frames that it completes.

        Returns:
            (frames, numbers) float32.
        """
        taken = self._taken(samples)
        if self._left_out:
            count = min(self._left_out, len(taken))
            taken, self._left_out = taken[count:], self._left_out - count
        self._sound = np.concatenate([self._sound, taken])
        if not self._begun:
            if len(self._sound) <= self._lead:
                return self._whole()
            turned = self._sound[self._lead : 0 : -1]
            self._sound, self._begun = np.concatenate([turned, self._sound]), True
        size, hop, at = self.config.window, self.config.hop, 0
        while at + size <= len(self._sound):
            self._waiting.append(self._frame(self._sound[at : at + size]))
            at += hop
        self._left_out += max(0, at - len(self._sound))  # a hop may go beyond the window
        self._sound = self._sound[at:]
        return self._whole()

    def _whole(self) -> NDArray[np.float32]:
        count = len(self._waiting) - len(self._waiting) % self._group
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return np.asarray(found, np.float32).reshape(-1, self.config.width)

    def _taken(self, samples: Sound) -> Rows:
        """Samples in the model's own scale, emphasized where the whole stream is."""
        config = self.config
        scale = config.full_scale / (FULL_SCALE if samples.dtype == np.int16 else 1.0)
        sound = samples.astype(np.float64) * scale
        if not config.emphasis or config.emphasis_in != "stream" or not len(sound):
            return sound
        before = np.concatenate([[self._last], sound[:-1]])
        self._last = float(sound[-1])
        return sound - config.emphasis * before

    def _frame(self, sound: Rows) -> NDArray[np.float32]:
        """One frame, (numbers,)."""
        config = self.config
        if config.remove_mean:
            sound = sound - sound.mean()
        if config.emphasis and config.emphasis_in == "frame":
            sound = sound - config.emphasis * np.concatenate([sound[:1], sound[:-1]])
        spectrum = np.fft.rfft(sound * self._window, config.fft)
        power = spectrum.real**2 + spectrum.imag**2
        bands = (power if config.power == 2 else np.sqrt(power)) @ self._weights
        found = self._compressed(bands)
        if self._turned is not None:
            found = found @ self._turned
        frame: NDArray[np.float32] = ((found - self._mean) / self._std).astype(np.float32)
        return frame

    def _compressed(self, bands: Rows) -> Rows:
        config = self.config
        if config.compress == "none":
            return bands
        if config.compress == "pcen":
            return self._pcen(bands)
        floored = (
            bands + config.floor if config.floor_by == "add" else np.maximum(bands, config.floor)
        )
        if config.compress == "ln":
            return np.asarray(np.log(floored))
        factor = {"log10": 1.0, "db": 10.0 if config.power == 2 else 20.0}[config.compress]
        return np.asarray(factor * np.log10(floored))

    def _pcen(self, bands: Rows) -> Rows:
        """Per-channel energy normalization (Wang et al., 2017)."""
        config, b = self.config, self._smooth
        if self._energy is None:
            first = config.pcen_begin == "first"
            self._energy = bands.copy() if first else np.ones_like(bands)
        self._energy = (1 - b) * self._energy + b * bands
        gain = np.exp(
            -config.pcen_gain
            * (np.log(config.floor) + np.log1p(np.maximum(self._energy, _SILENT) / config.floor))
        )
        bias, power = config.pcen_bias, config.pcen_power
        return np.asarray((bands * gain + bias) ** power - bias**power)


def window_of(config: MelInput) -> Rows:
    """The window, (window,) float64."""
    size = config.window
    points = size + 1 if config.periodic else size
    if config.shape == "rectangular" or size == 1:
        return np.ones(size)
    if config.shape == "hamming":
        return np.hamming(points)[:size]
    hann = np.hanning(points)[:size]
    return hann if config.shape == "hann" else hann**_POVEY


def filterbank(config: MelInput) -> Rows:
    """The triangles, (bins, bands) float64."""
    hz = np.arange(config.fft // 2 + 1) * config.sample_rate / config.fft
    mels = mel_edges(config)
    edges = to_hz(mels, config.scale)
    straight = config.triangles == "hertz"
    at, ends = (hz, edges) if straight else (to_mel(hz, config.scale), mels)
    low, middle, high = ends[:-2], ends[1:-1], ends[2:]
    rising = (at[:, None] - low) / (middle - low)
    falling = (high - at[:, None]) / (high - middle)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if config.norm == "area":
        weights *= 2.0 / (edges[2:] - edges[:-2])
    if config.skip_first_bin:
        weights[0] = 0.0
    return weights


def dct_of(config: MelInput) -> Rows:
    """The DCT-II with its lifter, (bands, coefficients) float64."""
    bands, count = config.bands, config.coefficients
    n, k = np.arange(bands)[:, None], np.arange(count)
    basis = np.cos(np.pi * (n + 0.5) * k / bands) * np.sqrt(2.0 / bands)
    if config.dct == "ortho":
        basis[:, 0] /= np.sqrt(2.0)
    if config.lifter:
        place = k + config.lifter_from
        basis *= 1.0 + config.lifter / 2.0 * np.sin(np.pi * place / config.lifter)
    return np.asarray(basis)
