"""False accepts and recall on streams, and the thresholds that are set by them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets import zoo
from edgenets.bundle import Bundle
from edgenets.progress import Progress
from edgenets.sound.audio import write_wav
from edgenets.spec import spec_as
from edgenets.tasks.keywords.decoding import KeywordDecoder, means
from edgenets.tasks.keywords.listening import Found, Listened
from edgenets.tasks.keywords.rates import poisson_bounds
from edgenets.tasks.keywords.spec import KeywordDecoding, KeywordSpec
from edgenets.tasks.keywords.thresholds import _chosen, _Option, chosen_decoding
from edgenets.tasks.keywords.voice import speak, voices
from tests.commands import Call, call

__all__ = ["call"]

drawing = settings(deadline=None, derandomize=True, database=None, max_examples=60)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390),
                               (100, 81.364, 121.627)],
)  # fmt: skip
def test_bounds_are_those_of_the_tables(count: int, low: float, high: float) -> None:
    assert poisson_bounds(count) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def spec() -> KeywordSpec:
    return spec_as(zoo.load("kws-gru").spec, KeywordSpec)


@drawing
@given(
    seed=st.integers(0, 999), smoothing=st.integers(1, 12), refractory=st.floats(0, 1),
    threshold=st.floats(0.2, 0.9), sharp=st.floats(1, 8), steps=st.integers(1, 400),
)  # fmt: skip
def test_where_nothing_is_likely_nothing_is_missed(
    seed: int, smoothing: int, refractory: float, threshold: float, sharp: float, steps: int
) -> None:
    """What a decoder says that takes every step."""
    rng = np.random.default_rng(seed)
    made, own = spec(), rng.standard_normal((steps // 4 + 1, len(spec().labels)))
    scores = (sharp * np.repeat(own, 4, axis=0)[:steps]).astype(np.float32)
    some = {made.reported[0]: min(1.0, threshold + 0.1)}
    decoding = KeywordDecoding(smoothing, threshold, some, refractory)
    decoder = KeywordDecoder(made.labels, decoding, made.step_seconds)
    wanted = [(h.label, h.step) for row in scores if (h := decoder.push(row)) is not None]
    heard = Listened(made, scores, ((0, Path("a.wav")),), 1.0, ())
    found = heard.at(decoding).accepted
    times = [(label, (step + 1) * made.step_seconds) for label, step in wanted]
    assert [(a.label, a.time) for a in found] == times


@drawing
@given(st.integers(1, 30), st.integers(1, 40))
def testmeans(smoothing: int, steps: int) -> None:
    values = np.random.default_rng(steps).uniform(0, 1, (steps, 3)).astype(np.float32)
    padded = np.concatenate([np.zeros((smoothing, 3), np.float32), values])
    wanted = [padded[n + 1 : n + 1 + smoothing].mean(axis=0) for n in range(steps)]
    assert np.allclose(means(values, smoothing), wanted, atol=1e-5)


@drawing
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=4),
             min_size=1, max_size=4),
    st.integers(0, 12),
)  # fmt: skip
def test_of_all_sets_of_thresholds_the_best(
    words: list[list[tuple[int, int]]], allowed: int
) -> None:
    """As trying every set finds it; the last option of a word accepts nothing."""
    options = {
        str(n): [*(_Option(0.1 * k, a, g) for k, (a, g) in enumerate(of_word)), _Option(1, 0, 0)]
        for n, of_word in enumerate(words)
    }
    chosen = _chosen(options, allowed)
    sets: list[list[_Option]] = [[]]
    for known in options.values():
        sets = [[*one, option] for one in sets for option in known]
    allowed_sets = [one for one in sets if sum(o.accepts for o in one) <= allowed]
    best = max(sum(o.gain for o in one) for one in allowed_sets)
    taken = [next(o for o in options[w] if o.threshold == t) for w, t in chosen.items()]
    assert sum(o.accepts for o in taken) <= allowed
    assert sum(o.gain for o in taken) == best


@pytest.mark.parametrize(("apart", "refractory"), [(0.8, 1.0), (1.3, 1.5), (3.0, 0.8)])
def test_what_comes_in_bursts_is_accepted_once(apart: float, refractory: float) -> None:
    """Negatives of pairs of accepts, of which one an hour is allowed; a word that is like them."""
    every = spec()
    decoding = KeywordDecoding(4, 0.7, refractory=0.8, background=every.labels[:-1])
    made = replace(every, decoding=decoding)
    (alone,) = made.reported
    word = made.labels.index(alone)
    between = round(apart / made.step_seconds)

    def sure(steps: int, *places: int) -> NDArray[np.float32]:
        scores = np.zeros((steps, len(made.labels)), np.float32)
        scores[:, made.labels.index("_unknown_")] = 6.0
        for place in places:
            scores[place : place + 8, word] = 20.0
        return scores

    negatives = sure(400, 100, 100 + between)
    words = tuple((alone, sure(60, 20)) for _ in range(5))
    heard = Listened(made, negatives, ((0, Path("a.wav")),), 1.0, words)
    of_two = replace(
        heard, spec=replace(made, decoding=replace(decoding, background=every.labels[:-2]))
    )
    assert chosen_decoding(of_two, 1.0, Progress())[0].refractory == 0.8  # the other may follow
    decoding, found = chosen_decoding(heard, 1.0, Progress())
    assert decoding.refractory == refractory
    assert found.recall == (1.0 if refractory > 0.8 else 0.0) and found.rate <= 1.0


def test_rates() -> None:
    from collections import Counter

    found = Found(Counter(a=10), Counter(a=9), (), 2.0)
    assert found.rate == 0 and found.recall == 0.9
    assert found.bounds == (0, pytest.approx(3.689 / 2, abs=1e-3))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words and other speech by a synthetic voice."""
    root = tmp_path_factory.mktemp("room")
    rng = np.random.default_rng(0)
    for number, voice in enumerate(voices(6, 1)):
        for word in ("yes", "stop"):
            (root / "words" / word).mkdir(parents=True, exist_ok=True)
            write_wav(root / "words" / word / f"{number}.wav", speak(word, voice), 16_000)
        talk = [speak(text, voice) for text in ("the guests went to a chest", "a shop on top")]
        sound: NDArray[np.float32] = np.concatenate([*talk, *talk])
        noise = 0.003 * rng.standard_normal(len(sound))
        (root / "talk" / "stop").mkdir(parents=True, exist_ok=True)
        write_wav(root / "talk" / f"{number}.wav", sound + noise, 16_000)
    write_wav(root / "talk" / "stop" / "a.wav", speak("stop", voices(1, 1)[0]), 16_000)
    return root


