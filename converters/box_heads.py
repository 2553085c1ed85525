"""How a third-party detector gives its boxes: every reading of its outputs' shapes, and the one
that what it says to a drawing leaves.

A shape has several readings where its numbers add up in several ways: `[1, 300, 6]` is a list of
boxes with score and label, or a grid of two labels. What the model answers settles it: sizes are
not negative, labels are whole, scores lie between 0 and 1. Where more than one reading is left,
the model is refused with all of them; none is taken in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgenets.arrays import Array
from edgenets.artifact import TensorInfo
from edgenets.errors import ModelError
from edgenets.tasks.vision.spec import (
    MOST_KEYPOINTS,
    MOST_PROTOTYPES,
    BoxDecoding,
    Detail,
    Keypoints,
    ListHead,
    ObjectMasks,
    Rotation,
    SsdHead,
    YoloHead,
)

from .opened import BoxesAs, DetailAs, Opened, OutputsAs

# Boxes whose numbers are all below this are fractions of the image, not pixels.
_FRACTIONS = 2.0

# What a box may stand out of the frame, of its size.
_OVER = 0.1

# An angle lies within a turn to either side.
_TURN = 2 * np.pi


@dataclass(frozen=True)
class _Reading:
    """One way to read an output."""

    head: YoloHead | ListHead
    boxes: BoxesAs
    labels: int

    @property
    def detail(self) -> DetailAs:
        """As `--detail` has it."""
        found = self.head.detail
        if isinstance(found, Keypoints):
            return "keypoints" if found.scored else "keypoints-xy"
        if isinstance(found, Rotation):
            return "rotation"
        return "none" if found is None else "masks"

    @property
    def before(self) -> int:
        """Columns before those of the detail."""
        if isinstance(self.head, ListHead):
            return 6
        return 4 + self.head.objectness + self.labels

    def table(self, output: Array) -> Array:
        """The rows of an output: a box each."""
        rows = output.reshape(output.shape[-2:])
        return rows.T if isinstance(self.head, YoloHead) and self.head.transposed else rows

    def __str__(self) -> str:
        what = {
            "grid": "a grid of places",
            "list": "a list of boxes by their corners",
            "centred": "a list of boxes by their middles",
        }[self.boxes]
        if isinstance(self.head, YoloHead):
            what += ", a row each" if self.head.transposed else ""
            what += f", with {self.labels} score(s)" + " and objectness" * self.head.objectness
        detail = self.head.detail
        if isinstance(detail, Keypoints):
            what += f", {detail.count} keypoints of {3 if detail.scored else 2} numbers"
        elif isinstance(detail, Rotation):
            what += ", an angle"
        elif isinstance(detail, ObjectMasks):
            what += f", factors of {detail.count} prototypes"
        return what


def boxes_of(opened: Opened, labels: int) -> BoxDecoding:
    """The decoding of a detector.

    Args:
        labels: how many it has.

    Raises:
        ModelError: its outputs are none that are known, or have several readings.
    """
    ssd = _ssd(opened.artifact.outputs)
    if ssd is not None:
        opened.guesses.append(
            "outputs are those of TFLite_Detection_PostProcess: boxes, labels, scores"
        )
        return BoxDecoding(head=ssd, threshold=0.5)
    main, prototypes = _tensors(opened)
    reading = _settled(opened, main, labels, _readings(main, prototypes, labels))
    head = _completed(opened, reading)
    return BoxDecoding(head=head)


def _ssd(outputs: Sequence[TensorInfo]) -> SsdHead | None:
    """The four outputs of TensorFlow's SSDs, whatever they are called."""
    by_shape: dict[int, list[TensorInfo]] = {1: [], 2: [], 3: []}
    for info in outputs:
        by_shape.setdefault(len(info.shape), []).append(info)
    if [len(by_shape[n]) for n in (1, 2, 3)] != [1, 2, 1] or len(outputs) != 4:
        return None
    (boxes,), (count,) = by_shape[3], by_shape[1]
    if boxes.shape[-1] != 4:
        return None
    classes, scores = by_shape[2]  # in the order in which the operator gives them
    if "score" in classes.name.lower() or classes.name > scores.name:
        classes, scores = scores, classes
    return SsdHead(boxes=boxes.name, classes=classes.name, scores=scores.name, count=count.name)


