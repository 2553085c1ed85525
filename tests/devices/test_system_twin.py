"""A whole arm64 machine: deployed to, seen and heard by, cut off from its power, deployed to again.

The tests are one story, in the order of the file: what one has deployed the next one finds.
"""

from __future__ import annotations

import json
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgenets import zoo
from edgenets.devices.deploy import manage
from edgenets.devices.deploy.deploy import Outcome, deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin.system import System
from edgenets.sound import like as libraries
from edgenets.sound.audio import write_wav
from edgenets.sound.features import frames_of
from edgenets.sound.melinput import MelInput
from edgenets.tasks.keywords.voice import speak, voices
from edgenets.tasks.vision.image import Image
from edgenets.tasks.vision.smear import Smear
from tests.commands import Call, call
from tests.devices.twins import CONSTRAINTS, running, wait_until_it_serves

__all__ = ["call"]

pytestmark = [pytest.mark.slow, pytest.mark.twin]

# An emulated processor: one of ours is hundreds of times quicker, and no figure is a board's.
PATIENT = Health(inferences=20, latency_ms=5000.0, patience=120.0)

# All three interpreters and both senses, so that every release has the same environment.
EXTRAS = ("camera", "mic", "onnx", "openvino")


@pytest.fixture(scope="module")
def twin() -> Iterator[System]:
    with running("system", "pi") as (made,):
        assert isinstance(made, System)
        yield made


def put(twin: System, bundle: str, source: str, sink: str, **changes: Any) -> Outcome:
    serve = ServeOptions((source,), (f"jsonl:{sink}",), extras=EXTRAS, health=PATIENT, **changes)
    supply = Supply(constraint=CONSTRAINTS)
    return deploy(zoo.load(bundle), twin.address(), serve, supply=supply, accept_new=True)


def lines(twin: System, sink: str) -> list[dict[str, Any]]:
    told = twin.ssh(f"cat /var/lib/edgenets/{sink} 2>/dev/null", check=False).out
    return [json.loads(line) for line in told.splitlines() if line.endswith("}")]


def smears(count: int) -> list[Image]:
    """A drawn blood smear that moves, as `demo:smear` has it."""
    drawn = Smear(seed=3)
    return [drawn.view(0.04 * n) for n in range(count)]


def test_it_is_an_arm_board_with_a_camera_and_a_microphone(twin: System) -> None:
    machine = manage.look(twin.address())
    assert machine.architecture == "aarch64" and machine.has_systemd
    assert machine.python is not None and machine.python.version[:2] == (3, 11)
    assert list(machine.cameras) == ["/dev/video0"]
    assert machine.microphones and machine.keeper is None


def test_from_a_bare_os_to_detections_of_frames_through_the_camera(twin: System) -> None:
    twin.camera.inject(smears(25))
    outcome = put(twin, "object-detect", "camera:0?format=YUYV", "seen.jsonl")
    assert outcome.verdict == "kept", outcome
    status = manage.status(twin.address())
    assert status["serving"] == outcome.release and status["live"]["source"].startswith("camera")
    seen = [line["found"] for line in lines(twin, "seen.jsonl")[-10:] if "found" in line]
    assert {thing["label"] for found in seen for thing in found} >= {"RBC", "WBC"}
    assert np.median([len(found) for found in seen]) >= 8  # cells, of the dozen that are drawn


def test_every_format_gives_its_golden_outputs_on_arm(twin: System) -> None:
    told = [e["text"] for e in manage.status(twin.address())["log"] if e["event"] == "trial"]
    for format in ("tflite-int8", "onnx-int8", "openvino-int8"):
        assert format in told[-1]


def test_the_same_again_changes_nothing(twin: System) -> None:
    before = manage.status(twin.address())
    outcome = put(twin, "object-detect", "camera:0?format=YUYV", "seen.jsonl")
    after = manage.status(twin.address())
    assert outcome.verdict == "unchanged" and outcome.sent_bytes == 0
    assert after["live"]["pid"] == before["live"]["pid"] and after["log"] == before["log"]


