"""Is an artifact the model that it came from? Where nothing but the model and items are there.

The reference is the source in its own library: Keras, TensorFlow, ONNX Runtime, TFLite. Each
output is judged as what it is (`outputs.py`); the metric is that of the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from edgenets.arrays import Array
from edgenets.data.items import Items
from edgenets.errors import DataError, EdgenetsError, first_line
from edgenets.recipeparts import GateRecipe

from ..formats import Written
from ..sources.source import Source
from .called import answers_of, as_model, is_step
from .judge import Outputs
from .outputs import Kind, Output, agreement, decisions, explained, is_one_hot, outputs_of
from .verdicts import JudgedOutput, Report


@dataclass(frozen=True)
class _Scale:
    """How answers become one figure."""

    metric: str
    score: Callable[[Array], float]  # of one model's answers


class SourceReference:
    """A model's answers to items; see `Reference`."""

    def __init__(
        self,
        source: Source,
        items: Items,
        gate: GateRecipe | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """Take a model.

        Args:
            items: at best ones that the model was not trained on, with what is right.
            gate: what an artifact must hold; `metric_drop` in points of what is decided.
            kinds: of outputs, by name, where the user states them; see `outputs_of`.

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
        self._rows = cache(lambda: source.rows(items.samples))
        self._first = next(iter(self.wanted.values()))
        self.outputs = outputs_of(self.wanted, source.ends, items.targets, kinds)
        self._scale = _scale_of(self.outputs[0], self._first, items.targets)
        self.header = Report(
            source.name,
            (),
            self._scale.metric,
            self._scale.score(self._first),
            len(items),
            "items",
            outputs=tuple(
                JudgedOutput(o.name, o.kind, o.why, max(1, len(o.groups))) for o in self.outputs
            ),
            truth=items.targets is not None,
        )

    def run(self, items: Sequence[Written]) -> list[Outputs]:
        """See `Reference.run`."""
        (item,) = items
        wanted = [*self.wanted.values()]
        rows = self._rows() if is_step(item) else {}
        runs_on, found = answers_of(item, self.items.samples, rows)
        if is_step(item):
            found = [as_model(a, b) for a, b in zip(found, wanted, strict=False)]

        def score() -> tuple[float, float]:
            real = [np.nan_to_num(values) for values in found]
            agrees = min(map(agreement, self.outputs, real, wanted))
            return self._scale.score(real[0]), agrees

        return [Outputs(runs_on, found, wanted, score, outputs=self.outputs)]


def _reason(exc: Exception) -> str:
    """What a library says is wrong; TensorFlow says first where, file by file."""
    lines = [line.strip() for line in str(exc).splitlines()]
    places = ("<", "[", "{", "File ", "Stack trace")
    said = [x for x in lines if x and not x.endswith(":") and not x.startswith(places)]
    return said[-1] if said else first_line(exc)


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


def _scale_of(output: Output, first: Array, targets: Array | None) -> _Scale:
    """What the model's first output is measured by."""
    if output.kind == "classes" and np.issubdtype(first.dtype, np.floating):
        return _of_classes(output, first, targets)
    right = first
    if targets is not None:
        if targets.size != first.size:
            raise DataError(
                f"what is right has shape {list(targets.shape)}; {list(first.shape)} is needed"
            )
        right = targets.reshape(first.shape)
    if not np.issubdtype(first.dtype, np.floating):
        name = "agreement" if targets is None else "accuracy"
        return _Scale(name, lambda a: float(np.mean(a == right)))
    real = right.astype(np.float64)
    return _Scale("explained variance", lambda a: explained(a, real, output.axis))


def _of_classes(output: Output, first: Array, targets: Array | None) -> _Scale:
    """The share of right decisions; of those that equal the model's where nothing says what is
    right."""
    own = decisions(output, first)
    if targets is None:
        return _Scale("agreement", lambda a: float(np.mean(decisions(output, a) == own)))
    if is_one_hot(targets, first):
        targets = targets.argmax(axis=-1)
    _check_places(targets, first.shape[output.axis])
    if targets.shape != own.shape:
        raise DataError(
            f"what is right has shape {list(targets.shape)}; {list(own.shape)} is needed for an "
            f"output of {list(first.shape)}"
        )
    return _Scale("accuracy", lambda a: float(np.mean(decisions(output, a) == targets)))
