"""What a model that spots words is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgenets.spec import check_labels
from edgenets.tasks.heard import MOST_SMOOTHING, Heard, HeardDecoding, HeardSpec, Hearer

# Bounds far above all use, of what an enrolled word is known by, and of its background.
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
class KeywordDecoding(HeardDecoding):
    """How posteriors become detections; see `edgenets.tasks.keywords.decoding`."""

    scores: Literal["logits", "probabilities"] = "logits"
    # How a clip is decided: by its end, as training asked, or by the likeliest word in it.
    clips: Literal["end", "peak"] = "end"


@dataclass(frozen=True)
class KeywordSpec(HeardSpec):
    """A model that spots words."""

    task: Literal["keywords"]
    decoding: KeywordDecoding
    enrolled: tuple[Enrolled, ...] = field(default=(), kw_only=True)
    size: int = field(default=0, kw_only=True)  # of an embedding, where the model gives no scores
    background: Background | None = field(default=None, kw_only=True)

    def hearer(self, decoding: HeardDecoding) -> Hearer:
        """See `HeardSpec.hearer`."""
        from edgenets.tasks.keywords.decoding import KeywordDecoder

        decoder = KeywordDecoder(self.labels, decoding, self.step_seconds)

        def heard(scores: NDArray[np.float32]) -> Iterator[Heard]:
            decoder.reset()
            for row in scores:
                if (found := decoder.push(row)) is not None:
                    yield found

        return heard

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
