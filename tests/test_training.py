"""Training: reproducible from its seed, resumed after an interruption, honest in its figures."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgenets import api, runs
from edgenets.converters import store
from edgenets.converters.families.family import family_of
from edgenets.converters.formats import Written
from edgenets.converters.verify.judge import Judge
from edgenets.errors import DataError, RecipeError
from edgenets.progress import Progress, Task
from edgenets.recipeparts import BundleRecipe
from edgenets.sound import audio
from edgenets.tasks.keywords.recipe import (
    DataRecipe,
    ListeningRecipe,
)
from edgenets.tasks.keywords.trial import WORD_STREAMS
from edgenets.training.doubts import doubts_of
from edgenets.training.train import train
from tests.tones import LABELS, RATE, RECIPE, make_tones


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tones(tmp_path_factory.mktemp("tones"))


def weights(run: runs.Run) -> list[np.ndarray]:
    return [np.asarray(v) for v in run.model().weights]


def check_alike(one: runs.Run, other: runs.Run) -> None:
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.fixture(scope="module")
def run(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    return train(RECIPE, tones, tmp_path_factory.mktemp("run") / "a")


class Stops(Progress):
    """Interrupts a training after some epochs, as Ctrl-C would."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    @contextmanager
    def task(self, name: str, in_bytes: bool = False) -> Iterator[Task]:
        stops = self

        class Counting(Task):
            def update(self, done: int, total: int, note: str = "") -> None:
                if name == "training" and done == stops.epochs:
                    raise KeyboardInterrupt

        yield Counting()


def test_it_learns_and_leaves_what_it_promises(run: runs.Run) -> None:
    for name in ("model.keras", "spec.json", "recipe.json", "metrics.json"):
        assert (run.folder / name).is_file()
    for name in ("curves.png", "confusion.png"):
        assert (run.folder / name).read_bytes().startswith(b"\x89PNG")
    assert not (run.folder / "checkpoint.keras").exists()
    assert run.spec.labels == LABELS
    assert run.metrics["test"]["accuracy"] > 0.6  # a third would be chance
    matrix = np.array(run.metrics["test"]["confusion"])
    assert matrix.sum() == run.metrics["test"]["clips"]
    assert np.trace(matrix) / matrix.sum() == pytest.approx(run.metrics["test"]["accuracy"])


def test_the_same_seed_gives_the_same_model(run: runs.Run, tones: Path, tmp_path: Path) -> None:
    again = train(RECIPE, tones, tmp_path / "b")
    for one, other in zip(weights(run), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_another_model_and_a_broken_checkpoint_is_said_and_left(
    run: runs.Run, tones: Path, tmp_path: Path
) -> None:
    short = dataclasses.replace(RECIPE.schedule, epochs=1)
    (tmp_path / "checkpoint.keras").write_bytes(b"no model")
    said: list[str] = []

    class Hears(Progress):
        def say(self, text: str) -> None:
            said.append(text)

    other = train(dataclasses.replace(RECIPE, seed=4, schedule=short), tones, tmp_path, Hears())
    assert any("training begins anew" in text for text in said)
    assert any(not np.array_equal(a, b) for a, b in zip(weights(run), weights(other), strict=True))


def test_an_interrupted_training_goes_on_where_it_stopped(
    run: runs.Run, tones: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tones, folder, Stops(3))
    history = json.loads((folder / "history.json").read_text())
    assert len(history["loss"]) == 3
    assert not (folder / "model.keras").exists()
    check_alike(run, train(RECIPE, tones, folder))


def test_a_checkpoint_of_other_data_is_not_gone_on_from(tones: Path, tmp_path: Path) -> None:
    folder, said = tmp_path / "d", []

    class Listens(Stops):
        def say(self, line: str) -> None:
            said.append(line)

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tones, folder, Stops(1))
    other = tmp_path / "tones"
    shutil.copytree(tones, other)
    for path in sorted((other / LABELS[0]).iterdir())[::3]:
        path.unlink()
    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, other, folder, Listens(1))
    assert any("was trained on other data; training begins anew" in line for line in said)
    assert not any("resuming" in line for line in said)


