"""Models of one's own all the way: files, artifacts, the gate, a bundle, and a run of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgenets.api import bundle_model
from edgenets.artifact import Format, Precision, TensorInfo
from edgenets.bundle import Bundle
from edgenets.converters.own import front
from edgenets.converters.own.options import OwnOptions, Preparation, Raw
from edgenets.converters.own.window import geometry
from edgenets.converters.routes.folder import convert_file, job_of, judge_folder
from edgenets.converters.verify.appendix import Wanted
from edgenets.errors import GateFailed, ModelError, RecordError
from edgenets.sound import like as libraries
from edgenets.sound.audio import write_wav
from edgenets.sound.features import frames_of
from edgenets.sound.melinput import MelInput
from tests.commands import Call, call

__all__ = ["call"]

pytestmark = pytest.mark.slow

RATE = 16_000
WORDS = ("_silence_", "low", "high")
PITCHES = {"_silence_": 0.0, "low": 500.0, "high": 2500.0}


Run = Callable[..., str]


@pytest.fixture
def edgenets(call: Call) -> Run:
    """What a command prints; it has to succeed."""

    def caller(*arguments: object) -> str:
        done = call(*arguments)
        assert done.code == 0, f"{arguments}: {done}"
        return done.out

    return caller


def run(edgenets: Run, bundle: Path, source: Path, *options: str) -> list[Any]:
    """What a run over a file finds."""
    lines = source.with_suffix(".jsonl")
    lines.unlink(missing_ok=True)
    edgenets("run", bundle, source, "--sink", f"jsonl:{lines}", *options)
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    return [event for event in found if event["event"] in ("detection", "forecast")]


def carried(
    model: keras.Model, file: Path, to: Sequence[Format], how: Preparation, *data: Path
) -> Path:
    """A model, converted and judged: its folder.

    Args:
        data: what it is calibrated on, and judged on; one alone: it is converted to fp32.
    """
    model.save(file)
    calibration = Raw(data[0], how) if len(data) > 1 else None
    precisions: Sequence[Precision] = ("fp32", "int8") if len(data) > 1 else ("fp32",)
    out = file.parent / "out"
    convert_file(job_of(file, calibration), out, to, precisions)
    found = judge_folder(out, data[-1], wanted=Wanted(preparation=how))
    assert found.passed, [v.why for v in found.verdicts]
    assert found.truth == (how.labels is not None)
    return out


def tone(rng: np.random.Generator, pitch: float, seconds: float = 1.0) -> Any:
    time = np.arange(int(seconds * RATE)) / RATE
    swell = np.exp(-(((time - rng.uniform(0.4, 0.6) * seconds) / 0.15) ** 2))
    return 0.3 * swell * np.sin(2 * np.pi * pitch * time) * (pitch > 0) + 0.005 * (
        rng.standard_normal(len(time))
    )


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, a folder a label; and the labels."""
    root = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for label, pitch in PITCHES.items():
        (root / "words" / label).mkdir(parents=True)
        for number in range(16):
            write_wav(root / "words" / label / f"{number}.wav", tone(rng, pitch), RATE)
    (root / "labels.txt").write_text("\n".join(WORDS) + "\n")
    return root


def taught(model: keras.Model, x: Any, y: Any, epochs: int = 40) -> keras.Model:
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=epochs, verbose=0)
    return model


def heard(root: Path, config: MelInput, frames: int) -> tuple[Any, Any]:
    """The windows of recordings as a user's own code makes them, and their labels."""
    x, y = [], []
    for number, label in enumerate(WORDS):
        for path in sorted((root / "words" / label).iterdir()):
            data = np.frombuffer(path.read_bytes()[44:], "<i2")
            x.append(frames_of(data, config)[:frames])
            y.append(number)
    return np.stack(x), np.array(y)


