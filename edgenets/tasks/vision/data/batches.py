"""Training batches of images, each augmented anew; one class a task, one frame for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.keywords.batches import Batch
from edgenets.tasks.vision.data import augment
from edgenets.tasks.vision.data.memory import IGNORED, Example, Examples
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.preprocess import GREY, place
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageTask

if TYPE_CHECKING:
    from edgenets.tasks.vision.teacher import Teacher

# Objects of an image that training looks at, at most.
MOST_THINGS = 100

# A mosaic's four images meet in this part of the frame.
_MIDDLE = (0.35, 0.65)


class ImageBatches(ABC):
    """Draws batches from the examples of one split; see `keywords.batches.Batches`."""

    def __init__(
        self, examples: Examples, recipe: ImageRecipe, teacher: Teacher | None = None
    ) -> None:
        self._examples, self._recipe, self._teacher = examples, recipe, teacher
        self._frame, self._augment = recipe.input, recipe.augment
        self._size = min(recipe.schedule.batch, len(examples) * recipe.schedule.repeat)
        # Batches of one size: the last few of an order wait for another epoch.
        self._count = len(examples) * recipe.schedule.repeat // self._size

    def __len__(self) -> int:
        return self._count

    def batch(self, epoch: int, number: int) -> Batch:
        """See `Batches.batch`."""
        seed, repeat = self._recipe.seed, self._recipe.schedule.repeat
        order = np.random.default_rng((seed, 1, epoch))
        numbers = np.concatenate([order.permutation(len(self._examples)) for _ in range(repeat)])
        chosen = numbers[number * self._size : (number + 1) * self._size]
        rng = np.random.default_rng((seed, 2, epoch, number))
        made = [self._one(rng, int(i)) for i in chosen]
        frames = np.stack([augment.colored(rng, self._augment, image) for image, _ in made])
        targets = np.stack([target for _, target in made])
        if self._teacher is not None:
            targets = self._taught(targets, frames, self._teacher)
        return self._mixed(rng, Batch(self._inputs(frames), targets))

    def _taught(
        self, targets: NDArray[np.float32], frames: NDArray[np.float32], teacher: Teacher
    ) -> NDArray[np.float32]:
        """Targets, and beside them what a teacher says of the same frames."""
        return targets

    @abstractmethod
    def _one(self, rng: np.random.Generator, number: int) -> tuple[Image, NDArray[np.float32]]:
        """An augmented image in its frame, and its target."""

    def _mixed(self, rng: np.random.Generator, batch: Batch) -> Batch:
        return batch

    def _movement(self, rng: np.random.Generator, example: Example) -> augment.Matrix:
        height, width = example.image.shape[:2]
        frame = self._frame
        where = place(frame, width, height)
        return augment.movement(rng, self._augment, where, frame.width, frame.height)

    def _moved(self, example: Example, matrix: augment.Matrix) -> Image:
        frame = self._frame
        return augment.moved_image(example.image, matrix, frame.width, frame.height)

    def _inputs(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The numbers that the model takes of frames of 0…255."""
        frame = self._frame
        if frame.color == "rgb":
            x = x[..., ::-1]
        elif frame.color == "grey":
            x = (x @ np.array((0.114, 0.587, 0.299), np.float32))[..., None]
        mean, std = np.array(frame.mean, np.float32), np.array(frame.std, np.float32)
        out: NDArray[np.float32] = (x - mean) / std
        return out