def test_a_finished_run_is_not_trained_again_and_takes_new_thresholds(
    run: runs.Run, tones: Path
) -> None:
    before = (run.folder / "model.keras").stat().st_mtime_ns
    decoding = dataclasses.replace(RECIPE.decoding, threshold=0.9)
    again = train(dataclasses.replace(RECIPE, decoding=decoding), tones, run.folder)
    assert (run.folder / "model.keras").stat().st_mtime_ns == before
    assert again.spec.decoding.threshold == 0.9
    assert again.spec.input == run.spec.input


def test_a_folder_of_another_recipe_is_refused(run: runs.Run, tones: Path) -> None:
    with pytest.raises(RecipeError, match="another recipe"):
        train(dataclasses.replace(RECIPE, seed=99), tones, run.folder)


def test_a_split_without_a_label_is_refused(tones: Path, tmp_path: Path) -> None:
    narrow = dataclasses.replace(RECIPE, data=DataRecipe(validation=0.0, test=0.25))
    with pytest.raises(DataError, match="validation split has no recordings"):
        train(narrow, tones, tmp_path / "e")
    assert not (tmp_path / "e").exists()  # nothing was begun
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "notes.txt").touch()
    with pytest.raises(DataError, match="validation split has no recordings"):
        train(narrow, tones, tmp_path / "e")
    assert (tmp_path / "e" / "notes.txt").exists()


def test_silence_alone_is_refused(tones: Path, tmp_path: Path) -> None:
    for label in LABELS:
        (tmp_path / label).mkdir()
        for path in (tones / label).iterdir():
            audio.write_wav(tmp_path / label / path.name, np.zeros(RATE), RATE)
    with pytest.raises(DataError, match="all silent"):
        train(RECIPE, tmp_path, tones.parent / "silent")


def test_a_network_is_traced_once_and_not_with_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras 3.5 and 3.6 did that: a training took ten times as long, and gigabytes of memory."""
    from tensorflow.python.framework import func_graph

    traced = []
    trace = func_graph.func_graph_from_py_func
    monkeypatch.setattr(
        func_graph, "func_graph_from_py_func", lambda *a, **k: (traced.append(1), trace(*a, **k))[1]
    )
    network = keras.Sequential([keras.layers.Input((8, 4)), keras.layers.Dense(2)])
    network.compile("adam", "mse")
    inputs, targets = np.zeros((4, 8, 4), np.float32), np.zeros((4, 8, 2), np.float32)
    for _ in range(3):
        network.train_on_batch(inputs, targets)
    before = len(traced)
    for _ in range(10):
        network.train_on_batch(inputs, targets)
    assert len(traced) == before > 0


STREAMED = dataclasses.replace(
    RECIPE,
    name="streamed",
    listening=ListeningRecipe(streams=24, seconds=2.0, sentences=12, near=4, trial=10),
    schedule=dataclasses.replace(RECIPE.schedule, epochs=4),
)


@pytest.fixture(scope="module")
def streamed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    return train(STREAMED, tones, tmp_path_factory.mktemp("streamed") / "a")


def test_training_on_streams_settles_thresholds_and_says_what_they_hear(
    streamed: runs.Run, tones: Path
) -> None:
    spec, metrics = streamed.spec, streamed.metrics
    assert spec.labels == (*LABELS, "_unknown_") and spec.decoding.clips == "peak"
    assert set(spec.decoding.thresholds) == {"high", "low"}
    for split in ("validation", "test"):
        assert metrics[split]["hours"] == pytest.approx(10 * 2 / 3600)
        assert metrics[split].keys() >= {"accuracy", "per_hour", "per_hour_95", "recall", "said"}
    assert metrics["validation"]["false_accepts"] <= 0.5 * metrics["validation"]["hours"]
    again = train(STREAMED, tones, streamed.folder)  # trained already: what was settled stays
    assert again.spec.decoding == spec.decoding
    other = dataclasses.replace(STREAMED.decoding, refractory=1.5)
    changed = train(dataclasses.replace(STREAMED, decoding=other), tones, streamed.folder)
    assert changed.spec.decoding == dataclasses.replace(spec.decoding, refractory=1.5)


def test_artifacts_are_held_by_what_is_heard_in_streams(streamed: runs.Run, tones: Path) -> None:
    """The model's own weights pass; one that says words all the time does not."""
    folder = streamed.folder
    api.convert(folder, to=("onnx",), precisions=("fp32", "int8"), data=tones)
    report = api.verify(folder, tones)
    assert report.kind == "streams" and report.items == 2 * WORD_STREAMS + 10
    for verdict in report.verdicts:
        checks = {check.name: check for check in verdict.checks}
        assert checks["recall_drop"].limit == 0.02
        assert checks["more_false_accepts"].limit == 1.0
    exact = next(v for v in report.verdicts if v.precision == "fp32")
    assert exact.passed and exact.metric == report.reference
    judge = Judge(family_of(streamed.spec).reference(streamed, tones, Progress()))
    written, _ = store.load(folder)
    whole = next(item for item in written if item.artifact.id == "onnx-fp32")
    loud = [50.0 * (label in ("high", "low")) for label in streamed.spec.labels]
    verdict = judge.verdict(biased(whole, loud))
    (check,) = [check for check in verdict.checks if check.name == "more_false_accepts"]
    assert not check.passed and not verdict.passed and (check.value or 0) > check.limit


