"""What the tasks of models that read text token by token have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edgenets.tasks.cost import TokenCost
from edgenets.tasks.golden import GoldenTokens
from edgenets.tasks.room import SequenceRoom
from edgenets.tasks.task import Medium

if TYPE_CHECKING:
    from edgenets.runs import Run
    from edgenets.spec import ModelSpec
    from edgenets.tasks.own import OwnInput


class TextRoom(SequenceRoom, GoldenTokens, TokenCost):
    """What models that read text token by token have in common."""

    medium: ClassVar[Medium] = "lines"
    own_input: ClassVar[OwnInput] = "text"
    extras: ClassVar[tuple[str, ...]] = ()

    def input_of(self, spec: ModelSpec) -> str:
        """See `Task.input_of`."""
        return f"text, as {len(spec.input.vocabulary):,} {spec.input.units}; a step each"

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        taken = run.spec.input
        return [(f"{len(taken.vocabulary):,}", f"{taken.units} that it knows")]
