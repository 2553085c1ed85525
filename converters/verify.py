"""Verification: is an artefact the model? A gate that no broken one passes.

Each artefact is run, step by step, on the backend that a device would use, and
held against the Keras model on whole sequences of real recordings: tensors,
decisions, the task's own metric, and a stream long enough for drift to show.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artefact import Artefact
from edgenets.errors import DataError, EdgenetsError
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.spec import StreamSpec

from .decisions import decisions_of, equal_share
from .formats import Written
from .verdicts import Check, Report, Verdict, broken, checks, number

if TYPE_CHECKING:
    import keras

# Clips that Keras computes at once.
_BATCH = 128

# Early and late in the stream are this many steps each.
_DRIFT_STEPS = 1000

# Mean |logit difference| of integers over the standard deviation of the logits. Nets that are
# only rounded stay at a fifth of this; a state in a wrong scale goes beyond it, even where the
# recordings are so easy that no decision changes.
_RELATIVE_ERROR = 0.25


@dataclass(frozen=True)
class Samples:
    """Recordings to verify on, as features."""

    features: NDArray[np.float32]  # (clips, frames, bands)
    targets: Sequence[Hashable]  # of each clip what is to be decided: a label, a string of them


def verify(
    model: keras.Model,
    spec: StreamSpec,
    written: Sequence[Written],
    samples: Samples,
    gate: GateRecipe,
    missing: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Report:
    """Hold artefacts against the Keras model that they were made of.

    Args:
        model: from (clips, frames, bands) to (clips, steps, labels) or (clips, labels).
        samples: recordings that the model was not trained on.
        gate: what an artefact must hold.

    Returns:
        a report; an artefact that cannot be run has a verdict that says why.

    Raises:
        DataError: there are no recordings, or they are shorter than a step.
    """
    progress = progress or Progress()
    judge = _Judge(model, spec, samples, gate)
    verdicts = []
    with progress.task("verifying") as task:
        for done, item in enumerate(written, 1):
            verdicts.append(judge.verdict(item))
            task.update(done, len(written), verdicts[-1].id)
    return Report(
        spec.name, spec.labels, judge.metric, judge.reference, len(samples.targets),
        "clips", tuple(verdicts), missing,
    )  # fmt: skip


class _Judge:
    """The Keras model's answers, computed once for all artefacts."""

    def __init__(self, model: Any, spec: StreamSpec, samples: Samples, gate: GateRecipe) -> None:
        self._decisions, self._gate = decisions_of(spec), gate
        self.metric = self._decisions.metric
        frames = spec.step.frames
        if not len(samples.targets) or samples.features.shape[1] < frames:
            raise DataError(
                f"there is nothing to verify on: {len(samples.targets)} recordings of "
                f"{samples.features.shape[1]} frames; a step takes {frames}"
            )
        count = min(gate.clips, len(samples.targets))
        usable = samples.features.shape[1] - samples.features.shape[1] % frames
        self._features = samples.features[:count, :usable]
        self._targets = samples.targets[:count]
        self._stream = _long_stream(samples.features[:, :usable], gate.stream_steps * frames)
        self.clips = _answers(model, self._features)
        self.stream = _answers(model, self._stream[None])[0]
        self._decided = self._decisions.decide(self.clips)
        self.reference = self._decisions.score(self._decided, self._targets)

    def verdict(self, item: Written) -> Verdict:
        """Run an artefact and judge it."""
        artefact = item.artefact
        try:
            session = backend.load(backend.backend_of(artefact), artefact, item.files)
            clips = np.stack([_steps(session, x) for x in self._features])
            stream = _steps(session, self._stream)
        except EdgenetsError as exc:
            return broken(item, str(exc))
        # Without padding the first steps mean nothing; with time gone, all but the last.
        clips, stream = clips[:, -self.clips.shape[1] :], stream[-len(self.stream) :]
        if clips.shape != self.clips.shape or stream.shape != self.stream.shape:
            return broken(
                item, f"gives {clips.shape[1:]} (steps, scores) a clip; its model gives "
                f"{self.clips.shape[1:]}",
            )  # fmt: skip
        clip_error, stream_error = np.abs(clips - self.clips), np.abs(stream - self.stream)
        decided = self._decisions.decide(clips)
        metric = self._decisions.score(decided, self._targets)
        agreement = equal_share(decided, self._decided)
        early, late = stream_error[:_DRIFT_STEPS], stream_error[-_DRIFT_STEPS:]
        found = {
            "finite": float(np.isfinite(clips).all() and np.isfinite(stream).all()),
            "max_error": float(clip_error.max()),
            "stream_error": float(stream_error.max()),
            "agreement": agreement,
            "accuracy_drop": self.reference - metric,
            "relative_error": float(clip_error.mean() / max(self.clips.std(), 1e-12)),
            "drift": _rms(late) / max(_rms(early), 1e-12),
        }
        return Verdict(
            artefact.id, artefact.format, artefact.precision, item.size, session.runs_on,
            metric, agreement, number(found["max_error"]),
            number(float(clip_error.mean())), _checks(artefact, found, self._gate),
            note=artefact.note, stream_steps=len(stream),
            stream_error=number(found["stream_error"]), drift=number(found["drift"]),
        )  # fmt: skip


def _checks(artefact: Artefact, found: dict[str, float], gate: GateRecipe) -> tuple[Check, ...]:
    """The conditions for an artefact's precision."""
    at_most = {"accuracy_drop": gate.accuracy_drop}
    if artefact.precision in ("fp32", "fp16"):
        limit = gate.float_error if artefact.precision == "fp32" else gate.half_error
        at_most |= {"max_error": limit, "stream_error": limit}
    else:
        at_most |= {"drift": gate.drift_growth, "relative_error": _RELATIVE_ERROR}
    at_least = {"finite": 1.0, "agreement": gate.agreement}
    return checks(found, at_most, at_least)


def _answers(model: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """A Keras model's (clips, steps, labels); where it gives one vector a clip, one step."""
    taken = features.reshape(*features.shape[:2], *model.input_shape[2:])  # bands may be divided
    scores: NDArray[np.float32] = model.predict(taken, batch_size=_BATCH, verbose=0)
    return scores[:, None] if scores.ndim == 2 else scores


def _steps(session: backend.Session, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, bands) to (scores, labels), step by step."""
    out = backend.run_sequence(session, features)
    return out.reshape(-1, out.shape[-1])


def _long_stream(features: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Recordings one after another, again from the start where they run out."""
    flat = features.reshape(-1, features.shape[-1])
    return np.tile(flat, (-(-frames // len(flat)), 1))[:frames]


def _rms(error: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))
