"""Text that a model goes on with: a token after the other, or the words that may come next."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.backend import Session, State
from edgenets.tasks.language.sampling import Sampler, Sampling, shares
from edgenets.tasks.language.spec import LanguageSpec
from edgenets.tasks.language.tokens import Tokenizer
from edgenets.tasks.speech.ctc import log_softmax

# Beginnings of words that are kept in mind while the likeliest words are looked for.
_BEAM = 24

# No word is longer.
_LONGEST_WORD = 24  # characters

# A context that is longer is cut: what stood before this is forgotten by a compact network anyway.
LONGEST_CONTEXT = 10_000  # tokens


@dataclass(frozen=True)
class Drawn:
    """A token that was drawn."""

    text: str
    probability: float


@dataclass(frozen=True)
class Suggestion:
    """A word that may come next."""

    word: str
    probability: float


@dataclass(frozen=True)
class _Beginning:
    """The beginning of a word, and where the stream stands after it."""

    text: str
    log_p: float
    state: State
    scores: NDArray[np.float64]  # ln p of each token that may follow


class Writer:
    """Goes on with a text by one session."""

    def __init__(
        self,
        spec: LanguageSpec,
        session: Session,
        sampling: Sampling | None = None,
        seed: int | None = None,
    ) -> None:
        """Begin with nothing read; `read` comes first.

        Args:
            sampling: None takes the spec's own.
            seed: of the draws; None: another text every time.
        """
        self._spec, self._session = spec, session
        self._sampling = sampling or spec.decoding.sampling
        self._sampler = Sampler(self._sampling, seed)
        self._tokenizer = Tokenizer(spec.input)
        self._words = spec.input.units == "words"
        self._logits = np.zeros(spec.scores, np.float32)

    def read(self, text: str) -> int:
        """Begin anew with a text, or with the spec's own beginning where it is empty.

        Returns:
            how many tokens were read.

        Raises:
            DataError: there is something in it that the model has no token for.
        """
        tokens = self._tokenizer.encode(text or self._spec.decoding.begin)[-LONGEST_CONTEXT:]
        self._session.reset()
        self._read(int(token) for token in tokens)
        return len(tokens)

    def draw(self) -> Drawn:
        """The next token; it is read as well."""
        probabilities = shares(self._logits, self._sampling)
        token = self._sampler.pick(probabilities)
        self._read((token,))
        text = self._tokenizer.decode((token,))
        return Drawn(f" {text}" if self._words else text, float(probabilities[token]))

    def suggest(self, text: str, count: int = 3) -> list[Suggestion]:
        """The likeliest words after a text, or ends of the word that it breaks off in.

        Of characters, words are looked for by a beam of beginnings; a word's probability is that
        of its letters and of any sign but a letter behind them.

        Raises:
            DataError: there is something in the text that the model has no token for.
        """
        self.read(text)
        if self._words:
            scores = log_softmax(self._logits)
            best = np.argsort(-scores)[: count + 1]
            vocabulary, unknown = self._spec.input.vocabulary, self._spec.input.unknown
            words = [Suggestion(vocabulary[t], math.exp(scores[t])) for t in best]
            return [word for word in words if word.word != unknown][:count]
        begun = _last_word(text)
        found = self._whole_words(begun)
        best_words = heapq.nlargest(count, found.items(), key=lambda item: item[1])
        return [Suggestion(word, probability) for word, probability in best_words]

    def _whole_words(self, begun: str) -> dict[str, float]:
        """Probabilities of words, by a beam over their letters."""
        vocabulary = self._spec.input.vocabulary
        ends = np.array([not _in_word(token) for token in vocabulary])
        letters = np.flatnonzero(~ends)
        beam = [_Beginning(begun, 0.0, self._session.state(), log_softmax(self._logits))]
        found: dict[str, float] = {}
        for _ in range(_LONGEST_WORD):
            onward: list[tuple[float, _Beginning, int]] = []
            for at in beam:
                if at.text:
                    found[at.text] = math.exp(at.log_p) * float(np.exp(at.scores[ends]).sum())
                onward += [(at.log_p + float(at.scores[t]), at, int(t)) for t in letters]
            best = heapq.nlargest(_BEAM, onward, key=lambda item: item[0])
            least = min(heapq.nlargest(3, found.values()), default=0.0)
            # What is less likely already than the words that are found becomes none of them.
            beam = [self._follow(*item) for item in best if math.exp(item[0]) > least]
            if not beam:
                break
        return found

    def _follow(self, log_p: float, at: _Beginning, token: int) -> _Beginning:
        self._session.restore(at.state)
        self._read((token,))
        text = at.text + self._spec.input.vocabulary[token]
        return _Beginning(text, log_p, self._session.state(), log_softmax(self._logits))

    def _read(self, tokens: Iterable[int]) -> None:
        step = self._spec.step
        place = np.empty((1, 1, 1), np.int32)
        for token in tokens:
            place[...] = token
            self._logits = self._session.run({step.input: place})[step.output][0, -1]


def _last_word(text: str) -> str:
    """The word that a text breaks off in; none where it ends in a space or a sign."""
    start = len(text)
    while start and _in_word(text[start - 1]):
        start -= 1
    return text[start:]


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "'’"
