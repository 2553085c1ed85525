"""Sessions: a loaded artifact, whatever runs it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edgenets.arrays import Array
from edgenets.artifact import Artifact

# What is given once a sequence, by name.
Given = Mapping[str, Array]


@dataclass(frozen=True)
class State:
    """Where a stream stands, between two steps."""

    values: tuple[Array, ...]  # of the artifact's states, in their own types
    step: int  # since the last reset, as far as that matters


@runtime_checkable
class Session(Protocol):
    """A loaded artifact. It speaks real values; integers stay inside."""

    artifact: Artifact
    runs_on: str  # package, version and device that really compute

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """One inference; the state goes on from the one before.

        Args:
            inputs: every input of the artifact but the states, by name. Where it
                is quantized, real values in float32.

        Returns:
            every output but the states, by name, in arrays of the caller's own;
            where it is quantized, real values in float32.

        Raises:
            BackendError: an input is missing, unknown or of another shape.
        """
        ...

    def reset(self, given: Given | None = None) -> None:
        """Put the state back to its initial value.

        Args:
            given: what the artifact is given once a sequence: (rows, channels) float32 of
                everything that is held, and (1, units) of the states that are given, by name.
                None leaves what is held as it was, zeros at first, and begins at zeros.

        Raises:
            BackendError: something is missing, unknown or of another shape.
        """
        ...

    def state(self) -> State:
        """Where the stream stands: a copy, for `restore`.

        One session serves many streams so: the hypotheses of a search, the columns of a table.

        Raises:
            BackendError: the state is the model's own secret.
        """
        ...

    def restore(self, state: State) -> None:
        """Go on from where a stream of this artifact stood; the state stays the caller's."""
        ...

    def places(self) -> Mapping[str, Array]:
        """The inputs' own memory, in the artifact's own types, to be written before `infer`.

        It is for models without a state, whose inputs are large: nothing is copied.
        """
        ...

    def infer(self, raw: Collection[str] = ()) -> Mapping[str, Array]:
        """One inference on what was written to `places`.

        Args:
            raw: outputs that are wanted in the artifact's own integers, where they have any.

        Returns:
            every output by name, as `run` gives them, but perhaps in the session's own memory:
            they hold until the next inference.

        Raises:
            BackendError: the inference fails.
        """
        ...