class TestSound:
    def test_a_clip_model_hears_words(self, sounds: Path, tmp_path: Path, edgenets: Run) -> None:
        config = MelInput(**libraries.known()["kws_streaming-mel"])
        keras.utils.set_random_seed(1)
        x, y = heard(sounds, config, 49)
        model = keras.Sequential(
            [
                layers.Input((49, 40), name="mel"), layers.Conv1D(12, 5, 2, activation="relu"),
                layers.GlobalMaxPooling1D(), layers.Dense(3, "softmax", name="word"),
            ]
        )  # fmt: skip
        taught(model, x, y).save(tmp_path / "words.keras")
        labels = sounds / "labels.txt"
        edgenets(
            "convert", tmp_path / "words.keras", "--precision", "fp32,int8", "--calibration",
            sounds / "words", "--front", "kws_streaming-mel", "--labels", labels,
            "--out", tmp_path / "out",
        )  # fmt: skip
        said = edgenets("verify", tmp_path / "out", "--data", sounds / "words")
        assert "accuracy" in said  # the folders are labels: what is right is known
        rng = np.random.default_rng(4)
        own = tone(rng, 900.0).astype(np.float32)
        np.savez(tmp_path / "own.npz", sound=own, features=frames_of(own, config))
        said = edgenets(
            "bundle", tmp_path / "out", "--task", "keywords", "--reference", tmp_path / "own.npz"
        )
        assert "The front end is yours" in said
        bundle = Bundle(tmp_path / "out" / "words.edge")
        assert len(bundle.artifacts) == 6
        assert all(bundle.verified()[a.id] > 0.9 for a in bundle.artifacts)
        assert json.loads(edgenets("selftest", tmp_path / "out", "--json"))["passed"]
        silence = tone(rng, 0.0)
        stream = np.concatenate([tone(rng, 500.0), silence, tone(rng, 2500.0), silence])
        write_wav(tmp_path / "stream.wav", stream, RATE)
        for format in ("tflite", "onnx", "openvino"):
            backend = ("--backend", format, "--precision", "int8")
            events = run(edgenets, bundle.path, tmp_path / "stream.wav", *backend)
            assert [event["word"] for event in events] == ["low", "high"], format
        said = edgenets("eval", bundle.path, "--data", sounds / "words")
        assert "100.00%" in said

    def test_other_features_are_no_front_end(
        self, sounds: Path, tmp_path: Path, call: Call
    ) -> None:
        config = MelInput(**libraries.known()["kws_streaming-mel"])
        other = MelInput(**{**libraries.known()["kws_streaming-mel"], "low_hz": 60.0})
        own = tone(np.random.default_rng(4), 900.0).astype(np.float32)
        frames = frames_of(own, config)
        wrong = {
            "bands": frames_of(own, other), "scale": 0.5 * frames - 1.5,
            "late": np.concatenate([np.zeros((1, 40), np.float32), frames]),
        }  # fmt: skip
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [layers.Input((49, 40), name="mel"), layers.GlobalMaxPooling1D(), layers.Dense(3)]
        )
        how = Preparation(front="kws_streaming-mel", labels=str(sounds / "labels.txt"))
        out = carried(model, tmp_path / "net.keras", ("onnx",), how, sounds / "words")
        hints = {"bands": "not those", "scale": "mean = 3 and std = 2", "late": "1 frames later"}
        for name, features in wrong.items():
            np.savez(tmp_path / "own.npz", sound=own, features=features)
            done = call(
                "bundle", out, "--task", "keywords", "--labels", sounds / "labels.txt", "--front",
                "kws_streaming-mel", "--reference", tmp_path / "own.npz",
            )  # fmt: skip
            assert done.code == 1
            assert hints[name] in done.err
            assert not list(out.glob("*.edge"))
        # The same from Python, by the function that makes them.
        options = OwnOptions("keywords", how, reference=lambda sound: frames_of(sound, config))
        found = bundle_model(out, "keywords", tmp_path / "a.edge", options)
        assert found.compared is not None and found.compared.error < 1e-5
        options = OwnOptions("keywords", how, reference=lambda sound: frames_of(sound, other))
        with pytest.raises(GateFailed, match="not those"):
            bundle_model(out, "keywords", tmp_path / "b.edge", options)

    def test_a_step_model_hears_words(self, sounds: Path, tmp_path: Path, edgenets: Run) -> None:
        config = MelInput(**libraries.known()["torchaudio-mfcc"], mean=(-10.0,), std=(20.0,))
        x, y = heard(sounds, config, 79)
        entry = keras.Input((None, 40), name="mfcc")
        keras.utils.set_random_seed(2)
        hidden = layers.GRU(12)(entry)
        model = keras.Model(entry, layers.Dense(3, "softmax")(hidden))
        taught(model, x, y, 12)
        (tmp_path / "front.toml").write_text(
            'like = "torchaudio-mfcc"\nmean = -10\nstd = 20\n\n[decoding]\nthreshold = 0.55\n'
        )
        how = Preparation(str(tmp_path / "front.toml"), labels=str(sounds / "labels.txt"))
        words = sounds / "words"
        out = carried(model, tmp_path / "gru.keras", ("tflite",), how, words, words)
        edgenets(
            "bundle", out, "--task", "keywords", "--front", tmp_path / "front.toml", "--labels",
            sounds / "labels.txt",
        )  # fmt: skip
        bundle = Bundle(out / "gru.edge")
        assert bundle.artifact("tflite-int8").states
        assert bundle.spec.decoding.threshold == 0.55
        assert bundle.spec.input.before == "reflect"
        assert "passed" in edgenets("selftest", out, "--json")

    @pytest.mark.parametrize("task", ["keywords", "sounds", "embed"])
    def test_raw_sound(self, task: str, sounds: Path, tmp_path: Path, edgenets: Run) -> None:
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [
                layers.Input((8000, 1), name="wave"), layers.Conv1D(6, 64, 32, activation="relu"),
                layers.GlobalMaxPooling1D(), layers.Dense(3),
            ]
        )  # fmt: skip
        file, how = tmp_path / "raw.keras", Preparation(front="raw")
        out = carried(model, file, ("tflite",), how, sounds / "words")
        more = () if task == "embed" else ("--labels", sounds / "labels.txt")
        edgenets("bundle", out, "--task", task, "--front", "raw", "--every", "0.25", *more)
        bundle = Bundle(out / "raw.edge")
        assert bundle.artifacts[0].window is not None
        assert bundle.spec.step_seconds == 0.25
        edgenets("selftest", out)


