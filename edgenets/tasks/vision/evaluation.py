"""`evaluate_images`: the task's metric, through the very pipeline that a device runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.catalogue import Fault
from edgenets.tasks.vision.data.division import divide
from edgenets.tasks.vision.data.memory import load
from edgenets.tasks.vision.metrics import metric
from edgenets.tasks.vision.pipeline import ImagePipeline
from edgenets.tasks.vision.spec import ImageSpec


@dataclass(frozen=True)
class ImageEvaluation:
    """The figures of a model over labeled images."""

    metric: str
    value: float  # 0…1
    n: int  # images
    figures: dict[str, float]  # all, the main one among them
    faults: tuple[Fault, ...]  # what of the set was left out


def evaluate_images(
    spec: ImageSpec,
    session: Session,
    data: Path,
    split: Split | None = None,
    progress: Progress | None = None,
) -> ImageEvaluation:
    """Show every image to the model and judge its findings.

    Args:
        data: a set in one of the layouts of `edgenets.tasks.vision.data.layouts`, with labels of
            the model.
        split: take the images of one split of the training alone.

    Raises:
        DataError: the set cannot be used, or the split is empty.
    """
    progress = progress or Progress()
    catalogue = layouts.read(data, spec.task)
    # Two labels, rims aside, that the set does not have: what its masks show of anything, or not.
    named = [label for label in spec.labels if label != getattr(spec.decoding, "edge", "")]
    other = not set(named) <= set(catalogue.labels)
    foreground = spec.task == "segment" and len(named) == 2 and other
    if catalogue.labels and not foreground:
        catalogue = catalogue.restricted(spec.labels, data)
    chosen = catalogue.images
    if split is not None:
        chosen = divide(catalogue, spec.split, data).part(split)
    if not chosen:
        raise DataError(f"{data}: nothing in it belongs to the {split} split")
    watcher = ImagePipeline(spec, session)
    found = metric(spec, watcher.scale)
    with progress.task("evaluating") as task:
        for done, item in enumerate(chosen, 1):
            (example,) = load([item], spec.labels, foreground).items
            outputs, placement = watcher.answer(example.image)
            found.add(example, outputs, placement)
            task.update(done, len(chosen))
    figures = found.figures()
    return ImageEvaluation(found.name, figures[found.name], len(chosen), figures, catalogue.faults)


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    found = evaluate_images(spec_as(bundle.spec, ImageSpec), session, data, split, progress)
    return Evaluation(
        found.metric,
        found.value,
        found.n,
        f"{found.metric} {found.value:.2%} of {found.n} images",
        found.figures,
        ("figure", "value"),
        tuple((n, f"{v:.2%}") for n, v in found.figures.items()),
        tuple(f"left out: {fault}" for fault in found.faults[:5]),
    )
