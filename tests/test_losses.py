"""What a run lost: counted by kind, said in one line, in the JSON, and in the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.events import LOSSES, SoundSummary, Summary, TextSummary, WatchSummary
from edgenets.runtime.sinks import Sinks
from tests.bundles import fake_bundle
from tests.commands import Call, call
from tests.test_stream_run import NULL, write

__all__ = ["call", "fake_bundle"]  # fixtures

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@given(st.lists(st.tuples(st.sampled_from(sorted(LOSSES)), st.integers(0, 10**9))))
def test_every_loss_is_counted_and_said(losses: list[tuple[str, int]]) -> None:
    summary = Summary("b", "a", "cpu")
    for kind, count in losses:
        summary.lose(kind, count)
    for kind in LOSSES:
        assert summary.lost[kind] == sum(n for k, n in losses if k == kind)
    said = summary.losses_in_words()
    assert bool(said) == any(n for _, n in losses)
    assert all(LOSSES[kind] in said for kind, n in losses if n)
    assert json.loads(json.dumps(summary.plain()))["lost"] == dict(summary.lost)


def test_a_loss_of_no_known_kind_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Summary("b", "a", "cpu").lose("sheep")


@pytest.mark.parametrize(
    ("summary", "notice", "loss"),
    [
        (WatchSummary("", "", ""), "skipped", "images"),
        (WatchSummary("", "", ""), "failed", "sources"),
        (SoundSummary("", "", ""), "skipped", "files"),
        (TextSummary("", "", ""), "skipped", "rows"),
        (TextSummary("", "", ""), "overrun", "rows"),
    ],
)  # fmt: skip
def test_notices_that_stand_for_losses(summary: Summary, notice: str, loss: str) -> None:
    for kind in ("lost", "back", "stale"):
        summary.notice(kind)
    assert not summary.lost
    summary.notice(notice, 7)
    assert summary.lost == {loss: 7} and summary.notices[notice] == 7


def test_what_sinks_did_not_deliver_is_said_of_each() -> None:
    summary = Summary("b", "a", "cpu")
    summary.deliveries({"jsonl:a": 3, "jsonl:b": 0, "mqtt://h/t": 2})
    assert summary.lost == {"results": 5} and summary.sink_failures == 5
    assert summary.losses_in_words() == "5 results not delivered (jsonl:a ×3 mqtt://h/t ×2)"


class TestCommand:
    @needs_full
    def test_exit_code_of_results_lost(self, fake_bundle: Path, tmp_path: Path, call: Call) -> None:
        run = ("run", fake_bundle, write(tmp_path / "a.wav", 1.0), *NULL)
        sinks = ("--sink", "jsonl:/dev/full", "--sink", f"jsonl:{tmp_path}/out")
        done = call(*run, *sinks)
        assert done.code == 3
        assert done.err.endswith("lost: 1 results not delivered (jsonl:/dev/full ×1)\n")
        assert call(*run, *sinks, "--allow-loss").code == 0
        found = call(*run, *sinks, "--json")
        assert found.code == 3 and found.json()["lost"] == {"results": 1}
        assert found.json()["undelivered"] == {"jsonl:/dev/full": 1}

    def test_exit_code_of_inputs_lost(self, fake_bundle: Path, tmp_path: Path, call: Call) -> None:
        write(tmp_path / "a.wav", 1.0)
        assert call("run", fake_bundle, tmp_path, *NULL).code == 0
        (tmp_path / "b.wav").write_bytes(b"no sound")
        done = call("run", fake_bundle, tmp_path, *NULL, "--json")
        assert done.code == 3 and done.json()["lost"] == {"files": 1}
        assert "lost: 1 files not read to their end" in done.err

    def test_help_says_so(self, call: Call) -> None:
        text = call("run", "--help").out
        assert "Exit codes:" in text and "--allow-loss" in text


def test_a_sink_that_hangs_is_counted_by_name(tmp_path: Path) -> None:
    said: list[str] = []
    sinks = Sinks([f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}/b"], said.append)
    sinks._giving = 1
    sinks.give_up(4)
    assert sinks.undelivered == {f"jsonl:{tmp_path}/a": 4, f"jsonl:{tmp_path}/b": 5}
    assert said == [f"jsonl:{tmp_path}/b: hangs; 5 results were not delivered"]
