"""Zones and lines: where in the image something is, and what crosses from one side to the other.

Points are fractions of the image, so that one file serves any camera: (0, 0) is
its upper left corner, (1, 1) its lower right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgenets import records
from edgenets.errors import RecordError
from edgenets.limits import read_toml
from edgenets.tasks.vision.results import Found
from edgenets.tasks.vision.tracking import TrackRules

Point = tuple[float, float]

# Every object of every image is held against every corner; a scene drawn by hand has a few dozen.
MOST_CORNERS = 1000
MOST_SHAPES = 200  # zones and lines
LONGEST_NAME = 100  # letters; it is drawn into images, and stands in topics

# A line may begin and end outside of the image, so that nothing passes beside it.
FARTHEST = 10.0  # of the image's width or height


def _check_name(kind: str, name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"a {kind}'s name has 1 to {LONGEST_NAME} letters, not {len(name):,}")


@dataclass(frozen=True)
class Zone:
    """An area; an object is in it when the middle of its lower edge is."""

    name: str
    points: tuple[Point, ...]  # corners in order, at least three

    def __post_init__(self) -> None:
        _check_name("zone", self.name)
        if len(self.points) > MOST_CORNERS:
            raise ValueError(
                f"zone {self.name}: has {len(self.points):,} points; up to {MOST_CORNERS:,} are "
                f"read"
            )
        if len(self.points) < 3 or not all(0 <= v <= 1 for p in self.points for v in p):
            raise ValueError(f"zone {self.name}: three points or more in [0, 1] are needed")

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is inside, by counting edges that a ray crosses."""
        inside = False
        for (x0, y0), (x1, y1) in zip(self.points, (*self.points[1:], self.points[0]), strict=True):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                inside = not inside
        return inside


@dataclass(frozen=True)
class Line:
    """A line that followed objects are counted at, seen from its first point to its second."""

    name: str
    points: tuple[Point, Point]

    def __post_init__(self) -> None:
        _check_name("line", self.name)
        if not all(-FARTHEST <= v <= 1 + FARTHEST for p in self.points for v in p):
            raise ValueError(
                f"line {self.name}: points are fractions of the image: 0 to 1, or up to "
                f"{FARTHEST:g} images beside it"
            )
        if self.points[0] == self.points[1]:
            raise ValueError(f"line {self.name}: its ends are one point")


@dataclass(frozen=True)
class Crossing:
    """A followed object crossed a line."""

    line: str
    label: str
    track: int
    direction: str  # "right": from the line's left hand to its right hand; or "left"


@dataclass(frozen=True)
class Scene:
    """What a user wants to know of a camera's image; `--scene FILE.toml`."""

    labels: tuple[str, ...] = ()  # tell of these alone; empty: all
    thresholds: dict[str, float] = field(default_factory=dict)  # per label
    track: bool = True  # follow objects; lines need it
    rules: TrackRules = field(default_factory=TrackRules)
    smoothing: float = 0.0  # s that the label of a whole image is averaged over
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 3600:
            raise ValueError("smoothing is 0 to 3600 s")
        names = [z.name for z in self.zones] + [line.name for line in self.lines]
        if len(names) > MOST_SHAPES:
            raise ValueError(f"{len(names):,} zones and lines; up to {MOST_SHAPES} are read")
        if len(set(names)) != len(names):
            raise ValueError("zones and lines need names of their own")
        if self.lines and not self.track:
            raise ValueError("objects that are not followed cannot cross a line")


def load_scene(path: Path) -> Scene:
    """Read a scene.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or larger than what people write.
        RecordError: a key or value of it is wrong.
    """
    data = read_toml(path)
    try:
        return records.parse(Scene, data)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc


class LineCounter:
    """Watches the followed objects of one source."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)
        self._last: dict[int, Point] = {}

    def update(self, found: Sequence[Found], width: int, height: int) -> list[Crossing]:
        """What crossed a line since the last image."""
        now = {f.track: (f, foot(f, width, height)) for f in found if f.track is not None}
        crossed = [
            Crossing(line.name, thing.label, number, side)
            for number, (thing, place) in now.items()
            if number in self._last
            for line in self._lines
            if (side := _side(line, self._last[number], place))
        ]
        # One that is hidden for a moment is still where it was.
        self._last |= {number: place for number, (_, place) in now.items()}
        if len(self._last) > 10_000:
            self._last = {number: place for number, (_, place) in now.items()}
        return crossed


def foot(found: Found, width: int, height: int) -> Point:
    """Where an object stands: the middle of its lower edge, as fractions of the image."""
    assert found.box is not None
    left, _, right, bottom = found.box
    return (left + right) / 2 / width, bottom / height


def _side(line: Line, before: Point, after: Point) -> str:
    """The way that a step takes across a line, or nothing."""
    first, second = line.points
    a, b = _turn(first, second, before), _turn(first, second, after)
    c, d = _turn(before, after, first), _turn(before, after, second)
    if (a > 0) == (b > 0) or (c > 0) == (d > 0):
        return ""
    # y points down: a point with a positive turn lies at the right hand.
    return "right" if b > 0 else "left"


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