def _tensors(opened: Opened) -> tuple[TensorInfo, TensorInfo | None]:
    """The output that has boxes, and that of prototypes, if there is one."""
    outputs = opened.artifact.outputs
    main = [info for info in outputs if len(info.shape) == 3 and info.shape[0] == 1]
    others = [info for info in outputs if info not in main]
    if len(main) == 1 and not others:
        return main[0], None
    if len(main) == 1 and len(others) == 1 and len(others[0].shape) == 4:
        return main[0], others[0]
    shapes = ", ".join(f"'{o.name}' {list(o.shape)}" for o in outputs)
    raise ModelError(
        f"{opened.name}: gives {shapes}; known are the four outputs of "
        f"TFLite_Detection_PostProcess, and YOLO's [1, n, 4 + labels + …], with prototypes of "
        f"masks beside it or without"
    )


def _readings(main: TensorInfo, prototypes: TensorInfo | None, labels: int) -> Iterator[_Reading]:
    """All readings of a shape."""
    _, rows, columns = main.shape
    for transposed, width in ((False, columns), (True, rows)):
        for objectness in (False, True):
            more = width - 4 - objectness - labels
            for detail in _details(more, prototypes):
                head = YoloHead(
                    output=main.name, transposed=transposed, objectness=objectness, detail=detail
                )
                yield _Reading(head, "grid", labels)
    for detail in _details(columns - 6, prototypes):
        yield _Reading(ListHead(output=main.name, detail=detail), "list", labels)
        yield _Reading(ListHead(output=main.name, centred=True, detail=detail), "centred", labels)


def _details(columns: int, prototypes: TensorInfo | None) -> Iterator[Detail | None]:
    """What so many columns behind the scores may say."""
    if prototypes is not None:
        shape = prototypes.shape
        if 0 < columns <= MOST_PROTOTYPES and shape[1] == columns:
            yield ObjectMasks(prototypes=prototypes.name, count=columns, layout="nchw")
        if 0 < columns <= MOST_PROTOTYPES and shape[3] == columns != shape[1]:
            yield ObjectMasks(prototypes=prototypes.name, count=columns, layout="nhwc")
        return
    if columns == 0:
        yield None
    if columns == 1:
        yield Rotation()
    for each, scored in ((3, True), (2, False)):
        count, rest = divmod(columns, each)
        if not rest and 1 <= count <= MOST_KEYPOINTS:
            yield Keypoints(count=count, scored=scored)


def _settled(
    opened: Opened, main: TensorInfo, labels: int, readings: Iterator[_Reading]
) -> _Reading:
    """The one reading that agrees with what is said, and with what the model answers."""
    said = opened.said
    left = [
        reading
        for reading in readings
        if said.boxes in (None, reading.boxes) and said.detail in (None, reading.detail)
    ]
    fitting = _fitting(opened, left, opened.answer[main.name])
    if len(fitting) == 1:
        return fitting[0]
    gives = f"{opened.name}: gives {list(main.shape)}"
    if fitting:
        raise ModelError(
            f"{gives}: {'; or '.join(map(str, fitting))}? What it finds on a drawing does not "
            f"tell; say {_choices(fitting)}"
        )
    # A shape that has one reading is read so, whatever it answers to a drawing.
    wanted = _wanted(said)
    if len(left) == 1 and (wanted or left[0].head.detail is None):
        return left[0]
    also = f". It is not {'; nor '.join(map(str, left))}: its answer says so" if left else ""
    raise ModelError(
        f"{gives}, which is no {f'output of {wanted}' if wanted else 'list of boxes'}, and no YOLO "
        f"grid of {labels} labels. A grid has 4 numbers a box, perhaps one more, and one a label; "
        f"a list has 6; then come keypoints, an angle, or factors of the prototypes in a second "
        f"output{also}"
    )


def _fitting(opened: Opened, readings: Sequence[_Reading], output: Array) -> list[_Reading]:
    """The readings that an answer agrees with."""
    found = [reading for reading in readings if _fits(opened, reading, output)]
    lists = [reading for reading in found if isinstance(reading.head, ListHead)]
    # Whole numbers in one column and falling ones in another are no accident of a grid.
    found = lists if any(_tells(reading, output) for reading in lists) else found
    # A grid has more places than numbers a place.
    shapes = [reading.table(output).shape for reading in found]
    tall = [one for one, (rows, columns) in zip(found, shapes, strict=True) if rows > columns]
    return tall if len(found) > 1 and tall else found


def _wanted(said: OutputsAs) -> str:
    """The options that say how boxes come."""
    options = (("boxes", said.boxes), ("detail", said.detail))
    return " ".join(f"--{name} {value}" for name, value in options if value)


