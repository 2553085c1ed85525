"""Features of models that were trained elsewhere: log-mel, MFCC and PCEN as other libraries make
them.

No two libraries make the same of one sound: they differ in the window, in where a frame begins, in
the mel scale, in the triangles and their norm, in what the logarithm is taken of. `MelInput` has a
field for each; `LIKE` has their values for each library, by the formulas of its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.artifact import DType
from edgenets.sound.input import SAMPLE_RATES, hz_to_mel, mel_to_hz

# Longer than any frame of sound.
_LONGEST = 32_768  # samples

# No filterbank has more.
_MOST_BANDS = 512


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
        if not (0 < self.hop <= _LONGEST and 0 < self.window <= self.fft <= _LONGEST):
            raise ValueError(f"0 < hop and 0 < window ≤ fft must hold, up to {_LONGEST:,}")
        if not 0 <= self.low_hz < self.highest_hz <= self.sample_rate / 2:
            raise ValueError("0 ≤ low_hz < high_hz ≤ sample_rate / 2 must hold")
        if not 0 < self.bands <= _MOST_BANDS:
            raise ValueError(f"bands must be 1 to {_MOST_BANDS}")
        if not 0 <= self.coefficients <= self.bands:
            raise ValueError("there are no more coefficients than bands")
        if not (1e-30 <= self.floor <= 1e30 and 0 < self.full_scale <= 1e10):
            raise ValueError("floor and full_scale must be positive, and within reason")
        if not (0 <= self.emphasis < 1 and 0 <= self.lifter <= 1e4):
            raise ValueError("emphasis lies in [0, 1), and lifter is no less than 0")
        self._check_pcen()
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.width):
                raise ValueError(f"{name} has 1 or {self.width} values, one a number of the frame")
        if not all(1e-6 <= s <= 1e6 for s in self.std) or not all(abs(m) <= 1e6 for m in self.mean):
            raise ValueError("std must be positive, and mean and std within reason")

    def _check_pcen(self) -> None:
        used = (self.pcen_gain, self.pcen_bias, self.pcen_power, self.pcen_time)
        if not all(0 <= value <= 1e3 for value in used) or not all(used[2:]):
            raise ValueError("the numbers of PCEN must be positive, and within reason")

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.coefficients or self.bands

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def highest_hz(self) -> float:
        """The upper edge of the last band."""
        return self.high_hz or self.sample_rate / 2


_LIBROSA: dict[str, Any] = {
    "sample_rate": 22_050, "window": 2048, "fft": 2048, "hop": 512, "bands": 128,
    "window_at": "middle", "before": "zeros", "scale": "slaney", "norm": "area",
    "compress": "db", "floor": 1e-10, "floor_by": "at-least",
}  # fmt: skip
_PCEN = {"power": 1, "compress": "pcen", "floor": 1e-6, "pcen_begin": "one"}
_TORCHAUDIO: dict[str, Any] = {
    "window": 400, "fft": 400, "hop": 200, "bands": 128, "window_at": "middle",
    "before": "reflect", "compress": "none",
}  # fmt: skip
_KALDI: dict[str, Any] = {
    "window": 400, "fft": 512, "hop": 160, "bands": 23, "shape": "povey", "periodic": False,
    "emphasis": 0.97, "emphasis_in": "frame", "remove_mean": True, "triangles": "mel",
    "low_hz": 20.0, "floor": float(np.finfo(np.float32).eps), "floor_by": "at-least",
}  # fmt: skip
_TENSORFLOW: dict[str, Any] = {
    "window": 640, "fft": 1024, "hop": 320, "bands": 80, "triangles": "mel", "power": 1,
    "skip_first_bin": True, "low_hz": 80.0, "high_hz": 7600.0,
}  # fmt: skip
_KWS = {"bands": 40, "low_hz": 20.0, "high_hz": 7000.0, "floor": 1e-12, "floor_by": "at-least"}

# Name → what its fields are where the user says nothing else.
LIKE: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        # librosa.feature.melspectrogram, then power_to_db(top_db=None)
        "librosa": _LIBROSA,
        # librosa.feature.mfcc of it
        "librosa-mfcc": {**_LIBROSA, "coefficients": 20},
        # librosa.pcen(melspectrogram(power=1) · 2³¹)
        "librosa-pcen": {**_LIBROSA, **_PCEN, "full_scale": 2.0**31},
        # torchaudio.transforms.MelSpectrogram, which takes no logarithm
        "torchaudio": _TORCHAUDIO,
        # torchaudio.transforms.MFCC with log_mels=True
        "torchaudio-mfcc": {**_TORCHAUDIO, "compress": "ln", "floor": 1e-6, "coefficients": 40},
        # torchaudio.compliance.kaldi.fbank and mfcc, and Kaldi itself, with dither 0
        "kaldi-fbank": _KALDI,
        "kaldi-mfcc": {**_KALDI, "coefficients": 13, "lifter": 22.0},
        # tf.signal: stft, linear_to_mel_weight_matrix, log(x + 1e-6); and its mfccs
        "tensorflow": _TENSORFLOW,
        "tensorflow-mfcc": {**_TENSORFLOW, "coefficients": 13, "dct": "tf"},
        # kws_streaming's mfcc_tf
        "kws_streaming": {**_TENSORFLOW, **_KWS, "coefficients": 20, "dct": "tf"},
        "kws_streaming-mel": {**_TENSORFLOW, **_KWS},
    }
)

FIELDS = tuple(field.name for field in fields(MelInput))


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
