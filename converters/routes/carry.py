"""A model carried to artefacts: along the first road that is open, and if need be the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from edgenets.artefact import Artefact, Format, Precision, TensorInfo, id_of
from edgenets.errors import ConversionError, MissingExtra

from .. import formats
from ..formats import Converted, Written
from ..whole import function
from ..whole.onnxshape import fix_shapes
from .edge import Job
from .find import Road, roads, start_of, why_none


@dataclass(frozen=True)
class Tried:
    """A road, and what came of it."""

    road: Road
    closed: str = ""  # where and why it ended
    taken: bool = False


@dataclass(frozen=True)
class Carried(Converted):
    """Artefacts, and how each came about."""

    tried: dict[str, tuple[Tried, ...]]  # by the artefact's id, in the order in which it was tried


class Carrier:
    """Carries one model; what several artefacts have in common of their roads is done once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._made: dict[tuple[Any, ...], Any] = {}
        self._failed: dict[tuple[Any, ...], str] = {}
        self._shut: dict[tuple[Any, ...], str] = {}

    def roads(self, format: Format, precision: Precision) -> tuple[Tried, ...]:
        """The roads to an artefact, and which of them are seen to be closed before they are tried.

        The first that is open is the one that will be taken, unless it turns out to be closed.
        """
        found = []
        open_before = False
        for road in roads(start_of(self._job), format, precision):
            closed = self._closed(road)
            found.append(Tried(road, closed, not closed and not open_before))
            open_before |= not closed
        return tuple(found)

    def carry(
        self, format: Format, precision: Precision
    ) -> tuple[Written | None, tuple[Tried, ...]]:
        """One artefact, or None; and what was tried for it."""
        tried: list[Tried] = []
        for number, one in enumerate(found := self.roads(format, precision)):
            if one.closed:
                tried.append(one)
                continue
            try:
                made = self._along(one.road)
            except (ConversionError, MissingExtra) as exc:
                tried.append(replace(one, closed=str(exc), taken=False))
                continue
            tried.append(replace(one, taken=True))
            rest = (replace(other, taken=False) for other in found[number + 1 :])
            return made, (*tried, *rest)
        return None, tuple(tried)

    def why_not(self, format: Format, precision: Precision, tried: Sequence[Tried]) -> str:
        """Why there is no such artefact, in a sentence."""
        name = f"{format} in {precision}"
        if lacks := formats.MISSING.get((format, precision)):
            return f"{name}: {lacks}"
        reasons = list(dict.fromkeys(one.closed for one in tried if one.closed))
        if not reasons:
            return f"{name}: {why_none(start_of(self._job), format, precision)}"
        return f"{name}: {'; or: '.join(reasons)}"

    def _closed(self, road: Road) -> str:
        for leg in road.legs:
            key = (leg.edge.name, leg.edge.tool, leg.to)
            if key not in self._shut:
                self._shut[key] = leg.edge.closed(self._job, leg.to.precision)
            if self._shut[key]:
                return self._shut[key]
        return ""

    def _along(self, road: Road) -> Written:
        value: Any = self._job.source.model
        if road.start.form in ("onnx", "tflite"):
            value = self._given
        key: tuple[Any, ...] = ()
        for leg in road.legs:
            key = (*key, leg.edge.name, leg.edge.tool, leg.to)
            if key in self._failed:  # a road that begins alike ended here
                raise ConversionError(self._failed[key])
            if key not in self._made:
                try:
                    self._made[key] = leg.edge.carry(self._job, value, leg.to.precision)
                except (ConversionError, MissingExtra) as exc:
                    self._failed[key] = str(exc)
                    raise
            value = self._made[key]
        written: Written = value
        return replace(written, road=tuple(f"{x.edge.name} ({x.edge.tool})" for x in road.legs))

    @cached_property
    def _given(self) -> Written:
        """A file that is an artefact already."""
        source, job = self._job.source, self._job
        if source.kind == "tflite":
            return self._as_it_came("tflite", source.model, *source.raw)
        inputs = tuple(
            replace(info, shape=function.fixed(info.name, info.shape, job.shapes))
            for info in source.inputs
        )
        model, outputs = fix_shapes(source.model, inputs)
        return self._as_it_came("onnx", model.SerializeToString(), inputs, outputs)

    def _as_it_came(
        self, kind: Format, data: bytes, inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
    ) -> Written:  # fmt: skip
        precision = self._job.source.precision
        name = f"{kind}-{precision}.{kind}"
        artefact = Artefact(
            kind, precision, (name,), tuple(inputs), tuple(outputs), note="as it came"
        )
        return Written(artefact, {name: data})


def convert_source(job: Job, to: Sequence[Format], precisions: Sequence[Precision]) -> Carried:
    """Carry a model to every format and precision that is wanted.

    Returns:
        what could be written, and of everything else why not.

    Raises:
        ConversionError: nothing could be written.
    """
    carrier = Carrier(job)
    written: list[Written] = []
    missing: list[str] = []
    every: dict[str, tuple[Tried, ...]] = {}
    wanted = [(f, p) for f in to for p in precisions]
    with job.progress.task("converting") as task:
        for done, (format, precision) in enumerate(wanted, 1):
            made, tried = carrier.carry(format, precision)
            every[id_of(format, precision)] = tried
            if made is None:
                missing.append(carrier.why_not(format, precision, tried))
            else:
                written.append(made)
            task.update(done, len(wanted))
    if not written:
        raise ConversionError(
            f"{job.source.path}: nothing could be converted: {_together(missing)}"
        )
    return Carried(tuple(written), tuple(missing), every)


def _together(reasons: Sequence[str]) -> str:
    """Reasons, each with all that it is the reason of."""
    of: dict[str, list[str]] = {}
    for line in reasons:
        name, _, why = line.partition(": ")
        of.setdefault(why, []).append(name)
    if len(of) == 1:
        return next(iter(of))
    return "".join(f"\n  {', '.join(names)}: {why}" for why, names in of.items())
