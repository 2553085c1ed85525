"""What a model of images is: its input with the preprocessing, its outputs with the decoding."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from edgenets.data.split import SplitShares
from edgenets.spec import ModelSpec, check_labels

ImageTask = Literal["classify", "detect", "segment"]
IMAGE_TASKS: tuple[ImageTask, ...] = get_args(ImageTask)

Color = Literal["bgr", "rgb", "grey"]
Resize = Literal["stretch", "letterbox", "crop"]
Scores = Literal["logits", "probabilities"]
Layout = Literal["nhwc", "nchw"]
MaskForm = Literal["scores", "one", "labels"]

# Bounds far above all use: beyond them a file is broken or hostile, and memory would run out.
LARGEST_SIDE = 4096  # pixels
MOST_DETECTIONS = 10_000
MOST_KEYPOINTS = 1000
MOST_PROTOTYPES = 1024


@dataclass(frozen=True)
class ImageInput:
    """How an image becomes the model's input: value = (pixel − mean) / std, pixel 0…255."""

    kind: Literal["image"] = "image"
    name: str = "image"  # of the tensor: (1, height, width, channels), or (1, channels, …)
    height: int = 96  # pixels
    width: int = 96  # pixels
    color: Color = "rgb"  # order of the channels
    # stretch: both sides to the model's; letterbox: as large as fits, grey around; crop: the
    # middle of the image in the model's shape.
    resize: Resize = "stretch"
    mean: tuple[float, ...] = (0.0,)  # one for all channels, or one each, in the order of `color`
    std: tuple[float, ...] = (255.0,)  # that pixels are divided by, less `mean`; as many
    layout: Layout = "nhwc"  # of the tensor; Keras trains in nhwc
    # Where an image is made smaller, each pixel is a mean over all that it covers, as Pillow and
    # torchvision have it; otherwise between four of them, as OpenCV has it.
    antialias: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.height <= LARGEST_SIDE and 1 <= self.width <= LARGEST_SIDE):
            raise ValueError(f"an image of {self.width} × {self.height} cannot be right")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise ValueError(f"{name} has 1 or {self.channels} values, one a channel")
        if not all(1e-6 <= s <= 1e6 for s in self.std) or not all(abs(m) <= 1e6 for m in self.mean):
            raise ValueError("std must be positive, and mean and std within reason")

    @property
    def channels(self) -> int:
        """Of the input tensor."""
        return 1 if self.color == "grey" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input tensor."""
        size = (self.height, self.width)
        return (1, *size, self.channels) if self.layout == "nhwc" else (1, self.channels, *size)


@dataclass(frozen=True)
class ClassDecoding:
    """One score a label for the whole image."""

    kind: Literal["class"] = "class"
    output: str = "logits"  # (1, labels)
    scores: Scores = "logits"  # what the outputs are
    top: int = 1  # labels that are reported, the best first
    threshold: float = 0.5  # score from which a label is reported
    thresholds: dict[str, float] = field(default_factory=dict)  # per label, over `threshold`
    background: tuple[str, ...] = ()  # labels that are no finding

    def __post_init__(self) -> None:
        _check_thresholds(self.threshold, self.thresholds)
        if not 1 <= self.top <= 1000:
            raise ValueError("top must be 1 to 1000")


@dataclass(frozen=True)
class PointHead:
    """Boxes without anchors, as edgenets trains them: distances from the middle of every cell.

    A level of stride s has `boxes_s`, (1, rows, columns, 4): distances to the left, top, right
    and bottom edge, in strides; and `scores_s`, (1, rows, columns, labels).
    """

    kind: Literal["points"] = "points"
    strides: tuple[int, ...] = (8, 16)  # pixels of the input
    scores: Scores = "logits"  # what the outputs are

    def __post_init__(self) -> None:
        if not self.strides or not all(1 <= s <= 256 for s in self.strides):
            raise ValueError("strides are 1 to 256 pixels, and at least one")


@dataclass(frozen=True)
class SsdHead:
    """`TFLite_Detection_PostProcess`: the graph has decoded and suppressed already."""

    kind: Literal["ssd"] = "ssd"
    boxes: str = "TFLite_Detection_PostProcess"  # (1, n, 4): top, left, bottom, right, 0…1
    classes: str = "TFLite_Detection_PostProcess:1"  # (1, n), label numbers
    scores: str = "TFLite_Detection_PostProcess:2"  # (1, n), 0…1
    count: str = "TFLite_Detection_PostProcess:3"  # (1,), how many of the n are there


@dataclass(frozen=True)
class Keypoints:
    """Points of each object: x, y and, where `scored`, how surely each is seen."""

    kind: Literal["keypoints"] = "keypoints"
    count: int = 17  # of an object
    scored: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_KEYPOINTS:
            raise ValueError(f"an object has 1 to {MOST_KEYPOINTS} keypoints")

    @property
    def columns(self) -> int:
        """Numbers of an object."""
        return self.count * (3 if self.scored else 2)


@dataclass(frozen=True)
class Rotation:
    """How far each box is turned about its middle: radians, from the x axis to the y axis."""

    kind: Literal["rotation"] = "rotation"
    columns: ClassVar[int] = 1


@dataclass(frozen=True)
class ObjectMasks:
    """A mask of each object: where the sum of prototypes, times its own factors, is above 0."""

    kind: Literal["masks"] = "masks"
    prototypes: str = "output1"  # (1, rows, columns, n), or (1, n, rows, columns)
    count: int = 32  # n
    layout: Layout = "nchw"  # of the prototypes

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_PROTOTYPES:
            raise ValueError(f"masks are made of 1 to {MOST_PROTOTYPES} prototypes")

    @property
    def columns(self) -> int:
        """Numbers of an object."""
        return self.count


# What a head says of an object beside its box, in the columns behind the others.
Detail = Keypoints | Rotation | ObjectMasks


@dataclass(frozen=True)
class YoloHead:
    """A raw YOLO grid in one tensor: x, y, width, height of each box, its scores, its detail."""

    kind: Literal["yolo"] = "yolo"
    output: str = "output0"  # (1, n, 4 + …) or, transposed, (1, 4 + …, n)
    transposed: bool = False  # as YOLOv8 and later have it
    objectness: bool = False  # a fifth column that all scores are multiplied by (YOLOv5)
    normalised: bool = False  # boxes are fractions of the input, not pixels of it
    scores: Scores = "probabilities"  # what the outputs are
    best: bool = False  # a box has its likeliest label alone, as Ultralytics decides it
    detail: Detail | None = None


@dataclass(frozen=True)
class ListHead:
    """Boxes that the graph has decoded and suppressed already, one a row: left, top, right, bottom,
    score, label number, detail (Ultralytics' end-to-end models, and theirs with `nms=True`)."""

    kind: Literal["list"] = "list"
    output: str = "output0"  # (1, n, 6 + …); rows behind the last box have a score of 0
    normalised: bool = False  # boxes are fractions of the input, not pixels of it
    centred: bool = False  # boxes are x, y of their middle, width, height
    detail: Detail | None = None


BoxHead = PointHead | SsdHead | YoloHead | ListHead


@dataclass(frozen=True)
class BoxDecoding:
    """Objects, each with a box, a label and a score."""

    kind: Literal["boxes"] = "boxes"
    head: BoxHead = field(default_factory=PointHead)
    threshold: float = 0.4  # score from which an object is reported
    thresholds: dict[str, float] = field(default_factory=dict)  # per label, over `threshold`
    iou: float = 0.5  # overlap beyond which the lesser of two boxes of a label goes
    most: int = 100  # objects an image
    background: tuple[str, ...] = ()  # labels that are no object

    def __post_init__(self) -> None:
        _check_thresholds(self.threshold, self.thresholds)
        if not 0 < self.iou <= 1:
            raise ValueError("iou must lie in (0, 1]")
        if not 1 <= self.most <= MOST_DETECTIONS:
            raise ValueError(f"most must be 1 to {MOST_DETECTIONS}")

    @property
    def detail(self) -> Detail | None:
        """What is said of an object beside its box."""
        return self.head.detail if isinstance(self.head, (YoloHead, ListHead)) else None


@dataclass(frozen=True)
class MaskDecoding:
    """A label for every pixel; instances, where they are wanted, by connected components."""

    kind: Literal["mask"] = "mask"
    # (1, rows, columns, labels) or (1, labels, rows, columns), at the input's size or a part of it
    output: str = "logits"
    layout: Layout = "nhwc"  # of the output
    # A score of each label; one of the second of two labels; or the label's number.
    form: MaskForm = "scores"
    scores: Scores = "logits"  # what the outputs are
    background: tuple[str, ...] = ("background",)  # labels that are no finding
    instances: bool = False  # tell of every connected region, not of the label's whole area
    # The label of the rims of instances, which parts those that touch; its pixels are then those of
    # the instance beside them.
    edge: str = ""
    smallest: float = 0.0  # part of the image below which a region is not reported
    threshold: float = 0.5  # for two labels: posterior of the second from which it holds

    def __post_init__(self) -> None:
        _check_thresholds(self.threshold, {})
        if not 0 <= self.smallest < 1:
            raise ValueError("smallest is a part of the image, in [0, 1)")


ImageDecoding = ClassDecoding | BoxDecoding | MaskDecoding

_DECODINGS: dict[ImageTask, type] = {
    "classify": ClassDecoding,
    "detect": BoxDecoding,
    "segment": MaskDecoding,
}


@dataclass(frozen=True)
class ImageSpec(ModelSpec):
    """Everything about a model of images but its weights."""

    name: str
    task: ImageTask
    labels: tuple[str, ...]
    input: ImageInput
    decoding: ImageDecoding
    split: SplitShares = field(default_factory=SplitShares)

    noun: ClassVar[str] = "label"

    def __post_init__(self) -> None:
        named = (*getattr(self.decoding, "thresholds", ()), *self.decoding.background)
        if edge := getattr(self.decoding, "edge", ""):
            named = (*named, edge)
        check_labels(self.labels, named)
        if not isinstance(self.decoding, _DECODINGS[self.task]):
            raise ValueError(f"the decoding of a model that is to {self.task} is another")
        one = isinstance(self.decoding, MaskDecoding) and self.decoding.form == "one"
        if one and len(self.labels) != 2:
            raise ValueError("a mask of one score a pixel is of two labels")

    @property
    def extras(self) -> tuple[str, ...]:
        """See `ModelSpec.extras`."""
        return ("antialias",) if self.input.antialias else ()

    @property
    def _settable(self) -> Collection[str]:
        return self.reported


def _check_thresholds(threshold: float, thresholds: dict[str, float]) -> None:
    if any(not 0 < t <= 1 for t in (threshold, *thresholds.values())):
        raise ValueError("thresholds must lie in (0, 1]")
