"""MLPerf Tiny's keyword model by our conversion paths, beside the files that its makers published.

    python -m tests.benchmarks.mlperf_tiny MODELS CLIPS

MODELS holds kws_ref_saved_model/, kws_ref_model_float32.tflite, kws_ref_model_int8.tflite and
kws_ref_model_qdq.onnx of MLPerf Tiny; CLIPS a folder a label of Speech Commands' test clips. The
features are those of the benchmark's training (Banbury et al. 2021, arXiv:2106.07597): ten
cepstral coefficients of 40 mel bands, windows of 30 ms every 20 ms, of sound brought to its peak.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.source import open_source
from edgenets.sound import audio

LABELS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "_silence_",
          "_unknown_")  # fmt: skip

RATE, WINDOW, HOP, COEFFICIENTS = 16_000, 480, 320, 10
PUBLISHED = ("kws_ref_model_float32.tflite", "kws_ref_model_int8.tflite", "kws_ref_model_qdq.onnx")

# Clips to calibrate on, taken at equal distances; none of them is measured.
CALIBRATION = 240


def features(clips: NDArray[np.float32]) -> NDArray[np.float32]:
    """(clips, 49, 10, 1) of (clips, 16,000) sound in −1 … 1."""
    import tensorflow as tf

    sound = clips / np.maximum(clips.max(axis=1, keepdims=True), 1e-9)
    spectra = tf.abs(tf.signal.stft(sound, WINDOW, HOP, window_fn=tf.signal.hann_window))
    mel = tf.signal.linear_to_mel_weight_matrix(40, spectra.shape[-1], RATE, 20.0, 4000.0)
    logarithms = tf.math.log(tf.tensordot(spectra, mel, 1) + 1e-6)
    found = tf.signal.mfccs_from_log_mel_spectrograms(logarithms)[..., :COEFFICIENTS]
    return np.asarray(found, np.float32)[..., None]


def read(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All clips of a folder, (clips, 16,000), and the number of the label of each."""
    clips, labels = [], []
    for number, label in enumerate(LABELS):
        for path in sorted((folder / label).iterdir()):
            sound = audio.read(path, RATE)[:RATE]
            clips.append(np.pad(sound, (0, RATE - len(sound))))
            labels.append(number)
    return np.stack(clips).astype(np.float32), np.array(labels)


def accuracy(item: Written, came: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Of an artifact, item by item, on the backend that a device would use."""
    artifact = item.artifact
    session = backend.load(backend.backend_of(artifact), artifact, item.files)
    (source,), (result,) = artifact.inputs, artifact.outputs
    rows = came.reshape(-1, *source.shape[1:])
    found = [session.run({source.name: row[None]})[result.name].argmax() for row in rows]
    return float(np.mean(np.array(found) == labels))


def main(models: Path, folder: Path) -> None:
    clips, labels = read(folder)
    every = features(clips)
    chosen = np.linspace(0, len(every) - 1, CALIBRATION).astype(int)
    rest = np.setdiff1d(np.arange(len(every)), chosen)
    came, wanted = every[rest], labels[rest]
    print(f"{len(came):,} clips, {len(chosen)} others to calibrate on")
    figures: dict[str, float] = {}

    def report(name: str, item: Written) -> None:
        figures[name] = accuracy(item, came, wanted)
        print(f"{name:44} {figures[name]:8.2%}  {item.size / 1024:7.1f} kB", flush=True)

    for name in PUBLISHED:
        source = open_source(models / name)
        job, own = Job(source), source.precision
        format: Any = source.kind
        (item,) = convert_source(job, (format,), (own,)).written
        report(f"published {name}", item)
    source = open_source(models / "kws_ref_model_qdq.onnx")
    for item in convert_source(Job(source), ("tflite", "openvino"), ("int8",)).written:
        report(f"its QDQ file as {item.artifact.id}", item)
    source = open_source(models / "kws_ref_saved_model")
    job = Job(source, {source.inputs[0].name: every[chosen]})
    for item in convert_source(job, FORMATS, ("fp32", "int8")).written:
        report(f"ours {item.artifact.id}", item)
    best = figures["published kws_ref_model_int8.tflite"]
    for name in ("ours tflite-int8", "ours onnx-int8", "ours openvino-int8"):
        print(f"{name}: {100 * (figures[name] - best):+.2f} points from the published int8 file")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
