"""What a model is: its task, its input with the preprocessing, its output with the decoding.

A `ModelSpec` (a `StreamSpec` or an `ImageSpec`) is written by training, carried by every
artefact and bundle, and read by the runtime. It is all that a device needs to know
about a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from edgenets.artefact import DType
from edgenets.labelled import check_labels
from edgenets.stepspec import StreamSpec
from edgenets.tasks.language.spec import LanguageSpec, TextSpec
from edgenets.tasks.series.spec import AnomalySpec, ForecastSpec
from edgenets.tasks.translation.spec import TranslationSpec
from edgenets.tasks.vision.spec import ImageSpec

# What a sound card or a file can have.
SAMPLE_RATES = range(1_000, 768_001)  # Hz

# Bounds far above all use: beyond them a file is broken or hostile, and memory would run out.
MOST_SMOOTHING = 10_000  # steps
LONGEST_REFRACTORY = 3600.0  # s


@dataclass(frozen=True)
class AudioInput:
    """Log-mel features of mono sound; see `edgenets.sound.logmel`."""

    dtype: ClassVar[DType] = "float32"

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
        # Here, for logmel needs this class; one of its configurations is not to be had at all.
        from edgenets.sound.logmel import check_resolution

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
class KeywordDecoding:
    """How posteriors become detections; see `edgenets.tasks.keywords.decoding`."""

    smoothing: int = 5  # steps that the posterior is averaged over
    threshold: float = 0.6  # smoothed posterior from which a word counts as heard
    thresholds: dict[str, float] = field(default_factory=dict)  # per word, over `threshold`
    refractory: float = 0.8  # s in which the next detection is held back
    background: tuple[str, ...] = ("_silence_", "_unknown_")  # labels that are no detections
    scores: Literal["logits", "probabilities"] = "logits"  # what the model gives

    def __post_init__(self) -> None:
        if not 1 <= self.smoothing <= MOST_SMOOTHING:
            raise ValueError(f"smoothing must be 1 to {MOST_SMOOTHING} steps")
        if not 0 <= self.refractory <= LONGEST_REFRACTORY:
            raise ValueError(f"refractory must be 0 to {LONGEST_REFRACTORY:g} s")
        if any(not 0 < t <= 1 for t in (self.threshold, *self.thresholds.values())):
            raise ValueError("thresholds must lie in (0, 1]")


# What CTC says where nothing is said.
BLANK_LABEL = "_blank_"


@dataclass(frozen=True)
class CtcDecoding:
    """How scores become text; see `edgenets.transcriber`."""

    method: Literal["greedy", "beam"] = "greedy"
    width: int = 8  # beam: what is kept in mind
    endpoint: float = 0.7  # s of silence that end an utterance
    longest: float = 20.0  # s after which it ends in any case
    separator: str = ""  # between symbols: nothing between letters, a space between words
    background: tuple[str, ...] = (BLANK_LABEL,)  # labels that are told to nobody

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 1000:
            raise ValueError("width must be 1 to 1000")
        if not 0 < self.endpoint <= self.longest <= LONGEST_REFRACTORY:
            raise ValueError(f"0 < endpoint ≤ longest ≤ {LONGEST_REFRACTORY:g} s must hold")
        if self.separator not in ("", " "):
            raise ValueError("separator is nothing, or a space")


@dataclass(frozen=True)
class SoundSpec(StreamSpec):
    """A model that listens."""

    input: AudioInput | MicroFrontendInput
    decoding: KeywordDecoding | CtcDecoding

    @property
    def step_seconds(self) -> float:
        """Time that one step covers."""
        return self.step.frames * self.input.frame_seconds


@dataclass(frozen=True)
class KeywordSpec(SoundSpec):
    """A model that spots words."""

    task: Literal["keywords"]
    decoding: KeywordDecoding

    def __post_init__(self) -> None:
        check_labels(self.labels, self.decoding.thresholds)


@dataclass(frozen=True)
class SpeechSpec(SoundSpec):
    """A model that writes down what is said; label 0 is the blank of CTC."""

    task: Literal["speech"]
    decoding: CtcDecoding

    def __post_init__(self) -> None:
        check_labels([label for label in self.labels if label != " "], ())
        if self.labels[0] != BLANK_LABEL or BLANK_LABEL in self.labels[1:]:
            raise ValueError(f"the first label of a model of speech is {BLANK_LABEL}, and no other")

    def text_of(self, symbols: Iterable[int]) -> str:
        """Label numbers as people read them."""
        words = self.decoding.separator.join(self.labels[symbol] for symbol in symbols)
        return " ".join(words.split())


# What a model is, by its task.
ModelSpec = (
    KeywordSpec
    | SpeechSpec
    | LanguageSpec
    | TextSpec
    | TranslationSpec
    | ForecastSpec
    | AnomalySpec
    | ImageSpec
)
