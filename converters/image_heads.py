"""Which decoding a third-party model's outputs want, found by their names, shapes and values."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import Artifact, TensorInfo
from edgenets.errors import ModelError
from edgenets.tasks.vision.spec import (
    ClassDecoding,
    ImageDecoding,
    ImageTask,
    Layout,
    MaskDecoding,
    MaskForm,
    Scores,
)

from .box_heads import boxes_of
from .opened import Opened
from .sources.ends import End

# Labels that stand for nothing in common lists.
_NOTHING = re.compile(r"(background|\?\?\?|n/a|unused|none)( \(\d+\))?", re.IGNORECASE)

Labels = tuple[str, ...]


def decoding_of(task: ImageTask, opened: Opened, labels: Labels) -> tuple[ImageDecoding, Labels]:
    """The decoding of a model, and its labels, which may need a background before them.

    Raises:
        ModelError: the outputs are none that are known for the task.
    """
    if task == "classify":
        return _class(opened, labels)
    if task == "segment":
        return _mask(opened, labels)
    return replace(boxes_of(opened, len(labels)), background=_nothing(labels)), labels


def _class(opened: Opened, labels: Labels) -> tuple[ClassDecoding, Labels]:
    artifact, guesses = opened.artifact, opened.guesses
    info = _only(artifact, "scores of labels")
    labels = _with_background(labels, info.shape[-1], artifact, guesses)
    if info.elements != len(labels):
        raise ModelError(
            f"{artifact.files[0]}: gives {info.elements} scores; {len(labels)} labels were given"
        )
    values = opened.answer[info.name].reshape(-1)
    scores, why = _scores(info.name, values, opened)
    if why:
        guesses.append(f"scores are {scores}: {why}")
    return ClassDecoding(
        output=info.name, scores=scores, top=3, threshold=0.1, background=_nothing(labels)
    ), labels


def _scores(output: str, values: Array, opened: Opened) -> tuple[Scores, str]:
    """Whether an output's numbers are probabilities, and why; nothing where the user states it."""
    if opened.said.scores is not None:
        return opened.said.scores, ""
    end = opened.ends.get(output, End())
    # What is rounded to integers need not add up to 1: small probabilities are zeros.
    if end.kind in ("classes", "scores") and values.min() >= 0:
        return "probabilities", end.why
    adds_up = bool(values.min() >= -1e-3 and abs(values.sum() - 1) < 0.05)
    return (
        "probabilities" if adds_up else "logits",
        f"they {'add' if adds_up else 'do not add'} up to 1",
    )


def _mask(opened: Opened, labels: Labels) -> tuple[MaskDecoding, Labels]:
    info = _only(opened.artifact, "a score for every pixel and label, or every pixel's label")
    layout, count = _planes(opened, info, labels)
    values = opened.answer[info.name]
    if count > 1:
        labels = _with_background(labels, count, opened.artifact, opened.guesses)
        sums = values.sum(axis=1 if layout == "nchw" else -1)
        form: MaskForm = "scores"
        scores = _scores_of_mask(opened, values, bool(np.allclose(sums, 1, atol=0.05)))
    else:
        # Whole numbers of more than two labels are no scores.
        integers = info.dtype != "float32" and info.quantization is None
        whole = len(labels) > 2 and np.array_equal(values, np.round(values))
        labels = _of_one_plane(opened, labels, values, integers or whole)
        form, scores = "labels", "logits"
        if not integers and not whole:
            form, scores = "one", _scores_of_mask(opened, values, True)
            opened.guesses.append(f"one score for every pixel, of '{labels[1]}', as {scores}")
    return MaskDecoding(
        output=info.name, layout=layout, form=form, scores=scores, background=_nothing(labels)
    ), labels


def _scores_of_mask(opened: Opened, values: Array, adds_up: bool) -> Scores:
    """What the scores of a mask are."""
    inside = bool(values.min() >= 0 and values.max() <= 1 and adds_up)
    return opened.said.scores or ("probabilities" if inside else "logits")


def _of_one_plane(opened: Opened, labels: Labels, values: Array, numbers: bool) -> Labels:
    """The labels of a mask of one number a pixel: a score, or a label's number.

    Raises:
        ModelError: there are more or fewer of them than it can tell apart.
    """
    most = int(values.max()) if numbers else 1
    if numbers:
        opened.guesses.append("a label's number for every pixel")
    if len(labels) == 1 or (numbers and most == len(labels)):
        labels = _with_background(labels, len(labels) + 1, opened.artifact, opened.guesses)
    if most >= len(labels) or (not numbers and len(labels) != 2):
        raise ModelError(
            f"{opened.name}: gives one number a pixel, up to {values.max():g}; {len(labels)} "
            f"labels were given"
        )
    return labels


def _planes(opened: Opened, info: TensorInfo, labels: Labels) -> tuple[Layout, int]:
    """Where the labels of a mask are, and how many scores a pixel has."""
    shape = info.shape
    if len(shape) == 3 and shape[0] == 1:
        return "nhwc", 1
    found: list[tuple[Layout, int]] = []
    if len(shape) == 4 and shape[0] == 1:
        wanted = (1, len(labels), len(labels) + 1)
        every: tuple[tuple[Layout, int, int, int], ...] = (
            ("nhwc", shape[3], shape[1], shape[2]),
            ("nchw", shape[1], shape[2], shape[3]),
        )
        kept = [one for one in every if one[1] in wanted]
        frame = opened.frame
        # Where both axes have as many as there are labels, the frame's own shape tells.
        alike = [one for one in kept if one[2] * frame.width == one[3] * frame.height]
        found = [(one[0], one[1]) for one in (kept if len(kept) == 1 else alike)]
    if len(found) != 1:
        raise ModelError(
            f"{opened.name}: gives {list(shape)}; [1, rows, columns, labels] or [1, labels, rows, "
            f"columns] is needed, of {len(labels)} labels or one more for what is none of them"
        )
    return found[0]


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
