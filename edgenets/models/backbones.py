"""What sees edges, textures and parts of things, before a head says what they are.

`own` is this project's: small, and trained from nothing. The others are known networks, whose
weights others trained on ImageNet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgenets.extras import require
from edgenets.models import efficientnet_lite, inverted_residual
from edgenets.tasks.vision.recipe import Backbone, ImageModelRecipe

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

_STRIDES = (2, 4, 8, 16, 32)

# Layers of Keras's networks that end a block; what is narrower is cheaper to go on from.
_ENDS = re.compile(r"(add|project_bn)$", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """A network that others trained."""

    features: Callable[[KerasTensor, ImageModelRecipe], list[KerasTensor]]
    mean: tuple[float, ...]  # of pixels, as it wants them: (x − mean) / std
    std: tuple[float, ...]
    keras: str = ""  # its name among Keras's applications, which brings weights


def _lite(image: KerasTensor, recipe: ImageModelRecipe) -> list[KerasTensor]:
    return efficientnet_lite.features(image)


def application(
    known: Known, image: KerasTensor, width: float, weights: str | None = None
) -> keras.Model:
    """A network of Keras's, without its head.

    Args:
        weights: `imagenet` downloads them.
    """
    applications = require("keras").applications
    options = {"alpha": width} if known.keras.startswith("MobileNet") else {}
    if known.keras.startswith("MobileNetV3"):
        options |= {"include_preprocessing": False}
    made: keras.Model = getattr(applications, known.keras)(
        input_tensor=image, include_top=False, weights=weights, **options
    )
    return made


def _of_keras(name: str) -> Callable[[KerasTensor, ImageModelRecipe], list[KerasTensor]]:
    def features(image: KerasTensor, recipe: ImageModelRecipe) -> list[KerasTensor]:
        layers = [
            x for x in application(KNOWN[name], image, recipe.width).layers if x.output.ndim == 4
        ]
        last = {layer.output.shape[1]: layer.output for layer in layers}
        # What a block ends with is narrower than what the next begins with.
        last |= {x.output.shape[1]: x.output for x in layers if _ENDS.search(x.name)}
        sizes = [-(-image.shape[1] // stride) for stride in _STRIDES]
        return [*(last[size] for size in sizes), layers[-1].output]

    return features


KNOWN: dict[str, Known] = {
    "efficientnet-lite0": Known(_lite, (127.0,), (128.0,)),
    "mobilenet-v2": Known(_of_keras("mobilenet-v2"), (127.5,), (127.5,), "MobileNetV2"),
    "mobilenet-v3-small": Known(
        _of_keras("mobilenet-v3-small"), (127.5,), (127.5,), "MobileNetV3Small"
    ),
    # Its network brings pixels to its scale by itself.
    "efficientnet-b0": Known(_of_keras("efficientnet-b0"), (0.0,), (1.0,), "EfficientNetB0"),
}


def features_of(image: KerasTensor, recipe: ImageModelRecipe) -> list[KerasTensor]:
    """What a recipe's backbone gives of an image, from the finest on: strides 2, 4, 8, …"""
    if recipe.backbone == "own":
        return inverted_residual.backbone(image, recipe)
    return KNOWN[recipe.backbone].features(image, recipe)[:-1]


def top_of(image: KerasTensor, recipe: ImageModelRecipe) -> KerasTensor:
    """All that a known backbone gives in the end, by which it knew a thousand things."""
    return KNOWN[recipe.backbone].features(image, recipe)[-1]


def is_known(backbone: Backbone) -> bool:
    """Whether others trained it."""
    return backbone != "own"
