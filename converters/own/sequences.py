"""Specs of models of one's own that take sound, texts or series."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from edgenets import backend, records
from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo, Window
from edgenets.errors import ModelError
from edgenets.files import Json
from edgenets.spec import ModelSpec, spec_as
from edgenets.stepspec import StreamSpec
from edgenets.tasks import task_of
from edgenets.tasks.own import OwnInput, OwnModel

from ..formats import Written
from ..verify.called import is_step
from .front import Front
from .options import OwnOptions
from .window import geometry

# A model of a window is asked so often in its length; and no more often than its frames come.
_ANSWERS_A_WINDOW = 10

# Answers that scores are recognized by.
_TRIED = 32

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


@dataclass(frozen=True)
class Taken:
    """A model as a bundle's spec has it."""

    spec: ModelSpec
    window: Window | None  # of a model that is no step model


@dataclass(frozen=True)
class Model:
    """What was converted, and what is said of it."""

    name: str
    item: Written  # the most exact of its artifacts
    options: OwnOptions
    front: Front
    labels: tuple[str, ...]
    guesses: list[str]  # what is guessed is added here

    @property
    def artifact(self) -> Artifact:
        """The most exact one."""
        return self.item.artifact

    @property
    def source(self) -> TensorInfo:
        """Its input."""
        return self.artifact.inputs[0]


@dataclass(frozen=True)
class _Stepped:
    """How a model is stepped."""

    window: Window | None
    step: Json  # of the spec

    def seconds(self, frame: float) -> float:
        """From one answer to the next, of frames of so many seconds."""
        return float(self.step["frames"]) * frame


def taken(model: Model) -> Taken:
    """The spec of a model of sound, texts or series.

    Raises:
        ModelError: its tensors are none of such a model's.
        RecordError: the front file says something wrong.
    """
    artifact, task = model.artifact, task_of(model.options.task)
    if len(artifact.inputs) != 1 or len(artifact.outputs) != 1:
        names = [info.name for info in (*artifact.inputs, *artifact.outputs)]
        raise ModelError(
            f"{model.name}: takes and gives {', '.join(names)}; one input and one output are "
            f"needed beside the states"
        )
    input, stepped, draw = _READERS[task.own_input](model)
    seconds = stepped.seconds(input.get("hop", 0) / input.get("sample_rate", 1))
    window = stepped.window
    own = task.own(
        OwnModel(
            model.name,
            model.labels,
            artifact.outputs[0].shape[-1],
            0 if window is None else window.frames,
            seconds,
            partial(_scores, model, window, draw),
            model.guesses.append,
        )
    )
    decoding = {**own.pop("decoding"), **model.front.decoding}
    head = {"name": model.name, "task": model.options.task, "labels": list(model.labels)}
    plain = {**head, "input": input, "decoding": decoding, "step": stepped.step, **own}
    spec = spec_as(records.parse(task.spec, plain, model.front.where), StreamSpec)
    given = artifact.outputs[0].shape[-1]
    if spec.scores != given:
        wanted = f"{spec.scores} labels were given" if task.own_labels else f"not {spec.scores}"
        raise ModelError(f"{model.name}: gives {given} numbers an answer; {wanted}")
    return Taken(spec, window)


def _sound(model: Model) -> tuple[Json, _Stepped, Draw]:
    if not model.front.kind:
        raise ModelError(
            f"{model.name}: what does it take of sound? --front FILE.toml says it, or the name of "
            f"a library; see docs/own-models.md"
        )
    size = model.source.elements
    if is_step(model.item):  # of one frame
        size //= model.source.shape[1]
    input = model.front.sound(size)
    return records.to_plain(input), _stepped(model, input.width, input.frame_seconds), _of_frames


def _text(model: Model) -> tuple[Json, _Stepped, Draw]:
    input, pad = model.front.text()
    holds: dict[str, Literal["last", "first"]] = {"before": "last", "after": "first"}
    stepped = _stepped(model, 1)
    if stepped.window is not None:
        if pad is None:
            pad = "after"
            model.guesses.append("texts are padded after their end: as TextVectorization does it")
        window = replace(stepped.window, holds=holds[pad], tokens=True)
        stepped = _Stepped(window, {**stepped.step, "warmup": 0})
    return records.to_plain(input), stepped, partial(_of_tokens, input.count)


def _series(model: Model) -> tuple[Json, _Stepped, Draw]:
    input = model.front.series()
    return records.to_plain(input), _stepped(model, input.width), _of_frames


def _stepped(model: Model, width: int, seconds: float | None = None) -> _Stepped:
    """How a model is stepped: by its states, or by a window where it has no step form.

    Args:
        width: numbers a frame.
        seconds: of a frame; None: an answer is wanted with every frame.
    """
    source, result = model.source, model.artifact.outputs[0]
    face: Json = {"input": source.name, "output": result.name}
    if is_step(model.item):
        if source.shape[2] != width:
            raise ModelError(
                f"{model.name}: takes {source.shape[2]} numbers a frame; its front end, "
                f"{model.front.where}, makes {width}"
            )
        return _Stepped(None, {**face, "frames": source.shape[1]})
    if result.elements != result.shape[-1]:
        raise ModelError(
            f"{model.name}: gives '{result.name}' {list(result.shape)} for a whole sequence; one "
            f"answer is needed, or a step form: convert --variant step"
        )
    found = geometry(model.name, source, width, model.options.preparation.layout)
    step = 1 if seconds is None else _frames_a_step(model, found.frames, seconds)
    warmup = math.ceil(found.frames / step) - 1
    window = Window(found.frames, step, turned=found.turned)
    return _Stepped(window, {**face, "frames": step, "warmup": warmup})


def _frames_a_step(model: Model, frames: int, seconds: float) -> int:
    """Frames from one answer of a window to the next."""
    if (every := model.options.every) is not None:
        return min(frames, max(1, round(every / seconds)))
    # A whole number of steps fills a window, so that a clip of its length has an answer.
    whole = [n for n in range(1, frames + 1) if frames % n == 0]
    step = min(whole, key=lambda n: abs(math.log(n * _ANSWERS_A_WINDOW / frames)))
    if not 0.5 <= step * _ANSWERS_A_WINDOW / frames <= 2:
        step = max(1, frames // _ANSWERS_A_WINDOW)
    model.guesses.append(
        f"asked every {step * seconds:.2g} s, of windows of {frames * seconds:.2g} s"
    )
    return step


def _of_frames(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def _of_tokens(count: int, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.integers(0, count, shape).astype(np.int32)


def _scores(model: Model, window: Window | None, draw: Draw) -> str:
    """What the model gives for labels: as the user says, or by answers to random inputs."""
    if model.options.outputs.scores is not None:
        return model.options.outputs.scores
    artifact = replace(model.artifact, window=window)
    session = backend.load(backend.backend_of(artifact), artifact, model.item.files)
    _, frames, width = session.artifact.inputs[0].shape
    given = draw(np.random.default_rng(0), (_TRIED * frames, width))
    found = backend.answers(session, given)
    inside = bool(found.min() >= 0 and found.max() <= 1 + 1e-3)
    kind = "probabilities: they lie" if inside else "logits: they do not lie"
    model.guesses.append(f"scores are {kind} between 0 and 1")
    return kind.partition(":")[0]


_READERS: dict[OwnInput, Callable[[Model], tuple[Json, _Stepped, Draw]]] = {
    "sound": _sound,
    "text": _text,
    "series": _series,
}
