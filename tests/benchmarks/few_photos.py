"""A classifier from a few photos of each kind, judged by all photos that it was not given.

    python -m tests.benchmarks.few_photos [--photos ../shared/data/sign_language_digits]
        [--counts 10 30] [--recipes photo-classify image-classify] [--seed 1]

The given photos are drawn at random; a tenth of them chooses the epoch's weights, and none is
tested. Of few photos an epoch shows each more often, so that all trainings take alike.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from edgenets import recipe, runs
from edgenets.tasks.vision import training
from edgenets.tasks.vision.data import layouts
from edgenets.tasks.vision.data.memory import load
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.training.train import train

# Images of an epoch, by recipe; each is seen twice at least.
EPOCH = {"photo-classify": 400, "image-classify": 800}


def given(photos: Path, count: int, seed: int, out: Path) -> tuple[Path, Path]:
    """Folders of the photos that are given, and of all others."""
    rng = random.Random(seed)
    parts = out / "given", out / "others"
    for folder in sorted(p for p in photos.iterdir() if p.is_dir()):
        every = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".png"))
        chosen = set(rng.sample(every, count))
        for path in every:
            into = parts[path not in chosen] / folder.name
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, into / path.name)
    return parts


def judged(run: runs.Run, others: Path) -> tuple[float, int]:
    """The share of all other photos that a model is right of, and their number."""
    images = layouts.read(others, "classify").images
    part = training.shown(run.recipe_as(ImageRecipe), load(images, run.spec.labels))
    return training.judged(run.model(), run.spec, part).value, len(images)  # type: ignore[arg-type]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", default="../shared/data/sign_language_digits", type=Path)
    parser.add_argument("--counts", nargs="+", type=int, default=[10, 30])
    parser.add_argument("--recipes", nargs="+", default=list(EPOCH))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for count in asked.counts:
        for name in asked.recipes:
            with tempfile.TemporaryDirectory() as folder:
                few, others = given(asked.photos, count, asked.seed, Path(folder))
                labels = len(list(few.iterdir()))
                repeat = max(2, EPOCH[name] // (labels * count))
                changes = [("data.test", "0"), ("schedule.repeat", str(repeat))]
                started = time.monotonic()
                run = train(recipe.load_recipe(name, changes), few, Path(folder) / "run")
                seconds = time.monotonic() - started
                right, number = judged(run, others)
                print(
                    f"{count} photos a class, {name}: {right:.2%} of {number:,} others; "
                    f"{run.metrics['parameters']:,} parameters, {seconds / 60:.1f} min"
                )


if __name__ == "__main__":
    main()
