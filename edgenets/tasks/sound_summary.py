"""What a run over sound came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from edgenets.events import AgedSummary, ages
from edgenets.files import Json


@dataclass
class SoundSummary(AgedSummary):
    """What a run over sound came to; it grows while the run goes on."""

    audio_seconds: float = 0.0
    steps: int = 0
    detections: dict[str, int] = field(default_factory=dict)  # per word
    utterances: int = 0  # that ended
    results: dict[str, int] = field(default_factory=dict)  # of other kinds, by what they are
    samples_lost: int = 0

    losses: ClassVar = {"skipped": "files", "damaged": "files"}

    @property
    def cpu_ms_per_audio_s(self) -> float | None:
        """CPU time for a second of sound, in ms."""
        return 1e3 * self.cpu_seconds / self.audio_seconds if self.audio_seconds else None

    def plain(self) -> Json:
        """See `Summary.plain`."""
        return {**vars(self), "cpu_ms_per_audio_s": self.cpu_ms_per_audio_s}

    def _counted(self) -> list[str]:
        heard = ", ".join(f"{w} ×{n}" for w, n in sorted(self.detections.items()))
        if self.utterances:
            heard = f"{self.utterances} utterance{'s' if self.utterances > 1 else ''}"
        others = [f"{kind} ×{n:,}" for kind, n in self.results.items()]
        heard = ", ".join([*([heard] if heard else []), *others]) or "nothing"
        parts = [f"heard {heard} in {self.audio_seconds:.1f} s"]
        if self.cpu_ms_per_audio_s is not None:
            parts.append(f"{self.cpu_ms_per_audio_s:.2f} ms CPU a second of sound")
        return parts + ages(self.age_ms_p50, self.age_ms_p95)

    def _lost(self) -> list[str]:
        return [f"{self.samples_lost:,} samples lost"] if self.samples_lost else []
