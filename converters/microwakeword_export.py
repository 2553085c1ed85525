"""A trained word as a microWakeWord model, which ESPHome runs on an ESP32.

A run folder becomes a `.tflite` that keeps its state itself, takes the features of TFLite Micro's
audio frontend in 8 bits and gives the probability of one word, and the JSON that says how it is
decided. What is written is opened again and held against the model on the streams that training
kept, or on the validation clips.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgenets import backend, runs, tasks
from edgenets.bundle import Bundle
from edgenets.errors import ConversionError, GateFailed
from edgenets.files import Json, replacing
from edgenets.progress import Progress
from edgenets.quantization import Quantization
from edgenets.sound.input import MicroFrontendInput
from edgenets.tasks.keywords.decoding import means, softmax
from edgenets.tasks.keywords.spec import KeywordSpec

from .microwakeword import bundle_of
from .step.convert import Steps
from .step.graph import Activation, Linear, Op, Pool, StepGraph
from .step.stateful import StatefulWriter
from .step.walk import walk

if TYPE_CHECKING:
    import keras

# Features from 0 to 26 in 8 bits, as all of microWakeWord's models take them.
FEATURES = Quantization(26 / 255, -128, "int8")

# Streams that the model answers at once.
_BATCH = 64

# Devices since this release read what is written here.
_ESPHOME = "2024.7.0"

# B that TFLite Micro needs beside the largest tensors, for what it knows of every operator; and
# what of it is to spare.
_AN_OPERATOR, _SPARE = 250, 1.3


@dataclass(frozen=True)
class Exported:
    """What was written."""

    model: Path
    manifest: Path
    word: str
    bytes: int
    agreement: float  # share of streams that are decided as the model does
    streams: int


def export(
    run: runs.Run, data: Path, out: Path, word: str | None = None, progress: Progress | None = None
) -> Exported:
    """Write `OUT/WORD.tflite` and `OUT/WORD.json`.

    Args:
        data: what it was trained on, to calibrate and to verify by.
        out: a folder, which is made.
        word: of those that it hears; None: the only one.

    Raises:
        ConversionError: it is no such model; the message says what is missing.
        GateFailed: what was written does not decide as the model does.
        MissingExtra: ai-edge-litert or pymicro-features is not installed.
    """
    progress = progress or Progress()
    spec, keras_model = _spec(run), run.model()
    word = _word(spec, word)
    task = tasks.sequence_task(spec.task)
    walked = alone(walk(keras_model), spec.labels.index(word))
    clips = task.calibration(run, data, progress)
    steps = Steps(walked, clips, run.recipe.quantize, progress)
    graph, plan = steps.planned()
    content = StatefulWriter(graph, plan).write_stateful(FEATURES)
    out.mkdir(parents=True, exist_ok=True)
    model, manifest = out / f"{word}.tflite", out / f"{word}.json"
    with replacing(model) as beside:
        beside.write_bytes(content)
    plain = _manifest(spec, word, _arena(graph))
    with replacing(manifest) as beside:
        beside.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    samples = task.samples(run, data, progress)
    place = spec.labels.index(word)
    wanted = _posteriors(keras_model, spec, list(samples.features), place)
    agreement = _agreement(spec, manifest, word, list(samples.features), wanted)
    if agreement < run.recipe.gate.agreement:
        raise GateFailed(
            f"{model}: decides {agreement:.1%} of {len(samples.features)} {samples.kind} as the "
            f"model does; at least {run.recipe.gate.agreement:.1%} is needed"
        )
    return Exported(model, manifest, word, len(content), agreement, len(samples.features))


def _spec(run: runs.Run) -> KeywordSpec:
    """The spec of a run whose model hears words in the features of such devices."""
    spec = run.spec
    if not isinstance(spec, KeywordSpec):
        raise ConversionError(f"{run.folder}: microWakeWord hears words; this is for {spec.task}")
    if not isinstance(spec.input, MicroFrontendInput):
        raise ConversionError(
            f"{run.folder}: takes {spec.input.kind} features; microWakeWord's devices compute "
            f'those of kind = "micro-frontend" in [features]; train the recipe microwakeword, or '
            f"your own with them"
        )
    return spec


def _word(spec: KeywordSpec, word: str | None) -> str:
    if word is None and len(spec.reported) == 1:
        return spec.reported[0]
    if word not in spec.reported:
        raise ConversionError(
            f"such a model hears one word; --word {'|'.join(spec.reported)} says which"
        )
    return word


def alone(graph: StepGraph, word: int) -> StepGraph:
    """The graph that gives the probability of one label instead of the logits of all.

    The operators of such devices have no softmax. The highest of the other labels stands for all
    of them: where one label is likely, that is the same.

    Raises:
        ConversionError: the logits come of no matrix product.
    """
    *ops, last = graph.ops
    if not isinstance(last, Linear) or last.output != graph.output or last.fused != "none":
        raise ConversionError(f"{graph.name}: its last layer is no plain Dense one")
    others = [n for n in range(last.weights.shape[1]) if n != word]
    above, most = f"{last.output}/above", f"{last.output}/most"
    less, probability = f"{last.output}/less", f"{last.output}/probability"
    minus = np.full((1, 1), -1.0, np.float32)
    made: list[Op] = [
        Linear(
            last.inputs, above, last.layer,
            last.weights[:, others] - last.weights[:, [word]],
            last.bias[others] - last.bias[word],
        ),
        Pool((above,), most, last.layer, "max", (1, len(others)), (1, 1), len(others)),
        Linear((most,), less, last.layer, minus, np.zeros(1, np.float32)),
        Activation((less,), probability, last.layer, "sigmoid"),
    ]  # fmt: skip
    shapes = {name: shape for name, shape in graph.shapes.items() if name != last.output}
    frames, _ = graph.shapes[last.output]
    shapes |= {
        above: (frames, len(others)),
        **dict.fromkeys((most, less, probability), (frames, 1)),
    }
    return replace(graph, ops=(*ops, *made), shapes=shapes, outputs=(("probability", probability),))


def _manifest(spec: KeywordSpec, word: str, arena: int) -> Json:
    decoding = spec.decoding
    return {
        "type": "micro",
        "wake_word": word.replace("_", " "),
        "author": "edgenets",
        "website": "",
        "model": f"{word}.tflite",
        "trained_languages": ["en"],
        "version": 2,
        "micro": {
            "probability_cutoff": round(spec.threshold_of(word), 4),
            "feature_step_size": round(1000 * spec.input.frame_seconds),
            "sliding_window_size": decoding.smoothing,
            "tensor_arena_size": arena,
            "minimum_esphome_version": _ESPHOME,
        },
    }


def _arena(graph: StepGraph) -> int:
    """B of working memory that TFLite Micro is to be given, generously."""
    states = sum(int(np.prod(graph.shapes[state.input])) for state in graph.states)
    largest = sorted(int(np.prod(shape)) for shape in graph.shapes.values())[-3:]
    needed = 2 * states + sum(largest) + _AN_OPERATOR * (len(graph.ops) + 3 * len(graph.states))
    return -(-int(_SPARE * needed) // 1000) * 1000


def _agreement(
    spec: KeywordSpec,
    manifest: Path,
    word: str,
    streams: Sequence[NDArray[np.float32]],
    posteriors: Iterable[NDArray[np.float32]],
) -> float:
    """The share of streams in which the file hears the word where the model does.

    Args:
        posteriors: the model's, of the word, at every step of each stream.
    """
    bundle: Bundle = bundle_of(manifest, manifest.with_suffix(".edge"))
    try:
        (artifact,) = bundle.artifacts
        session = backend.load("tflite", artifact, bundle.files(artifact))
        found = [backend.run_sequence(session, frames)[..., 0].ravel() for frames in streams]
    finally:
        bundle.path.unlink()
    least, same = spec.threshold_of(word), 0
    for wanted, own in zip(posteriors, found, strict=True):
        smoothed = (means(p[: len(wanted), None], spec.decoding.smoothing) for p in (own, wanted))
        heard = [bool(p.max() > least) for p in smoothed]
        same += heard[0] == heard[1]
    return same / len(streams)


def _posteriors(
    model: keras.Model, spec: KeywordSpec, streams: Sequence[NDArray[np.float32]], place: int
) -> Iterator[NDArray[np.float32]]:
    """The model's posterior of a label at every step of each stream, (steps,)."""
    step = spec.step.frames
    usable = [frames[: len(frames) - len(frames) % step] for frames in streams]
    for _, group in itertools.groupby(usable, len):  # streams of one length at once
        scores = model.predict(np.stack(list(group)), batch_size=_BATCH, verbose=0)
        yield from softmax(scores)[..., place]
