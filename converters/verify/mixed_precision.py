"""Mixed precision: the fewest layers that have to stay float for an artifact to pass.

Which converter made it does not matter: a subject says what its layers are, makes the artifact
with some of them in float, and judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets import records
from edgenets.artifact import Artifact, Precision
from edgenets.errors import BackendError, ConversionError
from edgenets.files import write_json
from edgenets.progress import Progress

from ..formats import Written, activation_type
from ..steptime import step_us
from .verdicts import Verdict

# What was tried, beside the report; and what versions before called it.
MIXED_PRECISION, OLD_MIXED_PRECISION = "mixed_precision.json", "mended.json"

# Relative RMS error beyond which an artifact has left its model. Layers
# that are only rounded stay below it, the ends of deep networks included.
LIMITS: dict[Precision, float] = {
    "fp32": 1e-3,
    "fp16": 0.02,
    "dynamic": 0.1,
    "int8": 0.25,
    "int16x8": 0.05,
}


# Layers that are tried at most before one is kept; models of images have a hundred. And those that
# are tried with the one before.
_TRIED, _PAIRS = 12, 4

# Layers at the beginning that are tried together, of networks that have many times as many: what a
# network of images takes first has the widest ranges, and no layer of it helps by itself.
_BEGINNINGS, _MANY = (4, 8, 16, 32), 4

# How much nearer the output has to come by two layers than by one.
_CLEARLY = 0.8


@dataclass(frozen=True)
class LayerError:
    """How far one layer's output is from the model's."""

    layer: str
    error: float  # relative RMS error


@dataclass(frozen=True)
class Subject:
    """An artifact that can be made anew with layers in float."""

    precision: Precision
    layers: tuple[str, ...]  # that may stay float, in the order of the network
    make: Callable[[frozenset[str]], Written]  # with these in float
    # Of an artifact, how far its output is from the model's; quick, for many tries.
    distance: Callable[[Written], float]
    judge: Callable[[Written], Verdict]  # the gate
    # How far each layer is, in the order of the network; of `make(frozenset())`.
    errors: Callable[[], tuple[LayerError, ...]] | None = None


@dataclass(frozen=True)
class Try:
    """One set of layers in float."""

    kept: tuple[str, ...]  # in the order of the network
    verdict: Verdict
    written: Written


@dataclass(frozen=True)
class Search:
    """What a search found."""

    errors: tuple[LayerError, ...]
    first: str  # layer at which it leaves its model; nothing where it stays near everywhere
    tries: tuple[Try, ...]  # the first one keeps nothing

    @property
    def best(self) -> Try:
        """That which passed with the fewest layers; of none that did, the nearest."""
        passed = [one for one in self.tries if one.verdict.passed]
        if passed:
            return min(passed, key=lambda one: len(one.kept))
        return max(self.tries, key=lambda one: (one.verdict.agreement, -len(one.kept)))


def search(subject: Subject, most: int | None = None, progress: Progress | None = None) -> Search:
    """Find the fewest layers that have to stay float for an artifact to pass.

    That layer is kept which brings the output nearest, then that which does so besides it, until
    the gate is passed; each that turns out not to be needed is let go again. Where errors grow
    most, a layer is tried with the one before it as well: the tensor between them is in float only
    where both are. First the beginning of the network is tried, too.

    Args:
        most: layers that may be kept at most; None: all but one.

    Returns:
        every try, and the best of them.

    Raises:
        ConversionError: the artifact cannot be made at all.
    """
    most = len(subject.layers) - 1 if most is None else most
    errors: tuple[LayerError, ...] = ()
    with suppress(BackendError):  # an artifact that cannot be loaded shows no layer; the gate says
        errors = subject.errors() if subject.errors else ()
    first = left_at(errors, subject.precision)

    def attempt(layers: Sequence[str]) -> Try:
        kept = tuple(name for name in subject.layers if name in layers)
        written = subject.make(frozenset(kept))
        return Try(kept, subject.judge(written), written)

    tries = [attempt(())]
    if not tries[0].verdict.passed:
        kept: list[str] = []
        added: tuple[str, ...] = ()
        while len(kept) < most and not tries[-1].verdict.passed:
            room = most - len(kept)
            added = _most_helpful(subject, kept, errors, room, progress or Progress())
            if not added:
                break
            kept += added
            tries.append(attempt(kept))
        if tries[-1].verdict.passed:
            # Without what was added last it did not pass; if that was one layer, it is needed.
            for layer in kept[:-1] if len(added) == 1 else list(kept):
                fewer = attempt([name for name in kept if name != layer])
                tries.append(fewer)
                if fewer.verdict.passed:
                    kept.remove(layer)
    return Search(errors, first, tuple(tries))


def _growth(errors: Sequence[LayerError]) -> dict[str, float]:
    """How much each layer's error is beyond that of the one before."""
    before, found = 0.0, {}
    for one in errors:
        found[one.layer] = one.error - before
        before = one.error
    return found


