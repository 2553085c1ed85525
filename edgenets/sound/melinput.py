"""Features of models that other libraries trained: log-mel, MFCC and PCEN as these make them.

No two libraries make the same of one sound: they differ in the window, in where a frame begins, in
the mel scale, in the triangles and their norm, in what the logarithm is taken of. `MelInput` has a
field for each; `like.toml` has their values for each library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import DType
from edgenets.sound.input import LONGEST_FRAME, SAMPLE_RATES, hz_to_mel, mel_to_hz

# Bounds beyond which a file is broken or hostile, or a logarithm has no value.
_RANGES: dict[str, tuple[float, float]] = {
    "bands": (1, 512),
    "full_scale": (1e-10, 1e10),
    "floor": (1e-30, 1e30),
    "emphasis": (0, 0.999),
    "lifter": (0, 1e4),
    **dict.fromkeys(("pcen_gain", "pcen_bias"), (0.0, 1e3)),
    **dict.fromkeys(("pcen_power", "pcen_time"), (1e-3, 1e3)),
    "mean": (-1e6, 1e6),
    "std": (1e-6, 1e6),
}


@dataclass(frozen=True)
class MelInput:
    """Mel features of mono sound, by the conventions of another library; see `mel.Mel`."""

    dtype: ClassVar[DType] = "float32"

    kind: Literal["mel"] = "mel"
    sample_rate: int = 16_000  # Hz
    full_scale: float = 1.0  # what the loudest sample is: 1, or 32768 as Kaldi has it
    window: int = 400  # samples
    hop: int = 160  # samples from one frame to the next
    fft: int = 512  # points, ≥ window
    shape: Literal["hann", "hamming", "povey", "rectangular"] = "hann"
    periodic: bool = True  # a window of n is that of n + 1 without its last
    # Where the window lies in the FFT: librosa and PyTorch have it in the middle, so that a frame's
    # sound begins (fft − window) / 2 later.
    window_at: Literal["front", "middle"] = "front"
    # Samples that stand before the sound, so that the first frame's middle is its first sample;
    # "reflect" waits for as many samples as it turns around.
    before: Literal["nothing", "zeros", "reflect"] = "nothing"
    emphasis: float = 0.0  # x[t] − emphasis · x[t − 1]
    emphasis_in: Literal["stream", "frame"] = "stream"
    remove_mean: bool = False  # of each frame, before anything else
    power: Literal[1, 2] = 2  # of the spectrum's magnitude
    scale: Literal["htk", "slaney"] = "htk"
    triangles: Literal["hertz", "mel"] = "hertz"  # in which the triangles' sides are straight
    norm: Literal["none", "area"] = "none"  # area: each triangle has the same
    bands: int = 40
    low_hz: float = 0.0  # lower edge of the first band
    high_hz: float = 0.0  # upper edge of the last band; 0: half the rate
    skip_first_bin: bool = False  # the constant part has no weight
    compress: Literal["none", "ln", "log10", "db", "pcen"] = "ln"
    floor: float = 1e-6  # of what a logarithm is taken
    floor_by: Literal["add", "at-least"] = "add"
    coefficients: int = 0  # of the DCT-II (MFCC); 0: the bands themselves
    dct: Literal["ortho", "tf"] = "ortho"
    lifter: float = 0.0  # 0: none
    lifter_from: Literal[0, 1] = 0  # what the first coefficient is called in its formula
    pcen_gain: float = 0.98
    pcen_bias: float = 2.0
    pcen_power: float = 0.5
    pcen_time: float = 0.4  # s
    pcen_begin: Literal["first", "one"] = "first"  # what the smoothed energy is before: a frame's
    mean: tuple[float, ...] = (0.0,)  # taken off in the end; one, or one a number of the frame
    std: tuple[float, ...] = (1.0,)  # and divided by

    def __post_init__(self) -> None:
        if self.sample_rate not in SAMPLE_RATES:
            raise ValueError(f"a sample rate of {self.sample_rate} Hz cannot be right")
        if not (0 < self.hop <= LONGEST_FRAME and 0 < self.window <= self.fft <= LONGEST_FRAME):
            raise ValueError(f"0 < hop and 0 < window ≤ fft must hold, up to {LONGEST_FRAME:,}")
        if not 0 <= self.low_hz < self.highest_hz <= self.sample_rate / 2:
            raise ValueError("0 ≤ low_hz < high_hz ≤ sample_rate / 2 must hold")
        if not 0 <= self.coefficients <= self.bands:
            raise ValueError("there are no more coefficients than bands")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not all(low <= v <= high for v in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(f"{name} must be {low:g} to {high:g}")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.width):
                raise ValueError(f"{name} has 1 or {self.width} values, one a number of the frame")

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.coefficients or self.bands

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def lead(self) -> int:
        """Samples that stand before the sound; < 0: so many of the sound are left out."""
        skipped = (self.fft - self.window) // 2 if self.window_at == "middle" else 0
        return (0 if self.before == "nothing" else self.fft // 2) - skipped

    @property
    def highest_hz(self) -> float:
        """The upper edge of the last band."""
        return self.high_hz or self.sample_rate / 2


def mel_edges(config: MelInput) -> NDArray[np.float64]:
    """The edges of the bands in mel, (bands + 2,), evenly apart."""
    low, high = to_mel(np.array([config.low_hz, config.highest_hz]), config.scale)
    return np.linspace(float(low), float(high), config.bands + 2)


# Slaney's scale (Auditory Toolbox, 1998): straight up to 1 kHz, and logarithmic above.
_STRAIGHT, _KNEE = 200.0 / 3.0, 1000.0
_STEP = np.log(6.4) / 27.0


def to_mel(hz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Hertz to mel."""
    if scale == "htk":
        return hz_to_mel(hz)
    above = _KNEE / _STRAIGHT + np.log(np.maximum(hz, _KNEE) / _KNEE) / _STEP
    return np.where(hz < _KNEE, hz / _STRAIGHT, above)


def to_hz(mel: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    """Mel to hertz, the inverse of `to_mel`."""
    if scale == "htk":
        return mel_to_hz(mel)
    knee = _KNEE / _STRAIGHT
    above = _KNEE * np.exp(_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * _STRAIGHT, above)
