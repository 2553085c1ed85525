"""A teacher: a larger network whose answers a smaller one learns beside labels, or in their place.

Source: Hinton, Vinyals, Dean 2015, “Distilling the knowledge in a neural network”
(arXiv:1503.02531). Of classifiers and of masks what is learned is how sure the teacher is of each
label; of detectors it is the boxes that it finds on images without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import models, recipe, runs, zoo
from edgenets.errors import BundleError, DataError, ModelError
from edgenets.extras import require
from edgenets.progress import Progress
from edgenets.spec import spec_as
from edgenets.tasks.vision import image, training
from edgenets.tasks.vision.data.catalogue import Labelled, Thing
from edgenets.tasks.vision.data.folders import images_below
from edgenets.tasks.vision.decode import decoder
from edgenets.tasks.vision.preprocess import Preprocessor
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec
from edgenets.training.start import begun, network_of

if TYPE_CHECKING:
    import keras

# Sides of what is as large as any image, pixels.
_LARGEST = 1e6


class Teacher:
    """A trained network that answers for images in training."""

    def __init__(self, source: str, labels: Sequence[str]) -> None:
        """Load it.

        Args:
            source: a run folder, or a bundle that carries its weights.
            labels: of what is taught.

        Raises:
            ModelError: it is neither, or does not know these labels.
        """
        self.source = source
        self.spec, self._model = _loaded(source)
        if unknown := sorted(set(labels) - set(self.spec.labels)):
            raise ModelError(
                f"--teacher {source}: does not know {', '.join(unknown)}; it knows "
                f"{', '.join(self.spec.labels)}"
            )
        self._order = [self.spec.labels.index(label) for label in labels]

    def posteriors(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """How sure it is of each label.

        Args:
            frames: (images, height, width, 3) float32 of 0…255, in OpenCV's order of colors.

        Returns:
            (images, labels); of masks (images, height, width, labels), of the frames' size.
        """
        cv2 = require("cv2")
        frame = self.spec.input
        inputs = np.empty((len(frames), *frame.shape[1:]), np.float32)
        for one, into in zip(frames, inputs, strict=True):
            self._preprocess.into(np.clip(one, 0, 255).astype(np.uint8), into[None])
        logits = np.asarray(self._model.predict_on_batch(inputs))[..., self._order]
        if logits.ndim == 4 and logits.shape[1:3] != frames.shape[1:3]:
            size = (frames.shape[2], frames.shape[1])
            logits = np.stack([cv2.resize(one, size) for one in logits])
        sure = np.exp(logits - logits.max(axis=-1, keepdims=True))
        found: NDArray[np.float32] = (sure / sure.sum(axis=-1, keepdims=True)).astype(np.float32)
        return found

    def things(self, pixels: image.Image) -> tuple[Thing, ...]:
        """The objects that a detector finds on an image, as its decoding reports them."""
        frame = self.spec.input
        inputs = np.empty((1, *frame.shape[1:]), np.float32)
        placement = self._preprocess.into(pixels, inputs)
        answers = self._model.predict_on_batch(inputs)
        names = training.output_names(self._model)
        outputs = dict(zip(names, map(np.asarray, answers), strict=True))
        found = decoder(self.spec).decode(outputs, placement).found
        known = {self.spec.labels[number] for number in self._order}
        return tuple(
            Thing(one.label, *one.box)
            for one in found
            if one.box is not None and one.label in known
        )

    @cached_property
    def _preprocess(self) -> Preprocessor:
        return Preprocessor(self.spec.input)


def unlabeled(folder: Path, teacher: Teacher, progress: Progress) -> list[Labelled]:
    """Images without labels, for training; a detector's teacher labels them at once.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    paths = images_below(folder) if folder.is_dir() else []
    if not paths:
        raise DataError(f"{folder}: no images in it")
    if teacher.spec.task == "classify":
        return [Labelled(path, "train") for path in paths]
    if teacher.spec.task == "segment":
        # A box without an outline is left out of account: here it is all of the image.
        whole = (Thing("", 0, 0, _LARGEST, _LARGEST),)
        return [Labelled(path, "train", things=whole, painted=True) for path in paths]
    found = []
    with progress.task(f"{teacher.source} labels") as task:
        for number, path in enumerate(paths, 1):
            found.append(Labelled(path, "train", things=teacher.things(image.read(path))))
            task.update(number, len(paths))
    return found


def _loaded(source: str) -> tuple[ImageSpec, keras.Model]:
    path = Path(source)
    if path.is_dir() and (path / runs.MODEL).is_file():
        run = runs.load(path)
        return spec_as(run.spec, ImageSpec), run.model()
    try:
        spec = zoo.load(source).spec
    except BundleError as exc:
        raise ModelError(f"--teacher {exc}") from exc
    if not isinstance(spec, ImageSpec):
        raise ModelError(f"--teacher {source}: is for {spec.task}; a teacher here sees images")
    network = network_of(source)
    plain = {"name": spec.name, "task": spec.task, "model": network.model, "input": network.input}
    made = recipe.parse({**plain, "start": {"weights": source}})
    assert isinstance(made, ImageRecipe), "its task is one of images"
    model = models.build_image(made, len(spec.labels))
    begun(model, made.start, Progress())
    return spec, model