def left_at(errors: Sequence[LayerError], precision: Precision) -> str:
    """The first layer beyond the limit of a precision; nothing where none is."""
    limit = LIMITS[precision]
    return next((e.layer for e in errors if not e.error <= limit), "")  # NaN is beyond it


def _most_helpful(
    subject: Subject,
    kept: Sequence[str],
    errors: Sequence[LayerError],
    room: int,
    progress: Progress,
) -> tuple[str, ...]:
    """Of the layers that are not kept yet, that, or those, which help most besides those that are.

    Two have to help clearly more than one does. Nothing: none can be kept.
    """
    sets = [layers for layers in _candidates(subject, kept, errors) if len(layers) <= room]
    found: list[tuple[float, int, tuple[str, ...]]] = []
    with progress.task("trying layers in float") as task:
        for done, layers in enumerate(sets, 1):
            with suppress(ConversionError, BackendError):  # these cannot be left out
                written = subject.make(frozenset((*kept, *layers)))
                distance = subject.distance(written) / (_CLEARLY if len(layers) > 1 else 1.0)
                found.append((distance, len(layers), layers))
            task.update(done, len(sets), layers[-1])
    return min(found)[2] if found else ()


def _candidates(
    subject: Subject, kept: Sequence[str], errors: Sequence[LayerError]
) -> Iterator[tuple[str, ...]]:
    """Layers to be tried, one by one, by two where errors grow most, and first the beginning.

    Of many, those at which errors grow most: what is wrong before a layer is not its own.
    """
    grown = _growth(errors)
    left = [layer for layer in subject.layers if layer not in kept]
    left = sorted(left, key=lambda layer: -grown.get(layer, 0.0))[:_TRIED]
    yield from ((layer,) for layer in left)
    before = dict(zip(subject.layers[1:], subject.layers, strict=False))
    for layer in [x for x in left if x in grown][:_PAIRS]:
        if layer in before and before[layer] not in kept:
            yield before[layer], layer
    if not kept:
        yield from (subject.layers[:n] for n in _BEGINNINGS if len(subject.layers) >= _MANY * n)


@dataclass(frozen=True)
class Tried:
    """One set of layers in float."""

    kept: tuple[str, ...]
    metric: float
    bytes: int
    step_us: float | None  # median of a step, on this machine; None: it cannot be run
    passed: bool


@dataclass(frozen=True)
class Repair:
    """What was done about one artifact."""

    id: str
    first: str  # layer at which it left its model; nothing where none stands out
    errors: tuple[LayerError, ...]
    tries: tuple[Tried, ...]
    kept: tuple[str, ...]
    passed: bool
    why: str = ""  # nothing could be tried


@dataclass(frozen=True)
class _File:
    repairs: tuple[Repair, ...]


def search_each(
    written: Sequence[Written],
    failed: Collection[str],
    subject_of: Callable[[Artifact], Subject],
    progress: Progress,
) -> tuple[tuple[Repair, ...], list[Written]]:
    """Search for every artifact that did not pass.

    Args:
        written: all of a model.
        failed: ids of those that did not pass.
        subject_of: what the search needs of one.

    Returns:
        what was done about each that had failed, and all artifacts, the new ones in their places.
    """
    repairs, all_of_them = [], []
    for item in written:
        if item.artifact.id not in failed:
            all_of_them.append(item)
            continue
        progress.say(f"{item.artifact.id}: looking for its quantization-sensitive layers")
        try:
            found = search(subject_of(item.artifact), progress=progress)
        except ConversionError as exc:  # of this one alone
            repairs.append(Repair(item.artifact.id, "", (), (), (), False, str(exc)))
            all_of_them.append(item)
            continue
        repairs.append(_repair(item, found))
        all_of_them.append(_noted(found.best, item))
    return tuple(repairs), all_of_them


def write_repairs(folder: Path, repairs: Sequence[Repair]) -> None:
    """Keep what was tried beside the report."""
    write_json(folder / MIXED_PRECISION, records.to_plain(_File(tuple(repairs))))


def is_rounded(precision: str) -> bool:
    """Whether activations are integers."""
    return activation_type(precision) is not None


def _noted(best: Try, before: Written) -> Written:
    """An artifact that says which of its layers are in float."""
    if not best.kept and not best.verdict.passed:
        return before
    artifact = best.written.artifact
    kept = f"{', '.join(best.kept)} kept float" if best.kept else ""
    note = "; ".join(filter(None, (artifact.note, kept)))
    return replace(best.written, artifact=replace(artifact, note=note), route=before.route)


def _repair(item: Written, found: Search) -> Repair:
    tries = tuple(
        Tried(
            one.kept,
            one.verdict.metric,
            one.verdict.size,
            None if one.verdict.error else round(step_us(one.written), 2),
            one.verdict.passed,
        )
        for one in found.tries
    )
    best = found.best
    return Repair(
        item.artifact.id, found.first, found.errors, tries, best.kept, best.verdict.passed
    )
