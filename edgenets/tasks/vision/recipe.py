"""Recipes of models of images; see `edgenets.recipe` for how one is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgenets.data.split import SplitShares
from edgenets.files import Json
from edgenets.recipeparts import (
    BundleRecipe,
    GateRecipe,
    Recipe,
    Schedule,
    StartRecipe,
    check_range,
    check_shares,
)
from edgenets.tasks.vision.spec import ImageDecoding, ImageInput, ImageTask, PointHead

Architecture = Literal["image-classify", "object-detect", "segment"]
Backbone = Literal[
    "own", "efficientnet-lite0", "mobilenet-v2", "mobilenet-v3-small", "efficientnet-b0"
]


# How outputs are read where a recipe does not say.
_DECODINGS: dict[str, Json] = {
    "classify": {"kind": "class"},
    "detect": {"kind": "boxes", "head": {"kind": "points", "strides": [8, 16]}},
    "segment": {"kind": "mask"},
}


@dataclass(frozen=True)
class ImagesRecipe:
    """Which images, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: all that the set has
    validation: float = 0.1  # fraction of the images, where the set leaves it open
    test: float = (
        0.2  # fraction of the images, likewise; 0: none is kept, and what chose the model judges it
    )
    # Of a set that is divided into two, training and another: what the other is.
    second: Literal["validation", "test"] = "validation"
    # segment: masks number instances, or several classes are to be one: all but 0 is the label 1
    foreground: bool = False
    # segment, with foreground: pixels at the rims of instances, as seen by the model, that get a
    # label of their own, `edge`, so that instances that touch come apart; 0: none
    edges: int = 0

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "validation", "test")
        check_shares(self, "no image")
        check_range(self, 0, 16, "edges")
        if self.edges and not self.foreground:
            raise ValueError("edges are of instances: they need foreground = true")

    @property
    def shares(self) -> SplitShares:
        """How a set is divided."""
        return SplitShares(self.validation, self.test, by="labels", second=self.second)


@dataclass(frozen=True)
class ImageModelRecipe:
    """The network and its sizes."""

    architecture: Architecture  # the network, one a task
    # What it sees with: own has the sizes below; weights of the others are known (`--from`).
    backbone: Backbone = "own"
    width: float = 1.0  # of mobilenet-v2 and -v3-small: times their channels
    stem: int = 16  # channels of the first convolution, which halves the image
    channels: tuple[int, ...] = (24, 32, 64, 96)  # one a stage, each of which halves it again
    blocks: tuple[int, ...] = (2, 2, 2, 2)  # inverted residuals, one number a stage
    expansion: int = 4  # times that an inverted residual is wider inside
    head: int = 64  # channels of the layers before the answer
    dropout: float = 0.2  # share of features that a training step leaves out

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "stem", "channels", "head")
        check_range(self, 1, 64, "blocks", "expansion")
        check_range(self, 0, 0.99, "dropout")
        check_range(self, 0.1, 4, "width")
        if not self.channels or len(self.channels) != len(self.blocks):
            raise ValueError("channels and blocks have one number a stage, and at least one")

    @property
    def deepest(self) -> int:
        """The stride of the coarsest features."""
        return 2 << len(self.channels) if self.backbone == "own" else 32


@dataclass(frozen=True)
class ImageAugmentRecipe:
    """What a training image goes through, and its boxes and mask with it."""

    flip: bool = True  # left and right
    flip_vertical: bool = False  # top and bottom
    turns: bool = False  # by quarters of a circle
    rotate: float = 10.0  # degrees either way, at most
    scale: tuple[float, float] = (0.8, 1.25)  # of the image inside the frame
    stretch: float = 0.1  # of one side against the other, at most
    shift: float = 0.1  # of the frame either way, at most
    brightness: float = 0.2  # of the whole range either way, at most
    contrast: float = 0.3  # factor between 1 − contrast and 1 + contrast
    saturation: float = 0.3  # factor between 1 − saturation and 1 + saturation
    hue: float = 0.02  # of the circle of colors either way, at most
    noise: float = 0.0  # standard deviation of the strongest, of the whole range
    blur: float = 0.0  # probability of a slight blur
    erase: float = 0.0  # probability of a grey rectangle over a part
    mosaic: float = 0.0  # detect: probability of four images in one frame
    mixup: float = 0.0  # classify: parameter of the Beta distribution; 0: none

    def __post_init__(self) -> None:
        check_range(self, 0, 180, "rotate")
        check_range(self, 0.05, 20, "scale")
        check_range(self, 0, 1, "stretch", "shift", "brightness", "contrast", "saturation", "hue")
        check_range(self, 0, 1, "noise", "blur", "erase", "mosaic", "mixup")
        if self.scale[0] > self.scale[1]:
            raise ValueError("scale goes from the smaller to the larger")


