"""Connectionist temporal classification: from a network's scores, step after step, to symbols.

A model that was trained by CTC (Graves et al. 2006, doi:10.1145/1143844.1143891) says at each step
one of its symbols, or the blank, label 0. What was said is what is left when repetitions are taken
together and blanks are taken out. `Greedy` follows the best label of each step; `Beam` adds up all
the ways to say the same (Hannun et al. 2014, arXiv:1408.2873), and may be led by a grammar. Both
take one step at a time and never look ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenets.arrays import Reals

BLANK = 0

_NEVER = -math.inf

# Symbols this much less likely than a step's best are not tried: a path through one of them would
# have to be better by as much in its other steps.
_PRUNE = 9.0  # nats

# A step that is blank by more than this begins no symbol.
_SURELY_BLANK = math.log(0.9995)


@dataclass(frozen=True)
class Said:
    """A symbol that was said."""

    symbol: int  # number of its label
    step: int  # at which it was first seen, from 0


class Grammar(Protocol):
    """What may follow what, and how likely it is; states are the grammar's own, and hashable."""

    def begin(self) -> Any:
        """The state before the first symbol."""
        ...

    def follow(self, state: Any, symbol: int) -> tuple[Any, float] | None:
        """The state after one more symbol, and that symbol's ln p; None: it may not follow."""
        ...

    def end(self, state: Any) -> float:
        """ln p that nothing follows; −∞ where something must."""
        ...


class Decoder(Protocol):
    """Takes one step after another."""

    def push(self, logits: NDArray[np.float32]) -> None:
        """The next step's scores, (labels,)."""
        ...

    def said(self, final: bool = False) -> tuple[Said, ...]:
        """What was said so far; `final`: and nothing more will be."""
        ...

    def reset(self) -> None:
        """Forget the steps so far."""
        ...


class Greedy:
    """The best label of each step."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """See `Decoder.reset`."""
        self._said: list[Said] = []
        self._before, self._step = BLANK, 0

    def push(self, logits: NDArray[np.float32]) -> None:
        """See `Decoder.push`."""
        best = int(logits.argmax())
        if best not in (BLANK, self._before):
            self._said.append(Said(best, self._step))
        self._before = best
        self._step += 1

    def said(self, final: bool = False) -> tuple[Said, ...]:
        """See `Decoder.said`."""
        return tuple(self._said)


@dataclass
class _Path:
    """All ways to say one thing, added up."""

    state: Any = None  # of the grammar
    grammar_score: float = 0.0  # ln p that the grammar gives it, weighted
    blank: float = _NEVER  # ln p of the ways that end in a blank
    symbol: float = _NEVER  # ln p of those that end in its last symbol
    steps: tuple[int, ...] = field(default=())  # at which its symbols were first seen

    @property
    def total(self) -> float:
        """ln p by the network alone."""
        return _add(self.blank, self.symbol)


class Beam:
    """The most likely things to have been said, each with all the ways to say it."""

    def __init__(self, width: int, grammar: Grammar | None = None, weight: float = 1.0) -> None:
        """Begin.

        Args:
            width: how many things are kept in mind.
            weight: how much the grammar counts against the model.
        """
        self._width, self._grammar, self._weight = width, grammar, weight
        self.reset()

    def reset(self) -> None:
        """See `Decoder.reset`."""
        state = self._grammar.begin() if self._grammar else None
        self._paths: dict[tuple[int, ...], _Path] = {(): _Path(state, blank=0.0)}
        self._step = 0

    def push(self, logits: NDArray[np.float32]) -> None:
        """See `Decoder.push`."""
        scores = log_softmax(logits)
        blank = float(scores[BLANK])
        if blank > _SURELY_BLANK:
            for path in self._paths.values():
                path.blank, path.symbol = path.total + blank, _NEVER
        else:
            floor = float(scores.max()) - _PRUNE
            likely = [(int(s), float(scores[s])) for s in np.flatnonzero(scores >= floor) if s]
            self._extend(scores, blank, likely)
        self._step += 1

    def said(self, final: bool = False) -> tuple[Said, ...]:
        """See `Decoder.said`."""

        def worth(item: tuple[tuple[int, ...], _Path]) -> float:
            end = self._grammar.end(item[1].state) if final and self._grammar else 0.0
            return self._worth(item[1]) + self._weight * end

        symbols, path = max(self._paths.items(), key=worth)
        return tuple(Said(s, at) for s, at in zip(symbols, path.steps, strict=True))

    def _worth(self, path: _Path) -> float:
        return path.total + path.grammar_score

    def _extend(
        self, scores: NDArray[np.float64], blank: float, likely: list[tuple[int, float]]
    ) -> None:
        found: dict[tuple[int, ...], _Path] = {}
        for symbols, path in self._paths.items():
            last = symbols[-1] if symbols else BLANK
            stay = found.get(symbols)
            if stay is None:
                stay = found[symbols] = _Path(path.state, path.grammar_score, steps=path.steps)
            stay.blank = _add(stay.blank, path.total + blank)
            if symbols:
                stay.symbol = _add(stay.symbol, path.symbol + float(scores[last]))
            for symbol, score in likely:
                # Twice the same symbol needs a blank between them.
                before = path.blank if symbol == last else path.total
                if before == _NEVER:
                    continue
                longer = (*symbols, symbol)
                onward = found.get(longer)
                if onward is None:
                    onward = self._begin(path, symbol)
                    if onward is None:
                        continue
                    found[longer] = onward
                onward.symbol = _add(onward.symbol, before + score)
        best = sorted(found.items(), key=lambda item: -self._worth(item[1]))
        self._paths = dict(best[: self._width])

    def _begin(self, path: _Path, symbol: int) -> _Path | None:
        """A path with one more symbol; None where the grammar forbids it."""
        steps = (*path.steps, self._step)
        if self._grammar is None:
            return _Path(None, 0.0, steps=steps)
        followed = self._grammar.follow(path.state, symbol)
        if followed is None:
            return None
        state, grammar_score = followed
        return _Path(state, path.grammar_score + self._weight * grammar_score, steps=steps)


def log_softmax(logits: Reals) -> NDArray[np.float64]:
    """Scores to ln p along the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs


def _add(a: float, b: float) -> float:
    """ln(eᵃ + eᵇ)."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))
