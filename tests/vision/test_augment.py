"""Augmentation: boxes and masks move with the image, to the pixel."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.recipe import parse
from edgenets.tasks.vision.data import augment
from edgenets.tasks.vision.data.batches import BATCHES, MOST_THINGS
from edgenets.tasks.vision.data.memory import Example, Examples
from edgenets.tasks.vision.preprocess import Preprocessor, place
from edgenets.tasks.vision.recipe import ImageAugmentRecipe, ImageRecipe
from edgenets.tasks.vision.spec import ImageInput

from . import sets

STILL = ImageAugmentRecipe(
    flip=False, rotate=0, scale=(1, 1), stretch=0, shift=0, brightness=0, contrast=0,
    saturation=0, hue=0,
)  # fmt: skip


def recipe_for(task: str, **augment: object) -> ImageRecipe:
    kinds = {"classify": "class", "detect": "boxes", "segment": "mask"}
    names = {"classify": "image-classify", "detect": "object-detect", "segment": "segment"}
    head = {"head": {"kind": "points"}} if task == "detect" else {}
    found = parse(
        {
            "name": "x", "description": "x", "task": task, "model": {"architecture": names[task]},
            "decoding": {"kind": kinds[task], **head},
            "input": {"width": 96, "height": 64}, "augment": augment,
            "schedule": {"batch": 4},
        }
    )  # fmt: skip
    assert isinstance(found, ImageRecipe)
    return found


def examples(task: str, count: int = 6) -> Examples:
    from pathlib import Path

    items = []
    for drawn in sets.many(count, 11):
        boxes = np.array([box[1:] for box in drawn.boxes], np.float32)
        numbers = np.array([sets.SHAPES.index(box[0]) for box in drawn.boxes], np.int64)
        mask = (drawn.instances > 0).astype(np.uint8)
        items.append(Example(Path("x.png"), drawn.image, 0, boxes, numbers, mask, drawn.instances))
    return Examples(tuple(items), sets.SHAPES)


augments = st.builds(
    ImageAugmentRecipe,
    flip=st.booleans(), flip_vertical=st.booleans(), turns=st.booleans(),
    rotate=st.just(0.0), scale=st.just((0.7, 1.5)), stretch=st.floats(0, 0.3),
    shift=st.floats(0, 0.3),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(augments, st.integers(0, 1 << 30), st.sampled_from(("stretch", "letterbox", "crop")))
def test_boxes_lie_around_what_was_moved(
    recipe: ImageAugmentRecipe, seed: int, resize: str
) -> None:
    """Every box that is left has just its object's color's pixels' extent, where none is cut."""
    drawn = sets.draw(np.random.default_rng(seed), most=1)
    _, left, top, right, bottom = drawn.boxes[0]
    box = [left, top, right, bottom]
    frame = ImageInput(width=128, height=96, resize=resize)  # type: ignore[arg-type]
    where = place(frame, 80, 60)
    rng = np.random.default_rng(seed)
    matrix = augment.movement(rng, recipe, where, 128, 96)
    mask = np.zeros((60, 80, 3), np.uint8)
    mask[top:bottom, left:right] = 255
    moved = augment.moved_image(mask, matrix, 128, 96)
    boxes, _seen = augment.moved_boxes(np.array([box], np.float32), matrix, (0, 0, 128, 96))
    bright = moved.min(axis=2) > 127
    bright &= moved[..., 0] != 114  # what lies around is grey
    if not len(boxes) or not bright.any():
        return
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert np.abs(found - boxes[0]).max() <= 1.6


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_without_any_change_it_is_what_the_device_sees(resize: str) -> None:
    drawn = sets.many(1, 3)[0]
    frame = ImageInput(width=96, height=64, resize=resize, std=(1.0,), color="bgr")  # type: ignore[arg-type]
    device = np.empty((1, 64, 96, 3), np.float32)
    where = Preprocessor(frame).into(drawn.image, device)
    matrix = augment.movement(np.random.default_rng(0), STILL, where, 96, 64)
    trained = augment.moved_image(drawn.image, matrix, 96, 64).astype(np.float32)
    # Both are bilinear; they round differently, and at the very edge one looks outside.
    inner = np.abs(trained - device[0])[2:-2, 2:-2]
    assert inner.mean() < 1.0 and np.percentile(inner, 99) < 12


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 30))
def test_a_mask_moves_as_its_picture(seed: int) -> None:
    drawn = sets.draw(np.random.default_rng(seed), most=2)
    recipe = ImageAugmentRecipe(rotate=60, turns=True, flip_vertical=True, shift=0.3)
    matrix = augment.movement(
        np.random.default_rng(seed), recipe, place(ImageInput(width=96, height=96), 80, 60), 96, 96
    )
    plain = np.repeat(255 * (drawn.instances > 0)[..., None], 3, axis=2).astype(np.uint8)
    image = augment.moved_image(plain, matrix, 96, 96)[..., 0]
    mask = augment.moved_mask((drawn.instances > 0).astype(np.uint8), matrix, 96, 96)
    sure = (image > 250) | (image < 5)
    assert ((mask[sure] == 1) == (image[sure] > 128)).mean() > 0.97
    # Two pixels from its edge, what lies around is nothing but grey.
    outside = cv2.erode((mask == augment.IGNORED).astype(np.uint8), np.ones((5, 5))) > 0
    assert (np.abs(image[outside].astype(int) - 114) <= 2).all()


