"""What each output of a model is, and how near an artifact's is to it.

The largest of several numbers decides something only where they are classes. Where one output
holds numbers of different ranges, boxes in pixels beside scores, each range is judged by itself:
an error that is small for a box can be all of a score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Array
from edgenets.errors import DataError

from ..sources.ends import End

Kind = Literal["classes", "scores", "boxes", "values", "embedding", "unknown"]

KINDS: tuple[Kind, ...] = get_args(Kind)

# A step of probabilities in eight bits, and the part of decisions that may be nearer.
_STEP, _FAINT = 1 / 256, 0.1

# Channels whose sizes, in order, differ by more than the one factor are of different ranges, and so
# are the largest and the smallest that differ by more than the other.
_APART, _SPAN = 8.0, 32.0

# A channel counts as varying by at least this part of its level: rounding of what is constant loses
# nothing that anybody reads.
_LEAST = 0.02

# A channel that varies by less than this part of its level is hard to keep in integers, whose scale
# reaches from zero to the level.
_NARROW = 1 / 16

# Numbers an item from which on they are a vector, of which each says little by itself.
_VECTOR = 16

# A channel that is smaller than this is nothing.
_SILENT = 1e-9

# How far rows of probabilities may be from adding up to 1, and embeddings from a length of 1.
_SUM = 1e-3

# Scores above this are seen by some threshold. Differences of scores count from the one where there
# are such, however rare, and else from the other: integers of scores are as far apart.
_SEEN, _RARE, _UNSEEN = 0.1, 0.005, 0.02

# Probabilities of classes that nothing decides are rounded by as much as this.
_HAIR = 0.05

# A score this near a threshold may fall on either side by rounding alone; and the threshold of
# scores, and of those beside boxes, at which detectors usually report.
_UNDECIDED = 0.05
_LIKELY, _REPORTED = 0.5, 0.25

# Decisions that scores are compared by; of fewer a share would be of chance.
_ENOUGH = 20

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Output:
    """An output of a model, as it is judged."""

    name: str
    kind: Kind
    why: str
    axis: int = -1  # of its channels, in (items, …)
    groups: tuple[tuple[int, ...], ...] = ()  # channels of one range each; none: all of it at once
    # Whether a channel varies little beside its level, or probabilities by less than a step.
    narrow: bool = False

    @property
    def mixed(self) -> bool:
        """Whether its channels are of different ranges."""
        return len(self.groups) > 1

    def parts(self, values: Array) -> list[Array]:
        """Values of the output, (items, …), apart by ranges."""
        if not self.mixed:
            return [values]
        return [np.take(values, group, axis=self.axis) for group in self.groups]


def outputs_of(
    wanted: Mapping[str, Array],
    ends: Mapping[str, End] | None = None,
    targets: Array | None = None,
    declared: Mapping[str, Kind] | None = None,
) -> tuple[Output, ...]:
    """What the outputs of a model are.

    Args:
        wanted: what it gives, (items, …) of every output.
        ends: what makes each, as far as the model says.
        targets: what is right for its first output.
        declared: kinds that the user states; an entry without a name is of the first output.

    Raises:
        DataError: `declared` names an output that the model has not.
    """
    declared = dict(declared or {})
    first = next(iter(wanted))
    if "" in declared:
        declared.setdefault(first, declared.pop(""))
    if unknown := sorted(set(declared) - set(wanted)):
        raise DataError(f"no output is called {', '.join(unknown)}; there are {', '.join(wanted)}")
    return tuple(
        _output(
            name,
            values,
            (ends or {}).get(name, End()),
            targets if name == first else None,
            declared.get(name),
        )
        for name, values in wanted.items()
    )


def _output(
    name: str, values: Array, end: End, targets: Array | None, declared: Kind | None
) -> Output:
    kind, why = _kind(values, end, targets)
    if declared is not None:
        kind, why = declared, "as was stated"
    if values.size == len(values):  # one number an item
        return Output(name, kind, why, narrow=_is_narrow(values.reshape(-1, 1), -1))
    axis = _axis(values, end)
    if kind in ("classes", "embedding"):
        return Output(name, kind, why, axis, narrow=kind == "classes" and _is_faint(values))
    groups = _groups(_sizes(values, axis))
    if kind == "unknown" and len(groups) > 1:
        if _looks_like_boxes(values, axis, groups):
            kind, why = "boxes", "ranges of coordinates beside scores"
        elif values.ndim == 2 and values.shape[axis] >= _VECTOR:
            return Output(name, "embedding", f"{values.shape[axis]} numbers of no known use", axis)
        else:
            kind, why = "values", "channels of different ranges"
    if kind == "boxes":
        groups = _unseen_joined(values, axis, groups)
    return Output(name, kind, why, axis, groups, _is_narrow(values, axis))


def _unseen_joined(
    values: Array, axis: int, groups: Sequence[tuple[int, ...]]
) -> tuple[tuple[int, ...], ...]:
    """Ranges where scores that no threshold sees are of that of the smallest scores seen: whether
    a label that no item shows has 1e-5 or 0 changes no box."""
    highest = [_highest_score(np.take(values, group, axis=axis)) for group in groups]
    seen = [g for g, score in zip(groups, highest, strict=True) if score > _SEEN]
    unseen = [g for g, score in zip(groups, highest, strict=True) if 0 <= score <= _SEEN]
    if not seen:
        return tuple(groups)
    joined = (seen[-1], *unseen)
    return (*(g for g in groups if g not in joined), tuple(sorted(sum(joined, ()))))


def _highest_score(values: Array) -> float:
    """The highest of scores; −1 of what are none."""
    return float(values.max()) if _are_scores(values) else -1.0


def _is_narrow(values: Array, axis: int) -> bool:
    """Whether a channel varies, and by little beside its level."""
    spreads, levels = _spreads(values, axis)
    return bool(np.any((spreads > _SILENT) & (spreads < _NARROW * levels)))


def _is_faint(values: Array) -> bool:
    """Whether many decisions between probabilities are nearer than a step of eight bits.

    Every tool gives probabilities a scale of 1/256, whatever they are.
    """
    if (axis := _adds_up(values)) is None:
        return False
    best = np.sort(np.moveaxis(values, axis, -1), axis=-1)[..., -2:]
    return bool(np.mean(best[..., 1] - best[..., 0] < _STEP) > _FAINT)


def _kind(values: Array, end: End, targets: Array | None) -> tuple[Kind, str]:
    """What an output is by the best evidence that there is, and which."""
    one = values.size == len(values)
    by_targets = None if one or targets is None else _kind_of_targets(values, targets)
    if by_targets is not None:
        return by_targets
    if not np.issubdtype(values.dtype, np.floating):
        return "classes", "integers, decided already"
    if end.kind is not None and not (one and end.kind == "classes"):
        return end.kind, end.why
    if one:
        return "values", "one number an item"
    if _adds_up(values) is not None:
        return "classes", "its numbers are probabilities that add up to 1"
    if values.ndim == 2 and np.abs(np.linalg.norm(values, axis=-1) - 1).max() < _SUM:
        return "embedding", "its vectors are of length 1"
    return "unknown", "neither the model nor the data say what it is"


def _kind_of_targets(values: Array, targets: Array) -> tuple[Kind, str] | None:
    """What an output of several numbers is by what is right for it."""
    places = np.issubdtype(targets.dtype, np.integer) and targets.shape != values.shape
    if places or is_one_hot(targets, values):
        return "classes", "what is right are places of the right one"
    if targets.size == values.size:
        return "values", "what is right are values"
    return None


def is_one_hot(targets: Array, values: Array) -> bool:
    """Whether targets mark one class of each row of an output by 1, and the others by 0."""
    return targets.shape == values.shape and bool(
        np.isin(targets, (0, 1)).all() and (targets.sum(axis=-1) == 1).all()
    )


def _axis(values: Array, end: End) -> int:
    """Along which axis the channels of an output stand."""
    if end.axis is not None:
        return end.axis
    if (axis := _adds_up(values)) is not None:
        return axis
    if values.ndim < 3:
        return -1
    # Places of an image, or boxes, are much alike; kinds of numbers are not.
    differs = {axis: float(np.std(np.log(_sizes(values, axis) + _SILENT))) for axis in (-1, 1)}
    return max(differs, key=lambda axis: differs[axis])


def _adds_up(values: Array) -> int | None:
    """The axis along which an output's numbers are probabilities; None: there is none."""
    if values.min() < -_SUM or values.max() > 1 + _SUM:
        return None
    for axis in (-1, 1) if values.ndim > 2 else (-1,):
        if values.shape[axis] > 1 and np.abs(values.sum(axis=axis) - 1).max() < _SUM:
            return axis
    return None


