"""Thresholds, smoothing and refractory time by what a model hears in streams.

Of all sets of a threshold a word that accept no more often in the negatives than is allowed, that
is taken by which most of the recordings of words are heard; so for every length of smoothing, and
of one word for a longer refractory time, where what is accepted falsely comes in bursts.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from edgenets.backend import Session
from edgenets.errors import DataError
from edgenets.files import Json
from edgenets.progress import Progress
from edgenets.tasks.heard import MOST_SMOOTHING, HeardDecoding, HeardSpec
from edgenets.tasks.keywords.listening import Found, Listened, listen
from edgenets.tasks.keywords.rates import poisson_bounds
from edgenets.tasks.task import SetByStreams, Streams

# Thresholds that are tried, and by how much the smoothing that a model was made with is longer.
_TRIED = tuple(n / 1000 for n in (*range(300, 860, 50), *range(860, 950, 10), *range(950, 1001, 5)))
_LONGER = (1.0, 1.5, 2.0)

# s for which nothing is heard again, which are tried of a model of one word: nobody says it again
# so soon. Of several, another one may be said then.
_REFRACTORY = (1.0, 1.5)

# A word of which less is heard is as good as lost.
_HALF = 0.5

# Negatives that cost most, of which some are named.
_WORST = 3


@dataclass(frozen=True)
class _Option:
    """A threshold of one word."""

    threshold: float
    accepts: int
    gain: float  # recordings that are heard; of a word without any, the lower threshold is more


def set_thresholds(
    spec: HeardSpec, session: Session, streams: Streams, per_hour: float, progress: Progress
) -> SetByStreams:
    """See `Task.set_by_streams`."""
    if not streams.negatives:
        raise DataError("thresholds are set by what is not to be heard: --negatives")
    heard = listen(spec, session, streams.negatives, streams.positives, progress)
    before = heard.at(spec.decoding)
    decoding, after = chosen_decoding(heard, per_hour, progress)
    evidence = _evidence(streams, per_hour, before, after)
    lost = tuple(
        f"{word}: {after.heard[word]} of {said} recordings are still heard"
        for word, said in after.said.items()
        if after.heard[word] < _HALF * said
    )
    rows = _rows(spec, decoding, before, after)
    changed = spec.decided_by(decoding)
    advice = (*_changes(spec.decoding, decoding), *_advice(per_hour, before, after))
    return SetByStreams(changed, evidence, rows, lost, advice)


def chosen_decoding(
    heard: Listened, per_hour: float, progress: Progress
) -> tuple[HeardDecoding, Found]:
    """The decoding by which most is heard at so many false accepts an hour."""
    before = heard.spec.decoding
    allowed = math.floor(per_hour * heard.hours)
    lengths = dict.fromkeys(round(factor * before.smoothing) for factor in _LONGER)
    alone = len(heard.spec.reported) == 1
    pauses = [s for s in _REFRACTORY if alone and s > before.refractory]
    done, total = 0, len(lengths) + len(pauses)
    with progress.task("trying thresholds") as task:

        def tried(decoding: HeardDecoding, said: str) -> tuple[HeardDecoding, Found]:
            nonlocal done
            task.update(done := done + 1, total, said)
            return _best(heard, decoding, allowed)

        smoothed = [replace(before, smoothing=n) for n in lengths if n <= MOST_SMOOTHING]
        every = [tried(decoding, f"{decoding.smoothing} steps") for decoding in smoothed]
        # Of what hears alike, the quickest.
        best = max(every, key=lambda one: (one[1].recall, -one[0].smoothing))
        for seconds in pauses:
            paused = replace(before, smoothing=best[0].smoothing, refractory=seconds)
            longer = tried(paused, f"{seconds:g} s")
            best = max(best, longer, key=lambda one: one[1].recall)
    return best


def _best(heard: Listened, decoding: HeardDecoding, allowed: int) -> tuple[HeardDecoding, Found]:
    """The thresholds by which most is heard at so many false accepts, and what is."""
    options: dict[str, list[_Option]] = {word: [] for word in heard.spec.reported}
    for threshold in _TRIED:
        found = heard.at(replace(decoding, threshold=threshold, thresholds={}))
        accepts = Counter(accepted.label for accepted in found.accepted)
        for word, known in options.items():
            gain = float(found.heard[word]) if found.said[word] else 1 - threshold
            known.append(_Option(threshold, accepts[word], gain))
    while True:
        chosen = _chosen(options, allowed)
        made = replace(decoding, threshold=max(chosen.values()), thresholds=chosen)
        found = heard.at(made)
        # With thresholds of their own, words get in each other's way less: a few more are heard.
        if len(found.accepted) <= allowed or all(t >= _TRIED[-1] for t in chosen.values()):
            return made, found
        allowed -= 1
        if allowed < 0:
            highest = dict.fromkeys(chosen, _TRIED[-1])
            made = replace(decoding, threshold=_TRIED[-1], thresholds=highest)
            return made, heard.at(made)


def _chosen(options: dict[str, list[_Option]], allowed: int) -> dict[str, float]:
    """A threshold of each word, so that most is heard (a knapsack over false accepts)."""
    # By false accepts so far: what is heard then, and the thresholds; the higher ones of like sets.
    known: dict[int, tuple[float, tuple[float, ...]]] = {0: (0.0, ())}
    for of_word in options.values():
        following: dict[int, tuple[float, tuple[float, ...]]] = {}
        for accepts, (score, thresholds) in known.items():
            for option in of_word:
                total = accepts + option.accepts
                made = (score + option.gain, (*thresholds, option.threshold))
                if total <= allowed and made > following.get(total, (-1.0, ())):
                    following[total] = made
        known = following or {0: (0.0, (*next(iter(known.values()))[1], of_word[-1].threshold))}
    _, best = max(known.values())
    return dict(zip(options, best, strict=True))


def _evidence(streams: Streams, per_hour: float, before: Found, after: Found) -> Json:
    """What the thresholds were set by, for the bundle."""
    return {
        "wanted_per_hour": per_hour,
        "negatives": [str(path) for path in streams.negatives],
        "positives": [str(path) for path in streams.positives],
        "hours": after.hours,
        "before": before.figures(),
        "after": after.figures(),
    }


def _rows(
    spec: HeardSpec, decoding: HeardDecoding, before: Found, after: Found
) -> tuple[tuple[str, ...], ...]:
    """Of each word: its threshold before and now, what is heard, what is accepted."""
    rows = []
    for word in spec.reported:
        old = spec.decoding.thresholds.get(word, spec.decoding.threshold)
        said = after.said[word]
        parts = [f"{f.heard[word] / said:.1%}" if said else "–" for f in (before, after)]
        counts = [sum(a.label == word for a in f.accepted) for f in (before, after)]
        rows.append((word, f"{old:g}", f"{decoding.thresholds[word]:g}", *parts, *map(str, counts)))
    return tuple(rows)


def _changes(before: HeardDecoding, after: HeardDecoding) -> tuple[str, ...]:
    """What is set for all words."""
    said = []
    if after.smoothing != before.smoothing:
        said.append(f"smoothing over {after.smoothing} steps; before {before.smoothing}")
    if after.refractory != before.refractory:
        seconds = f"{after.refractory:g} s after a word; before {before.refractory:g}"
        said.append(f"nothing is heard for {seconds}")
    return tuple(said)


def _advice(per_hour: float, before: Found, after: Found) -> tuple[str, ...]:
    """What the figures prove, and what would help."""
    said = [f"{after.line}; before {before.rate:.2f}"]
    if after.said:
        said.append(
            f"recall {after.recall:.2%} of {after.said.total()} recordings; before "
            f"{before.recall:.2%}"
        )
    if after.bounds[1] > per_hour:
        needed = poisson_bounds(0)[1] / per_hour
        said.append(
            f"so little sound does not prove {per_hour:g} an hour: without any false accept it "
            f"takes {needed:.1f} h"
        )
    costly = Counter(accepted.path for accepted in before.accepted).most_common(_WORST)
    if costly and after.recall < before.recall:
        names = ", ".join(f"{path.name} ({count})" for path, count in costly)
        said.append(f"most were accepted in {names}: more of that kind belongs into training")
    return tuple(said)
