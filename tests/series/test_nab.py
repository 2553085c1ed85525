"""The Numenta Anomaly Benchmark's points, against cases by hand and its published yardstick."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.tasks.series import nab
from edgenets.tasks.series.nab import Profile, Series, Window

SHARED = Path(__file__).parents[3] / "shared" / "data" / "nab"

STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)


def series(rows: int, *windows: tuple[int, int], name: str = "a/b.csv") -> Series:
    times = np.datetime64("2014-01-01", "s") + 300 * np.arange(rows)
    return Series(name, times, np.zeros(rows), tuple(Window(*w) for w in windows))


def detections(rows: int, *at: int) -> np.ndarray:
    scores = np.zeros(rows)
    scores[list(at)] = 1.0
    return scores


def points(one: Series, *at: int, profile: Profile = STANDARD) -> float:
    """Points before they are scaled: from −1 a window that is missed to 1 a window found."""
    scaled = nab.score({one.name: detections(len(one.values), *at)}, [one], profile, 1.0)
    null, perfect = -profile.false_negative, profile.true_positive
    return len(one.windows) * (null + scaled / 100.0 * (perfect - null))


class TestByHand:
    ONE = series(100, (40, 49))  # ten rows, of which the first 15 are not measured

    def test_probation_is_a_part_of_the_file_and_of_no_more_than_5000_rows(self) -> None:
        assert [series(n).probation for n in (100, 1243, 5000, 22695)] == [15, 186, 750, 750]

    @pytest.mark.parametrize(("row", "position"), [(40, -1.0), (44, -0.6), (49, -0.1)])
    def test_a_detection_in_a_window(self, row: int, position: float) -> None:
        wanted = (2 / (1 + math.exp(5 * position)) - 1) / (2 / (1 + math.exp(-5.0)) - 1)
        assert points(self.ONE, row) == pytest.approx(wanted)

    def test_only_the_earliest_of_a_window_counts(self) -> None:
        assert points(self.ONE, 43, 44, 48) == points(self.ONE, 43)

    @pytest.mark.parametrize(("row", "position"), [(50, 1 / 9), (58, 1.0), (76, 3.0)])
    def test_a_false_alarm_behind_a_window(self, row: int, position: float) -> None:
        wanted = 0.11 * (2 / (1 + math.exp(5 * position)) - 1)
        assert points(self.ONE, row) == pytest.approx(-1.0 + wanted)

    @pytest.mark.parametrize("row", [15, 39, 77, 99])
    def test_a_false_alarm_far_from_a_window(self, row: int) -> None:
        assert points(self.ONE, row) == pytest.approx(-1.11)

    def test_rows_of_probation_are_not_measured(self) -> None:
        assert points(self.ONE, *range(15)) == pytest.approx(-1.0)

    def test_a_false_alarm_is_measured_from_the_window_before(self) -> None:
        two = series(200, (40, 49), (100, 149))
        assert points(two, 99) == pytest.approx(-2.11)  # right before the second: no mercy
        assert points(two, 160) > points(two, 60)  # 11/49 of a width behind, 11/9 of one

    def test_the_scale_follows_the_profile(self) -> None:
        two = series(200, (40, 49), (100, 149))
        one_found = {"a/b.csv": detections(200, 40)}
        assert nab.score(one_found, [two], STANDARD, 1.0) == pytest.approx(50.0)
        # One point and two lost, of −4 … 2.
        assert nab.score(one_found, [two], LOW_FN, 1.0) == pytest.approx(50.0)
        assert nab.score(one_found, [two], Profile("x", 1, 0.11, 0), 1.0) == pytest.approx(50.0)

    def test_a_window_of_one_row(self) -> None:
        one = series(100, (50, 50))
        assert points(one, 50) == pytest.approx(1.0)
        assert points(one, 51) == pytest.approx(-1.11)

    def test_the_best_threshold(self) -> None:
        scores = np.zeros(100)
        scores[[3, 20, 45, 41]] = [0.99, 0.9, 0.8, 0.7]  # probation, false, late, early
        found = nab.best_threshold({"a/b.csv": scores}, [self.ONE], STANDARD)
        # 0.7 betters the late detection by more than nothing, and costs no false alarm more.
        assert found.value == 0.7
        assert found.score == pytest.approx(
            nab.score({"a/b.csv": scores}, [self.ONE], STANDARD, 0.7)
        )

    def test_one_threshold_for_all_files(self) -> None:
        corpus = [series(100, (40, 49), name="a"), series(100, (40, 49), name="b")]
        scores = {"a": detections(100, 40), "b": detections(100, 40) * 0.5}
        found = nab.best_threshold(scores, corpus, STANDARD)
        assert (found.value, found.score) == (0.5, pytest.approx(100.0))


@st.composite
def corpora(draw: st.DrawFn) -> list[Series]:
    """Files with windows after probation; at least one window in all."""
    corpus = []
    for number in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(30, 120))
        first = math.floor(0.15 * rows)
        edges = draw(st.sets(st.integers(first, rows - 1), max_size=8))
        edges = sorted(edges)[: len(edges) // 2 * 2]
        corpus.append(series(rows, *zip(edges[::2], edges[1::2], strict=True), name=f"{number}"))
    corpus.append(series(60, (30, 40), name="sure"))
    return corpus


profiles = st.builds(
    Profile, st.just("any"), st.floats(0.1, 2.0), st.floats(0.0, 1.0), st.floats(0.0, 2.0)
)


class TestProperties:
    @given(corpora(), profiles)
    def test_silence_is_0(self, corpus: list[Series], profile: Profile) -> None:
        silence = {s.name: np.zeros(len(s.values)) for s in corpus}
        assert nab.score(silence, corpus, profile, 1.0) == pytest.approx(0.0, abs=1e-9)

    @given(corpora(), profiles)
    def test_the_first_row_of_every_window_is_100(
        self, corpus: list[Series], profile: Profile
    ) -> None:
        perfect = {s.name: detections(len(s.values), *(w.first for w in s.windows)) for s in corpus}
        assert nab.score(perfect, corpus, profile, 1.0) == pytest.approx(100.0)
        found = nab.best_threshold(perfect, corpus, profile)
        assert (found.value, found.score) == (1.0, pytest.approx(100.0))

    @given(corpora(), profiles, st.integers(0, 2**32 - 1), st.integers(2, 50))
    def test_no_threshold_is_better_than_the_best(
        self, corpus: list[Series], profile: Profile, seed: int, levels: int
    ) -> None:
        random = np.random.default_rng(seed)
        scores = {s.name: random.integers(0, levels, len(s.values)) / levels for s in corpus}
        found = nab.best_threshold(scores, corpus, profile)
        every = [*np.arange(levels) / levels, math.inf]
        tried = [nab.score(scores, corpus, profile, threshold) for threshold in every]
        assert found.score == pytest.approx(max(tried))
        assert nab.score(scores, corpus, profile, found.value) == pytest.approx(found.score)

    @given(corpora(), profiles, st.integers(0, 2**32 - 1))
    def test_only_the_order_of_scores_matters(
        self, corpus: list[Series], profile: Profile, seed: int
    ) -> None:
        random = np.random.default_rng(seed)
        scores = {s.name: random.random(len(s.values)) for s in corpus}
        changed = {name: np.exp(3.0 * x) - 7.0 for name, x in scores.items()}
        one, other = (nab.best_threshold(x, corpus, profile) for x in (scores, changed))
        assert one.score == pytest.approx(other.score)


class TestWindowedGaussian:
    def test_it_is_half_at_the_mean_and_one_far_away(self) -> None:
        values = np.array([1.0, 3.0, 2.0, 2.0 + math.sqrt(2 / 3), 1e9, 5.0])
        scores = nab.windowed_gaussian(values)
        assert scores[0] == 0.0 and scores[2] == 0.5 and scores[4] == 1.0
        assert scores[3] == pytest.approx(0.8413447)  # a standard deviation, on either side

    def test_a_flat_line_has_no_surprise_until_it_moves(self) -> None:
        scores = nab.windowed_gaussian(np.array([45.0] * 50 + [45.1]))
        assert set(scores[1:50]) == {0.5} and scores[50] == 1.0

    def test_the_window_moves_on_by_steps(self) -> None:
        values = np.random.default_rng(0).normal(size=6650)
        past = values[200:6600]  # what is known from row 6600 to row 6699
        wanted = 1 - 0.5 * math.erfc(abs(values[6649] - past.mean()) / past.std() / math.sqrt(2))
        assert nab.windowed_gaussian(values)[6649] == pytest.approx(wanted)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the Numenta Anomaly Benchmark is not here")
class TestCorpus:
    def test_the_yardstick_has_its_published_points(self) -> None:
        corpus, profiles = nab.load_corpus(SHARED), nab.load_profiles(SHARED)
        assert len(corpus) == 58 and sum(len(s.windows) for s in corpus) == 116
        scores = {s.name: nab.windowed_gaussian(s.values) for s in corpus}
        published = {
            "standard": 39.65, "reward_low_FP_rate": 20.87, "reward_low_FN_rate": 47.41,
        }  # fmt: skip
        assert set(published) == set(profiles)
        # The published search stopped at this threshold, for all profiles; a better one is found.
        stopped = 1.0 - 4.95e-13
        for name, wanted in published.items():
            assert nab.score(scores, corpus, profiles[name], stopped) == pytest.approx(
                wanted, abs=0.005
            )
            best = nab.best_threshold(scores, corpus, profiles[name]).score
            assert wanted < best < wanted + 3.2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A benchmark of one file."""
    (tmp_path / "config").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "a").mkdir(parents=True)
    costs = {"tpWeight": 1.0, "fnWeight": 2.0, "fpWeight": 0.5, "tnWeight": 1.0}
    (tmp_path / nab.PROFILES).write_text(json.dumps({"p": {"CostMatrix": costs}}))
    windows = {"a/b.csv": [["2014-01-01 00:10:00.000000", "2014-01-01 00:20:00.000000"]]}
    (tmp_path / nab.WINDOWS).write_text(json.dumps(windows))
    rows = "\n".join(f"2014-01-01 00:{5 * n:02}:00,{n}.5" for n in range(8))
    (tmp_path / "data" / "a" / "b.csv").write_text(f"timestamp,value\n{rows}\n")
    return tmp_path


