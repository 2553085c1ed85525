"""Streams that a training leaves, and what artifacts are held against by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.errors import ModelError
from edgenets.recipeparts import GateRecipe
from edgenets.tasks.keywords.kept import FILE, Kept, keep, kept
from edgenets.tasks.keywords.listening import Listened
from edgenets.tasks.keywords.metric import Heard, on_streams
from edgenets.tasks.keywords.trial import Trial, hardest
from edgenets.tasks.task import Measured
from tests.test_listening import spec

drawing = settings(deadline=None, derandomize=True, database=None, max_examples=30)

STREAMS = np.random.default_rng(1).normal(size=(9, 20, 40)).astype(np.float32)
TRIAL = Trial(STREAMS[:5], STREAMS[5:], (0, 0, 1, 1), 0.25)


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    keep(tmp_path, STREAMS[:3], TRIAL)
    found = kept(tmp_path)
    assert found is not None and found.words == TRIAL.words and found.hours == TRIAL.hours
    for one, other in ((found.calibration, STREAMS[:3]), (found.negatives, STREAMS[:5])):
        assert one.dtype == np.float32 and np.abs(one - other).max() < 2e-3


@pytest.mark.parametrize("cut", [0, 10, 2000])
def test_what_is_cut_is_said(tmp_path: Path, cut: int) -> None:
    keep(tmp_path, STREAMS[:3], TRIAL)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match=r"damaged.*train the model again"):
        kept(tmp_path)


def test_what_is_damaged_ends_in_no_other_error(tmp_path: Path) -> None:
    keep(tmp_path, STREAMS[:3], TRIAL)
    path, said = tmp_path / FILE, 0
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            kept(tmp_path)
        except ModelError:
            said += 1
    assert said > len(whole) / 37 / 2


def answers(*labels: int | None, steps: int = 60) -> list[NDArray[np.float32]]:
    """Streams in which a word is sure for half of the time, or none is."""
    count, background = len(spec().labels), spec().labels.index("_unknown_")
    every = []
    for label in labels:
        scores = np.full((steps, count), -9.0, np.float32)
        scores[:, background] = 0.0
        if label is not None:
            scores[steps // 2 :, label] = 9.0
        every.append(scores)
    return every


def test_what_is_heard_is_what_a_device_says() -> None:
    words = [spec().labels.index(label) for label in spec().reported]
    heard = Heard(spec()).decide(answers(words[0], None, words[-1]))
    assert list(heard) == [(words[0],), (), (words[-1],)]


@drawing
@given(lost=st.integers(0, 4), accepted=st.integers(0, 5), before=st.integers(0, 5))
def test_an_artifact_is_held_by_recall_and_false_accepts(
    lost: int, accepted: int, before: int
) -> None:
    word = spec().labels.index(spec().reported[0])
    streams = Kept(STREAMS, STREAMS[:5], STREAMS[5:], (word,) * 4, 0.25)
    gate = GateRecipe(recall_drop=0.3, more_false_accepts=4.0)
    samples = on_streams(streams, spec(), gate)
    assert samples.kind == "streams" and samples.decisions is not None
    assert list(samples.targets) == [(word,)] * 4 + [()] * 5
    models: list[tuple[int, ...]] = [(word,)] * 4 + [(word,)] * before + [()] * (5 - before)
    found = [(word,)] * (4 - lost) + [()] * lost + [(word,)] * accepted + [()] * (5 - accepted)
    assert samples.apart is not None
    drop, more = samples.apart(found, models)
    assert drop == Measured("recall_drop", lost / 4, 0.3)
    beyond_chance = max(0, accepted - before - 1)
    assert more == Measured("more_false_accepts", beyond_chance / 0.25, 4.0)


@drawing
@given(samples=st.integers(2, 40), words=st.integers(1, 30), negatives=st.integers(1, 30))
def test_fewer_samples_than_streams(samples: int, words: int, negatives: int) -> None:
    """Some of both are always there, and what is accepted more often than by chance is found."""
    streams = Kept(
        STREAMS, STREAMS[:1].repeat(negatives, 0), STREAMS[:1].repeat(words, 0),
        tuple(range(words)), 2.0,
    )  # fmt: skip
    taken = on_streams(streams, spec(), GateRecipe(samples=samples))
    assert len(taken.features) == len(taken.targets) <= max(2, samples)
    assert len(taken.targets) == min(samples, words + negatives)
    with_word = [target for target in taken.targets if target]
    assert with_word and len(with_word) < len(taken.targets)
    assert taken.apart is not None
    targets = list(taken.targets)
    assert [measured.found for measured in taken.apart(targets, targets)] == [0.0, 0.0]
    wrong = [*targets[: len(with_word)], *([(0, 1)] * (len(targets) - len(with_word)))]
    assert taken.apart(wrong, targets)[1].found > 0


def test_what_is_nearest_to_a_word_is_kept() -> None:
    made = spec()
    word = made.labels.index(made.reported[0])
    scores = np.zeros((5, 60, len(made.labels)), np.float32)
    for stream, sure in enumerate((1.0, 9.0, 0.0, 5.0, 3.0)):
        scores[stream, 20:40, word] = sure
    heard = Listened(made, scores.reshape(-1, len(made.labels)), ((0, Path("a")),), 0.25, ())
    few = hardest(TRIAL, heard, 2)
    assert np.array_equal(few.negatives, TRIAL.negatives[[1, 3]])
    assert (few.hours, few.words) == (TRIAL.hours, TRIAL.words)
