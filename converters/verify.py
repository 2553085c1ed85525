"""Verification: is an artifact the model? A gate that no broken one passes.

Each artifact is run, step by step, on the backend that a device would use, and
held against the Keras model on whole sequences of real data: tensors,
decisions, the task's own metric, and a stream long enough for drift to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.errors import DataError, EdgenetsError
from edgenets.metrics import metric_of
from edgenets.progress import Progress
from edgenets.recipeparts import GateRecipe
from edgenets.stepspec import StreamSpec
from edgenets.tasks import sequence_task
from edgenets.tasks.task import Samples
from edgenets.tasks.text.batches import by_length

from .closeness import closeness, verdict
from .formats import Written
from .verdicts import Report, Verdict, broken, verdicts_of

if TYPE_CHECKING:
    import keras

# Items that Keras computes at once.
_BATCH = 128


def verify(
    model: keras.Model,
    spec: StreamSpec,
    written: Sequence[Written],
    samples: Samples,
    gate: GateRecipe,
    missing: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Report:
    """Hold artifacts against the Keras model that they were made of.

    Args:
        model: from (items, frames, numbers) to (items, steps, scores) or (items, scores); of
            tokens, from (items, frames).
        samples: sequences that the model was not trained on.
        gate: what an artifact must hold.

    Returns:
        a report; an artifact that cannot be run has a verdict that says why.

    Raises:
        DataError: there are no sequences, or one is shorter than a step.
    """
    judge = Judge(model, spec, samples, gate)
    verdicts = verdicts_of(written, judge.verdict, progress)
    return Report(
        spec.name, spec.labels, judge.metric.name, judge.reference, judge.count,
        samples.kind, verdicts, missing,
    )  # fmt: skip


class Judge:
    """The Keras model's answers, computed once for all artifacts."""

    def __init__(self, model: Any, spec: StreamSpec, samples: Samples, gate: GateRecipe) -> None:
        self._decisions, self._gate = sequence_task(spec.task).decisions(spec), gate
        self.metric = metric_of(self._decisions.metric)
        frames = spec.step.frames
        shortest = min((len(item) for item in samples.features), default=0)
        if shortest < frames:
            raise DataError(
                f"there is nothing to verify on: {len(samples.targets)} {samples.kind} of "
                f"{shortest} frames and more; a step takes {frames}"
            )
        self.count = min(gate.samples, len(samples.targets))
        whole = [item[: len(item) - len(item) % frames] for item in samples.features]
        self._items = whole[: self.count]
        self._targets = samples.targets[: self.count]
        self.stream = long_stream(whole, gate.stream_steps * frames)
        self._answers = answers_of(model, self._items)
        (self._whole,) = answers_of(model, [self.stream])
        self._decided = self._decisions.decide(self._answers)
        self.reference = self._decisions.score(self._decided, self._targets)

    def verdict(self, item: Written) -> Verdict:
        """Run an artifact and judge it."""
        artifact = item.artifact
        try:
            session = backend.load(backend.backend_of(artifact), artifact, item.files)
            answers = [backend.answers(session, x) for x in self._items]
            stream = backend.answers(session, self.stream)
        except EdgenetsError as exc:
            return broken(item, str(exc))
        # Without padding the first steps mean nothing; with time gone, all but the last.
        pairs = zip([*answers, stream], [*self._answers, self._whole], strict=True)
        kept = [found[-len(wanted) :] for found, wanted in pairs]
        for found, wanted in zip(kept, [*self._answers, self._whole], strict=True):
            if found.shape != wanted.shape:
                return broken(
                    item, f"gives {found.shape} (steps, scores) where its model gives "
                    f"{wanted.shape}",
                )  # fmt: skip
        *answers, stream = kept
        close = closeness(
            [(np.concatenate(answers), np.concatenate(self._answers))], (stream, self._whole)
        )
        decided = self._decisions.decide(answers)
        figure = self._decisions.score(decided, self._targets)
        if not np.isfinite(figure):
            return broken(item, "its answers are no numbers, or so large that they make no figure")
        agreement = self._decisions.agreement(decided, self._decided)
        return verdict(
            item, session.runs_on, figure, self.reference, agreement, close, self.metric,
            self._gate,
        )  # fmt: skip


def answers_of(
    model: Any, items: Sequence[NDArray[Any]] | NDArray[Any]
) -> list[NDArray[np.float32]]:
    """A Keras model's (steps, scores) of each item; where it gives one vector, one step.

    Items of one length are computed together.
    """
    found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(items)
    for _, places in sorted(by_length(items).items()):
        batch = np.stack([items[i] for i in places])
        # Bands may be divided, and tokens have no axis of their own.
        taken = batch.reshape(*batch.shape[:2], *model.input_shape[2:])
        scores: NDArray[np.float32] = model.predict(taken, batch_size=_BATCH, verbose=0)
        for place, answer in zip(places, scores, strict=True):
            found[place] = answer.reshape(-1, answer.shape[-1])
    return found


def long_stream(items: Sequence[NDArray[Any]], frames: int) -> NDArray[Any]:
    """Sequences one after another, again from the start where they run out."""
    flat = np.concatenate(items)
    return np.tile(flat, (-(-frames // len(flat)), 1))[:frames]
