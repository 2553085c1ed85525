"""CNN and RNN compared: what is measured, held against networks whose answers are known."""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgenets.cli.compare import command
from edgenets.converters import steptime
from edgenets.converters.compare import families, gradients, memory, recall, speed
from edgenets.converters.compare.compare import Comparison, Effort, compare
from edgenets.converters.compare.streams import InStreams, in_streams
from edgenets.converters.compare.textbook import claims
from edgenets.converters.step.passes import simplify
from edgenets.converters.step.walk import walk
from edgenets.errors import ModelError, RecipeError
from edgenets.progress import Progress
from tests.commands import Call, call
from tests.converters import nets
from tests.language import grammar
from tests.tiny import made

__all__ = ["call"]  # a fixture

# Its package has a function of the same name.
comparing = importlib.import_module("edgenets.converters.compare.compare")


class TestSizes:
    @pytest.mark.parametrize("task", families.TASKS)
    def test_families_are_of_one_size(self, task: str) -> None:
        recipes = [families.recipe_of(task, f, None, None) for f in families.FAMILIES]
        sizes = [families.count(recipe) for recipe in recipes]
        assert max(sizes) < 1.1 * min(sizes)
        # A table of words is no part of what differs, and hides how much the rest does.
        tables = [
            sum(
                x.count_params()
                for x in families.build(recipe).layers
                if type(x).__name__ == "Embedding"
            )
            for recipe in recipes
        ]
        bodies = [size - table for size, table in zip(sizes, tables, strict=True)]
        assert max(bodies) < 1.1 * min(bodies) and (task != "text" or min(tables) > 0)

    def test_a_size_that_was_asked_for(self) -> None:
        recipe: Any = families.recipe_of("keywords", "lstm", 60_000, 3)
        assert abs(families.count(recipe) - 60_000) < 3_000
        assert recipe.schedule.epochs == 3 and recipe.data.synthetic == 0

    def test_a_size_out_of_reach(self) -> None:
        with pytest.raises(RecipeError, match=r"family cnn for text .* out of its reach"):
            families.recipe_of("text", "cnn", 1000, None)


class TestGradients:
    def test_a_cell_that_halves(self) -> None:
        """Of a linear cell of weight ½ the gradient is ½ to the power of the lag."""
        entry = layers.Input((None, 1))
        cell = layers.SimpleRNN(1, activation="linear", use_bias=False)
        model = keras.Model(entry, cell(entry))
        cell.set_weights([np.ones((1, 1)), np.full((1, 1), 0.5)])
        found = gradients.norms(model, np.ones((3, 12, 1), np.float32))
        np.testing.assert_allclose(found, 0.5 ** np.arange(12), rtol=1e-5)
        assert gradients.reach(found) == 7  # ½⁶ > 1 % > ½⁷
        assert gradients.receptive_field(found) is None

    def test_a_receptive_field_ends(self) -> None:
        entry = layers.Input((None, 2))
        x = layers.Conv1D(4, 3, padding="causal")(entry)
        x = layers.Conv1D(4, 3, padding="causal", dilation_rate=4)(x)
        found = gradients.norms(keras.Model(entry, x), np.ones((2, 40, 2), np.float32))
        assert gradients.receptive_field(found) == 1 + 2 + 2 * 4
        assert (found[11:] == 0).all()

    def test_tokens_are_felt_behind_their_embedding(self) -> None:
        entry = layers.Input((None,), dtype="int32")
        x = layers.GRU(4)(layers.Embedding(9, 3)(entry))
        found = gradients.norms(keras.Model(entry, x), np.ones((2, 7), np.int32))
        assert found.shape == (7,) and (found > 0).all()


def test_the_command_knows_what_can_be_compared() -> None:
    """It names tasks and families itself, so as to import nothing before they are used."""
    named = {p.name: p for p in command.params}
    assert named["task"].type.choices == families.TASKS  # type: ignore[attr-defined]
    assert named["families"].default == ",".join(families.FAMILIES)


def test_memory_of_a_step() -> None:
    model = nets.chain(layers.GRU(6, return_sequences=True, name="cell"), layers.Dense(2))
    graph = simplify(walk(model))
    held = memory.step_memory(graph)
    assert held.states == 6
    every = sum(a * b for a, b in graph.shapes.values())
    assert held.states < held.live < every
    kinds = memory.by_kind(model)
    assert list(kinds) == ["GRU", "Dense"] and sum(kinds.values()) == model.count_params()


def test_what_can_be_recalled() -> None:
    """Within what convolutions see the symbol is learned, beyond it nothing is."""
    assert recall.recall("cnn", (5,), 150)[5] > 0.9
    # No training learns what is not felt; what it would learn of it came from elsewhere.
    net = recall.net_of("cnn")
    noise = np.random.default_rng(0).standard_normal((2, recall.SEEN + 40, net.input_shape[-1]))
    assert gradients.receptive_field(gradients.norms(net, noise.astype(np.float32))) == recall.SEEN
    assert recall.recall("cnn", (recall.SEEN,), 40)[recall.SEEN] < 0.3
    sizes = [recall.net_of(family).count_params() for family in families.FAMILIES]
    assert max(sizes) < 1.06 * min(sizes) and max(recall.LAGS) < recall.SEEN


@pytest.mark.slow
def test_training_steps_in_a_process_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    nets.chain(layers.GRU(8, return_sequences=True)).save(path)
    found = speed.timing(path, 1, 1)
    assert list(found.training_ms) == [str(n) for n in speed.LENGTHS]
    # How long each takes is the machine's; other work on it turns any order round.
    assert min(*found.training_ms.values(), *found.inference_ms.values()) > 0
    assert min(found.large_training_ms, found.large_inference_ms) > 0
    # States and gates of 64 sequences of 512 steps, and at least their gradients.
    assert found.training_mb > 64 * 512 * 8 * 4 * 4 / 2**20
    path.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"model\.keras"):
        speed.timing(path, 1, 1)