def _sizes(values: Array, axis: int, least: float = _LEAST) -> Numbers:
    """What an error in each channel is measured by: how much it varies, or a part of its level."""
    spreads, levels = _spreads(values, axis)
    sizes: Numbers = np.maximum(spreads, least * levels)
    return sizes


def _spreads(values: Array, axis: int) -> tuple[Numbers, Numbers]:
    """The standard deviation of each channel, and its RMS."""
    rows = np.moveaxis(np.asarray(values, np.float64), axis, -1).reshape(-1, values.shape[axis])
    return rows.std(axis=0), np.sqrt(np.mean(np.square(rows), axis=0))


def _groups(sizes: Numbers) -> tuple[tuple[int, ...], ...]:
    """Channels by their ranges, the largest first; silent ones with the smallest that are not."""
    order = [int(i) for i in np.argsort(-sizes)]
    groups: list[list[int]] = [[order[0]]]
    for before, after in pairwise(order):
        far = sizes[before] > _APART * sizes[after] or sizes[groups[-1][0]] > _SPAN * sizes[after]
        if far and sizes[after] > _SILENT:
            groups.append([])
        groups[-1].append(after)
    return tuple(tuple(sorted(group)) for group in groups)


def _looks_like_boxes(values: Array, axis: int, groups: Sequence[Sequence[int]]) -> bool:
    """Whether one range is of four coordinates or more, and another of scores within 0 … 1."""

    small = [_are_scores(np.take(values, group, axis=axis)) for group in groups]
    coordinates = sum(len(g) for g, inside in zip(groups, small, strict=True) if not inside)
    return any(small) and not all(small) and coordinates >= 4


