"""What a run lost: counted by kind, said in one line, in the JSON, and in the exit code."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.events import LOSSES, SoundSummary, Summary, TextSummary, WatchSummary
from edgenets.runtime import run as run_module
from edgenets.runtime import sinks as sinks_module
from edgenets.runtime.run import DeliveryQueue
from edgenets.runtime.sinks import SINKS, Sinks
from tests.bundles import fake_bundle
from tests.commands import Call, call, python
from tests.test_process import count_of
from tests.test_stream_run import NULL, write
from tests.vision.test_delivery import seen

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
    for kind, count in summary.lost.items():
        assert f"{count:,} {LOSSES[kind][count > 1]}" in said
    assert json.loads(json.dumps(summary.plain()))["lost"] == dict(summary.lost)


def test_a_loss_of_no_known_kind_is_a_fault() -> None:
    with pytest.raises(KeyError):
        Summary("b", "a", "cpu").lose("sheep")


@pytest.mark.parametrize(
    ("summary", "notice", "loss"),
    [
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
        assert done.err.endswith("lost: 1 result not delivered (jsonl:/dev/full ×1)\n")
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
        assert "lost: 1 file not read to its end" in done.err

    def test_help_says_so(self, call: Call) -> None:
        text = call("run", "--help").out
        assert "Exit codes:" in text and "--allow-loss" in text


class TestVideo:
    """OpenCV does not say that a disk is full."""

    @pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
    @pytest.mark.parametrize("room", [0, 1, 60, 100_000])  # blocks of 512 bytes
    def test_images_that_are_not_in_it_are_counted(
        self, suffix: str, room: int, tmp_path: Path
    ) -> None:
        code = f"""
import numpy as np, resource
from edgenets.events import Seen
from edgenets.runtime.sinks import Sinks
from edgenets.tasks.vision.results import Found
sinks = Sinks(["video:{tmp_path}/v{suffix}"], print)
noise = np.random.default_rng(0)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room} * 512, {room} * 512))
for number in range(40):
    image = noise.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    sinks.write(Seen("c", number, number / 20, 0.0, (Found("x", 1.0),), image=image))
sinks.close()
print("lost", sinks.failures)
"""
        said = python(code).splitlines()
        lost = int(said[-1].split()[1])
        path = tmp_path / f"v{suffix}"
        kept = count_of(path) if path.exists() else 0
        assert kept + lost == 40 and (lost == 0) == (room == 100_000), said
        assert lost == 0 or "is the disk full?" in said[0] or "OpenCV cannot" in said[0]
        assert [p.name for p in tmp_path.iterdir()] == ([path.name] if kept else [])

    def test_one_that_failed_is_not_written_over(self, tmp_path: Path) -> None:
        said: list[str] = []
        sinks = Sinks([f"video:{tmp_path}/v.mp4"], said.append)
        for number in range(4):
            sinks.write(seen(number))
        sinks.write(replace(seen(4), image=np.zeros((0, 0, 3), np.uint8)))  # a fault in OpenCV
        assert sinks.failures == 1 and count_of(tmp_path / "v.mp4") == 4
        sinks._retry_at[0] = 0.0
        for number in range(5, 8):
            sinks.write(seen(number))
        sinks.close()
        assert sinks.failures == 1 and count_of(tmp_path / "v-2.mp4") == 3


class Hanging:
    """A sink that does not come back from a call."""

    held = 7

    def __init__(self, where: str) -> None:
        self.where, self.over = where, threading.Event()

    def write(self, event: object) -> None:
        if self.where == "write":
            self.over.wait(30)

    def close(self) -> None:
        self.over.wait(30)


@pytest.mark.parametrize("where", ["write", "close"])
def test_a_sink_that_hangs_holds_up_no_other(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks_module, "CLOSE_WAIT", 0.3)
    monkeypatch.setattr(run_module, "_LAST_WAIT", 0.3)
    hanging, module = Hanging(where), ModuleType("hanging_sink")
    module.open_sink = lambda rest: hanging  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hanging_sink", module)
    monkeypatch.setitem(SINKS, "hanging", "hanging_sink")
    said: list[str] = []
    sinks = Sinks([f"video:{tmp_path}/v.mp4", "hanging:"], said.append)
    queue = DeliveryQueue(sinks, False, lambda: False, said.append)
    for number in range(3):
        queue.give(seen(number))
    begun = time.monotonic()
    queue.close()
    assert time.monotonic() - begun < 5
    assert (tmp_path / "v.mp4").exists() and any("hangs" in text for text in said)
    if where == "close":
        assert sinks.undelivered == {f"video:{tmp_path}/v.mp4": 0, "hanging:": 7}
        assert count_of(tmp_path / "v.mp4") == 3
    else:  # two events wait behind the one that it does not let go of
        assert sinks.undelivered == {f"video:{tmp_path}/v.mp4": 2, "hanging:": 3 + 7}
        assert count_of(tmp_path / "v.mp4") == 1
    hanging.over.set()


def test_a_sink_that_hangs_is_counted_by_name(tmp_path: Path) -> None:
    said: list[str] = []
    sinks = Sinks([f"jsonl:{tmp_path}/a", f"jsonl:{tmp_path}/b"], said.append)
    sinks._giving = 1
    sinks.give_up(4)
    assert sinks.undelivered == {f"jsonl:{tmp_path}/a": 4, f"jsonl:{tmp_path}/b": 5}
    assert said == [f"jsonl:{tmp_path}/b: hangs; 5 results were not delivered"]
