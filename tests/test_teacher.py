"""Models that learn from a larger one: its answers beside labels, and where there are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgenets import api, recipe, runs
from edgenets.errors import DataError, ModelError, RecipeError
from edgenets.progress import Progress
from edgenets.tasks.vision import training
from edgenets.tasks.vision.data.batches import BATCHES, _between
from edgenets.tasks.vision.data.division import divide
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.teacher import Teacher, unlabeled
from edgenets.training.train import train

from .commands import Call, call
from .vision import sets

__all__ = ["call"]


def recipe_of(task: str, **schedule: Any) -> ImageRecipe:
    plain = sets.recipe_of(task)
    plain["schedule"] = {**plain["schedule"], **schedule}
    made = recipe.parse(plain)
    assert isinstance(made, ImageRecipe)
    return made


@pytest.fixture(scope="module", params=["classify", "detect", "segment"])
def taught(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A teacher of each task, trained for a moment."""
    folder = tmp_path_factory.mktemp(request.param)
    data = sets.WRITERS[sets.LAYOUT[request.param]](folder / "set", 16)
    return train(recipe_of(request.param, epochs=3), data, folder / "run")


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images without labels."""
    folder = tmp_path_factory.mktemp("loose")
    for number, drawn in enumerate(sets.many(6, 11)):
        cv2.imwrite(str(folder / f"{number}.png"), drawn.image)
    return folder


def test_a_student_learns_what_it_says(taught: runs.Run, loose: Path, tmp_path: Path) -> None:
    """Targets are labels and answers in one; of images without labels, answers alone."""
    data, task = taught.folder.parent / "set", taught.spec.task
    made = recipe_of(task, epochs=1, repeat=1).with_teacher(str(taught.folder), loose)
    teacher = Teacher(made.teacher.model, taught.spec.labels)
    catalogue = training.read_catalogue(made, data, Progress())
    chosen = divide(catalogue, made.data.shares, data).part("train")
    chosen += tuple(unlabeled(loose, teacher, Progress()))
    examples = training.load_images(made, catalogue, chosen, "train", Progress(), shrink=True)
    assert len(examples) == len(chosen)
    batches = BATCHES[task](examples, made, teacher)
    targets = np.concatenate([batches.batch(0, n).targets for n in range(len(batches))])
    if task != "detect":
        known = targets.sum(axis=-1)
        assert (np.isclose(known, 1, atol=1e-4) | (known == 0)).all()
        assert ((targets > 0) & (targets < 1)).any()
    run = train(made, data, tmp_path / "student")
    assert run.metrics["train"]["images"] == len(chosen)


def test_a_bundle_teaches_as_its_run(taught: runs.Run) -> None:
    data, out = taught.folder.parent / "set", taught.folder.parent / "teacher.edge"
    only: dict[str, Any] = {"to": ("onnx",), "precisions": ("fp32",)}
    api.build(taught.recipe, data, out, run_folder=taught.folder, **only)
    frames = np.stack([cv2.resize(d.image, (64, 48)) for d in sets.many(3, 5)]).astype(np.float32)
    labels = taught.spec.labels
    run, bundle = Teacher(str(taught.folder), labels), Teacher(str(out), labels)
    if taught.spec.task == "detect":
        pixels = frames[0].astype(np.uint8)
        assert len(run.things(pixels)) == len(bundle.things(pixels))
    else:
        # Of bundles in float16.
        assert np.abs(run.posteriors(frames) - bundle.posteriors(frames)).max() < 0.02
        turned = Teacher(str(taught.folder), labels[::-1])
        assert np.allclose(turned.posteriors(frames)[..., ::-1], run.posteriors(frames))


def test_labels_and_answers_in_one() -> None:
    labels = np.array([[1, 0], [0, 0]], np.float32)
    sure = np.array([[0.4, 0.6], [0.3, 0.7]], np.float32)
    assert np.allclose(_between(labels, sure, 0.5), [[0.7, 0.3], [0.3, 0.7]])


def test_who_cannot_teach(taught: runs.Run, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not know star"):
        Teacher(str(taught.folder), [*taught.spec.labels, "star"])
    with pytest.raises(ModelError, match="a teacher here sees images"):
        Teacher("kws-gru", ["yes"])
    with pytest.raises(ModelError, match="--teacher"):
        Teacher(str(tmp_path / "none.edge"), ["yes"])
    with pytest.raises(DataError, match="no images in it"):
        unlabeled(tmp_path, Teacher(str(taught.folder), taught.spec.labels), Progress())


def test_sound_has_no_teacher() -> None:
    with pytest.raises(RecipeError, match="models of images have teachers"):
        recipe.load_recipe("kws-gru").with_teacher("image-classify", None)
    made = recipe.load_recipe("image-classify")
    assert isinstance(made, ImageRecipe)
    with pytest.raises(ValueError, match="need a teacher's model"):
        replace(made, teacher=replace(made.teacher, images="a"))


def test_images_without_labels_need_one(call: Call, loose: Path) -> None:
    done = call("train", "image-classify", "--data", loose, "--unlabeled", loose)
    assert done.code == 2 and "--unlabeled needs --teacher" in done.err
    assert json.loads(call("recipe", "list", "--json").out)
