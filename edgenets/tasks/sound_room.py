"""What the tasks of models that listen have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from edgenets.backend import Session
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.cost import Cost, cpu_of_sound
from edgenets.tasks.golden import GoldenSound
from edgenets.tasks.room import SequenceRoom
from edgenets.tasks.sound import SoundSpec, sound_of
from edgenets.tasks.task import Medium

if TYPE_CHECKING:
    from edgenets.runs import Run
    from edgenets.tasks.own import OwnInput
    from edgenets.tasks.sound_pipeline import Stepper
    from edgenets.tasks.speech.ctc import Grammar


class SoundRoom(SequenceRoom, GoldenSound, Cost):
    """What models that listen have in common; see `SoundTask`."""

    medium: ClassVar[Medium] = "sound"
    own_input: ClassVar[OwnInput] = "sound"
    extras: ClassVar[tuple[str, ...]] = ("mic",)
    doing: ClassVar[str] = "listening to"
    cost_unit: ClassVar[str] = "CPU ms/s"

    @abstractmethod
    def stepper(
        self, spec: ModelSpec, session: Session, grammar: Grammar | None = None
    ) -> Stepper[Any]:
        """See `SoundTask.stepper`."""

    def input_of(self, spec: SoundSpec) -> str:
        """See `Task.input_of`."""
        return sound_of(spec)

    def facts(self, run: Run) -> list[tuple[str, str]]:
        """See `Task.facts`."""
        seconds = run.spec_as(SoundSpec).step_seconds
        return [(f"{1e3 * seconds:.0f} ms", "from decision to decision")]

    def cpu_ms(self, spec: ModelSpec, session: Session, seconds: float) -> float:
        """See `Task.cpu_ms`."""
        return cpu_of_sound(spec_as(spec, SoundSpec), self.stepper(spec, session), seconds)
