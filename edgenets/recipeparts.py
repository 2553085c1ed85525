"""What the recipes of all tasks have in common."""

from __future__ import annotations

from dataclasses import dataclass


def check_range(record: object, low: float, high: float, *names: str) -> None:
    """Refuse a number, or one of several, that no training could use."""
    for name in names:
        value = getattr(record, name)
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}, found {number:g}")


def check_name(name: str, seed: int) -> None:
    """Refuse a name that could be no file's, and a seed that no generator takes."""
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"seed must be 0 to {(1 << 63) - 1:g}, found {seed:g}")
    if not name or name.startswith(".") or "/" in name:
        raise ValueError("name is also that of a folder and of a file")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    epochs: int = 60
    batch: int = 64  # items that a step sees
    learning_rate: float = 3e-3  # peak of a warm-up and cosine schedule
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    average: float = 0.99  # momentum of the weight average that is kept (EMA)

    def __post_init__(self) -> None:
        check_range(self, 1, 1_000_000, "epochs", "batch")
        check_range(self, 1e-9, 10, "learning_rate")
        check_range(self, 0, 0.999999, "label_smoothing", "average", "weight_decay")


@dataclass(frozen=True)
class BundleRecipe:
    """What a bundle carries."""

    artefacts: tuple[str, ...] | None = None  # ids, such as tflite-int8; None: all that passed
    licence: str = "unstated"  # of the model
    data_licence: str = "Licence of the data: unstated."  # a sentence for the card
