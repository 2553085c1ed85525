"""Which decoding a third-party model's outputs want, found by their names, shapes and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    MaskDecoding,
    Scores,
    SsdHead,
    YoloHead,
)

from .sources.ends import End

# Labels that stand for nothing in common lists.
_NOTHING = re.compile(r"(background|\?\?\?|n/a|unused|none)( \(\d+\))?", re.IGNORECASE)

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """What is known of a model's outputs before it is run."""

    ends: Mapping[str, End]  # what makes each, by name
    scores: Scores | None = None  # as the user states


def decoding_of(
    task: ImageTask, artifact: Artifact, session: Session, frame: ImageInput, labels: Labels,
    guesses: list[str], said: Said,
) -> tuple[ImageDecoding, Labels]:  # fmt: skip
    """The decoding of a model, and its labels, which may need a background before them.

    Args:
        session: the model, to see what it answers.
        guesses: what is guessed is added to it.
        said: what is known already.

    Raises:
        ModelError: the outputs are none that are known for the task.
    """
    if task == "classify":
        return _class(artifact, session, frame, labels, guesses, said)
    if task == "segment":
        return _mask(artifact, labels, guesses)
    return _boxes(artifact, session, frame, labels, guesses, said)


def _class(
    artifact: Artifact, session: Session, frame: ImageInput, labels: Labels, guesses: list[str],
    said: Said,
) -> tuple[ClassDecoding, Labels]:  # fmt: skip
    info = _only(artifact, "scores of labels")
    labels = _with_background(labels, info.shape[-1], artifact, guesses)
    if info.elements != len(labels):
        raise ModelError(
            f"{artifact.files[0]}: gives {info.elements} scores; {len(labels)} labels were given"
        )
    values = _answer(session, frame)[info.name].reshape(-1)
    scores, why = _scores(info.name, values, said)
    if why:
        guesses.append(f"scores are {scores}: {why}")
    return ClassDecoding(
        output=info.name, scores=scores, top=3, threshold=0.1, background=_nothing(labels)
    ), labels


def _scores(output: str, values: Array, said: Said) -> tuple[Scores, str]:
    """Whether an output's numbers are probabilities, and why; nothing where the user states it."""
    if said.scores is not None:
        return said.scores, ""
    end = said.ends.get(output, End())
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


def _boxes(
    artifact: Artifact, session: Session, frame: ImageInput, labels: Labels, guesses: list[str],
    said: Said,
) -> tuple[BoxDecoding, Labels]:  # fmt: skip
    ssd = _ssd(artifact)
    if ssd is not None:
        guesses.append("outputs are those of TFLite_Detection_PostProcess: boxes, labels, scores")
        return BoxDecoding(head=ssd, threshold=0.5, background=_nothing(labels)), labels
    if len(artifact.outputs) == 1 and len(artifact.outputs[0].shape) == 3:
        return _yolo(artifact, session, frame, labels, guesses, said), labels
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


def _yolo(
    artifact: Artifact, session: Session, frame: ImageInput, labels: Labels, guesses: list[str],
    said: Said,
) -> BoxDecoding:  # fmt: skip
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
    grid = _answer(session, frame)[info.name][0]
    grid = grid.T if transposed else grid
    normalised = bool(np.abs(grid[:, :4]).max() <= 2.0)
    inside = bool(grid[:, 4:].min() >= 0 and grid[:, 4:].max() <= 1)
    scores: Scores = said.scores or ("probabilities" if inside else "logits")
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


def _answer(session: Session, frame: ImageInput) -> dict[str, Any]:
    """What the model says to the golden drawing."""
    given = np.empty(frame.shape, np.float32)
    Preprocessor(frame).into(golden_image(frame), given)
    return session.run({frame.name: given})


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
