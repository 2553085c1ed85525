"""Models of one streaming step, whatever their task.

An artifact is run, step by step, on whole sequences of real data, and on a stream long enough for
drift to show; the Keras model computes whole sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import Artifact
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.runs import Run
from edgenets.stepspec import StreamSpec
from edgenets.tasks import sequence_task
from edgenets.tasks.task import Measured, Samples
from edgenets.tasks.text.batches import pieces_by_length

from ..formats import Converted, Written, activation_type
from ..step.convert import Steps, convert
from ..step.walk import walk
from ..verify.judge import Judge, Outputs
from ..verify.mixed_precision import Subject
from ..verify.subjects import STEPS, step_subject
from ..verify.verdicts import Report
from .family import Wanted

# Items that Keras computes at once.
_BATCH = 128


class StepFamily:
    """Models of one streaming step; see `Family`."""

    def convert(self, run: Run, data: Path | None, wanted: Wanted, progress: Progress) -> Converted:
        """See `Family.convert`."""
        clips = None
        if data is not None and any(map(activation_type, wanted.precisions)):
            clips = sequence_task(run.spec.task).calibration(run, data, progress)
        quantize = run.recipe.quantize
        return convert(run.model(), clips, wanted.formats, wanted.precisions, quantize, progress)

    def reference(self, run: Run, data: Path, progress: Progress) -> StepReference:
        """See `Family.reference`."""
        samples = sequence_task(run.spec.task).samples(run, data, progress)
        return StepReference(run.model(), run.spec_as(StreamSpec), samples, run.recipe.gate)

    def subjects(self, run: Run, data: Path, progress: Progress) -> Callable[[Artifact], Subject]:
        """See `Family.subjects`."""
        clips = sequence_task(run.spec.task).calibration(run, data, progress)
        steps = Steps(walk(run.model()), clips, run.recipe.quantize, progress)
        reference = self.reference(run, data, progress)
        features = reference.stream[: STEPS * steps.graph.frames]
        judge = Judge(reference)
        return lambda artifact: step_subject(
            steps, artifact.format, artifact.precision, features, judge.verdict
        )


class StepReference:
    """A Keras model's answers to sequences that it was not trained on; see `Reference`."""

    def __init__(self, model: Any, spec: StreamSpec, samples: Samples, gate: GateRecipe) -> None:
        """Take a model.

        Args:
            model: from (items, frames, numbers) to (items, steps, scores) or (items, scores); of
                tokens, from (items, frames).

        Raises:
            DataError: there are no sequences, or one is shorter than a step.
        """
        self._decisions = samples.decisions or sequence_task(spec.task).decisions(spec)
        self.gate, self._apart = gate, samples.apart
        frames = spec.step.frames
        shortest = min((len(item) for item in samples.features), default=0)
        if shortest < frames:
            raise DataError(
                f"there is nothing to verify on: {len(samples.targets)} {samples.kind} of "
                f"{shortest} frames and more; a step takes {frames}"
            )
        count = min(gate.samples, len(samples.targets))
        whole = [item[: len(item) - len(item) % frames] for item in samples.features]
        self._items = whole[:count]
        self._targets = samples.targets[:count]
        self.stream = long_stream(whole, gate.stream_steps * frames)
        self._answers = answers_of(model, self._items)
        (self._whole,) = answers_of(model, [self.stream])
        self._decided = self._decisions.decide(self._answers)
        reference = self._decisions.score(self._decided, self._targets)
        self.header = Report(
            spec.name, spec.labels, self._decisions.metric, reference, count, samples.kind
        )

    def run(self, items: Sequence[Written]) -> list[Outputs]:
        """See `Reference.run`."""
        (item,) = items
        session = backend.load(backend.backend_of(item.artifact), item.artifact, item.files)
        answers = [backend.answers(session, x) for x in self._items]
        whole = backend.answers(session, self.stream)
        # Without padding the first steps mean nothing; with time gone, all but the last.
        pairs = zip([*answers, whole], [*self._answers, self._whole], strict=True)
        *kept, last = [found[-len(wanted) :] for found, wanted in pairs]

        # Asked for where shapes are the model's; by both, and decided once.
        decided = cache(lambda: self._decisions.decide(kept))

        def score() -> tuple[float, float]:
            figure = self._decisions.score(decided(), self._targets)
            return figure, self._decisions.agreement(decided(), self._decided)

        def apart() -> Sequence[Measured]:
            return self._apart(decided(), self._decided) if self._apart else ()

        stream = (last, self._whole)
        return [Outputs(session.runs_on, kept, self._answers, score, stream, apart=apart)]


def answers_of(model: Any, items: Sequence[Array] | Array) -> list[NDArray[np.float32]]:
    """A Keras model's (steps, scores) of each item; where it gives one vector, one step.

    Items of one length are computed together.
    """
    found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(items)
    for places in pieces_by_length(items, _BATCH):
        batch = np.stack([items[i] for i in places])
        # Bands may be divided, and tokens have no axis of their own.
        taken = batch.reshape(*batch.shape[:2], *model.input_shape[2:])
        scores: NDArray[np.float32] = model.predict_on_batch(taken)
        for place, answer in zip(places, scores, strict=True):
            found[place] = answer.reshape(-1, answer.shape[-1])
    return found


def long_stream(items: Sequence[Array], frames: int) -> Array:
    """Sequences one after another, again from the start where they run out."""
    flat = np.concatenate(items)
    return np.tile(flat, (-(-frames // len(flat)), 1))[:frames]
