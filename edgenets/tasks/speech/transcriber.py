"""Utterances: what is being said so far, and what was said once there is silence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenets.tasks.speech.ctc import BLANK, Beam, Decoder, Grammar, Greedy, Said
from edgenets.tasks.speech.spec import CtcDecoding, SpeechSpec


@dataclass(frozen=True)
class Phrase:
    """What was said, or, until it is final, what that seems to be."""

    text: str
    said: tuple[Said, ...]  # its symbols; steps count from the beginning of the stream
    final: bool
    step: int  # at which this was known


class Transcriber:
    """Takes one step's scores after another, and tells what changes."""

    def __init__(self, spec: SpeechSpec, grammar: Grammar | None = None) -> None:
        self._spec = spec
        self._decoder = decoder_of(spec.decoding, grammar)
        self._patience = max(1, math.ceil(spec.decoding.endpoint / spec.step_seconds))  # steps
        self._longest = max(1, int(spec.decoding.longest / spec.step_seconds))  # steps
        self._step = self._first = self._quiet = 0
        self._shown: tuple[int, ...] = ()

    def reset(self) -> None:
        """Forget the steps so far."""
        self._step = 0
        self._begin()

    def push(self, logits: NDArray[np.float32]) -> Phrase | None:
        """Take the scores of the next step, (labels,).

        Returns:
            a phrase that is longer or other than the one before, or one that is final now.
        """
        self._decoder.push(logits)
        self._step += 1
        self._quiet = self._quiet + 1 if int(logits.argmax()) == BLANK else 0
        said = self._decoder.said()
        length = self._step - self._first
        if self._quiet >= self._patience or length >= self._longest:
            return self._finish()
        if tuple(s.symbol for s in said) == self._shown:
            return None
        self._shown = tuple(s.symbol for s in said)
        return self._phrase(said, final=False)

    def finish(self) -> Phrase | None:
        """The stream ends: what was said since the last final phrase, if anything was."""
        return self._finish()

    def _finish(self) -> Phrase | None:
        said = self._decoder.said(final=True)
        # Also of silence: alternatives that add up over an hour of it are no speech.
        phrase = self._phrase(said, final=True) if said or self._shown else None
        self._begin()
        return phrase

    def _begin(self) -> None:
        self._decoder.reset()
        self._first = self._step
        self._quiet = 0
        self._shown = ()

    def _phrase(self, said: tuple[Said, ...], final: bool) -> Phrase:
        placed = tuple(Said(s.symbol, s.step + self._first) for s in said)
        text = self._spec.text_of(s.symbol for s in said)
        return Phrase(text, placed, final, self._step - 1)


def decoder_of(decoding: CtcDecoding, grammar: Grammar | None = None) -> Decoder:
    """The decoder that a spec requests; a grammar needs a beam, and gets one."""
    if decoding.method == "greedy" and grammar is None:
        return Greedy()
    return Beam(decoding.width, grammar)


def transcribe(decoding: CtcDecoding, logits: NDArray[np.float32]) -> tuple[int, ...]:
    """What is said in the whole of (steps, labels) scores, as label numbers."""
    decoder = decoder_of(decoding)
    for row in logits:
        decoder.push(row)
    return tuple(said.symbol for said in decoder.said(final=True))
