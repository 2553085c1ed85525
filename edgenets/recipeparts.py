"""What the recipes of all tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from edgenets import tasks
from edgenets.errors import RecipeError
from edgenets.files import Json
from edgenets.metrics import Metric

Architecture = Literal["kws-gru", "kws-dscnn", "asr-gru"]
Cell = Literal["gru", "lstm", "rnn"]


def check_range(record: object, low: float, high: float, *names: str) -> None:
    """Refuse a number, or one of several, that no training could use."""
    for name in names:
        value = getattr(record, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}, found {number:g}")


def check_shares(record: Any, what: str) -> None:
    """Refuse a division that leaves nothing to train on."""
    if record.validation + record.test >= 1:
        raise ValueError(f"validation and test leave {what} to train on")


def check_name(name: str, seed: int) -> None:
    """Refuse a name that could be no file's, and a seed that no generator takes."""
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"seed must be 0 to {(1 << 63) - 1:g}, found {seed:g}")
    if not name or name.startswith(".") or "/" in name:
        raise ValueError("name is also that of a folder and of a file")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    epochs: int = 60  # times that training goes over its items
    batch: int = 64  # items that a step sees
    learning_rate: float = 3e-3  # peak of a warm-up and cosine schedule
    weight_decay: float = 1e-3  # of AdamW: the pull of weights to zero, a step
    label_smoothing: float = 0.1  # of a target that other labels share
    average: float = 0.99  # momentum of the weight average that is kept (EMA)
    qat: bool = False  # quantization-aware: rounded in training as the int8 forms will be

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "epochs", "batch")
        check_range(self, 1e-9, 10, "learning_rate")
        check_range(self, 0, 0.999999, "label_smoothing", "average", "weight_decay")


class Recipe:
    """Base of the recipes of all tasks, each of which is a frozen dataclass with these fields."""

    # What may change after training, since it makes no model.
    after_training: ClassVar[tuple[str, ...]] = (
        "decoding", "quantize", "gate", "bundle", "description",
    )  # fmt: skip

    name: str
    description: str
    task: str
    seed: int
    model: Any
    data: Any
    schedule: Schedule
    decoding: Any
    gate: Any
    quantize: Any
    bundle: BundleRecipe

    @staticmethod
    def record_type(data: Mapping[str, Any], where: str) -> type[Recipe]:
        """The recipe of the task that plain data names, keywords if none; for `records.parse`.

        Raises:
            RecordError: there is no such task.
        """
        return tasks.named(data, where, "keywords").recipe

    @staticmethod
    def renamed(data: Json) -> Json:
        """A recipe need not be described; for `records.parse`."""
        return {"description": "", **data}

    def __post_init__(self) -> None:
        check_name(self.name, self.seed)

    def with_seed(self, seed: int) -> Self:
        """The same recipe with another seed."""
        return replace(self, seed=seed)  # type: ignore[type-var]

    def with_epochs(self, epochs: int) -> Self:
        """The same recipe with another number of epochs."""
        schedule = replace(self.schedule, epochs=epochs)
        return replace(self, schedule=schedule)  # type: ignore[type-var]

    def with_columns(self, columns: tuple[str, ...]) -> Self:
        """The same recipe with other columns of its tables.

        Raises:
            RecipeError: its data are no tables, or the columns cannot be right.
        """
        try:
            if not hasattr(self.data, "columns"):
                raise ValueError("a recipe of this task reads no columns of tables")
            data = replace(self.data, columns=columns)
            return replace(self, data=data)  # type: ignore[type-var]
        except ValueError as exc:
            raise RecipeError(f"--columns {','.join(columns)}: {exc}") from exc

    def with_start(self, source: str) -> Self:
        """The same recipe, trained on from a network that was trained before.

        Raises:
            RecipeError: networks of its task begin anew.
        """
        start: StartRecipe | None = getattr(self, "start", None)
        if start is None:
            raise RecipeError(
                f"--from: the recipe {self.name!r} is for {self.task}, where every training begins "
                f"anew; networks of sound and images can go on"
            )
        return replace(self, start=replace(start, weights=source))  # type: ignore[type-var]

    def with_teacher(self, source: str, images: Path | None) -> Self:
        """The same recipe, that learns what a teacher says, of images without labels too.

        Raises:
            RecipeError: models of its task have no teachers.
        """
        teacher: Any = getattr(self, "teacher", None)
        if teacher is None:
            raise RecipeError(
                f"--teacher: the recipe {self.name!r} is for {self.task}; models of images have "
                f"teachers"
            )
        folder = "" if images is None else str(images.absolute())
        changed = replace(teacher, model=source, images=folder or teacher.images)
        return replace(self, teacher=changed)  # type: ignore[type-var]

    def with_negatives(self, paths: tuple[Path, ...]) -> Self:
        """The same recipe, trained on these recordings as well, in which no word is said.

        Raises:
            RecipeError: its task listens for nothing, or it is not trained on streams.
        """
        listening: Any = getattr(self, "listening", None)
        if listening is None or not listening.streams:
            raise RecipeError(
                f"--negatives: the recipe {self.name!r} is not trained on streams of sound; one "
                f"that is has `streams` in its [listening], as custom-words has"
            )
        recordings = (*listening.recordings, *(str(path.absolute()) for path in paths))
        return replace(self, listening=replace(listening, recordings=recordings))  # type: ignore[type-var]