def test_after_a_power_cut_it_serves_within_a_minute(twin: System) -> None:
    serving = manage.status(twin.address())["serving"]
    twin.power_cut()
    twin.power_on()
    twin.wait()
    up = time.monotonic()
    twin.camera.inject(smears(5))
    while not (live := manage.status(twin.address())["live"]) or not live["inferences"]:
        assert time.monotonic() - up < 60
        time.sleep(0.5)
    assert live["release"] == serving


def test_another_model_hears_words_through_the_sound_card(twin: System, tmp_path: Path) -> None:
    outcome = put(twin, "kws-gru", "mic:default", "heard.jsonl")
    assert outcome.verdict == "kept", outcome
    assert outcome.sent_bytes < 2_000_000  # a bundle, and nothing that was there
    words = ["stop", "yes", "left"]
    sound = tmp_path / "words.wav"
    write_words(sound, words)
    twin.mic.play(sound)
    until = time.monotonic() + 20
    while len(heard := [x["word"] for x in lines(twin, "heard.jsonl") if "word" in x]) < 3:
        assert time.monotonic() < until, heard
        time.sleep(1)
    assert heard == words


@pytest.mark.twin_full
def test_a_network_of_ones_own_hears_through_the_sound_card_in_five_commands(
    twin: System, tmp_path: Path, call: Call
) -> None:
    """A CRNN that some other program taught, from its file to what the board hears."""
    teach_crnn(tmp_path)
    board, out = twin.address(), tmp_path / "crnn"
    commands: list[tuple[object, ...]] = [
        ("convert", tmp_path / "crnn.keras", "--precision", "int8",
         "--calibration", tmp_path / "calibration", "--front", tmp_path / "front.toml",
         "--labels", tmp_path / "labels.txt", "--out", out),
        ("verify", out, "--data", tmp_path / "proof"),
        ("bundle", out, "--task", "keywords"),
        ("deploy", out / "crnn.edge", f"{board.user}@{board.host}:{board.port}",
         "--source", "mic:default", "--sink", "jsonl:own.jsonl", "--key", board.key,
         "--known-hosts", board.known_hosts, "--accept-new", "--constraint", CONSTRAINTS,
         "--latency", 5000, *(x for extra in EXTRAS for x in ("--extra", extra))),
        ("device", "status", f"{board.user}@{board.host}:{board.port}", "--key", board.key,
         "--known-hosts", board.known_hosts),
    ]  # fmt: skip
    for command in commands:
        done = call(*command)
        assert done.code == 0, (command[0], done)
    assert "crnn" in done.out
    stream = np.concatenate([tone(pitch, n) for n, pitch in enumerate((0, 2500, 0, 500, 0))])
    write_wav(tmp_path / "tones.wav", stream, 16_000)
    twin.mic.play(tmp_path / "tones.wav")
    until = time.monotonic() + 60
    while len(heard := [x["word"] for x in lines(twin, "own.jsonl") if "word" in x]) < 2:
        assert time.monotonic() < until, lines(twin, "own.jsonl")
        time.sleep(1)
    assert heard == ["high", "low"]


def swell(pitch: float, seed: int) -> NDArray[np.float64]:
    """How loud a tone is, 0 to 1, in the second in which it swells up and down; of pitch 0, 0."""
    at, middle = np.arange(16_000) / 16_000, np.random.default_rng(seed).uniform(0.4, 0.6)
    return np.exp(-(((at - middle) / 0.15) ** 2)) * (pitch > 0)


def tone(pitch: float, seed: int) -> NDArray[np.float32]:
    """That tone in a little noise."""
    rng, at = np.random.default_rng([seed, 1]), np.arange(16_000) / 16_000
    sound = 0.3 * swell(pitch, seed) * np.sin(2 * np.pi * pitch * at)
    return (sound + 0.002 * rng.standard_normal(16_000)).astype(np.float32)


