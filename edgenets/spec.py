"""What a model is: its task, its input with the preprocessing, its output with the decoding.

A `ModelSpec` is written by training, carried by every artifact and bundle, and read by the
runtime. It is all that a device needs to know about a model. Each task has its own, in its folder
of `edgenets/tasks`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from edgenets import tasks
from edgenets.data.split import SplitShares
from edgenets.errors import ModelError

if TYPE_CHECKING:
    from edgenets.tasks.series.tableformat import TableFormat


class ModelSpec:
    """Base of the specs of all tasks, each of which is a frozen dataclass with these fields."""

    name: str
    task: str
    labels: tuple[str, ...]
    input: Any  # a record with `kind`; see the spec of each task
    decoding: Any  # a record with `background`, and `threshold` where labels have one
    split: SplitShares

    @staticmethod
    def record_type(data: Mapping[str, Any], where: str) -> type[ModelSpec]:
        """The spec of the task that plain data names; for `records.parse`.

        Raises:
            RecordError: there is no such task.
        """
        return tasks.named(data, where).spec

    # The networks that a model of this kind is made of, each with artifacts of its own; (): of one.
    parts: ClassVar[tuple[str, ...]] = ()

    # What a label is called when none is found.
    noun: ClassVar[str] = "word"

    @property
    def assets(self) -> tuple[str, ...]:
        """Files that the model needs beside its weights, by name; a bundle carries them."""
        return ()

    @property
    def extras(self) -> tuple[str, ...]:
        """What this model needs of edgenets beyond what all of its task do."""
        return ()

    @property
    def reported(self) -> list[str]:
        """The labels that the model tells of: all but its background."""
        return [label for label in self.labels if label not in self.decoding.background]

    def threshold_of(self, label: str) -> float:
        """The score from which a label is reported."""
        threshold: float = self.decoding.threshold
        return self._own_thresholds.get(label, threshold)

    def with_columns(self, columns: tuple[str, ...]) -> Self:
        """The spec that reads these columns of tables with labels.

        Raises:
            ModelError: it is measured on no such table.
        """
        raise ModelError(f"a model for {self.task} is measured on no table of texts and labels")

    def with_threshold(self, label: str, value: float) -> Self:
        """The spec with another threshold of one label.

        Raises:
            ValueError: it is no label, or the value is not in (0, 1].
        """
        if label not in self._settable:
            raise ValueError(f"'{label}' is no {self.noun} that this model tells of")
        if not hasattr(self.decoding, "thresholds"):  # a mask's one serves all its labels
            return self.with_thresholds(value)
        thresholds = {**self._own_thresholds, label: value}
        return self._decoding_by(thresholds=thresholds)

    def with_thresholds(self, value: float) -> Self:
        """The spec with one threshold for all labels.

        Raises:
            ValueError: the value is not in (0, 1].
        """
        if not hasattr(self.decoding, "threshold"):
            raise ValueError("this model decides by no threshold")
        if not hasattr(self.decoding, "thresholds"):
            return self._decoding_by(threshold=value)
        return self._decoding_by(threshold=value, thresholds={})

    def with_table(self, table: TableFormat) -> Self:
        """The spec whose tables are read so.

        Raises:
            ModelError: it is measured on no table.
        """
        raise ModelError(f"a model for {self.task} is measured on no table that could be read so")

    @property
    def _own_thresholds(self) -> dict[str, float]:
        return getattr(self.decoding, "thresholds", {})

    @property
    def _settable(self) -> Collection[str]:
        """Labels that a threshold may be given for."""
        return self.labels

    def _decoding_by(self, **changes: Any) -> Self:
        """The spec with other values in its decoding."""
        return replace(self, decoding=replace(self.decoding, **changes))  # type: ignore[type-var]


S = TypeVar("S", bound=ModelSpec)


def spec_as(spec: ModelSpec, kind: type[S]) -> S:
    """A spec as that of the task that it is for.

    Raises:
        ModelError: it is of another task.
    """
    if not isinstance(spec, kind):
        raise ModelError(f"{spec.name}: is a model for {spec.task}, which this is not made for")
    return spec


def check_labels(labels: Collection[str], named: Iterable[str]) -> None:
    """Refuse labels that could not be reported apart, shown, or made a folder's name.

    Args:
        labels: of a model.
        named: labels that its decoding names.

    Raises:
        ValueError: a label is no label, or one that is named is none of them.
    """
    if len(set(labels)) != len(labels) or not labels:
        raise ValueError("labels must be present and distinct")
    for label in labels:  # also the name of a folder, and shown on one line
        if not label.strip() or not label.isprintable() or "/" in label:
            raise ValueError(f"{label!a} cannot be a label")
    if unknown := set(named) - set(labels):
        raise ValueError(f"the decoding names words that are no labels: {sorted(unknown)}")
