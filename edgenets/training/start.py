"""Training that goes on from a network that was trained before: `--from`.

The new network has the sizes of that one, takes the same features, and begins with its weights,
layer by layer, where names and shapes are the same. A head for other labels begins anew. Layers
may stay frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgenets import records, runs, weights, zoo
from edgenets.bundle import Bundle
from edgenets.errors import BundleError, ModelError, RecipeError, RecordError
from edgenets.models import ARCHITECTURES
from edgenets.models.backbones import KNOWN
from edgenets.progress import Progress
from edgenets.recipeparts import Recipe, StartRecipe
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.training.pretrained import is_backbone, take, with_backbone
from edgenets.weights import Index, Layers

if TYPE_CHECKING:
    import keras

R = TypeVar("R", bound=Recipe)

# Of features, by the data.
_MEASURED = ("mean", "std")


def network_of(source: str) -> Index:
    """What the network is that a training goes on from; its weights are not read.

    Args:
        source: a run folder, a bundle that carries its weights, or the name of a shipped one.

    Raises:
        ModelError: it is none of these, or damaged.
    """
    opened = _opened(source)
    if isinstance(opened, Bundle):
        return _index_of(opened)
    model, plain = records.to_plain(opened.recipe.model), records.to_plain(opened.spec)
    return Index(opened.spec.task, model, plain["input"])


def layers_of(source: str) -> Layers:
    """Its weights; errors as `network_of`."""
    opened = _opened(source)
    if not isinstance(opened, Bundle):
        return weights.layers_of(opened.model())
    return weights.read_layers(_index_of(opened), opened.read(weights.ARRAYS))


def _index_of(bundle: Bundle) -> Index:
    size = bundle.manifest.members[weights.ARRAYS].size
    return weights.read_index(bundle.read(weights.INDEX), size, str(bundle.path))


def _opened(source: str) -> runs.Run | Bundle:
    path = Path(source)
    if path.is_dir() and (path / runs.MODEL).is_file():
        return runs.load(path)
    try:
        bundle = zoo.load(source)
    except BundleError as exc:
        raise ModelError(f"--from {exc}; backbones: {', '.join(KNOWN)}") from exc
    if not {weights.INDEX, weights.ARRAYS} <= bundle.manifest.members.keys():
        raise ModelError(
            f"--from {source}: this bundle carries no weights to go on from, as bundles do that "
            f"are made now; give the run folder that it was made of"
        )
    return bundle


def adopted(recipe: R, progress: Progress | None = None) -> R:
    """The recipe with the network and the features of what it starts from, if from anything; what
    of its own these replace is said.

    Raises:
        ModelError: there is no such network, or it takes something else.
    """
    start: StartRecipe | None = getattr(recipe, "start", None)
    if start is None or not start.weights:
        return recipe
    changed = _backbone_of(recipe) if is_backbone(start.weights) else _network_of(recipe, start)
    made = replace(recipe, **changed)  # type: ignore[type-var]
    _say_differences(recipe, made, progress)
    return made


def _backbone_of(recipe: Recipe) -> dict[str, object]:
    """What a recipe has of a known backbone."""
    if not isinstance(recipe, ImageRecipe):
        raise ModelError(f"--from: {recipe.name} is for {recipe.task}; a backbone sees images")
    made = with_backbone(recipe)
    return {"model": made.model, "input": made.input}


def _network_of(recipe: Recipe, start: StartRecipe) -> dict[str, object]:
    """What a recipe has of a network that was trained here; errors as `adopted`."""
    known = network_of(start.weights)
    try:
        model = records.parse(type(recipe.model), known.model)
        part = "input" if isinstance(recipe, ImageRecipe) else "features"
        features = records.parse(type(getattr(recipe, part)), known.input)
        if isinstance(recipe, ImageRecipe):  # its layers slide over images of any size
            own_size = {"height": recipe.input.height, "width": recipe.input.width}
            features = replace(features, **own_size, resize=recipe.input.resize)
    except RecordError as exc:
        raise ModelError(
            f"--from {start.weights}: a network for {known.task} is no beginning of one for "
            f"{recipe.task}: {exc}"
        ) from exc
    own = recipe.model
    if ARCHITECTURES[own.architecture] == ARCHITECTURES[model.architecture]:
        model = replace(model, architecture=own.architecture)
    return {"model": replace(model, dropout=own.dropout), part: features}


def _say_differences(before: R, after: R, progress: Progress | None) -> None:
    if progress is not None and (other := _differences(before, after)):
        source = after.start.weights  # type: ignore[attr-defined]
        progress.say(f"{before.name}: has {other}, as {source} has them")


def _differences(before: Recipe, after: Recipe) -> str:
    """What one recipe has in another way than the other, but for what training measures."""
    found = []
    for part in ("model", "features", "input"):
        plain = [records.to_plain(getattr(recipe, part, {})) for recipe in (before, after)]
        found += [
            f"{part}.{key} = {value} (not {plain[0][key]})"
            for key, value in plain[1].items()
            if value != plain[0][key] and (part == "input" or key not in _MEASURED)
        ]
    return ", ".join(found)


def begun(
    model: keras.Model, start: StartRecipe, progress: Progress, width: float = 1.0
) -> list[str]:
    """Put the weights into a network that it goes on from; it is changed in place.

    Args:
        width: of a known backbone; see `ImageModelRecipe.width`.

    Returns:
        the layers that have weights of before.

    Raises:
        ModelError: nothing of that fits.
        RecipeError: no layer has a name that is to stay frozen.
    """
    if not start.weights:
        return []
    if is_backbone(start.weights):
        every = [layer.name for layer in model.layers if layer.weights]
        found, left = take(model, start.weights, width)
        return _settled(model, start, every, found, left, progress)
    known = layers_of(start.weights)
    own = weights.layers_of(model)
    taken = [name for name, arrays in own.items() if _shapes(arrays) == _shapes(known.get(name))]
    if not taken:
        raise ModelError(f"--from {start.weights}: no layer of it is one of this network")
    for name in taken:
        model.get_layer(name).set_weights(known[name])
    return _settled(model, start, list(own), taken, "", progress)


def _settled(
    model: keras.Model,
    start: StartRecipe,
    own: Sequence[str],
    taken: Sequence[str],
    left: str,
    progress: Progress,
) -> list[str]:
    """Freeze what is to stay as it is, and say what was taken."""
    for name in _frozen(start.frozen, own, taken):
        model.get_layer(name).trainable = False
    for name in taken if start.keep_norms else ():
        layer = model.get_layer(name)
        layer.trainable = layer.trainable and not hasattr(layer, "moving_mean")
    fresh = ", ".join(name for name in own if name not in taken)
    said = f"goes on from {start.weights}: {len(taken)} of {len(own)} layers"
    progress.say("; ".join(filter(None, (said, f"{fresh} anew" if fresh else "", left))))
    return list(taken)


def _frozen(parts: tuple[str, ...], own: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The layers that are to stay as they are.

    Raises:
        RecipeError: there is none of such a name, or it begins anew.
    """
    for part in parts:
        if not any(name.startswith(part) for name in own):
            raise RecipeError(f"frozen: no layer is called {part!r}; there are {', '.join(own)}")
    frozen = [name for name in own if parts and name.startswith(parts)]
    if anew := set(frozen) - set(taken):
        raise RecipeError(f"frozen: {min(anew)} begins anew, and would never learn")
    return frozen


def _shapes(arrays: object) -> list[tuple[int, ...]] | None:
    return [array.shape for array in arrays] if isinstance(arrays, list) else None
