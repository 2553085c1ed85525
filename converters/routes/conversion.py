"""A model carried to artifacts: along the first path that is open, and if need be the next."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from edgenets.artifact import Format, Precision
from edgenets.errors import BackendError, ConversionError, MissingExtra, ModelError, first_line
from edgenets.recipeparts import CALIBRATORS, Calibrator

from .. import formats
from ..formats import Converted, Written
from ..sources import tflite_file
from ..verify.called import is_step
from ..whole import function, tfliteranges
from ..whole.onnxshape import fix_shapes
from ..whole.samples import count
from ..whole.share import check_integers, share_of
from .converter import Converter, Job, NotApplicable, Place
from .find import Leg, Route, routes, start_of, why_none
from .proof import GOOD, Proof
from .table import CONVERTERS

# Of a file of ONNX to its step form.
_WALK = next(c for c in CONVERTERS if (c.source, c.target) == ("onnx", "step"))

# What ends a path, and leaves others open: a converter that refuses, a package that is not there,
# an interpreter that does not take what was written.
_REFUSALS = (ConversionError, MissingExtra, ModelError, BackendError)


# How much more of the model's variance a longer path has to explain to be taken.
_CLEARLY = 0.2

# Items by which calibrators are compared, and seconds after which no other is tried.
_TRIED_ITEMS, _TRIED_SECONDS = 128, 300.0

# Precisions whose names promise integers.
_INTEGERS = ("int8", "int16x8", "dynamic")


# Agreement, the part of variance that is explained, the calibrator, and what it led to.
_Try = tuple[float, float, str, Written]


@dataclass(frozen=True)
class Seen:
    """A conversion path, before it is gone."""

    route: Route
    closed: str  # where and why it is; nothing where that is only seen by going
    taken: bool  # whether it is the first that is open


class Conversion:
    """Carries one model; what several artifacts have in common of their paths is done once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._made: dict[tuple[Leg, ...], Any] = {}
        self._failed: dict[tuple[Leg, ...], str] = {}
        self._closed: dict[Leg, str] = {}
        self._proof = Proof(job.source, job.samples, job.shapes)
        self._calibrated: dict[str, Conversion] = {}

    def routes(self, format: Format, precision: Precision) -> tuple[Seen, ...]:
        """The conversion paths to an artifact, in the order in which they are tried."""
        found: list[Seen] = []
        for route in routes(start_of(self._job), format, precision):
            closed = self._not_meant(route) or next(
                filter(None, map(self._why_closed, route.legs)), ""
            )
            taken = not closed and not any(seen.taken for seen in found)
            found.append(Seen(route, closed, taken))
        return tuple(found)

    def _not_meant(self, route: Route) -> str:
        """Why a path is not what was asked for; nothing where it is."""
        steps = any(leg.to.form == "step" for leg in route.legs)
        if self._job.variant == "step" and not steps:
            return NotApplicable("a step form was asked for")
        source = self._job.source
        if source.kind == "onnx" and not steps and self._goes_on_open:
            return NotApplicable(
                "its time is open, so the step form is meant; --shape or --variant whole says "
                "otherwise"
            )
        return ""

    @cached_property
    def _goes_on_open(self) -> bool:
        """Whether a file of ONNX has a step form and no size that it could be converted for."""
        if self._job.variant != "auto":
            return False
        return not self._why_closed(Leg(_WALK, Place("step", "fp32")))

    def convert(self, format: Format, precision: Precision) -> Written:
        """One artifact.

        Raises:
            ConversionError: no conversion path leads there; it says of every one why.
        """
        if self._job.quantize.calibrator == "auto" and precision == "int8" and self._job.samples:
            return self._best_calibrated(format)
        reasons: list[str] = []
        near: list[tuple[float, Written]] = []
        for seen in self.routes(format, precision):
            if seen.closed:
                reasons.append(seen.closed)
            elif (made := self._proven(seen.route, reasons)) is not None:
                near.append(made)
                if made[0] >= GOOD:
                    break
        if near:  # whether even the best is good enough, the gate will say
            first, best = near[0], max(near, key=lambda one: one[0])
            return (best if best[0] >= GOOD or best[0] > first[0] + _CLEARLY else first)[1]
        raise ConversionError(f"{format} in {precision}: {self._why(format, precision, reasons)}")

    def _best_calibrated(self, format: Format) -> Written:
        """The int8 artifact by that calibrator by which most is decided as the model does."""
        samples = self._job.samples or {}
        proof = Proof(self._job.source, samples, self._job.shapes, _TRIED_ITEMS)
        found: list[_Try] = []
        end = time.monotonic() + _TRIED_SECONDS
        reasons: list[str] = []
        names = tfliteranges.KNOWN if format == "tflite" else CALIBRATORS
        for name in names:
            if found and time.monotonic() > end:
                break
            try:
                written = self._calibrated_by(name).convert(format, "int8")
                if is_step(written):
                    return written  # of a step form ranges are found otherwise
                found.append((proof.agreement(written), proof.fit(written), name, written))
            except ConversionError as exc:
                reasons.append(f"{name}: {exc}")
        if not found:
            raise ConversionError(f"{format} in int8: {'; or: '.join(reasons)}")
        best = _best(found, min(count(samples), _TRIED_ITEMS))
        tries = ", ".join(f"{name} {share:.1%}" for share, _, name, _ in found)
        return formats.noted(best[3], f"calibrator {best[2]}, of those that were tried: {tries}")

    def _calibrated_by(self, name: Calibrator) -> Conversion:
        """The same by a calibrator; all formats have it in common."""
        if name not in self._calibrated:
            quantize = replace(self._job.quantize, calibrator=name)
            self._calibrated[name] = Conversion(replace(self._job, quantize=quantize))
        return self._calibrated[name]

    def _why(self, format: Format, precision: Precision, reasons: Sequence[str]) -> str:
        """Why there is no such artifact: of every path, or of all."""
        meant = [x for x in reasons if not isinstance(x, NotApplicable)] or reasons
        return (
            formats.MISSING.get((format, precision))
            or "; or: ".join(dict.fromkeys(meant))
            or why_none(start_of(self._job), format, precision)
        )

    def _proven(self, route: Route, reasons: list[str]) -> tuple[float, Written] | None:
        """What a path leads to, and how much of the model's variance it explains.

        Args:
            reasons: why it leads nowhere is added to it.
        """
        try:
            written = _with_share(self._along(route))
            return self._proof.fit(written), written
        except _REFUSALS as exc:
            reasons.append(str(exc))
        except Exception as exc:  # a fault of a library or of ours ends this path alone
            reasons.append(_fault(route.legs[-1].converter, exc))
        return None

    def before(self, format: Format, precision: Precision) -> Any:
        """What the last converter is given on the conversion path to an artifact.

        Raises:
            ConversionError: as `carry`; or it is the file that came.
        """
        self.convert(format, precision)
        gone = [seen.route for seen in self.routes(format, precision) if self._was_gone(seen)]
        if not gone:
            raise ConversionError(f"{format} in {precision}: is as it came, and is not made anew")
        route = gone[0]
        return self._made.get(route.legs[:-1], self._given if route.legs[1:] == () else None)

    def _was_gone(self, seen: Seen) -> bool:
        return not seen.closed and seen.route.legs in self._made

    def _why_closed(self, leg: Leg) -> str:
        if leg not in self._closed:
            try:
                self._closed[leg] = leg.converter.closed(self._job, leg.to.precision)
            except Exception as exc:  # as in `convert`
                self._closed[leg] = _fault(leg.converter, exc)
        return self._closed[leg]

    def _along(self, route: Route) -> Written:
        walked = bool(route.legs) and route.legs[0].to.form == "step"  # from the model itself
        came_as_artifact = route.start.form in ("onnx", "tflite") and not walked
        value: Any = self._given if came_as_artifact else self._job.source.model
        for number, leg in enumerate(route.legs, 1):
            behind = route.legs[:number]
            if behind in self._failed:  # a conversion path that begins alike ended here
                raise ConversionError(self._failed[behind])
            if behind not in self._made:
                try:
                    self._made[behind] = leg.converter.apply(self._job, value, leg.to.precision)
                except _REFUSALS as exc:
                    self._failed[behind] = str(exc)
                    raise
            value = self._made[behind]
        written: Written = value
        return replace(written, route=route.tools)

    @cached_property
    def _given(self) -> Written:
        """A file that is an artifact already."""
        source, note = self._job.source, "as it came"
        inputs = [function.fixed(info, self._job.shapes) for info in source.inputs]
        if source.kind == "tflite":
            own = [replace(r, shape=i.shape) for r, i in zip(source.raw[0], inputs, strict=True)]
            file, taken, made = tflite_file.sized(source.path, source.model, own)
            return formats.whole("tflite", source.precision, (file,), taken, made, note)
        model, outputs = fix_shapes(source.model, inputs)
        contents = (model.SerializeToString(),)
        return formats.whole("onnx", source.precision, contents, inputs, outputs, note)


