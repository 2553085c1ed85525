"""How much is alive at once, as the operations of a graph follow one another."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Turn(Generic[Key]):
    """One operation, as far as its tensors are concerned."""

    takes: Collection[Key]
    gives: Collection[Key]


def peak(
    turns: Sequence[Turn[Key]],
    sizes: Mapping[Key, int],
    first: Collection[Key],
    results: Collection[Key],
) -> tuple[int, int]:
    """The most that is alive at once.

    A tensor is alive from the operation that makes it to the last that takes it; results stay.

    Args:
        sizes: of every tensor that is made, in any unit.
        first: tensors that are there before.

    Returns:
        their size, and the place of the operation at which it is so much; −1: before the first.
    """
    last = {key: place for place, turn in enumerate(turns) for key in turn.takes}
    last |= dict.fromkeys(results, len(turns))
    alive = {key: sizes[key] for key in first}
    most, where = sum(alive.values()), -1
    for place, turn in enumerate(turns):
        alive |= {key: sizes[key] for key in turn.gives}
        if (now := sum(alive.values())) > most:
            most, where = now, place
        for key in [key for key in alive if last.get(key, -1) <= place]:
            del alive[key]
    return most, where
