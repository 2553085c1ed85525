"""Recipes: one TOML says how a model is made, checked and used.

The shipped ones lie in `edgenets/recipes`; `edgenets zoo` lists them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgenets import records
from edgenets.errors import RecipeError, RecordError
from edgenets.recipeparts import BundleRecipe, Schedule, check_name, check_range
from edgenets.spec import AudioInput, KeywordDecoding
from edgenets.vision.recipe import ImageRecipe

RECIPES = Path(__file__).parent / "recipes"

Architecture = Literal["kws-gru", "kws-dscnn"]
Cell = Literal["gru", "lstm", "rnn"]


@dataclass(frozen=True)
class DataRecipe:
    """Which recordings, and how they are divided."""

    labels: tuple[str, ...] | None = None  # None: every folder of the data is a label
    clip_seconds: float = 1.0  # recordings are cut or padded to this
    validation: float = 0.1  # fraction of the speakers
    test: float = 0.15  # fraction of the speakers
    synthetic: int = 0  # synthesised clips a word that are added to training, and to it alone

    def __post_init__(self) -> None:
        check_range(self, 0.1, 60, "clip_seconds")
        check_range(self, 0, 1, "validation", "test")
        check_range(self, 0, 100_000, "synthetic")
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave no speaker to train on")


@dataclass(frozen=True)
class ModelRecipe:
    """The net and its sizes."""

    architecture: Architecture
    frames_per_step: int = 2  # stride of the first convolution, in frames
    front: tuple[int, ...] = ()  # channels of convolutions over time and bands, before the stem
    stem: int = 48  # channels of the first convolution
    stem_kernel: int = 5  # frames
    cell: Cell = "gru"  # kws-gru: the recurrent cell
    units: tuple[int, ...] = (64, 64)  # kws-gru: one a recurrent layer
    channels: tuple[int, ...] = (64, 64, 64, 64)  # kws-dscnn: one a separable block
    kernel: int = 7  # kws-dscnn: steps that a depthwise convolution sees
    dilations: tuple[int, ...] = (1, 1, 2, 2)  # kws-dscnn: one a block, in steps
    pool: int = 12  # kws-dscnn: steps that the head averages over
    dropout: float = 0.2

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
    """What a training clip goes through; see `edgenets.data.augment`."""

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


@dataclass(frozen=True)
class ScheduleRecipe(Schedule):
    """How long and how fast; an item is a stream."""

    clips_per_stream: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, 1, 1_000_000, "clips_per_stream")


@dataclass(frozen=True)
class QuantizeRecipe:
    """How ranges are found for integer precisions."""

    clips: int = 300  # training clips that calibration rolls through the model
    method: Literal["minmax", "percentile", "mse"] = "mse"
    percentile: float = 99.99  # of |x| a tensor, where method is percentile
    keep_float: tuple[str, ...] = ()  # layers that stay float in integer precisions

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "clips")
        check_range(self, 50, 100, "percentile")


@dataclass(frozen=True)
class GateRecipe:
    """What an artefact must hold to enter a bundle."""

    # Clips that are compared: the validation split, and views of it moved in time and in noise
    # until there are so many. With few, one flipped decision would be half a point.
    clips: int = 1200
    stream_steps: int = 10_000  # length of the drift stream
    float_error: float = 1e-4  # |logit difference| of fp32, clips and stream
    half_error: float = 0.05  # |logit difference| of fp16
    agreement: float = 0.95  # fraction of decisions that equal the model's, integer precisions
    accuracy_drop: float = 0.005  # of the task metric, against the float model
    drift_growth: float = 2.0  # error late in the stream over error early in it

    def __post_init__(self) -> None:
        check_range(self, 1, 10_000_000, "clips", "stream_steps")


@dataclass(frozen=True)
class Recipe:
    """All that `edgenets train` needs besides data."""

    name: str
    description: str
    model: ModelRecipe
    task: Literal["keywords"] = "keywords"
    seed: int = 1
    data: DataRecipe = field(default_factory=DataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    decoding: KeywordDecoding = field(default_factory=KeywordDecoding)
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)
    bundle: BundleRecipe = field(default_factory=BundleRecipe)

    def __post_init__(self) -> None:
        check_name(self.name, self.seed)

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed."""
        return dataclasses.replace(self, seed=seed)

    def with_epochs(self, epochs: int) -> Recipe:
        """The same recipe with another number of epochs."""
        return dataclasses.replace(self, schedule=dataclasses.replace(self.schedule, epochs=epochs))


# A recipe, by its task.
AnyRecipe = Recipe | ImageRecipe


def shipped() -> list[str]:
    """Names of the recipes that come with edgenets."""
    return sorted(p.stem for p in RECIPES.glob("*.toml"))


def load_recipe(source: str | Path) -> AnyRecipe:
    """Read a recipe from a TOML file, or a shipped one by its name.

    Raises:
        RecipeError: there is no such file or name, or the TOML is broken.
        RecordError: a key or value of it is wrong.
    """
    path = Path(source)
    try:
        if not path.is_file():
            if str(source) not in shipped():
                raise RecipeError(
                    f"{source}: neither a file nor a shipped recipe ({', '.join(shipped())})"
                )
            path = RECIPES / f"{source}.toml"
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise RecipeError(f"{source}: cannot be read: {exc.strerror}") from exc
    # ValueError: also of bytes that are no UTF-8, and of numbers with thousands of digits.
    except (ValueError, RecursionError) as exc:
        raise RecipeError(f"{path}: not valid TOML: {exc}") from exc
    try:
        return parse(data)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc


def parse(data: dict[str, Any]) -> AnyRecipe:
    """A recipe of plain data; one that names no task is about keywords.

    Raises:
        RecordError: a key or value is wrong.
    """
    recipe: AnyRecipe = records.parse(AnyRecipe, {"task": "keywords", **data})  # type: ignore[arg-type]
    return recipe
