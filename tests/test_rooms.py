"""Every task of the table goes all the way: data → train → convert → verify → bundle → run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgenets
from edgenets.artifact import FORMATS
from edgenets.tasks import TASKS, task_of
from tests import tiny
from tests.commands import Call, call, python
from tests.tiny import TINY, Made, source_of

__all__ = ["call"]  # a fixture


@pytest.fixture(scope="module", params=TASKS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return tiny.made(request.param, tmp_path_factory)


def test_it_is_in_every_format_as_integers(made: Made) -> None:
    found = {(a.format, a.precision) for a in made.bundle.artifacts}
    assert found >= {(f, p) for f in FORMATS for p in ("fp32", "int8")}


def test_it_answers_its_golden_inputs(made: Made) -> None:
    trials = edgenets.selftest(made.bundle)
    assert trials and all(trial.passed for trial in trials)


def test_it_is_evaluated(made: Made) -> None:
    found = edgenets.evaluate(made.bundle, made.data)
    assert found.result.n > 0 and np.isfinite(found.result.value)
    assert found.result.figures and found.result.line


def test_it_runs(made: Made, call: Call, tmp_path: Path) -> None:
    """Whatever it finds is written as JSON lines, each of a kind; and the summary is JSON, too."""
    task, out = made.bundle.spec.task, tmp_path / "events.jsonl"
    source = source_of(TINY[task], made.data)
    done = call("run", made.bundle.path, source, "--sink", f"jsonl:{out}", "--json")
    assert done.code == 0 and done.json()["bundle"] == str(made.bundle.path)
    events = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert all(event["event"] and event["source"] for event in events)


_RUN = """
import sys, edgenets
for _ in edgenets.run({bundle!r}, {source!r}): pass
edgenets.selftest({bundle!r})
print(*(m for m in sys.modules if m in {heavy!r} or m.endswith("training") or ".training." in m))
"""


def test_a_device_needs_neither_a_framework_nor_training(made: Made) -> None:
    code = _RUN.format(
        bundle=str(made.bundle.path), source=source_of(TINY[made.bundle.spec.task], made.data),
        heavy={"tensorflow", "keras", "torch", "onnx", "matplotlib", "scipy"},
    )  # fmt: skip
    assert python(code).splitlines()[-1] == ""


def test_it_says_what_it_is(made: Made, call: Call) -> None:
    card = task_of(made.bundle.spec.task).card(made.run, 10)
    assert card and all(line.startswith("- **") for line in card)
    found = call("inspect", made.bundle.path).out
    assert made.bundle.spec.name in found and made.bundle.spec.task in found