class TestFiles:
    def test_a_folder_is_read(self, folder: Path) -> None:
        (one,) = nab.load_corpus(folder)
        assert (one.name, one.windows) == ("a/b.csv", (Window(2, 4),))
        assert one.values.tolist() == [n + 0.5 for n in range(8)]
        assert one.times[1] == np.datetime64("2014-01-01T00:05:00")
        assert nab.load_profiles(folder) == {"p": Profile("p", 1.0, 0.5, 2.0)}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "line 1"),
            ("time,value\n", "line 1"),
            ("timestamp,value\n2014-01-01 00:00:00,x\n", "line 2"),
            ("timestamp,value\n2014-01-01 00:00:00,1\n2014-13-01 00:00:00,1\n", "line 3"),
            ("timestamp,value\n2014-01-01 00:00:00,1,2\n", "line 2"),
            ("timestamp,value\n2014-01-01 00:00:00,nan\n", "line 2 holds nan"),
            ("timestamp,value\n2014-01-01 00:00:00,1\n", "no row from"),
        ],
    )
    def test_a_broken_file_is_named(self, folder: Path, text: str, says: str) -> None:
        (folder / "data" / "a" / "b.csv").write_text(text)
        with pytest.raises(DataError, match=says) as caught:
            nab.load_corpus(folder)
        assert "b.csv" in str(caught.value)

    def test_a_file_that_is_no_text(self, folder: Path) -> None:
        (folder / "data" / "a" / "b.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(DataError, match=r"b\.csv: cannot be read"):
            nab.load_corpus(folder)

    @pytest.mark.parametrize(
        ("windows", "says"),
        [
            ("{", "no JSON"),
            ("[]", "object"),
            ('{"a/c.csv": []}', "c.csv: cannot be read"),
            ('{"a/b.csv": 3}', "pairs of times"),
            ('{"a/b.csv": [["2014-01-01 00:10:00"]]}', "pairs of times"),
            ('{"a/b.csv": [["soon", "later"]]}', "pairs of times"),
            ('{"a/b.csv": [[1, 2]]}', "pairs of times"),
            (
                '{"a/b.csv": [["2014-01-01 00:10:00", "2014-01-01 00:20:00"],'
                ' ["2014-01-01 00:20:00", "2014-01-01 00:25:00"]]}',
                "before the one before it ends",
            ),
        ],
    )
    def test_broken_labels_are_named(self, folder: Path, windows: str, says: str) -> None:
        (folder / nab.WINDOWS).write_text(windows)
        with pytest.raises(DataError, match=says):
            nab.load_corpus(folder)

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="name the folder"):
            nab.load_corpus(tmp_path / "nothing")

    @pytest.mark.parametrize("costs", [3, {}, {"tpWeight": "much", "fpWeight": 1, "fnWeight": 1}])
    def test_a_broken_profile_is_named(self, folder: Path, costs: object) -> None:
        (folder / nab.PROFILES).write_text(json.dumps({"mine": {"CostMatrix": costs}}))
        with pytest.raises(DataError, match="profile 'mine'"):
            nab.load_profiles(folder)


class TestWrongScores:
    ONE = series(100, (40, 49))

    @pytest.mark.parametrize(
        ("scores", "says"),
        [
            ({}, "no scores for a/b.csv"),
            ({"a/b.csv": np.zeros(99)}, "100 rows"),
            ({"a/b.csv": np.r_[np.zeros(99), np.nan]}, "row 99 is NaN"),
        ],
    )
    def test_they_are_refused(self, scores: dict[str, np.ndarray], says: str) -> None:
        with pytest.raises(DataError, match=says):
            nab.score(scores, [self.ONE], STANDARD, 0.5)
        with pytest.raises(DataError, match=says):
            nab.best_threshold(scores, [self.ONE], STANDARD)

    def test_a_corpus_with_nothing_to_find(self) -> None:
        scores = {"a/b.csv": np.zeros(100)}
        with pytest.raises(DataError, match="nothing to score"):
            nab.score(scores, [series(100)], STANDARD, 0.5)
        with pytest.raises(DataError, match="nothing to score"):
            nab.best_threshold(scores, [series(100)], STANDARD)