def test_streams_are_measured(room: Path, call: Call) -> None:
    streams = ("--negatives", room / "talk", "--positives", room / "words")
    done = call("eval", "kws-gru", *streams, "--json")
    found = done.json()
    figures = found["figures"]
    assert found["metric"] == "false accepts an hour" and found["n"] == 6
    assert "1 of 7 recordings lie in folders of the model's words" in done.err
    assert figures["words"]["yes"]["said"] == figures["words"]["stop"]["said"] == 6
    heard = sum(word["heard"] for word in figures["words"].values())
    assert figures["recall"] == pytest.approx(heard / 12) and heard >= 6
    assert figures["per_hour"] == pytest.approx(figures["false_accepts"] / figures["hours"])
    low, high = figures["per_hour_95"]
    assert low <= figures["per_hour"] <= high
    curve = figures["curve"]
    assert all(a["recall"] >= b["recall"] for a, b in pairwise(curve))
    shown = call("eval", "kws-gru", *streams)
    assert "false accepts an hour (95 %" in shown.out and "threshold" in shown.out


def test_thresholds_are_set_and_kept(room: Path, call: Call, tmp_path: Path) -> None:
    out = tmp_path / "quiet.edge"
    streams = ("--negatives", room / "talk", "--positives", room / "words")
    done = call("calibrate", "kws-gru", *streams, "--max-fa", "2/h", "--out", out, "--json")
    assert done.code in (0, 1)
    assert (done.code == 1) == bool(done.json()["lost"])
    after = done.json()["after"]
    assert after["false_accepts"] == math.floor(2 * done.json()["hours"]) == 0
    bundle, before = Bundle(out), zoo.load("kws-gru")
    bundle.check()
    made = spec_as(bundle.spec, KeywordSpec)
    assert set(made.decoding.thresholds) == set(made.reported)
    assert bundle.report()["thresholds"]["after"] == after
    assert "**Thresholds**" in bundle.card()
    assert bundle.artifacts == before.artifacts
    again = call("eval", out, *streams, "--json").json()["figures"]
    assert again["false_accepts"] == 0
    assert sum(w["heard"] for w in again["words"].values()) == sum(after["heard"].values())
    assert call("selftest", out, "--json").json()["passed"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("eval", "kws-gru"), "say --data, or, of a model of words"),
     (("eval", "kws-gru", "--data", ".", "--negatives", "."), "not both"),
     (("eval", "embed", "--negatives", "{talk}"), "has no false accepts"),
     (("calibrate", "kws-gru", "--negatives", "{talk}"), "is a shipped bundle; say where"),
     (("calibrate", "forecast", "--negatives", "{talk}", "--out", "{out}"), "no thresholds that"),
     (("calibrate", "kws-gru", "--negatives", "{talk}", "--max-fa", "often"), "is no rate"),
     (("calibrate", "kws-gru", "--negatives", "{talk}", "--max-fa", "0"), "is no rate of false"),
     (("eval", "kws-gru", "--positives", "{talk}/stop", "--split", "test"), "are for --data"),
     (("eval", "kws-gru", "--positives", "{empty}"), "no recordings in a folder of a word's"),
     (("eval", "kws-gru", "--negatives", "{empty}"), "no recordings in it"),
     (("eval", "kws-gru", "--negatives", "{talk}/stop/missing.wav"), "does not exist")],
)  # fmt: skip
def test_what_cannot_be_is_said(
    arguments: tuple[str, ...], why: str, room: Path, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"talk": room / "talk", "out": tmp_path / "o.edge", "empty": tmp_path / "empty"}
    done = call(*(text.format(**places) for text in arguments))
    assert done.code == 2 and why in " ".join(done.err.split()), done
    assert not (tmp_path / "o.edge").exists()


def test_evidence_is_json(room: Path, call: Call, tmp_path: Path) -> None:
    """Without recordings of words the lowest thresholds that the rate allows are taken."""
    out = tmp_path / "a.edge"
    done = call("calibrate", "kws-gru", "--negatives", room / "talk", "--out", out, "--max-fa", "9")
    assert done.code == 0 and "does not prove 9 an hour" in done.out
    report = json.dumps(Bundle(out).report()["thresholds"])
    assert "wanted_per_hour" in report
    thresholds = spec_as(Bundle(out).spec, KeywordSpec).decoding.thresholds
    assert min(thresholds.values()) < 0.5


def test_the_same_from_python(room: Path, tmp_path: Path) -> None:
    import edgenets

    talk, words = [room / "talk"], [room / "words"]
    before = edgenets.listen("kws-gru", talk, words).result
    found = edgenets.calibrate("kws-gru", talk, tmp_path / "a.edge", words, 2)
    assert found.evidence["before"]["per_hour"] == before.value
    assert edgenets.listen(tmp_path / "a.edge", talk).result.value == 0