def test_what_is_cut_off_goes_and_what_is_left_is_cut() -> None:
    boxes = np.array(
        [[0, 0, 10, 10], [-8, 0, 2, 10], [95, 50, 120, 90], [40, 40, 41, 60]], np.float32
    )
    found, seen = augment.moved_boxes(boxes, np.eye(3), (0, 0, 100, 80))
    assert seen.tolist() == [True, False, False, False]
    found, _ = augment.moved_boxes(
        np.array([[80, 60, 110, 100]], np.float32), np.eye(3), (0, 0, 100, 80)
    )
    assert found.tolist() == [[80, 60, 100, 80]]


@pytest.mark.parametrize("task", BATCHES)
class TestBatches:
    def test_the_same_arguments_give_the_same_batch(self, task: str) -> None:
        recipe = recipe_for(task, mosaic=0.5, mixup=0.2, blur=0.5, erase=0.5, noise=0.1)
        batches = BATCHES[task](examples(task), recipe)  # type: ignore[index]
        one, other = batches.batch(3, 0), batches.batch(3, 0)
        assert (one.inputs == other.inputs).all() and (one.targets == other.targets).all()
        assert not (batches.batch(4, 0).inputs == one.inputs).all()
        assert one.inputs.shape == (4, 64, 96, 3) and np.isfinite(one.inputs).all()
        assert one.inputs.min() >= 0 and one.inputs.max() <= 1.0

    def test_an_epoch_sees_each_picture_as_often_as_it_should(self, task: str) -> None:
        recipe = recipe_for(task)
        recipe = dataclasses.replace(
            recipe, schedule=dataclasses.replace(recipe.schedule, repeat=2)
        )
        batches = BATCHES[task](examples(task, 6), recipe)  # type: ignore[index]
        assert len(batches) == 3

    def test_fewer_pictures_than_a_batch(self, task: str) -> None:
        batches = BATCHES[task](examples(task, 2), recipe_for(task))  # type: ignore[index]
        assert len(batches) == 1 and len(batches.batch(0, 0).inputs) == 2


def test_boxes_of_a_batch_lie_in_the_frame() -> None:
    recipe = recipe_for("detect", mosaic=1.0)
    batches = BATCHES["detect"](examples("detect"), recipe)
    found = 0
    for epoch in range(10):
        targets = batches.batch(epoch, 0).targets
        assert targets.shape == (4, MOST_THINGS, 5)
        there = targets[targets[..., 4] >= 0]
        found += len(there)
        assert (there[:, :2] >= 0).all() and (there[:, 2] <= 96).all() and (there[:, 3] <= 64).all()
        assert (there[:, 2:4] > there[:, :2]).all()
    assert found > 40


def test_targets_of_mixed_pictures_add_up() -> None:
    batch = BATCHES["classify"](examples("classify"), recipe_for("classify", mixup=0.5)).batch(0, 0)
    assert np.allclose(batch.targets.sum(axis=1), 1)
