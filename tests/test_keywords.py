"""Decoding: the quick decoder hears what a plain one hears."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.tasks.keywords.decoding import Heard, KeywordDecoder, clip_posteriors, softmax
from edgenets.tasks.keywords.spec import KeywordDecoding

LABELS = ("yes", "no", "_unknown_", "_silence_")
STEP = 0.04  # s
UNSURE = np.zeros(4, np.float32)


def sure(label: str, by: float = 20.0) -> NDArray[np.float32]:
    """Scores that leave no doubt of a label."""
    return by * np.array([name == label for name in LABELS], np.float32)


def plainly(scores: NDArray[np.float32], decoding: KeywordDecoding) -> list[Heard]:
    """What is heard, computed anew for each step from all that came before."""
    found: list[Heard] = []
    last = -np.inf  # step
    held = None  # a word that is dwelt on is said once
    logits = scores.astype(np.float64)
    rows = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows /= rows.sum(axis=1, keepdims=True)
    rows = rows if decoding.scores == "logits" else logits
    for step in range(len(scores)):
        window = rows[max(0, step - decoding.smoothing + 1) : step + 1]
        mean = window.sum(axis=0) / decoding.smoothing
        above = [
            mean[i] >= decoding.thresholds.get(w, decoding.threshold) for i, w in enumerate(LABELS)
        ]
        best = int(mean.argmax())
        if held is not None and not above[held]:
            held = None
        ready = (step - last) * STEP >= decoding.refractory - 1e-9
        word = LABELS[best] not in decoding.background
        if word and above[best] and ready and best != held:
            found.append(Heard(LABELS[best], float(mean[best]), step))
            last, held = step, best
    return found


def heard(scores: NDArray[np.float32], decoding: KeywordDecoding) -> list[Heard]:
    decoder = KeywordDecoder(LABELS, decoding, STEP)
    return [found for row in scores if (found := decoder.push(row)) is not None]


def streams(seed: int, length: int) -> NDArray[np.float32]:
    """Scores as networks give them: runs of one label, and noise."""
    rng = np.random.default_rng(seed)
    spoken = np.repeat(rng.integers(0, 4, length), rng.integers(1, 25, length))[:length]
    scores = rng.normal(0, 1, (length, 4))
    scores[np.arange(length), spoken] += rng.uniform(0, 6, length)
    return scores.astype(np.float32)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 1 << 30),
    smoothing=st.integers(1, 12),
    threshold=st.floats(0.05, 1),
    word=st.floats(0.05, 1),
    refractory=st.sampled_from((0.0, 0.03, 0.04, 0.2, 0.8, 2.0)),
    scores=st.sampled_from(("logits", "probabilities")),
    broken=st.sampled_from((None, np.nan, np.inf, -np.inf)),
)
def test_it_hears_what_a_plain_decoder_hears(
    seed: int, smoothing: int, threshold: float, word: float, refractory: float,
    scores: Literal["logits", "probabilities"], broken: float | None,
) -> None:  # fmt: skip
    decoding = KeywordDecoding(smoothing, threshold, {"no": word}, refractory, scores=scores)
    stream = streams(seed, 200)
    if scores == "probabilities":  # each label for itself, as sigmoids give them
        stream = (1 / (1 + np.exp(2 - stream))).astype(np.float32)
    if broken is not None:
        stream[np.random.default_rng(seed).integers(0, 200, 3)] = broken
    with np.errstate(invalid="ignore"):
        found, wanted = heard(stream, decoding), plainly(stream, decoding)
    assert [(h.label, h.step) for h in found] == [(h.label, h.step) for h in wanted]
    assert [h.score for h in found] == pytest.approx([h.score for h in wanted], abs=1e-5)


@settings(max_examples=50)
@given(seed=st.integers(0, 1 << 30), steps=st.integers(0, 60), smoothing=st.integers(1, 12))
def test_at_the_end_of_a_clip_it_says_what_training_says(
    seed: int, steps: int, smoothing: int
) -> None:
    stream = streams(seed, smoothing + steps)
    decoder = KeywordDecoder(LABELS, KeywordDecoding(smoothing), STEP)
    for row in stream:
        decoder.push(row)
    np.testing.assert_allclose(decoder.posterior, clip_posteriors(stream, smoothing), atol=1e-6)
    assert decoder.posterior.dtype == np.float32
    assert decoder.posterior.sum() == pytest.approx(1, abs=1e-5)


def test_steps_that_are_still_to_come_count_as_nothing() -> None:
    decoder = KeywordDecoder(LABELS, KeywordDecoding(smoothing=5), STEP)
    assert decoder.posterior.tolist() == [0, 0, 0, 0]
    decoder.push(sure("yes"))
    np.testing.assert_allclose(decoder.posterior, [0.2, 0, 0, 0], atol=1e-6)


def test_a_word_has_its_own_threshold() -> None:
    scores = np.stack([np.log(np.array([0.7, 0.1, 0.1, 0.1], np.float32)), UNSURE] * 3)
    decoding = KeywordDecoding(smoothing=1, threshold=0.6, refractory=0.0)
    assert len(heard(scores, decoding)) == 3
    assert heard(scores, replace(decoding, thresholds={"yes": 0.8})) == []
    assert len(heard(scores, replace(decoding, threshold=0.9, thresholds={"yes": 0.6}))) == 3
    assert len(heard(scores, replace(decoding, thresholds={"no": 0.9}))) == 3


@pytest.mark.parametrize("label", ["_unknown_", "_silence_"])
def test_background_is_never_heard(label: str) -> None:
    decoding = KeywordDecoding(smoothing=1, threshold=0.1, refractory=0.0)
    scores = np.stack([sure(label), UNSURE] * 50)
    assert [h for h in heard(scores, decoding) if h.label == label] == []
    everything = replace(decoding, background=())
    assert len([h for h in heard(scores, everything) if h.label == label]) == 50


def test_nothing_is_heard_in_the_refractory_time() -> None:
    decoding = KeywordDecoding(smoothing=1, refractory=0.8)
    words = np.stack([sure("yes"), sure("no")] * 50)
    steps = [h.step for h in heard(words, decoding)]
    assert steps == [0, 20, 40, 60, 80]


def test_a_word_waits_for_the_end_of_the_refractory_time() -> None:
    """It is said late, not left out, when it goes on."""
    decoding = KeywordDecoding(smoothing=1, refractory=0.8)
    scores = np.stack([sure("yes")] + [UNSURE] * 10 + [sure("no")] * 15)
    assert [(h.label, h.step) for h in heard(scores, decoding)] == [("yes", 0), ("no", 20)]


def test_a_word_that_is_dwelt_on_is_said_once() -> None:
    decoding = KeywordDecoding(smoothing=1, refractory=0.2)
    scores = np.stack([sure("yes")] * 50 + [UNSURE] + [sure("yes")] * 50)
    assert [h.step for h in heard(scores, decoding)] == [0, 51]
    to_another = np.stack([sure("yes")] * 50 + [sure("no")] * 50)
    assert [(h.label, h.step) for h in heard(to_another, decoding)] == [("yes", 0), ("no", 50)]


def test_reset_forgets_all() -> None:
    decoder = KeywordDecoder(LABELS, KeywordDecoding(smoothing=2), STEP)
    first = [decoder.push(sure("yes")) for _ in range(3)]
    decoder.reset()
    assert decoder.posterior.tolist() == [0, 0, 0, 0]
    assert [decoder.push(sure("yes")) for _ in range(3)] == first
    assert first[1] is not None and first[1].step == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_no_word(value: float) -> None:
    for threshold in (0.1, 0.9):
        decoding = KeywordDecoding(smoothing=3, threshold=threshold, refractory=0.0)
        decoder = KeywordDecoder(LABELS, decoding, STEP)
        with np.errstate(invalid="ignore"):
            assert decoder.push(np.full(4, value, np.float32)) is None
            found = [decoder.push(sure("yes")) for _ in range(4)]
        assert [h.label for h in found if h is not None] == ["yes"]


def test_softmax_of_large_scores() -> None:
    out = softmax(np.array([[1e30, 0.0], [-1e30, -1e30]], np.float32))
    np.testing.assert_allclose(out, [[1, 0], [0.5, 0.5]])