def biased(item: Written, by: list[float]) -> Written:
    """An artifact that says the words more often, or less."""
    ((name, content),) = item.files.items()
    model = onnx.load_model_from_string(content)
    (bias,) = [i for i in model.graph.initializer if tuple(i.dims) == (len(by),)]
    values = numpy_helper.to_array(bias) + np.array(by, np.float32)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    return dataclasses.replace(item, files={name: model.SerializeToString()})


def test_the_best_epoch_is_kept_through_an_interruption(
    streamed: runs.Run, tones: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "d"
    with pytest.raises(KeyboardInterrupt):
        train(STREAMED, tones, folder, Stops(2))
    assert (folder / "best.npz").is_file()
    resumed = train(STREAMED, tones, folder)
    assert not (folder / "best.npz").exists()
    check_alike(streamed, resumed)


def test_a_run_folder_of_before_is_the_same_recipe_s(run: runs.Run, tones: Path) -> None:
    path = run.folder / "recipe.json"
    plain = json.loads(path.read_text())
    del plain["listening"], plain["decoding"]["clips"]
    path.write_text(json.dumps(plain))
    assert train(RECIPE, tones, run.folder).metrics == run.metrics


def test_what_would_not_be_made_is_refused_before_training(tones: Path, tmp_path: Path) -> None:
    wanted = dataclasses.replace(RECIPE, bundle=BundleRecipe(artifacts=("onnx-fp16",)))
    for recipe, only in ((wanted, None), (RECIPE, ["openvino-int8"])):
        with pytest.raises(RecipeError, match="do not make"):
            api.build(recipe, tones, tmp_path / "x.edge", run_folder=tmp_path / "run",
                      to=("tflite",), only=only)  # fmt: skip
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("confusion", "says"),
    [
        ([[20, 0], [20, 0]], ["no better than always saying a"]),
        ([[30, 10], [4, 6]], ["no better than always saying a"]),
        ([[20, 0], [1, 19]], []),
        ([[30, 0, 0], [0, 30, 0], [5, 4, 0]], ["c is never decided for, in 9 clips"]),
        ([[30, 0, 0], [0, 30, 0], [0, 0, 2]], ["2 clips of c say little"]),
        ([[30, 0, 0], [0, 30, 0], [0, 0, 0]], []),
        ([[0, 0], [0, 0]], []),
        ([[9, 0], [0, 0]], []),
    ],
)
def test_what_a_network_did_not_learn_is_said(confusion: list[list[int]], says: list[str]) -> None:
    found = doubts_of({"confusion": confusion}, ("a", "b", "c")[: len(confusion)], "test", "clips")
    assert len(found) == len(says)
    assert all(text in doubt for text, doubt in zip(says, found, strict=True))
