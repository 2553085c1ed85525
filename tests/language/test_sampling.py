"""Which tokens may be drawn, how often they are, and that a seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.tasks.language.sampling import Sampler, Sampling, shares

SCORES = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20).map(
    lambda numbers: np.array(numbers, np.float32)
)


def plain(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64) - logits.max())
    softmax: NDArray[np.float64] = weights / weights.sum()
    return softmax


@given(SCORES)
def test_nothing_wished_is_the_softmax(logits: NDArray[np.float32]) -> None:
    assert np.allclose(shares(logits, Sampling()), plain(logits))


@given(SCORES, st.floats(0.05, 5), st.integers(0, 25), st.floats(0.01, 1))
def test_it_is_always_a_distribution_over_the_best(
    logits: NDArray[np.float32], temperature: float, k: int, p: float
) -> None:
    found = shares(logits, Sampling(temperature, k, p))
    assert found.sum() == pytest.approx(1.0) and (found >= 0).all()
    kept = found > 0
    # Scores that differ by less than a probability's last digit are alike.
    assert kept.sum() <= (k or len(logits)) and logits[kept].max() >= logits.max() - 1e-9
    # What was kept is at least as likely as what was not; far scores may round to nothing.
    if not kept.all():
        assert logits[kept].min() >= logits[~kept].max() - 1e-9 or found[kept].min() < 1e-300


@given(SCORES, st.floats(0.05, 0.95))
def test_the_nucleus_is_the_smallest_that_is_enough(logits: NDArray[np.float32], p: float) -> None:
    kept = shares(logits, Sampling(top_p=p)) > 0
    whole = plain(logits)
    assert whole[kept].sum() >= p - 1e-9
    assert whole[kept].sum() - whole[kept].min() < p + 1e-9


@given(SCORES)
def test_no_temperature_is_the_best(logits: NDArray[np.float32]) -> None:
    assert Sampler(Sampling(temperature=0)).draw(logits) == logits.argmax()


def test_draws_come_as_often_as_they_should() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    sampler = Sampler(Sampling(), seed=1)
    counts = np.bincount([sampler.draw(logits) for _ in range(20_000)], minlength=4)
    assert np.allclose(counts / 20_000, [0.5, 0.3, 0.15, 0.05], atol=0.015)


def test_a_seed_decides() -> None:
    logits = np.zeros(50, np.float32)

    def text(seed: int | None) -> list[int]:
        sampler = Sampler(Sampling(), seed)
        return [sampler.draw(logits) for _ in range(20)]

    assert text(3) == text(3) != text(4) and text(None) != text(None)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_state_that_ran_away_is_said(score: float) -> None:
    with pytest.raises(ValueError, match="no finite score"):
        Sampler(Sampling()).draw(np.array([score, score], np.float32))


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1}, {"temperature": np.nan}, {"top_k": -1}, {"top_p": 0},
              {"top_p": 1.5}],
)  # fmt: skip
def test_what_cannot_be_wished(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Sampling(**wrong)  # type: ignore[arg-type]
