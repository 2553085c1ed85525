"""What becomes of a bundle into which a word is enrolled: its spec, and what it carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.errors import BundleError, DataError, ModelError
from edgenets.progress import Progress
from edgenets.spec import ModelSpec
from edgenets.tasks.embed.spec import EmbedSpec
from edgenets.tasks.keywords.enrolment import (
    SMOOTHING,
    Learned,
    VectorRecorder,
    background_of,
    learn,
    streams_of,
)
from edgenets.tasks.keywords.head import Floats
from edgenets.tasks.keywords.spec import BACKGROUND, Enrolled, KeywordDecoding, KeywordSpec, head_of
from edgenets.tasks.keywords.takes import clips_of
from edgenets.tasks.keywords.words import COMMON, FUNCTION, UNKNOWN
from edgenets.tasks.task import Enrolment, Spoken


def enrol(bundle: Bundle, session: Session, spoken: Spoken, progress: Progress) -> Enrolment:
    """See `Task.enrol`."""
    word, negatives = spoken.word, spoken.negatives
    spec = _listening(bundle.spec)
    if spec.decoding.scores != "logits":
        raise ModelError(f"{spec.name}: gives probabilities, beside which no word is enrolled")
    recorder = VectorRecorder(spec, session)
    rate, kind = spec.input.sample_rate, _kind(spec, word)
    recordings = clips_of(spoken.clips, rate)
    voices = clips_of(negatives, rate) if kind == "voice" and negatives else []
    others = _kept(bundle, spec, recorder.size) + streams_of(recorder, negatives, progress)
    if not others:
        raise DataError(
            f"{spec.name}: knows of nothing that is not to be heard; give recordings in which "
            f"{word!r} is not said: --negatives, or enrol into speech-embedding"
        )
    common = word.lower() in {*COMMON, *FUNCTION}
    learned = learn(recorder, recordings, others, progress, voices=voices, common=common)
    one = Enrolled(word, kind, learned.head.delays, learned.head.units)
    made, number = _with(spec, one)
    if kind == "word":
        made = made.with_threshold(word, round(learned.threshold, 4))
    evidence = {
        "word": word,
        "kind": kind,
        "clips": learned.clips,
        "heard_left_out": learned.heard,
        "false_accepts": learned.accepts,
        "hours": learned.hours,
        "threshold": learned.threshold,
        "negatives": [str(path) for path in negatives],
    }
    said = _said(one, learned, bool(negatives))
    return Enrolment(made, {head_of(number): learned.head.stored()}, evidence, said)


def _listening(spec: ModelSpec) -> KeywordSpec:
    """A model of words as it is; of one that embeds, a model that hears none yet."""
    if isinstance(spec, KeywordSpec):
        return spec
    assert isinstance(spec, EmbedSpec)
    decoding = KeywordDecoding(smoothing=SMOOTHING, background=(UNKNOWN,), clips="peak")
    taken = (spec.input, decoding, spec.step, spec.split)
    kept = spec.background
    return KeywordSpec(spec.name, "keywords", (UNKNOWN,), *taken, size=spec.size, background=kept)


def _kept(bundle: Bundle, spec: KeywordSpec, size: int) -> list[Floats]:
    """What the bundle keeps of other sound, if any."""
    if spec.background is None:
        return []
    try:
        return background_of(bundle.read(BACKGROUND), spec.background, size)
    except ValueError as exc:
        raise BundleError(f"{bundle.path}: '{BACKGROUND}': {exc}") from exc


def _kind(spec: KeywordSpec, word: str) -> Literal["word", "voice"]:
    """What is learned: of a word that the model itself hears, a voice.

    Raises:
        ModelError: it stands for what is no word.
    """
    for one in spec.enrolled:
        if one.label == word:
            return one.kind
    if word in spec.decoding.background:
        raise ModelError(f"{spec.name}: {word!r} stands for what is no word")
    return "voice" if word in spec.labels else "word"


def _with(spec: KeywordSpec, one: Enrolled) -> tuple[KeywordSpec, int]:
    """The spec with something enrolled, and its number; what was of that name is replaced.

    Raises:
        DataError: the name is no label's.
    """
    known = [other.label for other in spec.enrolled]
    number = known.index(one.label) if one.label in known else len(known)
    enrolled = (*spec.enrolled[:number], one, *spec.enrolled[number + 1 :])
    labels = spec.labels if one.label in spec.labels else (*spec.labels, one.label)
    try:
        return replace(spec, labels=labels, enrolled=enrolled), number
    except ValueError as exc:
        raise DataError(f"{one.label!r}: {exc}") from exc


def _said(one: Enrolled, learned: Learned, by_others: bool) -> tuple[str, ...]:
    """What that is, and what would help."""
    lines = [learned.line]
    if one.kind == "voice":
        lines.append(f"{one.label} is heard from now on only where this voice says it")
        if not by_others:
            lines.append(
                "no other voice is known that says it: give recordings of others by --negatives"
            )
    if learned.heard is None or learned.heard < 0.9 * learned.clips:
        lines.append("more recordings, of more moods and places, help most")
    return tuple(lines)