def timing(path: Path, frames: int, cores: int) -> speed.Timing:
    """Measured once, in this process; another test is about one of its own, and of one core."""
    return replace(in_this_process(path, frames), cores=cores)


@functools.cache
def in_this_process(path: Path, frames: int) -> speed.Timing:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_setaffinity", lambda *_: None)
        return speed.measure(path, frames, 1)


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """What is taught and measured takes a moment only; other tests are about each of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "STEPS", 3)
        patch.setattr(recall, "LAGS", (5,))
        patch.setattr(speed, "LENGTHS", (16, 24, 32))
        patch.setattr(speed, "_FEWEST", 1)
        patch.setattr(speed, "_ENOUGH", 0.0)
        patch.setattr(speed, "timing", timing)
        patch.setattr(steptime, "_LONGEST", 0.0)
        patch.setattr(comparing, "_BUILDS", 2)
        patch.setattr(comparing, "DISTANCE", 120)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    grammar.opinions(folder / "data", 120)
    return folder


@pytest.fixture(scope="module")
def found(folder: Path, quick: None) -> Comparison:
    return compare("text", ("cnn", "gru"), folder / "data", folder / "out", Effort(epochs=1))


@pytest.mark.slow
class TestComparison:
    def test_every_figure_is_there(self, found: Comparison) -> None:
        cnn, gru = found.networks
        assert (cnn.family, gru.family) == ("cnn", "gru") and found.metric == "accuracy"
        for net in found.networks:
            assert {f.id for f in net.forms} == {
                f"{f}-{p}" for f in ("tflite", "onnx", "openvino") for p in ("fp32", "int8")
            }  # fmt: skip
            assert list(net.at_length) == ["0.5", "1", "2", "10"]
            assert net.at_length["1"] == pytest.approx(net.test)
            assert len(net.trained.norms) == 121 and max(net.trained.norms) == 1
            assert [t.cores for t in net.timings] == sorted({1, speed.cores()})
            assert list(net.recall) == ["5"] and max(net.recall.values()) <= 1
            assert net.state_bytes > 0 and sum(net.by_kind.values()) == net.parameters
        assert gru.trained.receptive_field is None

    def test_claims_stand_beside_what_was_measured(self, found: Comparison) -> None:
        table = claims(found)
        assert [c.aspect for c in table] == [
            "data", "architecture", "memory of the past", "processing", "strength", "training",
            "vanishing gradient", "inputs", "use of memory",
        ]  # fmt: skip
        assert all("cnn" in c.measured and "gru" in c.measured and c.why for c in table)

    def test_the_command_writes_a_page(
        self, found: Comparison, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []
        monkeypatch.setattr(comparing, "compare", lambda *wanted: asked.append(wanted) or found)
        told = call(
            "compare", "text", "--data", folder / "data", "--families", "cnn, gru", "--epochs", 2,
            "--out", folder / "out",
        )  # fmt: skip
        assert told.code == 0, told.err
        assert asked[0][:5] == (
            "text",
            ("cnn", "gru"),
            folder / "data",
            folder / "out",
            Effort(None, 2),
        )
        assert "What books say" in told.out and "measured   test accuracy at equal" in told.out
        page = (folder / "out" / "compare.html").read_text()
        assert page.count("<svg") == 4 and not re.search(r'(src|href)="https?:', page)
        plain = json.loads((folder / "out" / "compare.json").read_text())
        assert len(plain["claims"]) == 9
        assert plain["nets"] == plain["networks"] and len(plain["nets"]) == 2

    def test_what_is_heard_in_streams_stands_beside_it(
        self, found: Comparison, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        streams = {"gru": InStreams(2.0, 3.5, 0.75, 0.5)}
        heard = replace(found, task="keywords", streams=streams)
        monkeypatch.setattr(comparing, "compare", lambda *_: heard)
        wanted = ("compare", "keywords", "--data", folder / "data", "--out", folder / "heard")
        told = call(*wanted, "--families", "cnn,gru", "--negatives", folder / "data")
        assert told.code == 0 and re.search(r"gru\s+3\.5\s+75\.0%\s+50\.0%", told.out), told
        assert "recall at 1 an hour at most" in (folder / "heard" / "compare.html").read_text()

    def test_what_accepts_nothing_has_no_negatives(self, folder: Path) -> None:
        effort = Effort(negatives=(folder,))
        with pytest.raises(RecipeError, match="for text accept nothing falsely"):
            compare("text", ("cnn", "gru"), folder / "data", folder / "none", effort)

    @pytest.mark.parametrize(
        ("families", "message"), [("cnn,foo", "no such: foo"), ("cnn", "two families at least")]
    )
    def test_what_makes_no_comparison(
        self, folder: Path, call: Call, families: str, message: str
    ) -> None:
        told = call("compare", "text", "--data", folder, "--families", families, "--out", folder)
        assert told.code == 2 and message in told.err


def test_a_network_hears_what_it_was_not_trained_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    of = made("keywords", tmp_path_factory)
    found = in_streams(of.run, of.data, [of.data / "_silence_"], Progress())
    assert found.hours == pytest.approx(10 / 3600, rel=0.01)
    assert 0 <= found.recall_at <= 1 and 0 <= found.recall <= 1 and found.per_hour >= 0
