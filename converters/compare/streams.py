"""What networks that hear words hear in streams, and accept falsely: of each its int8 TFLite."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets import backend
from edgenets.errors import RecipeError
from edgenets.progress import Progress
from edgenets.recipeparts import Recipe
from edgenets.runs import Run
from edgenets.tasks.keywords.clips import find_clips, of_split
from edgenets.tasks.keywords.listening import listen
from edgenets.tasks.keywords.spec import KeywordSpec
from edgenets.tasks.keywords.thresholds import chosen_decoding

from .. import store

# False accepts an hour at which networks are compared: as trained, some accept more than others.
PER_HOUR = 1.0

_ARTIFACT = "tflite-int8"


def check_hears(recipe: Recipe) -> None:
    """Refuse negatives for networks that accept nothing.

    Raises:
        RecipeError: they are of such a recipe.
    """
    if not hasattr(recipe, "listening"):
        raise RecipeError(
            f"--negatives: networks for {recipe.task} accept nothing falsely; those of words do"
        )


@dataclass(frozen=True)
class InStreams:
    """What one network hears."""

    hours: float  # of negatives
    per_hour: float  # false accepts, by the thresholds that it was trained with
    recall: float  # by the same, of the test clips, each in its own background
    recall_at: float  # by thresholds that accept no more than PER_HOUR


def in_streams(run: Run, data: Path, negatives: Sequence[Path], progress: Progress) -> InStreams:
    """Let a network hear recordings without its words, and the test clips.

    Raises:
        DataError: there is nothing to listen to, or a recording cannot be read.
    """
    spec = run.spec_as(KeywordSpec)
    item = next(item for item in store.load(run.folder)[0] if item.artifact.id == _ARTIFACT)
    session = backend.load("tflite", item.artifact, item.files)
    with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
        for clip in of_split(find_clips(data, spec.labels), "test", spec.split):
            link = Path(place) / clip.label / clip.path.name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(clip.path.resolve())
        heard = listen(spec, session, negatives, [Path(place)], progress)
    own = heard.at(spec.decoding)
    _, best = chosen_decoding(heard, PER_HOUR, progress)
    return InStreams(own.hours, own.rate, own.recall, best.recall)