@dataclass(frozen=True)
class StartRecipe:
    """What training goes on from; see `edgenets.training.start`."""

    # A run folder, a bundle that carries its weights, or the name of a shipped one, whose sizes and
    # features are taken over; of images also BACKBONE or BACKBONE:FILE; "": from nothing.
    weights: str = ""
    frozen: tuple[str, ...] = ()  # layers stay as they are whose names begin so
    head_first: int = 0  # epochs before all others that train only what begins anew
    # What normalizations know of the data before stays, as few items say little of that.
    keep_norms: bool = False

    def __post_init__(self) -> None:
        if (self.frozen or self.head_first or self.keep_norms) and not self.weights:
            raise ValueError("frozen, head_first and keep_norms need weights, of which they are")
        check_range(self, 0, 100_000, "head_first")


@dataclass(frozen=True)
class BundleRecipe:
    """What a bundle carries."""

    artifacts: tuple[str, ...] | None = None  # ids, such as tflite-int8; None: all that passed
    licence: str = "unstated"  # of the model
    data_licence: str = "Licence of the data: unstated."  # a sentence for the card


@dataclass(frozen=True)
class ModelRecipe:
    """A network that is run step by step, and its sizes."""

    architecture: Architecture  # the network
    frames_per_step: int = 2  # stride of the first convolution, in frames
    front: tuple[int, ...] = ()  # channels of convolutions over time and bands, before the stem
    stem: int = 48  # channels of the first convolution
    stem_kernel: int = 5  # frames
    cell: Cell = "gru"  # kws-gru, asr-gru: the recurrent cell
    units: tuple[int, ...] = (64, 64)  # kws-gru, asr-gru: one a recurrent layer
    channels: tuple[int, ...] = (64, 64, 64, 64)  # kws-dscnn: one a separable block
    kernel: int = 7  # kws-dscnn: steps that a depthwise convolution sees
    dilations: tuple[int, ...] = (1, 1, 2, 2)  # kws-dscnn: one a block, in steps
    pool: int = 12  # kws-dscnn: steps that the head averages over
    dropout: float = 0.2  # share of features that a training step leaves out

    def __post_init__(self) -> None:
        check_range(self, 1, 64, "frames_per_step", "stem_kernel", "kernel")
        check_range(self, 1, 4096, "front", "stem", "units", "channels", "dilations", "pool")
        check_range(self, 0, 0.99, "dropout")
        if not self.units or not self.channels:
            raise ValueError("units and channels have one number a layer, and at least one")
        if len(self.channels) != len(self.dilations):
            raise ValueError("channels and dilations must have one number a block each")


@dataclass(frozen=True)
class AugmentRecipe:
    """What a training clip goes through; see `edgenets.tasks.keywords.augment`."""

    shift: float = 0.1  # s, a clip starts up to this much earlier or later
    speed: float = 0.15  # playback between 1 − speed and 1 + speed
    gain: float = 10.0  # dB up or down
    noise: float = 0.6  # probability of background noise
    noise_snr: tuple[float, float] = (0.0, 30.0)  # dB
    room: float = 0.2  # probability of a synthetic room
    band_shift: int = 2  # bands that a voice's formants move up or down, at most
    equalizer: float = 3.0  # dB that a microphone's response differs by, at most, at either end
    mixup: float = 0.0  # parameter of the Beta distribution that two streams are mixed by; 0: none
    time_masks: int = 1  # SpecAugment stretches of frames
    band_masks: int = 1  # SpecAugment stretches of bands

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "noise", "room")
        check_range(self, 0, 0.9, "speed")
        check_range(self, 0, 60, "shift", "gain", "equalizer")
        check_range(self, 0, 100, "time_masks", "band_masks", "band_shift")
        check_range(self, -100, 100, "noise_snr")
        if self.noise_snr[0] > self.noise_snr[1]:
            raise ValueError("noise_snr goes from the lower to the higher")


