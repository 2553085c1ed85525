"""What a run tells its sinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """A word that was heard, as sinks get it."""

    source: str  # where the sound came from: a device, a file
    label: str
    score: float  # smoothed posterior, 0…1
    time: float  # s of stream until the end of the sound that decided it
    age: float  # s from the capture of that sound to this result


@dataclass(frozen=True)
class Remark:
    """Something that a person should know: an overrun, a microphone lost, a file skipped."""

    source: str
    kind: str
    text: str
    time: float  # s of stream


@dataclass
class Summary:
    """What a run came to; it grows while the run goes on."""

    bundle: str
    artefact: str
    runs_on: str
    audio_seconds: float = 0.0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    steps: int = 0
    detections: dict[str, int] = field(default_factory=dict)  # per word
    remarks: dict[str, int] = field(default_factory=dict)  # per kind
    samples_lost: int = 0
    sink_failures: int = 0
    age_ms_p50: float | None = None
    age_ms_p95: float | None = None

    @property
    def cpu_ms_per_audio_s(self) -> float | None:
        """CPU time for a second of sound, in ms."""
        return 1e3 * self.cpu_seconds / self.audio_seconds if self.audio_seconds else None

    def plain(self) -> Mapping[str, Any]:
        """As JSON has it."""
        return {**vars(self), "cpu_ms_per_audio_s": self.cpu_ms_per_audio_s}
