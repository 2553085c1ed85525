"""Recipes: one TOML says how a model is made, checked and used.

The shipped ones lie in `edgenets/recipes`; `edgenets zoo` lists them.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgenets import records
from edgenets.errors import RecipeError, RecordError
from edgenets.spec import AudioInput, KeywordDecoding

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


@dataclass(frozen=True)
class ModelRecipe:
    """The net and its sizes."""

    architecture: Architecture
    frames_per_step: int = 2  # stride of the first convolution, in frames
    stem: int = 48  # channels of the first convolution
    stem_kernel: int = 5  # frames
    cell: Cell = "gru"  # kws-gru: the recurrent cell
    units: tuple[int, ...] = (64, 64)  # kws-gru: one a recurrent layer
    channels: tuple[int, ...] = (64, 64, 64, 64)  # kws-dscnn: one a separable block
    kernel: int = 7  # kws-dscnn: steps that a depthwise convolution sees
    dilations: tuple[int, ...] = (1, 1, 2, 2)  # kws-dscnn: one a block, in steps
    pool: int = 12  # kws-dscnn: steps that the head averages over
    dropout: float = 0.2


@dataclass(frozen=True)
class AugmentRecipe:
    """What a training clip goes through; see `edgenets.data.augment`."""

    shift: float = 0.1  # s, a clip starts up to this much earlier or later
    speed: float = 0.15  # playback between 1 − speed and 1 + speed
    gain: float = 10.0  # dB up or down
    noise: float = 0.6  # probability of background noise
    noise_snr: tuple[float, float] = (0.0, 30.0)  # dB
    room: float = 0.2  # probability of a synthetic room
    time_masks: int = 1  # SpecAugment stretches of frames
    band_masks: int = 1  # SpecAugment stretches of bands


@dataclass(frozen=True)
class ScheduleRecipe:
    """How long and how fast."""

    epochs: int = 60
    batch: int = 64  # streams; each holds `clips_per_stream` clips
    clips_per_stream: int = 2
    learning_rate: float = 3e-3  # peak of a warm-up and cosine schedule
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    average: float = 0.99  # momentum of the weight average that is kept (EMA)


@dataclass(frozen=True)
class QuantizeRecipe:
    """How ranges are found for integer precisions."""

    clips: int = 300  # training clips that calibration rolls through the model
    method: Literal["minmax", "percentile", "mse"] = "mse"
    percentile: float = 99.99  # of |x| a tensor, where method is percentile
    keep_float: tuple[str, ...] = ()  # layers that stay float in integer precisions


@dataclass(frozen=True)
class GateRecipe:
    """What an artefact must hold to enter a bundle."""

    clips: int = 400  # validation clips that are compared
    stream_steps: int = 10_000  # length of the drift stream
    float_error: float = 1e-4  # |logit difference| of fp32, clips and stream
    half_error: float = 0.05  # |logit difference| of fp16
    agreement: float = 0.95  # fraction of decisions that equal the model's, integer precisions
    accuracy_drop: float = 0.005  # of the task metric, against the float model
    drift_growth: float = 2.0  # error late in the stream over error early in it


@dataclass(frozen=True)
class Recipe:
    """All that `edgenets train` needs besides data."""

    name: str
    description: str
    model: ModelRecipe
    seed: int = 1
    data: DataRecipe = field(default_factory=DataRecipe)
    features: AudioInput = field(default_factory=AudioInput)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    decoding: KeywordDecoding = field(default_factory=KeywordDecoding)
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    gate: GateRecipe = field(default_factory=GateRecipe)

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed."""
        return dataclasses.replace(self, seed=seed)


def shipped() -> list[str]:
    """Names of the recipes that come with edgenets."""
    return sorted(p.stem for p in RECIPES.glob("*.toml"))


def load_recipe(source: str | Path) -> Recipe:
    """Read a recipe from a TOML file, or a shipped one by its name.

    Raises:
        RecipeError: there is no such file or name, or the TOML is broken.
        RecordError: a key or value of it is wrong.
    """
    path = Path(source)
    if not path.is_file():
        path = RECIPES / f"{source}.toml"
        if not path.is_file():
            raise RecipeError(
                f"{source}: neither a file nor a shipped recipe ({', '.join(shipped())})"
            )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise RecipeError(f"{path}: not valid TOML: {exc}") from exc
    try:
        return records.parse(Recipe, data)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc
