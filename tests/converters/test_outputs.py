"""What outputs are, and that each range of numbers in them is judged by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgenets.converters.sources.ends import End, end_of
from edgenets.converters.verify.confidence import highest, is_few, least_drop, lowest
from edgenets.converters.verify.outputs import (
    KINDS,
    Output,
    agreement,
    explained,
    outputs_of,
    worst_channel,
)
from edgenets.converters.verify.verdicts import Check, Report, Verdict
from edgenets.errors import DataError


def of(values: Any, end: End | None = None, targets: Any = None, **declared: Any) -> Output:
    """What one output is judged as."""
    (found,) = outputs_of({"out": values}, {"out": end or End()}, targets, declared or None)
    return found


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def softmax(values: Any, axis: int = -1) -> Any:
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


class TestKinds:
    def test_classes_are_those_that_add_up(self) -> None:
        assert of(softmax(noise(50, 4))).kind == "classes"
        found = of(softmax(noise(50, 4, 6, 7), axis=1))
        assert (found.kind, found.axis) == ("classes", 1)

    @pytest.mark.parametrize(
        ("operator", "kind"),
        [("Softmax", "classes"), ("LOGISTIC", "scores"), ("L2_NORMALIZATION", "embedding"),
         ("UnitNormalization", "embedding"), ("hard_sigmoid", "scores"), ("Conv", "unknown")],
    )  # fmt: skip
    def test_the_operator_says_it(self, operator: str, kind: str) -> None:
        assert of(noise(50, 5), end_of(operator)).kind == kind

    def test_so_does_what_is_right(self) -> None:
        values = noise(50, 5)
        assert of(values).kind == "unknown"
        assert of(values, targets=np.arange(50) % 5).kind == "classes"
        assert of(values, targets=np.eye(5)[np.arange(50) % 5]).kind == "classes"
        assert of(values, targets=values + 1).kind == "values"

    def test_the_user_has_the_last_word(self) -> None:
        for kind in KINDS:
            assert of(noise(50, 5), end_of("Softmax"), out=kind).kind == kind
        with pytest.raises(DataError, match="no output is called other; there are out"):
            of(noise(50, 5), other="values")

    def test_vectors_of_length_one(self) -> None:
        rows = noise(50, 8)
        assert of(rows / np.linalg.norm(rows, axis=-1, keepdims=True)).kind == "embedding"

    def test_what_is_decided_already(self) -> None:
        places = np.arange(50).reshape(50, 1)
        assert of(places).kind == "classes"
        assert agreement(of(places), places % 25, places) == 0.5


class TestRanges:
    @settings(max_examples=40, deadline=None)
    @given(
        axis=st.sampled_from([-1, 1]), coordinates=st.integers(4, 6), labels=st.integers(1, 9),
        side=st.floats(50, 4000), seed=st.integers(0, 1000),
    )  # fmt: skip
    def test_scores_beside_boxes_are_seen(
        self, axis: int, coordinates: int, labels: int, side: float, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        boxes = side * rng.uniform(0, 1, (40, 30, coordinates))
        scores = rng.uniform(0, 1, (40, 30, labels)) ** 3
        wanted = np.moveaxis(np.concatenate([boxes, scores], axis=-1), -1, axis)
        output = of(wanted)
        assert (output.kind, output.axis) == ("boxes", axis)
        assert sorted(map(len, output.groups)) == sorted([coordinates, labels])
        lost = np.moveaxis(np.concatenate([boxes, 0 * scores], axis=-1), -1, axis)
        assert explained(lost, wanted, axis) > 0.99  # all together nothing is missed
        assert agreement(output, lost, wanted) == 0.0
        assert agreement(output, wanted + 1e-4, wanted) > 0.99

    @pytest.mark.parametrize("axis", [-1, 1])
    def test_labels_that_no_item_shows_are_no_loss(self, axis: int) -> None:
        """Of eighteen labels photos show two; integers make nothing of the others' 1e-5."""
        rng = np.random.default_rng(0)
        boxes = 300 * rng.uniform(0, 1, (60, 50, 4))
        seen = np.where(rng.uniform(0, 1, (60, 50, 2)) < 0.2, rng.uniform(0, 0.9, (60, 50, 2)), 0.0)
        unseen = 1e-5 * rng.uniform(0, 1, (60, 50, 16))
        wanted = np.moveaxis(np.concatenate([boxes, seen, unseen], axis=-1), -1, axis)
        output = of(wanted)
        assert output.kind == "boxes" and sorted(map(len, output.groups)) == [4, 18]

        def judged(*parts: Any) -> tuple[float, float]:
            found = np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)
            return agreement(output, found, wanted), worst_channel(output, found, wanted)

        assert min(judged(boxes, seen, 0 * unseen)) > 0.99
        assert judged(boxes, seen * [1, 0], unseen)[1] == 0.0  # but a label that is shown is
        # A tenth of what a detector would report is lost, by scores that are a little lower.
        lower = np.where((seen > 0.3) & (seen < 0.42), 0.22, seen)
        assert judged(boxes, lower, unseen)[0] < 0.9

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.integers(-6, 6), min_size=2, max_size=8),
        st.lists(st.integers(-300, 300), min_size=8, max_size=8), st.integers(0, 99),
    )  # fmt: skip
    def test_no_channel_is_lost_unseen(
        self, powers: list[int], means: list[int], seed: int
    ) -> None:
        """Whatever the ranges: what rounds each by a hundredth passes, what loses one does not."""
        scale = 4.0 ** np.array(powers)
        wanted = noise(200, len(powers), seed=seed) * scale
        wanted = wanted + scale * np.array(means[: len(powers)]) / 30
        output = of(wanted)
        assume(output.kind != "boxes")  # of which scores that no threshold sees count for nothing
        near = wanted + 0.01 * scale * noise(*wanted.shape, seed=seed + 1)
        assert agreement(output, near, wanted) > 0.99
        assert worst_channel(output, near, wanted) > 0.95
        for channel in range(len(powers)):
            lost = near.copy()
            lost[:, channel] = wanted[:, channel].mean()
            figures = agreement(output, lost, wanted), worst_channel(output, lost, wanted)
            assert min(figures) < 0.8, (channel, figures)

    def test_one_of_many_channels(self) -> None:
        wanted = softmax(3 * noise(400, 40))
        lost = wanted.copy()
        lost[:, 7] = 0
        assert agreement(of(wanted), lost, wanted) > 0.95
        assert worst_channel(of(wanted), lost, wanted) < 0.5

    def test_what_is_constant_may_be_rounded(self) -> None:
        wanted = np.full((50, 3), 0.5, np.float32)
        assert agreement(of(wanted), wanted + 0.002, wanted) > 0.95
        assert agreement(of(wanted), 0 * wanted, wanted) == 0.0

    def test_rare_scores(self) -> None:
        """Of ten thousand scores ten are high: to lose them is to lose all."""
        wanted = 0.01 * np.random.default_rng(0).uniform(0, 1, (100, 100)).astype(np.float32)
        wanted.flat[::997] = 0.9
        output = of(wanted, end_of("Sigmoid"))
        lost = np.minimum(wanted, 0.4)
        assert agreement(output, lost, wanted) < 0.8
        assert agreement(output, wanted + 0.001, wanted) > 0.95


class TestConfidence:
    @given(st.integers(1, 500), st.integers(0, 500))
    def test_an_interval_holds_what_was_found(self, items: int, equal: int) -> None:
        share = min(equal, items) / items
        assert lowest(share, items) <= share + 1e-12
        assert highest(share, items) >= share - 1e-12
        assert highest(share, 4 * items) - lowest(share, 4 * items) < (
            highest(share, items) - lowest(share, items)
        )

    def test_against_a_table(self) -> None:
        """Of 24 equal decisions the least share is 0.899, of 22 the highest 0.972 (Wilson)."""
        assert lowest(1.0, 24) == pytest.approx(0.8987, abs=1e-3)
        assert highest(22 / 24, 24) == pytest.approx(0.972, abs=1e-3)

    def test_when_items_are_few(self) -> None:
        assert is_few(24, 0.05) and not is_few(200, 0.05)
        assert least_drop(1 / 24, 1 / 24, 24) < 0 < least_drop(4 / 24, 4 / 24, 24)


def report(*agreements: float, items: int = 500, likely: float | None = None) -> Report:
    """A report of artifacts that agree so far."""
    verdicts = [
        Verdict(f"onnx-{n}", "onnx", "int8", 9, "", share, share, 0.1, 0.1,
                (Check("agreement", share, 0.9, share >= 0.9, likely),))
        for n, share in enumerate(agreements)
    ]  # fmt: skip
    return Report("net", (), "agreement", 1.0, items, "items", tuple(verdicts))


class TestReport:
    def test_no_more_is_said_than_was_seen(self) -> None:
        assert report(1.0, 0.9998).summary == "every artifact equals the model"
        assert "least agreement is 95.8% (onnx-1)" in report(1.0, 0.958).summary
        assert report(1.0, 0.8).summary == "not every artifact equals the model"

    def test_few_items_are_said_to_prove_little(self) -> None:
        assert report(1.0).caution == ""
        assert "may still decide 10% of others otherwise" in report(1.0, items=24).caution
        (close,) = report(0.85, likely=0.93).verdicts
        assert not close.passed and close.why == "agreement 0.85 < 0.9"
        passed = replace(close, checks=(replace(close.checks[0], passed=True),))
        assert passed.said.endswith("agreement 0.85 < 0.9, of all perhaps 0.93")


@pytest.mark.parametrize(
    ("value", "limit", "said"),
    [(0.000100004, 1e-4, "a 0.000100004 > 0.0001"), (0.3, 0.25, "a 0.3 > 0.25"),
     (0.94999, 0.95, "a 0.94999 < 0.95"), (None, 1.0, "a – > 1")],
)  # fmt: skip
def test_figures_are_told_from_their_limits(value: float | None, limit: float, said: str) -> None:
    assert str(Check("a", value, limit, False)) == said
