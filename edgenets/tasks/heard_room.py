"""What the tasks of models that hear words or other sounds have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.progress import Progress
from edgenets.spec import ModelSpec, spec_as
from edgenets.tasks.heard import HeardSpec
from edgenets.tasks.sound_room import SoundRoom
from edgenets.tasks.task import SetByStreams, Streams

if TYPE_CHECKING:
    from edgenets.backend import Session
    from edgenets.data.survey import Survey
    from edgenets.tasks.evaluation import Evaluation


class HeardRoom(SoundRoom):
    """Their models are judged by what they hear in streams, and their thresholds set by it."""

    def survey(self, data: Path, progress: Progress) -> Survey:
        """See `Task.survey`."""
        from edgenets.tasks.sound_survey import survey

        return survey(data, progress)

    def listened(
        self, spec: ModelSpec, session: Session, streams: Streams, progress: Progress
    ) -> Evaluation:
        """See `Task.listened`."""
        from edgenets.tasks.keywords.listening import measure

        return measure(spec_as(spec, HeardSpec), session, streams, progress)

    def set_by_streams(
        self,
        spec: ModelSpec,
        session: Session,
        streams: Streams,
        per_hour: float,
        progress: Progress,
    ) -> SetByStreams:
        """See `Task.set_by_streams`."""
        from edgenets.tasks.keywords.thresholds import set_thresholds

        return set_thresholds(spec_as(spec, HeardSpec), session, streams, per_hour, progress)
