"""What networks of several families are compared on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgenets.converters.compare import families, speed, tasks
from edgenets.progress import Progress
from edgenets.tasks.series.spec import Borders


def bare(kind: Any, **held: Any) -> Any:
    """A task without its run."""
    made = object.__new__(kind)
    vars(made).update(held)
    return made


class TestKeywords:
    """Clips of 20 frames; the first number of a frame is its clip's, the second its place."""

    LABELS = np.repeat(np.arange(5), 8)

    @pytest.fixture
    def task(self) -> Any:
        clips = np.zeros((40, 20, 2), np.float32)
        clips[..., 0], clips[..., 1] = np.arange(40)[:, None], np.arange(20)
        return bare(tasks.Keywords, _clips=clips, _targets=self.LABELS.tolist(), _frames=2)

    def test_longer_ones_have_other_words_before(self, task: Any) -> None:
        found = task.samples(10.0)
        assert found.items.shape == (40, 200, 2) and found.last == 10 and found.factor == 10
        whose = found.items[:, ::20, 0].astype(int)
        assert (whose[:, -1] == np.arange(40)).all()
        assert (self.LABELS[whose[:, :-1]] != self.LABELS[:, None]).all()
        assert all(len(set(row)) > 4 for row in whose)

    def test_shorter_ones_are_the_middle(self, task: Any) -> None:
        found = task.samples(0.5)
        assert found.items.shape == (40, 10, 2) and found.factor == 0.5
        assert (found.items[..., 1] == np.arange(4, 14)).all()

    def test_moved_ones(self, task: Any) -> None:
        later = task.moved(3).items[0, :, 1]
        assert later.tolist() == [0, 0, 0, *range(17)]
        assert task.moved(-3).items[0, :, 1].tolist() == [*range(3, 20), 19, 19, 19]

    def test_stretches_are_of_many_labels(self, task: Any) -> None:
        found = task.stretches(100, 8)
        assert found.shape == (8, 100, 2)
        assert len({self.LABELS[int(clip)] for clip in found[..., 0].ravel()}) == 5


class TestSeries:
    """Two columns; every reading is its own number."""

    def task(self, rows: int, segment: int) -> Any:
        borders = Borders(rows - 60, rows - 40, rows)
        input = SimpleNamespace(segment=segment)
        decoding = SimpleNamespace(horizon=4)
        return SimpleNamespace(input=input, window=24, borders=borders, decoding=decoding)

    @pytest.fixture(autouse=True)
    def plain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Windows as they are, so that it can be seen which they are."""
        monkeypatch.setattr(tasks, "segments", lambda came, segment: came)

        def replaced(spec: Any, window: int) -> Any:
            return SimpleNamespace(**{**vars(spec), "window": window})

        monkeypatch.setattr(tasks, "replace", replaced)

    def made(self, rows: int, segment: int = 4) -> Any:
        series = np.arange(2 * rows, dtype=np.float32).reshape(2, rows)
        return bare(tasks.Series, _spec=self.task(rows, segment), _series=series, _segment=segment)

    def test_every_length_is_judged_by_the_same_forecasts(self) -> None:
        task = self.made(400)
        found = [task.samples(factor) for factor in tasks.FACTORS]
        assert [one.items.shape[1] for one in found] == [12, 24, 48, 240]
        assert len({len(one.items) for one in found}) == 1
        for one in found:
            np.testing.assert_array_equal(one.items[:, -12:], found[0].items)
            np.testing.assert_array_equal(one.targets, found[0].targets)

    def test_a_length_that_is_not_just_as_wished_says_so(self) -> None:
        assert self.made(400, segment=8).samples(0.5).factor == pytest.approx(16 / 24)

    def test_a_table_too_short_for_the_longest(self) -> None:
        task = self.made(130)
        assert task.samples(10.0) is None and task.samples(2.0).items.shape[1] == 48

    def test_stretches_are_as_long_as_there_is_room(self) -> None:
        assert self.made(400).stretches(20, 8).shape == (8, 80)
        found = self.made(130).stretches(500, 8)
        assert found.shape[1] == 124 and (np.diff(found, axis=1) == 1).all()


def test_texts_at_other_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    held = SimpleNamespace(tokens=[np.arange(4), np.arange(7)], targets=np.array([0, 1]))
    monkeypatch.setattr(tasks, "texts_of", lambda *_: held)
    task = tasks.Texts(SimpleNamespace(), Path(), Progress())  # type: ignore[arg-type]
    assert [len(item) for item in task.samples(0.5).items] == [2, 4]
    assert [len(item) for item in task.samples(10.0).items] == [40, 70]
    assert task.stretches(30, 3).shape == (3, 30, 1)


@pytest.mark.parametrize("task", families.TASKS)
def test_families_are_taught_alike(task: str) -> None:
    """Nothing but the network itself differs."""
    cnn, gru = (families.recipe_of(task, family, None, None) for family in ("cnn", "gru"))
    for name in ("data", "schedule", "quantize", "gate", "seed"):
        assert getattr(cnn, name) == getattr(gru, name), name
    assert cnn.model.dropout == gru.model.dropout
    if task == "keywords":
        assert cnn.augment == gru.augment  # type: ignore[union-attr]
        bare_of_pooling: Any = families.without_pooling(cnn)
        assert bare_of_pooling.model.pool == 1 and families.without_pooling(gru) is None


def test_memory_of_a_call_is_what_it_takes() -> None:
    def takes(megabytes: int) -> None:
        np.ones(megabytes << 17)

    assert 95 < speed.memory_of(lambda: takes(100)) < 130
    assert 295 < speed.memory_of(lambda: takes(300)) < 330
