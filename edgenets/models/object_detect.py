"""Where objects are: a backbone, features of two scales joined, a head without anchors.

Each cell of a level tells the distances from its middle to the four sides of an
object, and a score a label (Tian et al. 2019, arXiv:1904.01355). Two more
branches than YOLO's or FCOS's there are not: a score is trained to be the
overlap of its box as well (see `edgenets.tasks.vision.detection`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgenets.extras import require
from edgenets.models.backbones import features_of
from edgenets.models.inverted_residual import convolved, separable
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.tasks.vision.spec import BoxDecoding, PointHead

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

# Nearly all cells show nothing: training begins with that belief (Lin et al. 2017,
# arXiv:1708.02002, section 4.1).
_FIRST_SCORE = 0.01

# The distances that a cell begins with, in strides.
_FIRST_SIDE = 2.0


def build(recipe: ImageRecipe, labels: int) -> keras.Model:
    """From (batch, height, width, channels) to `boxes_s` and `scores_s` of each stride s.

    Distances are in strides, at least 0; scores are logits. The outputs stand in
    the order boxes, scores of the first stride, of the second, and so on.
    """
    keras = require("keras")
    layers, frame = keras.layers, recipe.input
    image = layers.Input((frame.height, frame.width, frame.channels), name=frame.name)
    stages = {2 << i: x for i, x in enumerate(features_of(image, recipe.model))}
    strides, width = head_of(recipe).strides, recipe.model.head
    levels: dict[int, KerasTensor] = {}
    above = None
    for stride in sorted(strides, reverse=True):
        x = convolved(stages[stride], width, 1, 1, f"lateral_{stride}")
        if above is not None:
            up = layers.UpSampling2D(2, interpolation="nearest", name=f"up_{stride}")(above)
            x = layers.Add(name=f"joined_{stride}")([x, up])
            x = separable(x, width, f"smooth_{stride}")
        levels[stride] = above = x
    outputs = []
    prior = keras.initializers.Constant(float(np.log(_FIRST_SCORE / (1 - _FIRST_SCORE))))
    for stride in strides:
        x = levels[stride]
        x = layers.SpatialDropout2D(recipe.model.dropout, name=f"dropout_{stride}")(x)
        box = separable(x, width, f"box_{stride}")
        box = layers.Conv2D(
            4, 1, name=f"sides_{stride}", bias_initializer=keras.initializers.Constant(_FIRST_SIDE)
        )(box)
        outputs.append(layers.ReLU(name=f"boxes_{stride}")(box))
        kind = separable(x, width, f"score_{stride}")
        outputs.append(
            layers.Conv2D(labels, 1, name=f"scores_{stride}", bias_initializer=prior)(kind)
        )
    return keras.Model(image, outputs, name="object_detect")


def head_of(recipe: ImageRecipe) -> PointHead:
    """The head that the recipe's decoding reads."""
    assert isinstance(recipe.decoding, BoxDecoding), "checked by ImageRecipe"
    assert isinstance(recipe.decoding.head, PointHead), "checked by ImageRecipe"
    return recipe.decoding.head
