"""Training of networks that classify images, detect objects on them, or segment them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models
from edgenets.arrays import Array
from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.extras import ensure, require
from edgenets.files import Json
from edgenets.models.object_detect import head_of
from edgenets.progress import Progress
from edgenets.tasks.task import Trained
from edgenets.tasks.vision import detection, segmentation
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.batches import BATCHES
from edgenets.tasks.vision.data.catalogue import Catalogue, Labelled
from edgenets.tasks.vision.data.division import divide
from edgenets.tasks.vision.data.memory import Examples, load
from edgenets.tasks.vision.metrics import ClassMetric, Metric, metric
from edgenets.tasks.vision.preprocess import Placement, Preprocessor
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec
from edgenets.training import figures
from edgenets.training.trainer import Job, Trainer

if TYPE_CHECKING:
    import keras

# Images that a model is shown at once when it is judged.
EVALUATION_BATCH = 64

# Faults of a set that are said one by one; the rest is counted.
_FAULTS_SHOWN = 5


@dataclass(frozen=True)
class Shown:
    """Examples as a model takes them."""

    examples: Examples
    inputs: NDArray[np.float32]  # (images, height, width, channels)
    placements: tuple[Placement, ...]


def train_images(recipe: ImageRecipe, data: Path, out: Path, progress: Progress) -> Trained:
    """See `edgenets.training.train.train`; also draws `curves.png` and `confusion.png`."""
    for module in ("cv2", "pycocotools"):
        ensure(module)
    catalogue = read_catalogue(recipe, data, progress)
    labels = labels_of(recipe, catalogue)
    division = divide(catalogue, recipe.data.shares, data)
    progress.say(f"splits: {division.said}")
    shares = replace(recipe.data.shares, divided=division.digest)
    spec = ImageSpec(recipe.name, recipe.task, labels, recipe.input, recipe.decoding, shares)
    chosen = division.part("train")
    teacher = None
    if recipe.teacher.model:
        from edgenets.tasks.vision.teacher import Teacher, unlabeled

        teacher = Teacher(recipe.teacher.model, labels)
        if recipe.teacher.images:
            chosen += tuple(unlabeled(Path(recipe.teacher.images), teacher, progress))
    train = load_images(recipe, catalogue, chosen, "train", progress, shrink=True)
    validation, test = (
        shown(recipe, load_images(recipe, catalogue, division.part(split), split, progress))
        for split in ("validation", "test")
    )
    detects = recipe.task == "detect"

    @cache
    def view(model: keras.Model) -> keras.Model:
        """The model with the outputs that its spec names; one, as each is traced anew."""
        return detection.deployed_view(model, head_of(recipe).strides) if detects else model

    def build() -> keras.Model:
        model = models.build_image(recipe, len(labels))
        return detection.training_view(model, head_of(recipe).strides) if detects else model

    job = Job(
        build,
        BATCHES[recipe.task](train, recipe, teacher),
        _loss(recipe),
        lambda model: judged(view(model), spec, validation).value,
        recipe.schedule,
        recipe.seed,
        start=recipe.start,
        width=recipe.model.width,
    )
    trainer = Trainer(job, out, progress)
    trainer.fit()
    model = view(trainer.model)
    parts = {"validation": validation, "test": test}
    # Where nothing was kept to judge it, what chose the model must do.
    judges = "test" if len(test.examples) else "validation"
    found = {name: judged(model, spec, part) for name, part in parts.items() if len(part.examples)}
    last = found[judges]
    trainer.curves(f"validation {last.name}, %")
    counts = Catalogue(chosen, catalogue.labels).counts() if recipe.task != "segment" else {}
    metrics: Json = {
        "parameters": int(model.count_params()),
        "metric": last.name,
        "train": {"images": len(train), **counts},
        "test": {"images": 0},
    }
    for name, one in found.items():
        metrics[name] = {"images": len(parts[name].examples), **one.figures()}
    if isinstance(last, ClassMetric):
        matrix = figures.confusion_matrix(np.array(last.truths), last.decisions(), len(labels))
        figures.confusion(matrix, labels, out / "confusion.png")
        metrics[judges]["confusion"] = matrix.tolist()
    return Trained(model, spec, metrics)


def read_catalogue(recipe: ImageRecipe, data: Path, progress: Progress) -> Catalogue:
    """What a set holds, and a word about what is wrong with it; errors as `layouts.read`."""
    catalogue = layouts.read(data, recipe.task)
    for fault in catalogue.faults[:_FAULTS_SHOWN]:
        progress.say(str(fault))
    if len(catalogue.faults) > _FAULTS_SHOWN:
        progress.say(f"… and {len(catalogue.faults) - _FAULTS_SHOWN} more faults of this kind")
    if recipe.data.labels is not None and catalogue.labels and not recipe.data.foreground:
        return catalogue.restricted(recipe.data.labels, data)
    return catalogue


def labels_of(recipe: ImageRecipe, catalogue: Catalogue) -> tuple[str, ...]:
    """The labels of a recipe's model, in its order.

    Raises:
        DataError: neither the recipe nor the set names any.
    """
    labels = recipe.data.labels or catalogue.labels
    if not labels:
        raise DataError(
            "nothing names the labels: give [data] labels in the recipe, or a classes.txt beside "
            "the images"
        )
    return labels


def load_images(
    recipe: ImageRecipe,
    catalogue: Catalogue,
    images: Sequence[Labelled],
    split: Split,
    progress: Progress,
    shrink: bool = False,
) -> Examples:
    """Read the images of one split.

    Raises:
        DataError: there is nothing in it, and there should be; or an image cannot be read.
    """
    if not images and not (split == "test" and recipe.data.test == 0):
        raise DataError(
            f"the {split} split is empty; more images, or a larger fraction in the recipe's "
            f"[data], are needed"
        )
    size = recipe.input if shrink else None
    with progress.task(f"reading {split}") as task:
        labels = labels_of(recipe, catalogue)
        return load(images, labels, recipe.data.foreground, size, task.update)


def shown(recipe: ImageRecipe, examples: Examples) -> Shown:
    """Examples as the device would show them to the model."""
    preprocess = Preprocessor(recipe.input)
    inputs = np.empty((len(examples), *recipe.input.shape[1:]), np.float32)
    placements = [
        preprocess.into(item.image, into[None])
        for item, into in zip(examples.items, inputs, strict=True)
    ]
    return Shown(examples, inputs, tuple(placements))


def answers(model: keras.Model, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """A Keras model's outputs by name, (images, …)."""
    given = model.predict(inputs, batch_size=EVALUATION_BATCH, verbose=0)
    values = given if isinstance(given, (list, tuple)) else [given]
    return dict(zip(output_names(model), values, strict=True))


def output_names(model: keras.Model) -> list[str]:
    """What the outputs of a Keras model are called: as the layers that give them."""
    return [tensor._keras_history.operation.name for tensor in model.outputs]


def judged(model: keras.Model, spec: ImageSpec, part: Shown) -> Metric:
    """The task's metric of a Keras model."""
    outputs = answers(model, part.inputs)
    return judge(outputs, spec, part)


def judge(outputs: Mapping[str, Array], spec: ImageSpec, part: Shown) -> Metric:
    """The task's metric of outputs, (images, …) by name."""
    found = metric(spec)
    for i, (item, placement) in enumerate(zip(part.examples.items, part.placements, strict=True)):
        found.add(item, {name: value[i : i + 1] for name, value in outputs.items()}, placement)
    return found


def _loss(recipe: ImageRecipe) -> keras.losses.Loss:
    if recipe.task == "detect":
        return detection.box_loss(recipe.input, head_of(recipe).strides)
    if recipe.task == "segment":
        return segmentation.mask_loss()
    return require("keras").losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.schedule.label_smoothing
    )