def _best(tries: Sequence[_Try], items: int) -> _Try:
    """Of tries whose agreements so few items tell not apart, that of the nearest numbers."""
    most = max(share for share, *_ in tries)
    doubt = 2 * math.sqrt(max(0.0, most * (1 - most)) / items)
    return max((one for one in tries if one[0] >= most - doubt), key=lambda one: one[1])


def _with_share(written: Written) -> Written:
    """An artifact whose note says how much of it is in integers, where that is not all."""
    artifact = written.artifact
    if artifact.precision not in _INTEGERS or (share := share_of(written)) is None:
        return written
    check_integers(share)
    if share.with_integers == share.operators:
        return written
    return formats.noted(written, str(share))


def _fault(converter: Converter, exc: Exception) -> str:
    """Why a path ended that nobody meant to end."""
    return f"{converter} ended with {type(exc).__name__}: {first_line(exc)}"


def convert_source(job: Job, to: Sequence[Format], precisions: Sequence[Precision]) -> Converted:
    """Carry a model to every format and precision that is wanted.

    Returns:
        what could be written, and of everything else why not.

    Raises:
        ConversionError: nothing could be written.
    """
    found = formats.each(to, precisions, Conversion(job).convert, ConversionError, job.progress)
    if not found.written:
        raise ConversionError(
            f"{job.source.path}: nothing could be converted: {_together(found.missing)}"
        )
    return found


def _together(reasons: Sequence[str]) -> str:
    """Reasons, each with all that it is the reason of."""
    of: dict[str, list[str]] = {}
    for line in reasons:
        name, _, why = line.partition(": ")
        of.setdefault(why, []).append(name)
    if len(of) == 1:
        return next(iter(of))
    return "".join(f"\n  {', '.join(names)}: {why}" for why, names in of.items())