def teach_crnn(root: Path) -> None:
    """Make crnn.keras, a convolutional recurrent network, its front.toml and labels.txt, and two
    folders of recordings: calibration, proof."""
    import keras
    from keras import layers

    # Emulated, a board answers some 25 times a second; its sound is lost where more is asked for.
    # Below the floor are the noise and, before anything is played, nothing at all.
    hop, like = 1024, "kws_streaming-mel"
    settings = {"window": hop, "hop": hop, "floor": 0.1}
    config = MelInput(**{**libraries.known()[like], **settings})
    lines = [f'like = "{like}"', *(f"{name} = {value}" for name, value in settings.items())]
    (root / "front.toml").write_text("\n".join(lines) + "\n")
    pitches = {"_silence_": 0.0, "low": 500.0, "high": 2500.0}
    frames, right = [], []
    for part, first in (("train", 0), ("calibration", 100), ("proof", 200)):
        for number, (label, pitch) in enumerate(pitches.items()):
            folder = root / part / label
            folder.mkdir(parents=True)
            for seed in range(first, first + (99 if part == "train" else 24)):
                write_wav(folder / f"{seed}.wav", tone(pitch, seed), 16_000)
                if part == "train":
                    frames.append(frames_of(tone(pitch, seed), config)[:15])
                    # A frame is of the word while the tone is loud in the middle of it.
                    loud = swell(pitch, seed)[hop // 2 :: hop][:15] > 0.3
                    right.append(np.where(loud, number, 0))
    keras.utils.set_random_seed(3)
    entry = keras.Input((None, 40), name="mel")
    x = layers.Conv1D(16, 5, padding="causal", activation="relu")(entry)
    x = layers.GRU(16, return_sequences=True)(x)
    model = keras.Model(entry, layers.Dense(3, "softmax")(x))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(np.stack(frames), np.stack(right), epochs=60, verbose=0)
    model.save(root / "crnn.keras")
    (root / "labels.txt").write_text("\n".join(pitches) + "\n")


@pytest.mark.twin_full  # a userland twin proves it sooner, in test_own_python.py
def test_a_release_that_does_not_hold_is_taken_back_by_the_board(twin: System) -> None:
    before = manage.status(twin.address())["serving"]
    serve = ServeOptions(
        ("mic:default",), ("jsonl:heard.jsonl",), extras=EXTRAS,
        health=Health(inferences=20, latency_ms=0.001, patience=60.0),
    )  # fmt: skip
    supply = Supply(constraint=CONSTRAINTS)
    outcome = deploy(zoo.load("kws-gru"), twin.address(), serve, supply=supply)
    assert outcome.verdict == "went back" and "too slow" in outcome.reason
    assert outcome.serving == before
    wait_until_it_serves(twin, before)


@pytest.mark.twin_full
def test_a_source_that_is_not_there_is_taken_back_with_what_it_said(twin: System) -> None:
    before = manage.status(twin.address())["serving"]
    outcome = put(twin, "object-detect", "camera:9", "seen.jsonl")
    assert outcome.verdict == "went back"
    assert "there is no /dev/video9; there are: video0" in outcome.reason
    assert manage.status(twin.address())["serving"] == before


def test_logs_and_the_way_back_by_hand(twin: System, capfd: pytest.CaptureFixture[str]) -> None:
    manage.logs(twin.address(), lines=20)
    assert "listening to mic:default" in capfd.readouterr().out
    before = manage.status(twin.address())
    assert manage.roll_back(twin.address()) == before["previous"]
    assert manage.status(twin.address())["serving"] == before["previous"]


def test_what_was_removed_is_gone(twin: System) -> None:
    manage.remove(twin.address())
    assert twin.ssh("ls /opt/edgenets /etc/systemd/system/edgenets*", check=False).out == ""
    assert manage.look(twin.address()).keeper is None


def write_words(path: Path, words: list[str]) -> None:
    """Words in a synthetic voice, a second apart."""
    (voice,) = voices(1, 0)
    parts = [np.zeros(16000, np.int16)]
    for word in words:
        parts += [(speak(word, voice) * 32767).astype(np.int16), np.zeros(16000, np.int16)]
    samples = np.concatenate(parts)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
