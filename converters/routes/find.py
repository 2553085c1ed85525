"""Conversion paths through the graph of converters, the shortest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgenets.artifact import Format, Precision

from .converter import Converter, Job, Place
from .table import CONVERTERS

# No useful conversion path is longer.
_LONGEST = 5


@dataclass(frozen=True)
class Leg:
    """A converter on a conversion path, and where it leads."""

    converter: Converter
    to: Place


@dataclass(frozen=True)
class Route:
    """Converters one after another."""

    start: Place
    legs: tuple[Leg, ...]

    def __str__(self) -> str:
        return str(self.start) + "".join(f" ─{leg.converter}─▶ {leg.to}" for leg in self.legs)

    @property
    def tools(self) -> tuple[str, ...]:
        """Its converters, in words."""
        return tuple(str(leg.converter) for leg in self.legs)


def start_of(job: Job) -> Place:
    """Where a model is before it is carried anywhere."""
    return Place(job.source.kind, job.source.precision)


def routes(start: Place, format: Format, precision: Precision) -> list[Route]:
    """Every way from a place to an artifact that goes through no place twice.

    A model that is there already has a conversion path of no legs.
    """
    target = Place(format, precision)
    found = [Route(start, legs) for legs in _onward(start, target, (start,))]
    return sorted(
        found,
        key=lambda route: (
            sum(leg.converter.cost for leg in route.legs),
            [CONVERTERS.index(leg.converter) for leg in route.legs],
        ),
    )


def why_none(start: Place, format: Format, precision: Precision) -> str:
    """Why no conversion path leads to an artifact at all."""
    if start.precision != "fp32" and precision != start.precision:
        return (
            f"the model was rounded to {start.precision} already, and what was lost does not come "
            f"back; give the float model"
        )
    return f"no converter leads from {start.form} to {format} in {precision}"


def _onward(at: Place, target: Place, been: tuple[Place, ...]) -> Iterator[tuple[Leg, ...]]:
    if at == target:
        yield ()
        if len(been) > 1:
            return  # from the model itself, a step form may lead there as well
    if len(been) > _LONGEST or (len(been) > 1 and been[-2].form == "step"):
        return  # what has a state is an artifact, and no converter of whole models takes it further
    for leg in _legs(at):
        if _leads_on(at, leg.to, target, been):
            for rest in _onward(leg.to, target, (*been, leg.to)):
                yield (leg, *rest)


def _leads_on(at: Place, to: Place, target: Place, been: tuple[Place, ...]) -> bool:
    """Whether a path may go on to a place: to none twice, but for a target that is the start."""
    if at == target:
        return to.form == "step"
    return to not in been or (at.form == "step" and to == target)


def _legs(at: Place) -> Iterator[Leg]:
    """Every converter that takes a form, with each precision that it leads to."""
    for converter in CONVERTERS:
        if converter.source == at.form:
            for precision in converter.precisions.get(at.precision, ()):
                yield Leg(converter, Place(converter.target, precision))
