"""What models of series are: which columns, at which interval, and what is predicted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from edgenets.artifact import DType
from edgenets.spec import check_labels
from edgenets.stepspec import StreamSpec
from edgenets.tasks.series.anomaly_decoding import AnomalyDecoding
from edgenets.tasks.series.seasonal_profile import SeasonalInput
from edgenets.tasks.series.tableformat import TableFormat

# Far above all use; a file that says more is broken or hostile.
MOST_SEGMENT = 4096
MOST_HORIZON = 10_000


@dataclass(frozen=True)
class SeriesInput:
    """How readings become a network's input; see `edgenets.tasks.series.features`.

    Every column is a series of its own to the network: it has its own state, and the same weights.
    Where they go in together, as models of one's own mostly have it, a step takes one reading of
    all columns, (value − mean) / std, and the answer is how one of them goes on, scaled so too.
    """

    dtype: ClassVar[DType] = "float32"

    kind: Literal["series"]
    columns: tuple[str, ...]
    mean: tuple[float, ...]  # of each column over the training part
    std: tuple[float, ...]  # the same
    segment: int  # readings that a step takes
    interval: float | None = None  # s between two readings; None: the training data had no times
    longest_gap: int = 24  # readings in a row that may be missing and are bridged
    # How the table of the training was to be read; see `TableFormat`.
    delimiter: str | None = None
    decimal: str | None = None
    time_format: str | None = None
    together: bool = False
    target: str = ""  # the column that is forecast, where they go in together; "": the only one

    def __post_init__(self) -> None:
        check_labels(self.columns, ())
        TableFormat(self.delimiter, self.decimal, self.time_format)
        self._check_together()
        if not len(self.columns) == len(self.mean) == len(self.std):
            raise ValueError("columns, mean and std have one value a column each")
        if not all(abs(m) <= 1e30 for m in self.mean) or not all(
            1e-30 <= s <= 1e30 for s in self.std
        ):
            raise ValueError("std must be positive, and mean and std within reason")
        if not 1 <= self.segment <= MOST_SEGMENT:
            raise ValueError(f"segment must be 1 to {MOST_SEGMENT} readings")
        if self.interval is not None and not 1e-6 <= self.interval <= 1e10:
            raise ValueError("interval must be positive, and within reason")
        if not 0 <= self.longest_gap <= 1_000_000:
            raise ValueError("longest_gap must be 0 to 1,000,000 readings")

    def _check_together(self) -> None:
        named = self.columns if len(self.columns) > 1 else ("", *self.columns)
        if self.together and self.segment != 1:
            raise ValueError("columns that go in together come a reading at a time: segment = 1")
        if self.together and self.target not in named:
            raise ValueError(f"target is one of the columns: {', '.join(self.columns)}")

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return len(self.columns) if self.together else self.segment

    @property
    def targets(self) -> tuple[int, ...]:
        """The places of the columns that are forecast."""
        if not self.together:
            return tuple(range(len(self.columns)))
        return (self.columns.index(self.target) if self.target else 0,)

    @property
    def format(self) -> TableFormat:
        """How its tables are to be read, as far as the recipe said so."""
        return TableFormat(self.delimiter, self.decimal, self.time_format)


@dataclass(frozen=True)
class ForecastDecoding:
    """What an answer holds: the median of each step ahead, then each quantile of all of them."""

    horizon: int  # readings ahead
    quantiles: tuple[float, ...] = (0.1, 0.9)  # of the band around a forecast: none, or two

    def __post_init__(self) -> None:
        if not 1 <= self.horizon <= MOST_HORIZON:
            raise ValueError(f"horizon must be 1 to {MOST_HORIZON} readings")
        if len(self.quantiles) not in (0, 2) or list(self.quantiles) != sorted(self.quantiles):
            raise ValueError("quantiles are none, or a lower and a higher one")
        if not all(0 < q < 1 for q in self.quantiles):
            raise ValueError("quantiles lie between 0 and 1")


@dataclass(frozen=True)
class AnomalySpec(StreamSpec):
    """A model that finds what is unusual in any series, one column at a time."""

    task: Literal["anomaly"]
    input: SeasonalInput
    decoding: AnomalyDecoding

    def __post_init__(self) -> None:
        if self.labels:
            raise ValueError("a model that finds anomalies has no labels")

    @property
    def scores(self) -> int:
        """Numbers of an answer: what is predicted, and ln of how far it may be from it."""
        return 2

    def with_thresholds(self, value: float) -> AnomalySpec:
        """The spec with another threshold.

        Raises:
            ValueError: it is none.
        """
        return self._decoding_by(threshold=value)


@dataclass(frozen=True)
class Borders:
    """Rows of the table that training had, where its parts end."""

    train: int
    validation: int
    test: int

    def __post_init__(self) -> None:
        if not 0 < self.train <= self.validation <= self.test:
            raise ValueError("the parts of a table follow each other")


@dataclass(frozen=True)
class ForecastSpec(StreamSpec):
    """A model that says how series go on."""

    task: Literal["forecast"]
    input: SeriesInput
    decoding: ForecastDecoding
    window: int = 0  # readings that a forecast to measure by is made from
    borders: Borders = field(default_factory=lambda: Borders(1, 1, 1))

    def __post_init__(self) -> None:
        if self.labels:
            raise ValueError("a model that foresees has columns, no labels")
        if self.window % self.input.segment or self.window < self.input.segment:
            raise ValueError("the window is a whole number of segments, and at least one")

    @property
    def table(self) -> TableFormat:
        """How its tables are to be read, as far as the recipe said so."""
        return self.input.format

    def with_table(self, table: TableFormat) -> ForecastSpec:
        """See `ModelSpec.with_table`."""
        return replace(self, input=replace(self.input, **vars(table.over(self.table))))

    @property
    def scores(self) -> int:
        """Numbers that an answer has."""
        return self.decoding.horizon * (1 + len(self.decoding.quantiles))
