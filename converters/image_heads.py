"""Which decoding a third-party model's outputs want, found by their names, shapes and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.backend import Session
from edgenets.errors import ModelError
from edgenets.tasks.vision.golden import golden_image
from edgenets.tasks.vision.preprocess import Preprocessor
from edgenets.tasks.vision.spec import (
    BoxDecoding,
    ClassDecoding,
    ImageDecoding,
    ImageInput,
    ImageTask,
    ListHead,
    MaskDecoding,
    Scores,
    SsdHead,
    YoloHead,
)

from .sources.ends import End

# Labels that stand for nothing in common lists.
_NOTHING = re.compile(r"(background|\?\?\?|n/a|unused|none)( \(\d+\))?", re.IGNORECASE)

Labels = tuple[str, ...]

# How boxes come: all places of a grid with their scores, or a list of what was found.
BoxesAs = Literal["grid", "list"]

# Numbers of a row of a list: a box, its score, its label.
_LISTED = 6


@dataclass(frozen=True)
class Opened:
    """A third-party model that can be run, and what is known of its outputs."""

    artifact: Artifact
    session: Session
    frame: ImageInput
    ends: Mapping[str, End]  # what makes each output, by name
    scores: Scores | None  # what the user states them to be
    guesses: list[str]  # what is guessed is added here
    boxes: BoxesAs | None = None  # how boxes come, where that is said

    def answer(self) -> dict[str, Any]:
        """What the model says to the golden drawing."""
        given = np.empty(self.frame.shape, np.float32)
        Preprocessor(self.frame).into(golden_image(self.frame), given)
        return self.session.run({self.frame.name: given})


def decoding_of(task: ImageTask, opened: Opened, labels: Labels) -> tuple[ImageDecoding, Labels]:
    """The decoding of a model, and its labels, which may need a background before them.

    Raises:
        ModelError: the outputs are none that are known for the task.
    """
    if task == "classify":
        return _class(opened, labels)
    if task == "segment":
        return _mask(opened.artifact, labels, opened.guesses)
    return _boxes(opened, labels)


def _class(opened: Opened, labels: Labels) -> tuple[ClassDecoding, Labels]:
    artifact, guesses = opened.artifact, opened.guesses
    info = _only(artifact, "scores of labels")
    labels = _with_background(labels, info.shape[-1], artifact, guesses)
    if info.elements != len(labels):
        raise ModelError(
            f"{artifact.files[0]}: gives {info.elements} scores; {len(labels)} labels were given"
        )
    values = opened.answer()[info.name].reshape(-1)
    scores, why = _scores(info.name, values, opened)
    if why:
        guesses.append(f"scores are {scores}: {why}")
    return ClassDecoding(
        output=info.name, scores=scores, top=3, threshold=0.1, background=_nothing(labels)
    ), labels


def _scores(output: str, values: Array, opened: Opened) -> tuple[Scores, str]:
    """Whether an output's numbers are probabilities, and why; nothing where the user states it."""
    if opened.scores is not None:
        return opened.scores, ""
    end = opened.ends.get(output, End())
    # What is rounded to integers need not add up to 1: small probabilities are zeros.
    if end.kind in ("classes", "scores") and values.min() >= 0:
        return "probabilities", end.why
    adds_up = bool(values.min() >= -1e-3 and abs(values.sum() - 1) < 0.05)
    return (
        "probabilities" if adds_up else "logits",
        f"they {'add' if adds_up else 'do not add'} up to 1",
    )


def _mask(artifact: Artifact, labels: Labels, guesses: list[str]) -> tuple[MaskDecoding, Labels]:
    info = _only(artifact, "a score for every pixel and label")
    if len(info.shape) != 4 or info.shape[0] != 1:
        raise ModelError(
            f"{artifact.files[0]}: gives {list(info.shape)}; [1, rows, columns, labels] is needed"
        )
    labels = _with_background(labels, info.shape[-1], artifact, guesses)
    if info.shape[-1] != len(labels):
        raise ModelError(
            f"{artifact.files[0]}: tells {info.shape[-1]} labels apart; {len(labels)} were given"
        )
    return MaskDecoding(output=info.name, background=_nothing(labels)), labels


def _boxes(opened: Opened, labels: Labels) -> tuple[BoxDecoding, Labels]:
    artifact, guesses = opened.artifact, opened.guesses
    ssd = _ssd(artifact)
    if ssd is not None:
        guesses.append("outputs are those of TFLite_Detection_PostProcess: boxes, labels, scores")
        return BoxDecoding(head=ssd, threshold=0.5, background=_nothing(labels)), labels
    if len(artifact.outputs) == 1 and len(artifact.outputs[0].shape) == 3:
        if _is_list(opened, labels):
            return _list(opened, labels), labels
        return _yolo(opened, labels), labels
    shapes = ", ".join(f"'{o.name}' {list(o.shape)}" for o in artifact.outputs)
    raise ModelError(
        f"{artifact.files[0]}: gives {shapes}; known are the four outputs of "
        f"TFLite_Detection_PostProcess, and YOLO's single [1, n, 4 + labels]"
    )


