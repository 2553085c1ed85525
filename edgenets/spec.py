"""What a model is: its task, its input with the preprocessing, its output with the decoding.

A `ModelSpec` is written by training, carried by every artefact and bundle, and
read by the runtime. It is all that a device needs to know about a model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["keywords"]


@dataclass(frozen=True)
class AudioInput:
    """Log-mel features of mono sound; see `edgenets.logmel`."""

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
        if not 0 < self.hop <= self.window <= self.fft <= 8192:
            raise ValueError("0 < hop ≤ window ≤ fft ≤ 8192 must hold")
        if not 0 < self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError("0 < low_hz < high_hz ≤ sample_rate / 2 must hold")
        if not 0 < self.bands <= 512:
            raise ValueError("0 < bands ≤ 512 must hold")
        if self.log_floor <= 0 or self.std <= 0:
            raise ValueError("log_floor and std must be positive")

    @property
    def frame_seconds(self) -> float:
        """Time from one frame to the next."""
        return self.hop / self.sample_rate


@dataclass(frozen=True)
class KeywordDecoding:
    """How posteriors become detections; see `edgenets.keywords`."""

    smoothing: int = 5  # steps that the posterior is averaged over
    threshold: float = 0.6  # smoothed posterior from which a word counts as heard
    thresholds: dict[str, float] = field(default_factory=dict)  # per word, over `threshold`
    refractory: float = 0.8  # s in which the next detection is held back
    background: tuple[str, ...] = ("_silence_", "_unknown_")  # labels that are no detections

    def __post_init__(self) -> None:
        if self.smoothing < 1:
            raise ValueError("smoothing must be at least 1 step")
        if self.refractory < 0:
            raise ValueError("refractory must not be negative")
        if any(not 0 < t <= 1 for t in (self.threshold, *self.thresholds.values())):
            raise ValueError("thresholds must lie in (0, 1]")


@dataclass(frozen=True)
class StepSpec:
    """The face of a step model: what one call takes and gives."""

    input: str = "features"  # (1, frames, bands) float32
    output: str = "logits"  # (1, scores a step, labels) float32
    frames: int = 1  # frames that one step takes
    warmup: int = 0  # steps after a reset whose output means nothing yet


@dataclass(frozen=True)
class SplitShares:
    """How training divided its recordings; see `edgenets.data.clips.split_of`."""

    validation: float = 0.1  # fraction of the speakers
    test: float = 0.15  # fraction of the speakers


@dataclass(frozen=True)
class ModelSpec:
    """Everything about a model but its weights."""

    name: str
    task: Task
    labels: tuple[str, ...]
    input: AudioInput
    decoding: KeywordDecoding
    step: StepSpec = field(default_factory=StepSpec)
    split: SplitShares = field(default_factory=SplitShares)

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise ValueError("labels must be present and distinct")
        unknown = set(self.decoding.thresholds) - set(self.labels)
        if unknown:
            raise ValueError(f"thresholds name words that are no labels: {sorted(unknown)}")
        if not 1 <= self.step.frames <= 1000:
            raise ValueError("a step takes 1 to 1000 frames")

    @property
    def step_seconds(self) -> float:
        """Time that one step covers."""
        return self.step.frames * self.input.frame_seconds