class ClassBatches(ImageBatches):
    """Targets are (labels,), one-hot or mixed."""

    def _one(self, rng: np.random.Generator, number: int) -> tuple[Image, NDArray[np.float32]]:
        example = self._examples.items[number]
        target = np.zeros(len(self._examples.labels), np.float32)
        if example.label >= 0:
            target[example.label] = 1.0
        return self._moved(example, self._movement(rng, example)), target

    def _taught(
        self, targets: NDArray[np.float32], frames: NDArray[np.float32], teacher: Teacher
    ) -> NDArray[np.float32]:
        weight = self._recipe.teacher.weight
        return _between(targets, teacher.posteriors(frames), weight)

    def _mixed(self, rng: np.random.Generator, batch: Batch) -> Batch:
        """Every image mixed with another (Zhang et al. 2018, arXiv:1710.09412)."""
        if not self._augment.mixup:
            return batch
        count = len(batch.inputs)
        share = rng.beta(self._augment.mixup, self._augment.mixup, (count, 1)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        other = rng.permutation(count)
        wide = share[:, :, None, None]
        return Batch(
            wide * batch.inputs + (1 - wide) * batch.inputs[other],
            share * batch.targets + (1 - share) * batch.targets[other],
        )


def _between(
    labels: NDArray[np.float32], sure: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """Labels, one-hot, and posteriors in one; posteriors alone where nothing is labeled."""
    share = np.where(labels.any(axis=-1, keepdims=True), np.float32(weight), np.float32(1))
    return (1 - share) * labels + share * sure


class BoxBatches(ImageBatches):
    """Targets are (MOST_THINGS, 5): left, top, right, bottom in pixels, label number; −1: none."""

    def _one(self, rng: np.random.Generator, number: int) -> tuple[Image, NDArray[np.float32]]:
        if self._augment.mosaic and rng.random() < self._augment.mosaic:
            others = rng.integers(0, len(self._examples), 3)
            image, boxes, labels = self._mosaic(rng, [number, *map(int, others)])
        else:
            frame = (0.0, 0.0, float(self._frame.width), float(self._frame.height))
            image, boxes, labels = self._whole(rng, number, frame)
        target = np.full((MOST_THINGS, 5), -1, np.float32)
        count = min(len(boxes), MOST_THINGS)
        target[:count, :4], target[:count, 4] = boxes[:count], labels[:count]
        return image, target

    def _whole(
        self,
        rng: np.random.Generator,
        number: int,
        frame: tuple[float, float, float, float],
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> tuple[Image, NDArray[np.float32], NDArray[np.int64]]:
        example = self._examples.items[number]
        assert example.boxes is not None and example.numbers is not None
        matrix = self._movement(rng, example)
        matrix[:2, 2] += shift
        boxes, seen = augment.moved_boxes(example.boxes, matrix, frame)
        return self._moved(example, matrix), boxes, example.numbers[seen]

    def _mosaic(
        self, rng: np.random.Generator, numbers: list[int]
    ) -> tuple[Image, NDArray[np.float32], NDArray[np.int64]]:
        """Four images that meet in one frame (Bochkovskiy et al. 2020, arXiv:2004.10934)."""
        width, height = self._frame.width, self._frame.height
        x, y = int(width * rng.uniform(*_MIDDLE)), int(height * rng.uniform(*_MIDDLE))
        whole = np.full((height, width, 3), GREY, np.uint8)
        boxes, labels = [], []
        places = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
        for number, (left, top, right, low) in zip(numbers, places, strict=True):
            # Its middle goes somewhere into its quarter.
            shift = ((left + right - width) / 2, (top + low - height) / 2)
            part, found, named = self._whole(rng, number, (left, top, right, low), shift)
            whole[top:low, left:right] = part[top:low, left:right]
            boxes.append(found)
            labels.append(named)
        return whole, np.concatenate(boxes), np.concatenate(labels)


class MaskBatches(ImageBatches):
    """Targets are (rows, columns), label numbers; 255 is left out of account."""

    def _one(self, rng: np.random.Generator, number: int) -> tuple[Image, NDArray[np.float32]]:
        example, frame = self._examples.items[number], self._frame
        assert example.mask is not None
        matrix = self._movement(rng, example)
        mask = augment.moved_mask(example.mask, matrix, frame.width, frame.height)
        if edges := self._recipe.data.edges:
            assert example.instances is not None, "checked by ImagesRecipe"
            apart = augment.moved_instances(example.instances, matrix, frame.width, frame.height)
            mask[augment.rims(apart, edges) & (mask == 1)] = len(self._examples.labels) - 1
        return self._moved(example, matrix), mask.astype(np.float32)

    def _taught(
        self, targets: NDArray[np.float32], frames: NDArray[np.float32], teacher: Teacher
    ) -> NDArray[np.float32]:
        """Targets are (rows, columns, labels) then; what is left out of account has none."""
        count = len(self._examples.labels)
        named = (targets[..., None] == np.arange(count)).astype(np.float32)
        learned = _between(named, teacher.posteriors(frames), self._recipe.teacher.weight)
        learned[(targets == IGNORED) & named.any(axis=(1, 2, 3))[:, None, None]] = 0
        return learned


BATCHES: dict[ImageTask, type[ImageBatches]] = {
    "classify": ClassBatches,
    "detect": BoxBatches,
    "segment": MaskBatches,
}
