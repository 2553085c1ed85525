"""The textbook's verdicts, from figures that are made up: each can come out either way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgenets.converters.compare.compare import Comparison, Felt, Form, Measured
from edgenets.converters.compare.speed import Timing
from edgenets.converters.compare.textbook import Claim, claims


def falling(by: float, ends: int | None = None) -> Felt:
    """A gradient that falls by a factor a step, and ends for good where a field does."""
    norms = tuple(by**n if ends is None or n < ends else 0.0 for n in range(501))
    reach = next((n for n, x in enumerate(norms) if x < 0.01), None)
    return Felt(norms, reach, ends)


def timed(one: float, every: float | None = None, cores: int = 2) -> tuple[Timing, ...]:
    """Training of 512 steps in so many ms on one core and on all, and an eighth of it for 64."""

    def timing(count: int, ms: float) -> Timing:
        times = {"64": ms / 8, "256": ms / 2, "512": ms}
        return Timing(count, times, {n: t / 3 for n, t in times.items()}, 2 * ms, ms, ms)

    return (timing(1, one), *([timing(cores, every or one)] if cores > 1 else []))


def net(family: str, **changes: Any) -> Measured:
    """A network of no distinction."""
    made = Measured(
        family, family, 1000, {"Dense": 1000}, 0.9, 0.9, 1.0, "1 word",
        {"0.5": 0.9, "1": 0.9, "10": 0.9}, {}, {}, falling(1.0), falling(0.9),
        {"5": 1.0, "20": 0.5, "80": 0.2, "200": 0.1}, timed(30, 15), 500, 50, 100,
        (Form("tflite-int8", 1000, 0.9, 0.0, True, 1.0, 1.0),),
    )  # fmt: skip
    return replace(made, **changes)


def claim(aspect: str, *networks: Measured, task: str = "text", metric: str = "accuracy") -> Claim:
    found = Comparison(task, metric, 1000, "texts", "words", "5 epochs", networks, 1.0)
    return next(c for c in claims(found) if c.aspect == aspect)


def verdict(aspect: str, *networks: Measured, **of: str) -> str:
    return claim(aspect, *networks, **of).verdict


def test_what_it_takes_to_compare() -> None:
    found = Comparison("text", "accuracy", 1, "texts", "words", "", (net("gru"), net("rnn")), 1.0)
    assert claims(found) == []


@pytest.mark.parametrize(
    ("task", "cnn", "gru", "expected"),
    [("text", 0.85, 0.9, "agrees"), ("text", 0.895, 0.9, "disagrees"),
     ("text", 0.9, 0.85, "disagrees"), ("keywords", 0.9, 0.9, "agrees"),
     ("keywords", 0.95, 0.9, "in part"), ("keywords", 0.85, 0.9, "in part")],
)  # fmt: skip
def test_data(task: str, cnn: float, gru: float, expected: str) -> None:
    networks = net("cnn", test=cnn), net("gru", test=gru), net("rnn", test=0.99, validation=0.1)
    assert verdict("data", *networks, task=task) == expected


def test_data_by_an_error_that_should_be_low() -> None:
    networks = net("cnn", test=0.40, validation=0.40), net("gru", test=0.37, validation=0.37)
    assert verdict("data", *networks, metric="MSE") == "agrees"
    assert (
        verdict("data", networks[0], replace(networks[1], test=0.398), metric="MSE") == "disagrees"
    )


@pytest.mark.parametrize(
    ("cnn", "bare", "expected"),
    [(0.9, 0.7, "agrees"), (0.7, 0.7, "disagrees"), (0.9, 0.9, "in part"), (0.7, 0.5, "in part")],
)
def test_architecture(cnn: float, bare: float, expected: str) -> None:
    moved = [{"0": 0.9, "10": after} for after in (cnn, bare, 0.8)]
    networks = (net("cnn", at_shift=moved[0], at_shift_unpooled=moved[1]),
            net("gru", at_shift=moved[2]))  # fmt: skip
    assert verdict("architecture", *networks, task="keywords") == expected
    assert verdict("architecture", net("cnn"), net("gru")) == "not measured"


@pytest.mark.parametrize(
    ("ends", "trained", "expected"),
    [(31, 1.0, "agrees"), (31, 0.9, "in part"), (None, 0.9, "disagrees"), (None, 1.0, "in part")],
)
def test_memory_of_the_past(ends: int | None, trained: float, expected: str) -> None:
    networks = net("cnn", untrained=falling(0.99, ends)), net("gru", trained=falling(trained))
    assert verdict("memory of the past", *networks) == expected


def test_processing() -> None:
    quick, slow = net("cnn", timings=timed(10)), net("gru", timings=timed(30))
    assert verdict("processing", quick, slow) == "agrees"
    assert verdict("processing", net("cnn", timings=timed(30)), slow) == "in part"
    level = replace(slow.timings[0], inference_ms={"64": 9.0, "256": 9.0, "512": 10.0})
    assert (
        verdict("processing", net("cnn", timings=timed(60)), net("gru", timings=(level,)))
        == "disagrees"
    )


@pytest.mark.parametrize(
    ("cnn", "gru", "expected"),
    [(0.1, 0.9, "agrees"), (0.9, 0.1, "disagrees"), (0.1, 0.1, "not measured")],
)
def test_strength(cnn: float, gru: float, expected: str) -> None:
    both = [{"5": 1.0, "20": 1.0, "80": 0.1, "200": share} for share in (cnn, gru)]
    networks = net("cnn", recall=both[0]), net("gru", recall=both[1])
    assert verdict("strength", *networks) == expected


@pytest.mark.parametrize(
    ("cnn", "gru", "expected"),
    [((20, 10), (40, 39), "agrees"), ((60, 30), (40, 39), "in part"),
     ((20, 19), (40, 39), "in part"), ((40, 44), (40, 45), "disagrees"),
     ((40, 25), (40, 25), "disagrees")],
)  # fmt: skip
def test_training(cnn: tuple[float, float], gru: tuple[float, float], expected: str) -> None:
    networks = net("cnn", timings=timed(*cnn)), net("gru", timings=timed(*gru))
    assert verdict("training", *networks) == expected


def test_one_core_says_nothing_of_cores() -> None:
    networks = net("cnn", timings=timed(10, cores=1)), net("gru", timings=timed(30, cores=1))
    found = claim("training", *networks)
    assert found.verdict == "agrees" and "one core" in found.why and "by 1 cores" not in found.why


@pytest.mark.parametrize(
    ("cnn", "gru", "rnn", "expected"),
    [(1.0, 1.0, 0.9, "agrees"), (0.9, 0.9, 0.9, "in part"), (0.9, 0.9, 1.0, "disagrees"),
     (1.0, 0.9, 1.0, "in part"), (0.9, 1.0, 0.9, "in part")],
)  # fmt: skip
def test_vanishing(cnn: float, gru: float, rnn: float, expected: str) -> None:
    networks = (net("cnn", untrained=falling(cnn)), net("gru", trained=falling(gru)),
            net("rnn", untrained=falling(rnn), trained=falling(rnn)))  # fmt: skip
    assert verdict("vanishing gradient", *networks) == expected


def test_vanishing_without_a_plain_cell_is_of_the_convolutions_alone() -> None:
    networks = net("cnn", untrained=falling(0.99, 31)), net("gru", trained=falling(0.5))
    found = claim("vanishing gradient", *networks)
    assert found.verdict == "agrees" and "no plain cell" in found.why and "30 steps" in found.why


@pytest.mark.parametrize(
    ("cnn", "rnn", "expected"),
    [({"0.5": 0.4}, {}, "agrees"), ({}, {}, "in part"), ({"0.5": 0.4}, {"10": 0.1}, "in part"),
     ({}, {"10": 0.1}, "disagrees"), ({"10": 0.88}, {}, "in part")],
)  # fmt: skip
def test_inputs(cnn: dict[str, float], rnn: dict[str, float], expected: str) -> None:
    own = {"0.5": 0.9, "1": 0.9, "10": 0.9}
    networks = net("cnn", at_length=own | cnn), net("gru"), net("rnn", at_length=own | rnn)
    assert verdict("inputs", *networks) == expected


def test_memory() -> None:
    small = net("cnn", timings=timed(10), live_values=100, state_bytes=10)
    large = net("cnn", timings=timed(90), live_values=900, state_bytes=900)
    assert verdict("use of memory", small, net("gru")) == "agrees"
    assert verdict("use of memory", large, net("gru")) == "disagrees"
    assert verdict("use of memory", replace(small, state_bytes=900), net("gru")) == "in part"