# Least and largest value; their mean over items; all but a part of the values; where the squared
# error is least; where least information is lost (Kullback and Leibler).
Calibrator = Literal["minmax", "moving-average", "percentile", "mse", "entropy"]
CALIBRATORS: tuple[Calibrator, ...] = get_args(Calibrator)


@dataclass(frozen=True)
class QuantizeRecipe:
    """How ranges are found for integer precisions."""

    samples: int = 300  # of the training split, that calibration rolls through the model
    # Of step forms, how a range is taken of the values seen; see `Calibrator` for their names.
    method: Literal["minmax", "percentile", "mse"] = "mse"
    percentile: float = 99.99  # of |x| a tensor, where method is percentile
    keep_float: tuple[str, ...] = ()  # layers that stay float in integer precisions
    per_channel: bool = True  # integer weights have a scale a channel, not one a layer
    symmetric: bool = False  # the zero of integers is 0, as TensorRT wants it; whole forms in ONNX
    # How ranges are found of whole forms, whose tools find them (`method` is that of step forms);
    # auto: by each in turn, and the one is taken whose int8 decides most as the model does.
    calibrator: Calibrator | Literal["auto"] = "minmax"

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "samples")
        check_range(self, 50, 100, "percentile")


# Limits of `metric_drop` where a recipe says none: of a share, and of any other metric.
_POINTS, _PART = 0.005, 0.02


@dataclass(frozen=True)
class GateRecipe:
    """What an artifact must hold to enter a bundle, whatever its task."""

    # Samples that are compared: the validation split, and augmented ones until there are so many,
    # where the task can make them. With few, one flipped decision would be half a point.
    samples: int = 1200
    stream_steps: int = 10_000  # length of the drift stream, of streaming models
    float_error: float = 1e-4  # |output difference| of fp32, over its spread where that is above 1
    half_error: float = 0.05  # the same of fp16
    agreement: float = 0.95  # fraction of decisions that equal the model's
    # Of the task's metric, against the float model: points of a share, a part of any other.
    # None: 0.005 of a share, 0.02 of any other.
    metric_drop: float | None = None
    drift_growth: float = 2.0  # error late in the stream over error early in it
    # Of words that were learned in streams, against the float model on the same streams.
    recall_drop: float = 0.02  # of the words
    more_false_accepts: float = 1.0  # an hour, beside one that may be chance

    def __post_init__(self) -> None:
        check_range(self, 1, 10_000_000, "samples", "stream_steps")
        check_range(self, 0, 1, "agreement", "recall_drop")
        check_range(self, 0, 1_000, "float_error", "half_error", "drift_growth")
        check_range(self, 0, 1_000, "more_false_accepts")
        if self.metric_drop is not None:
            check_range(self, 0, 1, "metric_drop")

    def limit(self, metric: Metric) -> float:
        """How much of a metric may be lost."""
        if self.metric_drop is not None:
            return self.metric_drop
        return _POINTS if metric.share else _PART

    @staticmethod
    def renamed(data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Recipes of before have other names; for `records.parse`.

        A run folder holds both names of `metric_drop`, of which one is left at its default.

        Raises:
            ValueError: both were set, and only one can be meant.
        """
        old = {"clips": "samples", "pictures": "samples", "images": "samples"}
        found = {old.get(key, key): value for key, value in data.items()}
        drops = [
            value
            for name, default in (("accuracy_drop", _POINTS), ("relative_loss", _PART))
            if (value := found.pop(name, default)) != default
        ]
        if len(drops) > 1 or (drops and "metric_drop" in found):
            raise ValueError("say metric_drop once, not accuracy_drop or relative_loss beside it")
        return found | ({"metric_drop": drops[0]} if drops else {})


@dataclass(frozen=True)
class StepRecipe(Recipe):
    """What the recipes of all step models have in common."""

    name: str
    description: str
    _: KW_ONLY
    seed: int = 1
    schedule: Schedule = field(default_factory=Schedule)
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)
    bundle: BundleRecipe = field(default_factory=BundleRecipe)
