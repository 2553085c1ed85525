"""What the tasks have in common: their laptop-only functions are in modules of their folders.

A task names those modules by functions that import them, so that a board never does; mypy holds
each module against its protocol here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from edgenets.arrays import Array
from edgenets.backend import Session
from edgenets.errors import DataError, ModelError
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.tasks.task import Enrolment, Samples, SetByStreams, Spoken, Streams, Variant

if TYPE_CHECKING:
    from edgenets.bundle import Bundle
    from edgenets.data.split import Split
    from edgenets.data.survey import Survey
    from edgenets.runs import Run
    from edgenets.spec import ModelSpec
    from edgenets.tasks.evaluation import Evaluation
    from edgenets.tasks.own import OwnInput, OwnModel


class CardModule(Protocol):
    """A module that writes model cards."""

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        ...


class SamplesModule(CardModule, Protocol):
    """A module that loads the sequences of a run."""

    def calibration(self, run: Run, data: Path, progress: Progress) -> Array:
        """See `SequenceTask.calibration`."""
        ...

    def verification(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        ...


class EvaluationModule(Protocol):
    """A module that measures a bundle."""

    def measure(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
    ) -> Evaluation:
        """See `Task.evaluate`."""
        ...


class Room(ABC):
    """The part of a `Task` that its modules do."""

    own_input: ClassVar[OwnInput] = ""
    own_labels: ClassVar[bool] = True

    def own(self, model: OwnModel) -> Json:
        """See `Task.own`: such a task has no models but those that are trained here."""
        raise ModelError(f"{model.name}: this task has no models of one's own")

    @abstractmethod
    def _evaluation(self) -> EvaluationModule:
        """The module, imported now."""

    @abstractmethod
    def _samples(self) -> CardModule:
        """The module, imported now."""

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`: data of such a task are not looked at yet."""
        raise DataError(f"{data}: data of this task cannot be looked at; its training reads them")

    def evaluate(
        self, bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
    ) -> Evaluation:
        """See `Task.evaluate`."""
        return self._evaluation().measure(bundle, session, data, split, progress)

    def listened(
        self, spec: ModelSpec, session: Session, streams: Streams, progress: Progress
    ) -> Evaluation:
        """See `Task.listened`: of most tasks nothing is rejected."""
        raise ModelError(f"a model for {spec.task} has no false accepts; --data measures it")

    def set_by_streams(
        self,
        spec: ModelSpec,
        session: Session,
        streams: Streams,
        per_hour: float,
        progress: Progress,
    ) -> SetByStreams:
        """See `Task.set_by_streams`: likewise."""
        raise ModelError(f"a model for {spec.task} has no thresholds that streams could set")

    def enrol(
        self, bundle: Bundle, session: Session, spoken: Spoken, progress: Progress
    ) -> Enrolment:
        """See `Task.enrol`: likewise."""
        raise ModelError(
            f"a model for {bundle.spec.task} learns no words; enrol into speech-embedding, or into "
            f"a model that hears words"
        )

    def completed(self, bundle: Bundle, session: Session) -> Session:
        """See `Task.completed`: most bundles carry nothing else."""
        return session

    def card(self, run: Run, items: int) -> list[str]:
        """See `Task.card`."""
        return self._samples().card(run, items)


class SequenceRoom(Room):
    """The same of a `SequenceTask`."""

    variant: ClassVar[Variant] = "step"

    @abstractmethod
    def _samples(self) -> SamplesModule:
        """The module, imported now."""

    def calibration(self, run: Run, data: Path, progress: Progress) -> Array:
        """See `SequenceTask.calibration`."""
        return self._samples().calibration(run, data, progress)

    def samples(self, run: Run, data: Path, progress: Progress) -> Samples:
        """See `SequenceTask.samples`."""
        return self._samples().verification(run, data, progress)
