"""The Python API: what commands do, one typed call each."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import pytest

import edgenets
from edgenets import api, zoo
from edgenets.errors import BackendError, DeviceError, ModelError
from edgenets.runtime.bench import Row

CALLS = [name for name in edgenets.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_typed_and_says_what_it_raises(name: str) -> None:
    function = getattr(edgenets, name)
    assert function is getattr(api, name)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not p.empty for p in signature.parameters.values())
    assert function.__doc__
    assert typing.get_overloads(function) == []


def test_no_other_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bnech'"):
        edgenets.bnech  # noqa: B018


def test_selftest_and_preflight() -> None:
    trials = edgenets.selftest("kws-gru")
    assert trials and all(trial.passed for trial in trials)
    findings = edgenets.preflight("kws-gru", "rpi4")
    assert {"artifact", "memory"} <= {finding.about for finding in findings}
    with pytest.raises(DeviceError, match="there is no board"):
        edgenets.preflight("kws-gru", "no-board")


def test_bench() -> None:
    rows = edgenets.bench("kws-gru", ["tflite"], ["int8"], seconds=1.0)
    assert [(row.backend, row.precision, row.threads) for row in rows] == [("tflite", "int8", 1)]
    with pytest.raises(BackendError, match="nothing of what was asked for"):
        edgenets.bench("kws-gru", ["edgetpu"])


def test_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgenets.choice import Limits, choice_of
    from edgenets.runtime import measuring

    def row(backend: str, p95: float) -> Row:
        return Row(backend, "int8", 1, 9.0, p95, p95, p95, 1.0, 80.0, 9, 5.0, "CPU", p95_us=p95)

    monkeypatch.setattr(
        measuring, "measured", lambda *_, **__: [row("tflite", 9.0), row("onnx", 5.0)]
    )
    best = edgenets.choose("kws-gru", tmp_path / "here.edge")
    assert best is not None and best.id == "onnx-int8"
    assert choice_of(zoo.load(tmp_path / "here.edge")) == best
    assert edgenets.choose("kws-gru", tmp_path / "none.edge", Limits(p95_us=1.0)) is None
    assert not (tmp_path / "none.edge").exists()


def test_what_was_not_trained(tmp_path: Path) -> None:
    for call in (edgenets.verify, edgenets.pack):
        with pytest.raises(ModelError, match=r"no model\.keras in it"):
            call(tmp_path, tmp_path)
