"""What models of images are calibrated and verified on, and their card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenets.data.split import Split
from edgenets.progress import Progress
from edgenets.runs import Run
from edgenets.tasks.vision import training
from edgenets.tasks.vision.data.division import divide
from edgenets.tasks.vision.data.memory import Examples
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import ImageSpec

_TASKS = {
    "classify": "image classification",
    "detect": "object detection",
    "segment": "semantic segmentation",
}


def shown(run: Run, data: Path, split: Split, most: int, progress: Progress) -> training.Shown:
    """At most so many images of a split, spread evenly over it."""
    recipe = run.recipe_as(ImageRecipe)
    catalogue = training.read_catalogue(recipe, data, Progress())
    recipe = replace(recipe, data=replace(recipe.data, labels=run.spec.labels))
    # Any set will do here, though it be divided otherwise than the one that was trained on.
    shares = replace(run.spec.split, divided="")
    images = divide(catalogue, shares, data).part(split)
    examples = training.load_images(recipe, catalogue, images, split, progress)
    spread = np.linspace(0, len(examples) - 1, min(len(examples), most)).astype(int)
    chosen = Examples(tuple(examples.items[i] for i in spread), examples.labels)
    return training.shown(recipe, chosen)


def card(run: Run, items: int) -> list[str]:
    """See `Task.card`."""
    metrics, spec, recipe = run.metrics, run.spec_as(ImageSpec), run.recipe_as(ImageRecipe)
    frame, judges = spec.input, run.judged
    test = metrics[judges]
    every = {k: v for k, v in test.items() if isinstance(v, float)}
    return [
        f"- **Task**: {_TASKS[spec.task]}, {len(spec.labels)} labels: {', '.join(spec.labels)}.",
        f"- **Model**: `{recipe.model.architecture}`, {metrics['parameters']:,} parameters.",
        f"- **Input**: images of {frame.width} × {frame.height} pixels, {frame.color}; "
        f"others are brought to that by '{frame.resize}'.",
        f"- **Data**: {metrics['train']['images']:,} training images. {recipe.bundle.data_licence}",
        f"- **Figures**: float Keras model on {test['images']} {judges} images: "
        f"{', '.join(f'{k} {v:.2%}' for k, v in every.items())}; {run.metric} "
        f"{metrics['validation'][run.metric]:.2%} on {metrics['validation']['images']} "
        f"validation images, which the artifacts below were held against.",
        "- **Limits**: it knows what its training images show, in their light and from their "
        "distance; anything else was not measured. The thresholds are a starting point.",
    ]
