"""Recipes of models of series."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from edgenets.recipeparts import (
    Cell,
    StepRecipe,
    check_range,
    check_shares,
)
from edgenets.tasks.series.anomaly_decoding import AnomalyDecoding
from edgenets.tasks.series.seasonal_profile import SeasonalInput
from edgenets.tasks.series.spec import ForecastDecoding
from edgenets.tasks.series.tableformat import TableFormat


@dataclass(frozen=True)
class SeriesModelRecipe:
    """A network over stretches of readings, and its sizes."""

    architecture: Literal["series-rnn", "series-cnn"]  # the network
    segment: int = 24  # readings that a step takes
    embedding: int = 128  # numbers that stand for a stretch
    cell: Cell = "gru"  # series-rnn
    units: tuple[int, ...] = (192,)  # series-rnn: one a recurrent layer
    channels: int = 128  # series-cnn: of every block
    kernel: int = 3  # series-cnn: stretches that a convolution sees
    dilations: tuple[int, ...] = (1, 2, 4)  # series-cnn: one a block
    dropout: float = 0.5  # share of features that a training step leaves out

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "segment", "embedding", "units", "channels", "dilations")
        check_range(self, 1, 64, "kernel")
        check_range(self, 0, 0.99, "dropout")
        if not self.units or not self.dilations:
            raise ValueError("units and dilations have one number a layer or block, at least one")


@dataclass(frozen=True)
class SeriesData:
    """Which table, and how it is divided in time: the end is kept to measure by."""

    file: str | None = None  # of the folder; None: its only .csv
    columns: tuple[str, ...] | None = None  # None: all
    rows: int | None = None  # take the first ones alone
    validation: float = 0.1  # part of the rows before the test part
    test: float = 0.2  # part at the very end
    window: int = 336  # readings that a forecast to measure by is made from
    longest_gap: int = 24  # readings in a row that may be missing and are bridged
    settle: int = 3  # stretches of a training window that are read before its forecasts count
    windows: int = 2000  # training windows an epoch
    delimiter: str | None = None  # between cells; None: found from the table
    decimal: str | None = None  # . or ,; the same
    time_format: str | None = None  # iso, s, ms, us, ns, or as datetime.strptime has it; the same

    def __post_init__(self) -> None:
        check_range(self, 0.0001, 0.9, "validation", "test")
        check_range(self, 1, 1_000_000, "window", "windows")
        check_range(self, 0, 1_000_000, "settle", "longest_gap")
        if self.rows is not None:
            check_range(self, 10, 100_000_000, "rows")
        check_shares(self, "nothing")
        TableFormat(self.delimiter, self.decimal, self.time_format)

    @property
    def table(self) -> TableFormat:
        """How the table is to be read, as far as the recipe says so."""
        return TableFormat(self.delimiter, self.decimal, self.time_format)


@dataclass(frozen=True)
class SeasonalModelRecipe:
    """A network that predicts one reading from a series' seasonal profile, and its size."""

    architecture: Literal["seasonal-rnn"]  # the network
    cell: Cell = "gru"  # the recurrent cell
    units: tuple[int, ...] = (32,)  # one a recurrent layer

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "units")
        if not self.units:
            raise ValueError("units have one number a layer, and at least one")


@dataclass(frozen=True)
class AnomalyData:
    """Which tables, and what of each is trained on: its beginning, without any label."""

    files: str = "**/*.csv"  # below the folder; every column is a series of its own
    beginning: float = 0.15  # part of a series that is trained on …
    most: int = 750  # … and readings of it at most
    held: int = 256  # readings behind that which the gate looks at
    delimiter: str | None = None  # between cells; None: found from the table
    decimal: str | None = None  # . or ,; the same
    time_format: str | None = None  # iso, s, ms, us, ns, or as datetime.strptime has it; the same

    def __post_init__(self) -> None:
        check_range(self, 0.0001, 0.99, "beginning")
        check_range(self, 2, 1_000_000, "most", "held")
        TableFormat(self.delimiter, self.decimal, self.time_format)

    @property
    def table(self) -> TableFormat:
        """How the tables are to be read, as far as the recipe says so."""
        return TableFormat(self.delimiter, self.decimal, self.time_format)


@dataclass(frozen=True)
class AnomalyRecipe(StepRecipe):
    """All that `edgenets train` needs besides data, for a model that finds what is unusual."""

    task: Literal["anomaly"]
    model: SeasonalModelRecipe
    data: AnomalyData = field(default_factory=AnomalyData)
    features: SeasonalInput = field(default_factory=lambda: SeasonalInput("seasonal"))
    decoding: AnomalyDecoding = field(default_factory=AnomalyDecoding)


@dataclass(frozen=True)
class ForecastRecipe(StepRecipe):
    """All that `edgenets train` needs besides data, for a model that says how series go on."""

    # The horizon and the quantiles are the network's outputs.
    after_training: ClassVar[tuple[str, ...]] = ("quantize", "gate", "bundle", "description")

    task: Literal["forecast"]
    model: SeriesModelRecipe
    decoding: ForecastDecoding
    data: SeriesData = field(default_factory=SeriesData)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.window % self.model.segment or self.data.window < self.model.segment:
            raise ValueError("[data] window is a whole number of [model] segments")
        if self.data.settle >= self.data.window // self.model.segment:
            raise ValueError("[data] settle leaves no stretch of a window to forecast from")
