"""What a model that spots words is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.spec import check_labels
from edgenets.tasks.sound import LONGEST_REFRACTORY, SoundSpec

# A bound far above all use: beyond it a file is broken or hostile.
MOST_SMOOTHING = 10_000  # steps


# Likewise, of what an enrolled word is known by, and of its background.
_MOST = 1_000_000
MOST_ENROLLED = 1000

# The member of a bundle, and file of a run folder, that holds what a `Background` is about.
BACKGROUND = "background.i8"


@dataclass(frozen=True)
class Background:
    """Streams of embeddings of what is no word of a user's, in int8: see `enrol`."""

    streams: int
    steps: int  # of each
    scale: float  # of an integer of 1

    def __post_init__(self) -> None:
        if not (0 < self.streams <= _MOST and 0 < self.steps <= _MOST and 0 < self.scale < _MOST):
            raise ValueError("streams, steps and scale must be above 0, and below a million")


@dataclass(frozen=True)
class Enrolled:
    """A word, or a person's voice for one, that was learned from a few recordings by a `Head`."""

    label: str
    kind: Literal["word", "voice"]  # a voice only confirms what the model hears itself
    delays: tuple[int, ...]  # steps
    units: int

    def __post_init__(self) -> None:
        if not self.delays or not all(0 <= delay <= MOST_SMOOTHING for delay in self.delays):
            raise ValueError(f"delays must be 0 to {MOST_SMOOTHING} steps")
        if not 0 < self.units <= _MOST:
            raise ValueError(f"units must be 1 to {_MOST}")


@dataclass(frozen=True)
class KeywordDecoding:
    """How posteriors become detections; see `edgenets.tasks.keywords.decoding`."""

    smoothing: int = 5  # steps that the posterior is averaged over
    threshold: float = 0.6  # smoothed posterior from which a word counts as heard
    thresholds: dict[str, float] = field(default_factory=dict)  # per word, over `threshold`
    refractory: float = 0.8  # s in which the next detection is held back
    background: tuple[str, ...] = ("_silence_", "_unknown_")  # labels that are no detections
    scores: Literal["logits", "probabilities"] = "logits"  # what the model gives
    # How a clip is decided: by its end, as training asked, or by the likeliest word in it.
    clips: Literal["end", "peak"] = "end"

    def __post_init__(self) -> None:
        if not 1 <= self.smoothing <= MOST_SMOOTHING:
            raise ValueError(f"smoothing must be 1 to {MOST_SMOOTHING} steps")
        if not 0 <= self.refractory <= LONGEST_REFRACTORY:
            raise ValueError(f"refractory must be 0 to {LONGEST_REFRACTORY:g} s")
        if any(not 0 < t <= 1 for t in (self.threshold, *self.thresholds.values())):
            raise ValueError("thresholds must lie in (0, 1]")


@dataclass(frozen=True)
class KeywordSpec(SoundSpec):
    """A model that spots words."""

    task: Literal["keywords"]
    decoding: KeywordDecoding
    enrolled: tuple[Enrolled, ...] = field(default=(), kw_only=True)
    size: int = field(default=0, kw_only=True)  # of an embedding, where the model gives no scores
    background: Background | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_labels(self.labels, [*self.decoding.thresholds, *(e.label for e in self.enrolled)])
        if not 0 <= self.size <= _MOST or len(self.enrolled) > MOST_ENROLLED:
            raise ValueError(f"size must be 0 to {_MOST}, with {MOST_ENROLLED} words enrolled")
        if self.enrolled and self.decoding.scores != "logits":
            raise ValueError("words are enrolled beside logits alone")

    @property
    def scores(self) -> int:
        """See `StreamSpec.scores`: what the artifacts give, without what was enrolled."""
        return self.size or len(self.labels) - sum(e.kind == "word" for e in self.enrolled)

    @property
    def assets(self) -> tuple[str, ...]:
        """See `ModelSpec.assets`."""
        heads = tuple(head_of(number) for number in range(len(self.enrolled)))
        return ((BACKGROUND,) if self.background else ()) + heads


def head_of(number: int) -> str:
    """The member of a bundle that has the weights of an enrolled word."""
    return f"enrolled/{number}.f32"