def agreement(output: Output, found: Array, wanted: Array) -> float:
    """How far an artifact agrees with its model on one output, 0 … 1.

    Of classes, the share of equal decisions. Of embeddings, the mean cosine after what all have in
    common is taken away. Of scores, the share of equal decisions, at 0.5, among those that are
    clear, and of scores beside boxes at 0.25; and, as of anything else, the explained variance of
    the range that is worst.
    """
    if output.kind == "classes":
        if not np.issubdtype(wanted.dtype, np.floating):
            return float(np.mean(found == wanted))
        return float(np.mean(decisions(output, found) == decisions(output, wanted)))
    if output.kind == "embedding":
        return max(0.0, _cosine(found, wanted))
    fit = fit_of(output, found, wanted)
    if output.kind == "scores":
        return min(fit, _equal_scores(found, wanted, _LIKELY))
    if output.kind == "boxes":
        pairs = zip(output.parts(found), output.parts(wanted), strict=True)
        return min([fit, *(_equal_scores(a, b, _REPORTED) for a, b in pairs if _are_scores(b))])
    return fit


def decisions(output: Output, values: Array) -> Array:
    """The place of the largest number along the channels."""
    places: Array = values.argmax(axis=output.axis)
    return places


def fit_of(output: Output, found: Array, wanted: Array, least: float = _LEAST) -> float:
    """The explained variance of the range of an output that is worst, 0 … 1.

    Args:
        least: part of its level that a channel counts as varying by.
    """
    pairs = zip(output.parts(found), output.parts(wanted), strict=True)
    return min(explained(a, b, output.axis, least, _floor(output, b)) for a, b in pairs)


