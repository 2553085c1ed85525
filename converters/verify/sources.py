"""Is an artifact the model that it came from? Where nothing but the model and items are there.

The reference is the source in its own library: Keras, TensorFlow, ONNX Runtime, TFLite. What is
decided is the place of the largest number of the first output; where there is but one, values are
held against what is right, or against the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.data.items import Items
from edgenets.errors import DataError, EdgenetsError, first_line
from edgenets.recipeparts import GateRecipe

from ..formats import Written
from ..sources.source import Answers, Source
from ..whole.samples import Samples, one_by_one, rows_of
from .judge import Outputs
from .verdicts import Report

# Of what is the same everywhere.
_NO_VARIANCE = 1e-24


@dataclass(frozen=True)
class _Scale:
    """How answers become one figure, and how near two of them are."""

    metric: str
    # of one model's answers
    score: Callable[[Array], float]
    # of an artifact's and the model's
    agreement: Callable[[Array, Array], float]


class SourceReference:
    """A model's answers to items; see `Reference`."""

    def __init__(self, source: Source, items: Items, gate: GateRecipe | None = None) -> None:
        """Take a model.

        Args:
            items: at best ones that the model was not trained on, with what is right.
            gate: what an artifact must hold; `metric_drop` in points of what is decided.

        Raises:
            DataError: the model gives no numbers for these items.
        """
        self.items, self.gate = items, gate or GateRecipe()
        try:
            self.wanted = source.answer(items.samples)
        except EdgenetsError:
            raise
        except Exception as exc:  # the model's own library raises what it raises
            raise DataError(
                f"{source.path}: its own library cannot compute these items: {_reason(exc)}"
            ) from exc
        if not all(np.isfinite(values).all() for values in self.wanted.values()):
            raise DataError(f"{source.path}: gives no numbers for these items")
        # A step model calls what it takes as Keras does.
        names = [t.name for t in source.model.inputs] if source.kind == "keras" else items.samples
        self._by_tensor = dict(zip(names, items.samples.values(), strict=True))
        self._first = next(iter(self.wanted.values()))
        self._scale = _scale_of(self._first, items.targets)
        self.header = Report(
            source.name, (), self._scale.metric, self._scale.score(self._first), len(items), "items"
        )

    def run(self, items: Sequence[Written]) -> list[Outputs]:
        """See `Reference.run`."""
        (item,) = items
        session = backend.load(backend.backend_of(item.artifact), item.artifact, item.files)
        if is_step(item):
            found = _stepped(session, self._by_tensor, self.wanted)
        else:
            found = _called(session, self.items)

        def score() -> tuple[float, float]:
            decided = np.nan_to_num(found[0])
            return self._scale.score(decided), self._scale.agreement(decided, self._first)

        return [Outputs(session.runs_on, found, [*self.wanted.values()], score)]


def _reason(exc: Exception) -> str:
    """What a library says is wrong; TensorFlow says first where, file by file."""
    lines = [line.strip() for line in str(exc).splitlines()]
    places = ("<", "[", "{", "File ", "Stack trace")
    said = [x for x in lines if x and not x.endswith(":") and not x.startswith(places)]
    return said[-1] if said else first_line(exc)


def _called(session: backend.Session, items: Items) -> list[Array]:
    """The outputs of a whole form, (items, …) each, in the artifact's order."""
    names = [info.name for info in session.artifact.inputs]
    found = one_by_one(session.run, dict(zip(names, items.samples.values(), strict=True)))
    return [found[info.name] for info in session.artifact.outputs]


def is_step(item: Written) -> bool:
    """Whether an artifact takes a sequence step by step; one without a state may, too."""
    return bool(item.artifact.states) or any(tool.startswith("walk ") for tool in item.route)


def _stepped(session: backend.Session, items: Samples, wanted: Answers) -> list[Array]:
    """The outputs of a step form at the places where its model has some.

    Args:
        items: the sequences, and what is given once for each, by the names of Keras's tensors.
    """
    artifact, (sequences, *_) = session.artifact, items.values()
    once = [
        *artifact.sequence_inputs,
        *(link.input for link in artifact.states if link.initial_input),
    ]
    given = {i.name: items[i.name].reshape(len(sequences), -1, i.shape[-1]) for i in once}
    found = np.stack(
        [
            backend.answers(
                session, rows, {n: v[number] for n, v in given.items()} if given else None
            )
            for number, rows in enumerate(rows_of(sequences))
        ]
    )
    ends = np.cumsum([info.shape[-1] for info in artifact.outputs])[:-1]
    apart = np.split(found, ends, axis=-1)
    return [_as_model(a, b) for a, b in zip(apart, wanted.values(), strict=False)]


def _as_model(found: Array, wanted: Array) -> Array:
    """Answers of all steps, (items, steps, channels), as a model gives them: the last alone, or as
    many as it has."""
    last = found[:, -1:] if wanted.ndim == 2 else found[:, -wanted.shape[1] :]
    return last.reshape(wanted.shape) if last.size == wanted.size else last


def _marks(targets: Array) -> bool:
    """Whether each row is zero but for a 1."""
    return bool(np.isin(targets, (0, 1)).all() and (targets.sum(axis=-1) == 1).all())


def _check_places(targets: Array, count: int) -> None:
    if not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            f"what is right holds {targets.dtype}; of an output of {count} numbers it is the place "
            f"of the right one, an integer, or as many values"
        )
    if targets.size and not 0 <= targets.min() <= targets.max() < count:
        raise DataError(
            f"what is right holds {targets.min()} … {targets.max()}; the output has {count} "
            f"numbers, so 0 … {count - 1} is needed"
        )


def _scale_of(first: Array, targets: Array | None) -> _Scale:
    """What the model's first output is judged by."""
    several = first.ndim > 1 and first.shape[-1] > 1
    # Values in place of decisions: as many as there are of the model's, and no place marked by 1.
    values = targets is not None and targets.shape == first.shape and not _marks(targets)
    several = several and not values
    if targets is not None and several:
        _check_places(targets, first.shape[-1])

    def same(a: Array, b: Array) -> float:
        return float(np.mean(a.argmax(axis=-1) == b.argmax(axis=-1)))

    if several and targets is not None:
        if targets.shape != first.shape[:-1]:
            raise DataError(
                f"what is right has shape {list(targets.shape)}; {list(first.shape[:-1])} is "
                f"needed for an output of {list(first.shape)}"
            )
        return _Scale("accuracy", lambda a: float(np.mean(a.argmax(axis=-1) == targets)), same)
    if several:
        return _Scale("agreement", lambda a: same(a, first), same)
    right = first
    if targets is not None:
        if targets.size != first.size:
            raise DataError(
                f"what is right has shape {list(targets.shape)}; {list(first.shape)} is needed"
            )
        right = targets.reshape(first.shape).astype(np.float64)

    def explained(a: Array, b: Array) -> float:
        variance = max(float(np.var(b)), _NO_VARIANCE)
        return max(0.0, 1 - float(np.mean((a - b) ** 2)) / variance)

    return _Scale("explained variance", lambda a: explained(a, right), explained)