def _choices(readings: Sequence[_Reading]) -> str:
    """The options that tell readings apart."""
    boxes = sorted({reading.boxes for reading in readings}, key=("list", "grid", "centred").index)
    details = sorted({reading.detail for reading in readings})
    said = [f"--boxes {' or '.join(boxes)}"] if len(boxes) > 1 else []
    said += [f"--detail {' or '.join(details)}"] if len(details) > 1 else []
    return " and ".join(said) or "another number of labels"


def _fits(opened: Opened, reading: _Reading, output: Array) -> bool:
    """Whether an answer can be read so."""
    rows = reading.table(output)
    own = isinstance(reading.head, ListHead)
    found = rows[rows[:, 4] > 0] if own else rows
    return (
        (_list_fits(rows, found, reading) if own else _grid_fits(rows, reading))
        and _inside(opened, found[:, :4], reading.boxes)
        and _detail_fits(found[:, reading.before :], found[:, :4], reading.head.detail)
    )


def _grid_fits(rows: Array, reading: _Reading) -> bool:
    """Whether sizes are no less than 0, and scores between 0 and 1 or logits, mostly below 0."""
    scores = rows[:, 4 : reading.before]
    logits = (scores.min(axis=0) < 0).all()
    return bool((rows[:, 2:4] >= 0).all() and (_within(scores) or logits))


def _list_fits(rows: Array, found: Array, reading: _Reading) -> bool:
    """Whether scores lie between 0 and 1, labels are whole, and boxes have a size."""
    labels = rows[:, 5]
    whole = np.array_equal(labels, np.round(labels))
    known = whole and labels.min() >= 0 and labels.max() < reading.labels
    first, last = found[:, :2], found[:, 2:4]
    sized = (last >= 0).all() if reading.boxes == "centred" else (last >= first).all()
    return bool(known and _within(rows[:, 4]) and sized)


def _tells(reading: _Reading, output: Array) -> bool:
    """Whether a list has found something, the best first."""
    scores = reading.table(output)[:, 4]
    return bool((np.diff(scores) <= 0).all() and len(np.unique(scores)) > 1)


def _inside(opened: Opened, boxes: Array, kind: BoxesAs) -> bool:
    """Whether boxes lie in the frame, or a little out of it."""
    if kind == "grid" or not len(boxes):  # of places that see nothing they lie anywhere
        return True
    first, last = boxes[:, :2], boxes[:, 2:]
    if kind == "centred":
        first, last = first - last / 2, first + last / 2
    size = np.array((opened.frame.width, opened.frame.height), np.float32)
    size = np.ones(2, np.float32) if _normalised(boxes) else size
    return bool((first >= -_OVER * size).all() and (last <= (1 + _OVER) * size).all())


def _detail_fits(columns: Array, boxes: Array, detail: Detail | None) -> bool:
    """Whether what comes with boxes can be what it is read as."""
    if isinstance(detail, Rotation):
        # A column of one value, or of scores, is no angle.
        angle = columns[:, 0]
        outside = len(angle) and (angle.min() < 0 or angle.max() > 1)
        return bool(outside and np.abs(angle).max() <= _TURN)
    if isinstance(detail, Keypoints) and len(columns):
        points = columns.reshape(len(columns), detail.count, -1)
        scores, places = points[..., 2:], points[..., :2]
        if detail.scored and not _within(scores):
            return False
        # In pixels, no column of places is one of scores.
        return bool(_normalised(boxes) or (places.max(axis=0) > 1).all())
    return True


def _within(values: Array) -> bool:
    return bool(not values.size or (values.min() >= 0 and values.max() <= 1))


def _normalised(boxes: Array) -> bool:
    largest = np.abs(boxes).max() if boxes.size else 0
    return bool(0 < largest <= _FRACTIONS)


def _completed(opened: Opened, reading: _Reading) -> YoloHead | ListHead:
    """The head of a reading, with what only an answer tells."""
    head = reading.head
    rows = reading.table(opened.answer[head.output])
    normalised = _normalised(rows[:, :4])
    where = "fractions of the image" if normalised else "pixels"
    if isinstance(head, ListHead):
        opened.guesses.append(f"{reading}, which the model has suppressed itself, in {where}")
        return replace(head, normalised=normalised)
    inside = _within(rows[:, 4 : reading.before])
    scores = opened.said.scores or ("probabilities" if inside else "logits")
    opened.guesses.append(f"a YOLO grid: {reading}, boxes in {where}, scores as {scores}")
    return replace(head, normalised=normalised, scores=scores)
