"""What a model takes of sound: the features that it was trained on, with their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import DType

# What a sound card or a file can have.
SAMPLE_RATES = range(1_000, 768_001)  # Hz

# No frame of sound is longer.
LONGEST_FRAME = 32_768  # samples


def share_of(frames: float) -> float:
    """How much of a new frame a mean takes whose time constant is so many frames."""
    return float((np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2))


@dataclass(frozen=True)
class Leveling:
    """Each band by what it was lately: near or far, loud or soft, a word looks alike.

    Per-channel energy normalization (Wang et al. 2017, arXiv:1607.05666), with its names.
    """

    seconds: float = 0.4  # time constant of what a band was lately
    gain: float = 0.98  # 1: no difference between levels is left
    bias: float = 2.0  # added before the root: noise under it is pressed together
    power: float = 0.5  # of the root that takes the place of the logarithm
    # Of a band's power: sound this faint is not made louder. 1e-10 is about -70 dB of full scale.
    floor: float = 1e-10

    def __post_init__(self) -> None:
        if not 1e-3 <= self.seconds <= 1e3:
            raise ValueError("seconds must be 0.001 to 1000")
        if not (0 <= self.gain <= 1 and 0 <= self.bias <= 1e3 and 0 < self.power <= 1):
            raise ValueError("gain must be 0 to 1, bias 0 to 1000, power above 0 and up to 1")
        if not 1e-30 <= self.floor <= 1e30:
            raise ValueError("floor must be positive, and within reason")

    def share(self, frame_seconds: float) -> float:
        """How much of a new frame is taken into what a band was lately."""
        return share_of(self.seconds / frame_seconds)


@dataclass(frozen=True)
class AudioInput:
    """Log-mel features of mono sound, or leveled ones; see `edgenets.sound.logmel`."""

    dtype: ClassVar[DType] = "float32"
    lead: ClassVar[int] = 0  # samples that stand before the sound

    kind: Literal["audio"] = "audio"
    sample_rate: int = 16_000  # Hz
    window: int = 480  # samples, Hann
    hop: int = 320  # samples from one frame to the next
    fft: int = 512  # points, ≥ window
    bands: int = 40  # mel bands
    low_hz: float = 60.0  # lower edge of the first band
    high_hz: float = 7600.0  # upper edge of the last band
    log_floor: float = 1e-5  # added to a band's power before the logarithm
    mean: float = 0.0  # of the log power over the training set
    std: float = 1.0  # of the log power over the training set
    leveling: Leveling | None = None  # in place of the logarithm

    def __post_init__(self) -> None:
        if self.sample_rate not in SAMPLE_RATES:
            raise ValueError(f"a sample rate of {self.sample_rate} Hz cannot be right")
        if not 0 < self.hop <= self.window <= self.fft <= 8192:
            raise ValueError("0 < hop ≤ window ≤ fft ≤ 8192 must hold")
        if not 0 < self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError("0 < low_hz < high_hz ≤ sample_rate / 2 must hold")
        if not 0 < self.bands <= 512:
            raise ValueError("0 < bands ≤ 512 must hold")
        # A float32 must hold their ratios; the logarithm of a power is never this large or exact.
        if not (1e-30 <= self.log_floor <= 1e30 and 1e-6 <= self.std <= 1e6):
            raise ValueError("log_floor and std must be positive, and within reason")
        if not abs(self.mean) <= 100:  # its exponential is taken
            raise ValueError(f"a mean log power of {self.mean:g} cannot be right")
        check_resolution(self)

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.bands

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate


@dataclass(frozen=True)
class MicroFrontendInput:
    """The features of TFLite Micro's audio frontend, as microWakeWord's models take them.

    They are computed by the package pymicro-features, which has these settings built in.
    """

    dtype: ClassVar[DType] = "float32"
    lead: ClassVar[int] = 0

    kind: Literal["micro-frontend"] = "micro-frontend"
    sample_rate: int = 16_000  # Hz
    window: int = 480  # samples
    hop: int = 160  # samples from one frame to the next
    bands: int = 40

    def __post_init__(self) -> None:
        if (self.sample_rate, self.window, self.hop, self.bands) != (16_000, 480, 160, 40):
            raise ValueError(
                "the micro frontend has 40 bands, 30 ms windows and 10 ms hops at 16 kHz"
            )

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.bands

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate


@dataclass(frozen=True)
class RawInput:
    """Sound as it is: a frame is a stretch of samples."""

    dtype: ClassVar[DType] = "float32"
    lead: ClassVar[int] = 0

    kind: Literal["raw"] = "raw"
    sample_rate: int = 16_000  # Hz
    hop: int = 160  # samples of a frame
    full_scale: float = 1.0  # what the loudest sample is: 1, or 32768 of 16-bit sound

    def __post_init__(self) -> None:
        if self.sample_rate not in SAMPLE_RATES:
            raise ValueError(f"a sample rate of {self.sample_rate} Hz cannot be right")
        if not 0 < self.hop <= LONGEST_FRAME:
            raise ValueError(f"hop must be 1 to {LONGEST_FRAME:,} samples")
        if not 0 < self.full_scale <= 1e10:
            raise ValueError("full_scale must be positive, and within reason")

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return self.hop

    @property
    def bands(self) -> int:
        """Numbers a frame, too."""
        return self.hop

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.hop

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate


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
    if np.any(np.diff(edges(config)[1]) < 1):
        raise ValueError(
            f"{config.bands} mel bands from {config.low_hz:g} Hz are finer than a "
            f"{config.fft}-point FFT resolves; use fewer bands or a longer FFT"
        )


def edges(config: AudioInput) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The edges of the bands, (bands + 2,) Hz, and the first bin at or above each."""
    low, high = hz_to_mel(np.array([config.low_hz, config.high_hz]))
    hz = mel_to_hz(np.linspace(float(low), float(high), config.bands + 2))
    bin_hz = np.arange(config.fft // 2 + 1) * config.sample_rate / config.fft
    return hz, np.searchsorted(bin_hz, hz)