def test_texts(tmp_path: Path, edgenets: Run) -> None:
    rng = np.random.default_rng(0)
    words = ["", "[UNK]", "the", "day", "was", "good", "fine", "bad", "awful"]
    (tmp_path / "words.txt").write_text("\n".join(words) + "\n")
    rows, x, y = [], np.zeros((200, 8), np.int32), []
    for row in x:
        right = int(rng.integers(2))
        text = [*rng.choice(words[2:5], rng.integers(2, 6)), words[5 + 2 * (1 - right)]]
        row[: len(text)] = [words.index(word) for word in text]
        rows.append((" ".join(text), ("bad", "good")[right]))
        y.append(right)
    with (tmp_path / "texts.csv").open("w") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    (tmp_path / "topics.txt").write_text("bad\ngood\n")
    (tmp_path / "front.toml").write_text(
        'vocabulary = "words.txt"\nunits = "words"\nunknown = "[UNK]"\nlower = true\n'
    )
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((8,), dtype="int32", name="ids"), layers.Embedding(9, 6),
            layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax"),
        ]
    )  # fmt: skip
    taught(model, x, np.array(y))
    how = Preparation(str(tmp_path / "front.toml"), labels=str(tmp_path / "topics.txt"))
    file, formats = tmp_path / "sorter.keras", ("tflite", "onnx")
    out = carried(model, file, formats, how, tmp_path / "texts.csv")
    said = ("--front", tmp_path / "front.toml", "--labels", tmp_path / "topics.txt")
    edgenets("bundle", out, "--task", "text", *said)
    assert "100.00%" in edgenets("eval", out, "--data", tmp_path / "texts.csv")


def test_series_that_go_in_together(tmp_path: Path, edgenets: Run) -> None:
    time = np.arange(600)
    series = np.stack([5 + np.sin(time / 5), 80 + 9 * np.cos(time / 9)], axis=1)
    mean, std = series.mean(axis=0), series.std(axis=0)
    scaled = (series - mean) / std
    with (tmp_path / "plant.csv").open("w") as file:
        csv.writer(file).writerows([("heat", "load"), *series.tolist()])
    (tmp_path / "front.toml").write_text(
        f'columns = ["heat", "load"]\ntarget = "load"\nmean = {mean.tolist()}\n'
        f"std = {std.tolist()}\n"
    )
    x = np.stack([scaled[i : i + 24] for i in range(560)])
    y = np.stack([scaled[i + 24 : i + 30, 1] for i in range(560)])
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [layers.Input((24, 2), name="window"), layers.Flatten(), layers.Dense(6)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, epochs=60, verbose=0)
    table, how = tmp_path / "plant.csv", Preparation(str(tmp_path / "front.toml"))
    out = carried(model, tmp_path / "ahead.keras", ("tflite", "openvino"), how, table, table)
    edgenets("bundle", out, "--task", "forecast")
    (event,) = run(edgenets, out, table)
    assert set(event["columns"]) == {"load"}
    following = 80 + 9 * np.cos(np.arange(600, 606) / 9)
    assert np.abs(np.array(event["columns"]["load"]["median"]) - following).max() < 1.5
    measured = json.loads(edgenets("eval", out, "--data", table, "--json"))
    assert "mse" in str(measured).lower()


