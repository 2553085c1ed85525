"""Embeddings: neighbors and cosines, the gate, streams, a classifier without its head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import edgenets
from edgenets import runs
from edgenets.bundle import Bundle
from edgenets.converters import project, store
from edgenets.errors import RecipeError
from edgenets.recipe import parse
from edgenets.runtime.load import load
from edgenets.selection import select
from edgenets.sound import audio
from edgenets.spec import spec_as
from edgenets.tasks.embed.metric import Neighbors, nearest, neighbor_accuracy, unit
from edgenets.tasks.embed.pipeline import Embedder
from edgenets.tasks.embed.spec import EmbedDecoding, EmbedRecipe, EmbedSpec
from edgenets.tasks.embed.training import without_head
from edgenets.training.train import train
from tests.commands import Call, call
from tests.tiny import TINY, recipe_of

__all__ = ["call"]  # a fixture

VECTORS = arrays.arrays(
    np.float32, st.tuples(st.integers(2, 12), st.integers(1, 6)),
    elements=st.floats(-1e3, 1e3, width=32),
)  # fmt: skip


class TestNeighbors:
    @given(VECTORS)
    def test_a_vector_is_1_long_or_nothing(self, vectors: NDArray[np.float32]) -> None:
        lengths = np.linalg.norm(unit(vectors), axis=1)
        given = np.linalg.norm(vectors, axis=1)
        assert np.allclose(lengths[given > 1e-6], 1.0, atol=1e-5)
        assert np.isfinite(lengths).all()

    @given(VECTORS)
    def test_nobody_is_his_own_neighbor(self, vectors: NDArray[np.float32]) -> None:
        assert (nearest(unit(vectors)) != np.arange(len(vectors))).all()

    def test_by_hand(self) -> None:
        vectors = unit(np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32))
        assert nearest(vectors).tolist() == [1, 0, 3, 2]
        assert neighbor_accuracy(vectors, ["a", "a", "b", "b"]) == 1.0
        assert neighbor_accuracy(vectors, ["a", "b", "b", "b"]) == 0.5
        assert neighbor_accuracy(vectors[:1], ["a"]) == 0.0

    def test_what_all_have_in_common_agrees_with_nothing(self) -> None:
        """A model that gives the same for any sound is no model, however near its mean is."""
        rng, decisions = np.random.default_rng(0), Neighbors(EmbedDecoding(smoothing=1))
        answers = [5 + rng.standard_normal((1, 8)).astype(np.float32) for _ in range(40)]
        own = decisions.decide(answers)
        same = [np.full((1, 8), 5, np.float32)] * 40
        assert decisions.agreement(own, own) == pytest.approx(1.0)
        assert decisions.agreement(decisions.decide(same), own) < 0.2
        assert decisions.agreement(decisions.decide(answers[::-1]), own) < 0.3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TINY["embed"].data(tmp_path_factory.mktemp("embed") / "data")


@pytest.fixture(scope="module")
def run(data: Path) -> runs.Run:
    made = train(parse(recipe_of("embed")), data, data.parent / "run")
    project.convert_run(made, data, ("tflite", "onnx"), ("fp32", "int8"))
    assert project.verify_run(made, data).passed
    return made


@pytest.fixture(scope="module")
def bundle(run: runs.Run) -> Bundle:
    return project.pack_run(run, run.folder.parent / "embed.edge")


def test_another_model_in_the_same_shape_fails_the_gate(run: runs.Run, data: Path) -> None:
    other = run.model()
    for weight in other.weights:
        weight.assign(np.random.default_rng(1).permutation(np.asarray(weight).ravel()).reshape(
            weight.shape))  # fmt: skip
    folder = data.parent / "other"
    runs.save(folder, other, run.spec, run.recipe, run.metrics, {})
    written, _ = store.load(run.folder)

    store.save(folder, written)
    report = project.verify_run(runs.load(folder), data)
    assert not any(verdict.passed for verdict in report.verdicts)


def test_a_layer_before_the_last_of_a_trained_model(data: Path, tmp_path: Path) -> None:
    """Its embedding is what the classifier's last layer gets."""
    import keras

    plain = recipe_of("keywords") | {"name": "words"}
    words = train(parse(plain), data, tmp_path / "words")
    recipe = recipe_of("embed") | {"trained": str(words.folder)}
    made = train(parse(recipe), data, tmp_path / "embed")
    x = np.random.default_rng(0).standard_normal((2, 32, 40)).astype(np.float32)
    model, head = made.model(), words.model().layers[-1]
    assert isinstance(head, keras.layers.Dense)
    np.testing.assert_allclose(
        np.asarray(head(model(x))), np.asarray(words.model()(x)), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(RecipeError, match="ends with Activation, not with a Dense layer"):
        without_head(model, "x")


class TestStream:
    @given(st.integers(1, 4000))
    def test_it_is_the_same_however_sound_is_cut(self, bundle: Bundle, size: int) -> None:
        spec, sound = spec_as(bundle.spec, EmbedSpec), bundle.golden_sound()
        embedder = Embedder(spec, load(bundle, select(bundle)))
        whole = [*embedder.push(sound), *embedder.finish()]
        embedder.reset()
        parts = [e for at in range(0, len(sound), size) for e in embedder.push(sound[at:][:size])]
        parts += embedder.finish()
        assert [e.time for e in parts] == [e.time for e in whole]
        np.testing.assert_allclose([e.vector for e in parts], [e.vector for e in whole], atol=1e-5)

    def test_it_runs_on_recordings(self, bundle: Bundle, call: Call, tmp_path: Path) -> None:
        sound = np.random.default_rng(0).standard_normal(2 * 16_000) * 0.1
        audio.write_wav(tmp_path / "a.wav", sound, 16_000)
        out = tmp_path / "e.jsonl"
        done = call("run", bundle.path, tmp_path / "a.wav", "--sink", f"jsonl:{out}", "--json")
        assert done.code == 0, done.err
        events = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        size = spec_as(bundle.spec, EmbedSpec).size
        assert [e["event"] for e in events] == ["embedding"] * len(events) and len(events) >= 4
        for event in events:
            assert len(event["vector"]) == size
            assert np.linalg.norm(event["vector"]) == pytest.approx(1.0, abs=1e-3)
        shown = call("run", bundle.path, tmp_path / "a.wav")
        assert shown.code == 0 and f"{size} numbers" in shown.out

    def test_by_python(self, bundle: Bundle, tmp_path: Path) -> None:
        audio.write_wav(tmp_path / "a.wav", np.zeros(16_000), 16_000)
        found = list(edgenets.run(bundle, tmp_path / "a.wav"))
        assert found and all(e.vector.shape == found[0].vector.shape for e in found)


def test_a_recipe_has_a_gate_of_cosines() -> None:
    recipe = parse(recipe_of("embed") | {"gate": {}})
    assert isinstance(recipe, EmbedRecipe)
    assert (recipe.gate.agreement, recipe.gate.metric_drop) == (0.98, 0.01)
