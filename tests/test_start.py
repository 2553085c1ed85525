"""Training that goes on from a network that was trained before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenets import api, runs, weights
from edgenets.bundle import Bundle, write
from edgenets.errors import ModelError, RecipeError
from edgenets.progress import Progress
from edgenets.recipe import load_recipe
from edgenets.recipeparts import ModelRecipe, StartRecipe
from edgenets.training.start import adopted
from edgenets.training.train import train
from tests.commands import Call, call
from tests.tones import RECIPE, make_tones

__all__ = ["call"]

HALF = 1e-3  # what float16 loses, beside the number


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def known(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    return train(RECIPE, tones, tmp_path_factory.mktemp("known") / "a")


@pytest.fixture(scope="module")
def bundle(known: runs.Run, tones: Path) -> Bundle:
    out, only = known.folder.parent / "a.edge", {"to": ("onnx",), "precisions": ("fp32",)}
    return api.build(known.recipe, tones, out, run_folder=known.folder, **only).bundle


class Said(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def shorter(source: str | Path, **start: tuple[str, ...]) -> object:
    """A recipe of other sizes and labels, of one short epoch, that goes on from something."""
    return replace(
        RECIPE,
        name="two",
        model=ModelRecipe("kws-gru", stem=12, units=(12, 12), dropout=0.0),
        data=replace(RECIPE.data, labels=("high", "low")),
        start=StartRecipe(str(source), **start),
        schedule=replace(RECIPE.schedule, epochs=1, learning_rate=1e-6, average=0.0),
    )


class TestGoesOn:
    def test_sizes_and_features_are_those_of_the_source(self, known: runs.Run) -> None:
        made = adopted(shorter(known.folder))
        assert made.model == replace(known.recipe.model, dropout=0.0)
        assert made.features == known.spec.input

    def test_what_it_replaces_is_said(self, known: runs.Run) -> None:
        said = Said()
        adopted(shorter(known.folder), said)
        (line,) = said.lines
        assert "model.stem = 8 (not 12)" in line and "model.units" in line and "mean" not in line
        adopted(replace(known.recipe, start=StartRecipe(str(known.folder))), said)
        assert len(said.lines) == 1

    @pytest.mark.parametrize("kind", ["run", "bundle"])
    def test_layers_but_the_head_begin_with_its_weights(
        self, kind: str, known: runs.Run, bundle: Bundle, tones: Path, tmp_path: Path
    ) -> None:
        source = known.folder if kind == "run" else bundle.path
        run = train(shorter(source), tones, tmp_path / "run")
        before, after = weights.layers_of(known.model()), weights.layers_of(run.model())
        assert before.keys() == after.keys()
        for name in before.keys() - {"logits"}:
            for one, other in zip(before[name], after[name], strict=True):
                # A training at next to no rate hardly moves them; averages of batches, it does.
                if not name.endswith("norm"):
                    np.testing.assert_allclose(one, other, rtol=HALF, atol=HALF)
        assert after["logits"][0].shape[-1] == 2

    def test_what_is_frozen_stays(self, known: runs.Run, tones: Path, tmp_path: Path) -> None:
        recipe = shorter(known.folder, frozen=("stem", "gru"))
        recipe = replace(recipe, schedule=replace(recipe.schedule, learning_rate=1e-2))
        run = train(recipe, tones, tmp_path / "run")
        before, after = weights.layers_of(known.model()), weights.layers_of(run.model())
        for name in before.keys() - {"logits"}:
            for one, other in zip(before[name], after[name], strict=True):
                np.testing.assert_array_equal(one, other)

    def test_by_the_command(self, known: runs.Run, tones: Path, tmp_path: Path, call: Call) -> None:
        toml = tmp_path / "mine.toml"
        toml.write_text(
            'name = "mine"\ndescription = "x"\n[model]\narchitecture = "kws-gru"\n'
            "[data]\nvalidation = 0.25\ntest = 0.25\n[schedule]\nbatch = 8\n"
        )
        where = ("--data", tones, "--out", tmp_path / "run")
        found = call("train", toml, *where, "--epochs", 1, "--from", known.folder, "--json")
        assert found.code == 0, found.err
        assert f"goes on from {known.folder}: 4 of 4 layers" in found.err
        assert found.json()["parameters"] == known.metrics["parameters"]


class TestRefuses:
    def test_what_is_no_network(self, tones: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"--from .*no such file"):
            train(shorter(tmp_path / "nothing"), tones, tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_bundle_without_weights(self, bundle: Bundle, tones: Path, tmp_path: Path) -> None:
        artifacts, others = bundle.contents()
        kept = {n: d for n, d in others.items() if not n.startswith("weights")}
        write(tmp_path / "old.edge", bundle.spec, artifacts, kept, "x", "x")
        with pytest.raises(ModelError, match="carries no weights"):
            train(shorter(tmp_path / "old.edge"), tones, tmp_path / "run")

    def test_a_bundle_with_damaged_weights(self, bundle: Bundle, tmp_path: Path) -> None:
        artifacts, others = bundle.contents()
        index = json.loads(others[weights.INDEX])
        for shape in ([1 << 40], [-1, 3], [3]):
            index["arrays"][0]["shape"] = shape
            others[weights.INDEX] = json.dumps(index).encode()
            write(tmp_path / "bad.edge", bundle.spec, artifacts, others, "x", "x")
            with pytest.raises(ModelError, match="cannot be read"):
                adopted(shorter(tmp_path / "bad.edge"))

    def test_a_network_for_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"no weights|no beginning"):
            adopted(shorter("object-detect"))

    def test_frozen_layers_that_are_not_there(
        self, known: runs.Run, tones: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(RecipeError, match="no layer is called 'lstm'"):
            train(shorter(known.folder, frozen=("lstm",)), tones, tmp_path / "a")
        with pytest.raises(RecipeError, match="logits begins anew"):
            train(shorter(known.folder, frozen=("logits",)), tones, tmp_path / "b")

    def test_tasks_that_begin_anew(self) -> None:
        with pytest.raises(RecipeError, match="every training begins anew"):
            load_recipe("forecast").with_start("x")