@dataclass(frozen=True)
class TeacherRecipe:
    """Who teaches; see `edgenets.tasks.vision.teacher`."""

    # A run folder, or a bundle that carries its weights, whose answers are learned; "": nobody.
    model: str = ""
    weight: float = 0.7  # of its answers, beside the labels
    images: str = ""  # a folder of images without labels, of which it alone says what they show

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "weight")
        if self.images and not self.model:
            raise ValueError("images without labels need a teacher's model")


@dataclass(frozen=True)
class ImageScheduleRecipe(Schedule):
    """How long and how fast; an item is an image."""

    epochs: int = 100
    batch: int = 32
    average: float = 0.995
    repeat: int = 1  # how often an epoch sees each image, each time augmented anew

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, 1000, "repeat")


@dataclass(frozen=True)
class ImageQuantizeRecipe:
    """How ranges are found for integer precisions."""

    samples: int = 200  # training images that calibration shows to the model
    keep_float: tuple[str, ...] = ()  # layers that stay float in integer precisions
    per_channel: bool = True  # integer weights have a scale a channel, not one a layer
    symmetric: bool = False  # the zero of integers is 0, as TensorRT wants it; whole forms in ONNX

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "samples")


@dataclass(frozen=True)
class ImageGateRecipe(GateRecipe):
    """The gate, with defaults of models of images: their outputs are larger, and less alike."""

    samples: int = 1000
    float_error: float = 1e-3
    half_error: float = 0.1
    metric_drop: float | None = 0.01


@dataclass(frozen=True)
class ImageRecipe(Recipe):
    """All that `edgenets train` needs besides data."""

    name: str
    description: str
    task: ImageTask
    model: ImageModelRecipe
    decoding: ImageDecoding
    seed: int = 1
    data: ImagesRecipe = field(default_factory=ImagesRecipe)
    input: ImageInput = field(default_factory=ImageInput)
    start: StartRecipe = field(default_factory=StartRecipe)
    teacher: TeacherRecipe = field(default_factory=TeacherRecipe)
    augment: ImageAugmentRecipe = field(default_factory=ImageAugmentRecipe)
    schedule: ImageScheduleRecipe = field(default_factory=ImageScheduleRecipe)
    quantize: ImageQuantizeRecipe = field(default_factory=ImageQuantizeRecipe)
    gate: ImageGateRecipe = field(default_factory=ImageGateRecipe)
    bundle: BundleRecipe = field(default_factory=BundleRecipe)

    @staticmethod
    def renamed(data: Json) -> Json:
        """Decoding need not be said where it is the usual of the task; for `records.parse`."""
        usual = _DECODINGS.get(str(data.get("task")))
        found = Recipe.renamed(data)
        return found if usual is None else {"decoding": usual, **found}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input.layout != "nhwc":
            raise ValueError("Keras models are trained in the layout nhwc")
        head = getattr(self.decoding, "head", None)
        if (self.data.edges > 0) != bool(getattr(self.decoding, "edge", "")):
            raise ValueError('edges in [data] and edge = "edge" in [decoding] belong together')
        if self.task == "detect" and not isinstance(head, PointHead):
            raise ValueError("a detector is trained with the head 'points'")
        # Features of two strides are joined: the coarser ones must fit on the finer ones.
        joined = 1 if self.task == "classify" else self.model.deepest
        joined = max(head.strides) if isinstance(head, PointHead) else joined
        if self.input.height % joined or self.input.width % joined:
            raise ValueError(
                f"input: height and width must be multiples of {joined}, by which this network "
                f"divides them; they are {self.input.height} and {self.input.width}"
            )