def _ssd(artifact: Artifact) -> SsdHead | None:
    """The four outputs of TensorFlow's SSDs, whatever they are called."""
    by_shape: dict[int, list[TensorInfo]] = {1: [], 2: [], 3: []}
    for info in artifact.outputs:
        by_shape.setdefault(len(info.shape), []).append(info)
    if [len(by_shape[n]) for n in (1, 2, 3)] != [1, 2, 1] or len(artifact.outputs) != 4:
        return None
    (boxes,), (count,) = by_shape[3], by_shape[1]
    if boxes.shape[-1] != 4:
        return None
    classes, scores = by_shape[2]  # in the order in which the operator gives them
    if "score" in classes.name.lower() or classes.name > scores.name:
        classes, scores = scores, classes
    return SsdHead(boxes=boxes.name, classes=classes.name, scores=scores.name, count=count.name)


def _is_list(opened: Opened, labels: Labels) -> bool:
    """Whether the rows of an output are boxes that were found, not places of a grid.

    Raises:
        ModelError: it may be either.
    """
    (info,) = opened.artifact.outputs
    if info.shape[-1] != _LISTED:
        return False
    if opened.boxes is not None:
        return opened.boxes == "list"
    if len(labels) not in (1, 2):  # a grid of these has another width
        return True
    rows = opened.answer()[info.name].reshape(-1, _LISTED)
    found = rows[rows[:, 4] > 0]
    whole = np.array_equal(rows[:, 5], np.round(rows[:, 5])) and rows[:, 5].max() < len(labels)
    corners = (found[:, 2] >= found[:, 0]).all() and (found[:, 3] >= found[:, 1]).all()
    falling = (np.diff(rows[:, 4]) <= 0).all() and rows[:, 4].max() <= 1
    if len(found) and len(np.unique(rows[:, 4])) > 1:
        return bool(whole and corners and falling)
    raise ModelError(
        f"{opened.artifact.files[0]}: gives {list(info.shape)}: a list of boxes with score and "
        f"label, or a grid of {len(labels)} label(s) with 4 numbers a box? What it finds on a "
        f"drawing does not tell; say --boxes list or grid"
    )


def _list(opened: Opened, labels: Labels) -> BoxDecoding:
    (info,) = opened.artifact.outputs
    rows = opened.answer()[info.name].reshape(-1, _LISTED)
    normalised = bool(np.abs(rows[:, :4]).max() <= 2.0 and np.abs(rows[:, :4]).max() > 0)
    opened.guesses.append(
        f"a list of boxes that the model has suppressed itself, in "
        f"{'fractions of the image' if normalised else 'pixels'}"
    )
    head = ListHead(output=info.name, normalised=normalised)
    return BoxDecoding(head=head, background=_nothing(labels))


def _yolo(opened: Opened, labels: Labels) -> BoxDecoding:
    artifact, guesses = opened.artifact, opened.guesses
    (info,) = artifact.outputs
    _, rows, columns = info.shape
    wanted = {4 + len(labels): False, 5 + len(labels): True}
    if columns in wanted:
        transposed, objectness = False, wanted[columns]
    elif rows in wanted:
        transposed, objectness = True, wanted[rows]
    else:
        raise ModelError(
            f"{artifact.files[0]}: gives {list(info.shape)}, which is no YOLO grid of "
            f"{len(labels)} labels: 4 numbers a box, perhaps one more, and one a label"
        )
    grid = opened.answer()[info.name][0]
    grid = grid.T if transposed else grid
    normalised = bool(np.abs(grid[:, :4]).max() <= 2.0)
    inside = bool(grid[:, 4:].min() >= 0 and grid[:, 4:].max() <= 1)
    scores: Scores = opened.scores or ("probabilities" if inside else "logits")
    guesses.append(
        f"a YOLO grid, {'labels first' if transposed else 'boxes first'}, "
        f"{'with' if objectness else 'without'} objectness, boxes in "
        f"{'fractions of the image' if normalised else 'pixels'}, scores as {scores}"
    )
    head = YoloHead(
        output=info.name,
        transposed=transposed,
        objectness=objectness,
        normalised=normalised,
        scores=scores,
    )
    return BoxDecoding(head=head, background=_nothing(labels))


def _only(artifact: Artifact, what: str) -> TensorInfo:
    if len(artifact.outputs) != 1:
        names = ", ".join(o.name for o in artifact.outputs)
        raise ModelError(f"{artifact.files[0]}: gives {names}; one output is needed: {what}")
    return artifact.outputs[0]


def _with_background(labels: Labels, count: int, artifact: Artifact, guesses: list[str]) -> Labels:
    """The labels, with a background before them where the model has one more."""
    if count == len(labels) + 1 and "background" not in labels:
        guesses.append("its first label is the background: the model has one more than the list")
        return ("background", *labels)
    return labels


def _nothing(labels: Labels) -> Labels:
    return tuple(label for label in labels if _NOTHING.fullmatch(label.replace("∕", "/")))