def explained(
    found: Array, wanted: Array, axis: int = -1, least: float = _LEAST, floor: float = _SILENT
) -> float:
    """The part of an output's variance that an artifact explains, 0 … 1.

    Each channel varies about a mean of its own: that channels differ is no variance that an
    artifact could miss.

    Args:
        axis: of the channels; where each item is one number, it does not matter.
        least: part of its level that a channel counts as varying by.
        floor: the least that it counts as varying by.
    """
    if wanted.size == len(wanted):
        found, wanted, axis = found.reshape(-1, 1), wanted.reshape(-1, 1), -1
    sizes = np.maximum(_sizes(wanted, axis, least), floor)
    error = float(np.mean(np.square(np.asarray(found, np.float64) - wanted)))
    return max(0.0, 1 - error / float(np.mean(np.square(sizes))))


def _floor(output: Output, wanted: Array) -> float:
    """What differences of an output count from: of scores, less than any threshold would see."""
    if output.kind not in ("classes", "scores", "boxes") or not _are_scores(wanted):
        return _SILENT
    if output.kind == "classes":  # the largest decides, and that is compared by itself
        return _HAIR
    if wanted.max() > _SEEN:
        return _RARE
    return _UNSEEN if output.kind == "scores" else _SILENT


def _are_scores(values: Array) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1 + _SUM)


def worst_channel(output: Output, found: Array, wanted: Array) -> float:
    """The explained variance of the channel that is worst, of those that are no smaller than others
    of their range by far; 1 where there is but one.

    One channel of many may be gone where the whole still agrees.
    """
    if not np.issubdtype(wanted.dtype, np.floating) or wanted.size == len(wanted):
        return 1.0
    errors = channel_errors(output, found, wanted)
    return max(0.0, 1.0 - float(np.max(errors)) ** 2)


def channel_errors(output: Output, found: Array, wanted: Array) -> Numbers:
    """The RMS error of each channel that counts, (channels,), as a part of its size.

    Channels that are smaller than others of their range by far do not count: they are left out.
    """
    if wanted.size == len(wanted):
        output = replace(output, axis=-1)
        found, wanted = found.reshape(-1, 1), wanted.reshape(-1, 1)
    # Numbers of one vector are compared with the largest of it, others far further down.
    apart = 2 * _SPAN if output.groups else _APART
    errors = []
    for a, b in zip(output.parts(found), output.parts(wanted), strict=True):
        sizes = np.maximum(_sizes(b, output.axis), _floor(output, b))
        squares = np.moveaxis(np.square(np.asarray(a, np.float64) - b), output.axis, -1)
        error = np.sqrt(squares.reshape(-1, len(sizes)).mean(axis=0))
        counts = sizes > max(sizes.max() / apart, _SILENT)
        errors.append(error[counts] / sizes[counts])
    return np.concatenate([*errors, np.zeros(1)])


def _cosine(found: Array, wanted: Array) -> float:
    rows = [np.asarray(x, np.float64).reshape(-1, x.shape[-1]) for x in (found, wanted)]
    common = rows[1].mean(axis=0)
    a, b = (x - common for x in rows)
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return float(np.mean(np.sum(a * b, axis=-1) / np.maximum(lengths, _SILENT)))


def _equal_scores(found: Array, wanted: Array, threshold: float) -> float:
    """Of scores that either has above a threshold, the share of both, where the model is clear."""
    clear = np.abs(wanted - threshold) > _UNDECIDED
    a, b = found[clear] > threshold, wanted[clear] > threshold
    either = int(np.sum(a | b))
    return float(np.sum(a & b)) / either if either >= _ENOUGH else 1.0