def test_images(tmp_path: Path, edgenets: Run) -> None:
    import cv2

    rng = np.random.default_rng(0)
    colors = {"red": (0, 0, 255), "green": (0, 255, 0)}
    for label, color in colors.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(12):
            image = np.full((50, 60, 3), rng.integers(60, 200), np.uint8)
            cv2.circle(image, (30, 25), int(rng.integers(8, 16)), color, -1)
            cv2.imwrite(str(tmp_path / "photos" / label / f"{number}.png"), image)
    (tmp_path / "colors.txt").write_text("red\ngreen\n")
    keras.utils.set_random_seed(1)
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, :, 0], kernel[0, 0, :, 1] = (4, -4, 0), (-4, 4, 0)  # it knows the colors by rule
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3), name="photo"), layers.Conv2D(2, 1, use_bias=False),
            layers.GlobalMaxPooling2D(), layers.Softmax(),
        ]
    )  # fmt: skip
    model.layers[0].set_weights([kernel])
    photos = tmp_path / "photos"
    how = Preparation(mean=(0.0,), std=(255.0,), labels=str(tmp_path / "colors.txt"))
    out = carried(model, tmp_path / "colors.keras", ("tflite",), how, photos, photos)
    edgenets("bundle", out, "--task", "classify", "--licence", "MIT", "--name", "two-colors")
    bundle = Bundle(out / "two-colors.edge")
    assert bundle.manifest.licence == "MIT"
    assert bundle.spec.input.std == (255.0,)
    assert "100.00%" in edgenets("eval", out, "--data", photos)
    rows = json.loads(edgenets("bench", out, "--seconds", "1", "--json"))["rows"]
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--task", "keywords", "--front", "kws_streaming-mel", "--labels", "two.txt"), "2 labels"),
        (("--task", "keywords", "--labels", "labels.txt"), "--front"),
        (("--task", "keywords", "--front", "kws_streaming-mel"), "--labels"),
        (("--task", "keywords", "--front", "librosa", "--labels", "labels.txt"), "128 numbers"),
        (("--task", "speech", "--front", "kws_streaming-mel", "--labels", "labels.txt"), "step"),
        (("--task", "language", "--front", "text.toml"), "makes 1 numbers"),
        (("--task", "forecast", "--front", "text.toml"), "columns"),
        ((), "--task"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(
    arguments: tuple[str, ...], why: str, sounds: Path, tmp_path: Path, call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("\n".join(WORDS))
    Path("two.txt").write_text("a\nb\n")
    Path("text.toml").write_text('vocabulary = ["a", "b"]\nunits = "words"\n')
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [layers.Input((49, 40), name="mel"), layers.GlobalMaxPooling1D(), layers.Dense(3)]
    )
    said = Preparation(front="kws_streaming-mel")
    out = carried(model, tmp_path / "net.keras", ("onnx",), said, sounds / "words")
    # It was said to `verify` alone, which keeps nothing.
    done = call("bundle", out, *arguments)
    assert done.code == 2 and why in done.err, done
    assert not list(out.glob("*.edge"))


class TestGeometry:
    @pytest.mark.parametrize(
        ("shape", "width", "frames", "turned"),
        [
            ((1, 49, 40), 40, 49, False), ((1, 49, 40, 1), 40, 49, False),
            ((1, 40, 49), 40, 49, True), ((1, 1, 40, 101), 40, 101, True),
            ((1, 16000), 160, 100, False), ((1, 1, 16000), 160, 100, False),
            ((1, 30), 1, 30, False), ((1, 30, 1), 1, 30, False), ((1, 490), 10, 49, False),
        ],
    )  # fmt: skip
    def test_frames_are_found(
        self, shape: tuple[int, ...], width: int, frames: int, turned: bool
    ) -> None:
        found = geometry("net", TensorInfo("x", shape, "float32"), width, None)
        assert (found.frames, found.turned) == (frames, turned)

    def test_two_ways_are_never_guessed(self) -> None:
        info = TensorInfo("x", (1, 40, 40), "float32")
        with pytest.raises(ModelError, match="--layout"):
            geometry("net", info, 40, None)
        assert geometry("net", info, 40, "numbers-first").turned
        assert not geometry("net", info, 40, "frames-first").turned

    @pytest.mark.parametrize("shape", [(1, 49, 39), (2, 49, 40), (1, 3, 49, 40), (1, 77)])
    def test_what_holds_none_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ModelError):
            geometry("net", TensorInfo("x", shape, "float32"), 40, None)


class TestFront:
    @pytest.mark.parametrize("name", front.names())
    def test_every_library_is_a_front_end(self, name: str) -> None:
        assert front.read(name).sound(16_000).width > 0

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("bands = ", "TOML"), ('like = "librsoa"', "not one of"),
            ('like = "librosa"\nband = 3', "bands"), ('kind = "mel"\nbands = "many"', "bands"),
            ("decoding = 3", "tables"), ('hop = 3\n[input]\nlike = "librosa"', "outside"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said(self, text: str, why: str, tmp_path: Path) -> None:
        path = tmp_path / "front.toml"
        path.write_text(text)
        with pytest.raises(RecordError, match=why):
            front.read(str(path)).sound(16_000)

    def test_what_is_no_file_is_said(self) -> None:
        with pytest.raises(RecordError, match="librosa"):
            front.read("nothing.toml")
