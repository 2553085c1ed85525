"""`edgenets run` on a real microphone: PulseAudio without hardware, words played into it.

What is heard live is held against what is heard in the same sound as a file, so that the test
judges the conversion path of the sound and not the model.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import edgenets
from edgenets import zoo
from edgenets.events import Result
from edgenets.sound import audio
from tests import pulse

WORDS = ("yes", "stop", "left", "right")
PATIENCE = 60.0  # s

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(pulse.missing() is not None, reason=str(pulse.missing())),
    pytest.mark.skipif("kws-gru" not in zoo.shipped(), reason="no bundle is shipped"),
]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven words by several voices."""
    pytest.importorskip("espeakng_loader")
    from edgenets.tasks.keywords.synthetic import make_stream

    stream = make_stream(WORDS, seed=4, count=7, snr_db=30)
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    audio.write_wav(path, stream.sound, stream.sample_rate)
    return path


class Listening:
    """`edgenets run … mic:mic` as a process, and the lines that it writes."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.lines = folder / "heard.jsonl"
        command = [sys.executable, "-m", "edgenets.cli.main", "run", "kws-gru", "mic:mic"]
        command += ["--sink", f"jsonl:{self.lines}", "--json"]
        self._out = (folder / "summary.json").open("w+")
        self._process = subprocess.Popen(command, env=env, stdout=self._out)

    def events(self, kind: str) -> list[dict]:
        if not self.lines.is_file():
            return []
        found = [json.loads(line) for line in self.lines.read_text().splitlines()]
        return [event for event in found if event["event"] == kind]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None, f"it ended while waiting for {what}"
            assert time.monotonic() < until, f"no {what} in {PATIENCE:g} s"
            time.sleep(0.1)

    def interrupt(self) -> dict:
        """Ctrl-C; the summary."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(PATIENCE)
        self._out.seek(0)
        summary = json.loads(self._out.read())
        # A machine that is busy with other tests may miss some sound; then it says so.
        assert code == (3 if summary["lost"] else 0)
        return summary

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()


def in_common(live: list[str], offline: list[str]) -> float:
    """Part of the words of the file that were heard live as well."""
    return sum((Counter(live) & Counter(offline)).values()) / len(offline)


def test_words_are_heard_and_a_lost_microphone_is_taken_up_again(
    tmp_path: Path, speech: Path
) -> None:
    offline = [e.label for e in edgenets.run("kws-gru", str(speech)) if isinstance(e, Result)]
    assert len(offline) >= 4, "the bundle hears too little of its words to try it live"
    with pulse.Pulse(tmp_path / "p") as server:
        listening = Listening(tmp_path, server.env)
        try:
            listening.wait(listening.lines.is_file, "open sink")
            time.sleep(2)  # the stream's first sound comes after the sink is open
            server.play(speech).wait(PATIENCE)
            time.sleep(1)
            first = [e["word"] for e in listening.events("detection")]
            assert in_common(first, offline) >= 0.6

            server.restart()
            listening.wait(lambda: bool(listening.events("lost")), "loss")
            listening.wait(lambda: bool(listening.events("back")), "return")
            time.sleep(2)
            server.play(speech).wait(PATIENCE)
            time.sleep(1)
            second = [e["word"] for e in listening.events("detection")][len(first) :]
            assert in_common(second, offline) >= 0.6

            summary = listening.interrupt()
        finally:
            listening.kill()
    assert sum(summary["detections"].values()) == len(first) + len(second)
    assert summary["notices"]["lost"] >= 1
    assert summary["notices"]["back"] >= 1
    assert all(0 <= e["age_ms"] < 5000 for e in listening.events("detection"))
