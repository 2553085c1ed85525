"""What was written, opened by its own runtime and held against the model on a few items.

Not the gate: that has items of the user's and limits of a recipe. This is what no conversion may
get wrong, whatever the items: a file that its runtime cannot open, another network, an output that
integers lost where another conversion path keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgenets import backend
from edgenets.arrays import Array
from edgenets.artifact import OPEN, Precision, TensorInfo
from edgenets.errors import BackendError, ConversionError, MissingExtra

from ..formats import Written
from ..sources.source import Answers, Source
from ..verify.called import as_model, is_step
from ..verify.opening import opened
from ..verify.outputs import Output, fit_of, outputs_of
from ..whole.samples import Samples, spread

# Items that are run; and the length of an axis that is open and has none.
_FEW, _LENGTH = 16, 64

# The part of the variance of each range of an output that an artifact has to explain. Float files
# differ by rounding alone; integers of a model that suits them stay far above theirs.
_EXACT: Mapping[Precision, float] = {"fp32": 1 - 1e-6, "fp16": 1 - 2.5e-3}
GOOD = 0.94


@dataclass(frozen=True)
class _Items:
    samples: Samples
    wanted: Answers  # none: the model's own library cannot compute such items
    outputs: tuple[Output, ...]


class Proof:
    """Holds what was written against one model."""

    def __init__(
        self,
        source: Source,
        samples: Samples | None,
        shapes: Mapping[str, tuple[int, ...]],
        items: int = _FEW,
    ) -> None:
        """Take a model.

        Args:
            samples: to calibrate on; None: items are drawn.
            shapes: of inputs that are open, by name.
            items: how many are run.
        """
        self._source, self._samples, self._shapes = source, samples, shapes
        self._few = items

    def fit(self, written: Written) -> float:
        """The part of the model's variance that an artifact explains on a few items; 1: no item
        could tell.

        Raises:
            ConversionError: its runtime refuses it or crashes, or a float one is another model.
        """
        artifact = written.artifact
        if artifact.compiled_from or backend.why_not(backend.backend_of(artifact)):
            return 1.0  # an accelerator's is opened where that is
        items = self._items
        try:
            rows = self._source.rows(items.samples, self._shapes) if is_step(written) else {}
            found = opened(written, items.samples, rows)
        except MissingExtra:
            return 1.0
        except BackendError as exc:
            raise ConversionError(f"was written, and its runtime refuses it: {exc}") from exc
        if not items.wanted:
            return 1.0
        pairs = list(zip(items.outputs, found, items.wanted.values(), strict=True))
        fit = min(_fit(output, written, a, b) for output, a, b in pairs)
        least = _EXACT.get(artifact.precision)
        if least is not None and fit < least:
            raise ConversionError(
                f"what it writes is another model: its answers differ from the source's by "
                f"{np.sqrt(1 - fit):.1%} of their spread"
            )
        return fit

    def agreement(self, written: Written) -> float:
        """The part of decisions that an artifact makes as the model does, or of the model's
        variance where it decides nothing; of the output for which that is least.

        Raises:
            ConversionError: its runtime refuses it or crashes.
        """
        items = self._items
        try:
            found = opened(written, items.samples, {})
        except BackendError as exc:
            raise ConversionError(f"was written, and its runtime refuses it: {exc}") from exc
        pairs = zip(items.outputs, found, items.wanted.values(), strict=True)
        return min((_agreement(output, written, a, b) for output, a, b in pairs), default=1.0)

    @cached_property
    def _items(self) -> _Items:
        samples = self._drawn() if self._samples is None else spread(self._samples, self._few)
        try:
            wanted = self._source.answer(samples)
        except Exception:  # of its own library: drawn items need not be such as it takes
            return _Items(samples, {}, ())
        if not all(np.isfinite(values).all() for values in wanted.values()):
            return _Items(samples, {}, ())
        return _Items(samples, wanted, outputs_of(wanted, self._source.ends))

    def _drawn(self) -> dict[str, Array]:
        """Items of noise; of the last one the second half is zeros, which a mask may hide."""
        rng = np.random.default_rng(0)
        drawn: dict[str, Array] = {}
        for info in self._source.inputs:
            shape = (_FEW, *self._shape(info))
            if info.dtype == "float32":
                values: Array = rng.standard_normal(shape).astype(np.float32)
            else:
                values = rng.integers(0, 2, shape).astype(info.dtype)
            if len(shape) > 1:
                values[-1, shape[1] // 2 :] = 0
            drawn[info.name] = values
        return drawn

    def _shape(self, info: TensorInfo) -> tuple[int, ...]:
        return self._shapes.get(info.name) or tuple(_LENGTH if d == OPEN else d for d in info.item)


def _agreement(output: Output, written: Written, found: Array, wanted: Array) -> float:
    fit = _fit(output, written, found, wanted)
    if output.kind != "classes" or wanted.shape[output.axis] < 2:
        return fit
    same = found.argmax(axis=output.axis) == wanted.argmax(axis=output.axis)
    return float(np.mean(same))


def _fit(output: Output, written: Written, found: Array, wanted: Array) -> float:
    if is_step(written):
        found = as_model(found, wanted)
    if found.shape != wanted.shape:
        raise ConversionError(
            f"what it writes gives {list(found.shape[1:])} as '{output.name}', the source "
            f"{list(wanted.shape[1:])}"
        )
    if not np.isfinite(found).all():
        return 0.0
    if not np.issubdtype(wanted.dtype, np.floating):
        return float(np.mean(found == wanted))
    return fit_of(output, found, wanted)
