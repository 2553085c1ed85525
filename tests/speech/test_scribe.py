"""Sound in, text out, through a session that says what it was told to."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from edgenets.events import Transcript
from edgenets.runtime.sinks.console import ConsoleSink
from edgenets.sound.input import AudioInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.speech.pipeline import Line, SpeechTranscriber
from edgenets.tasks.speech.spec import BLANK_LABEL, CtcDecoding, SpeechSpec

LABELS = (BLANK_LABEL, "1", "2")
SPEC = SpeechSpec(
    "toy", "speech", LABELS,
    AudioInput(sample_rate=8000, window=200, hop=80, fft=256, bands=16, high_hz=3800),
    CtcDecoding(endpoint=0.2), StepSpec(frames=4),
)  # fmt: skip
STEP = 4 * 80  # samples


class Told:
    """A session whose scores are given, a step after the other."""

    def __init__(self, labels: str) -> None:
        self._labels, self.at = labels, 0

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        assert inputs["features"].shape == (1, 4, 16)
        scores = np.zeros((1, 1, len(LABELS)), np.float32)
        scores[0, 0, int(self._labels[self.at % len(self._labels)])] = 12.0
        self.at += 1
        return {"logits": scores}

    def reset(self) -> None:
        self.at = 0


def hear(labels: str, block: int) -> list[Line]:
    transcriber = SpeechTranscriber(SPEC, Told(labels))  # type: ignore[arg-type]
    sound = np.zeros(STEP * len(labels) + 200, np.int16)
    found = [
        line for at in range(0, len(sound), block) for line in transcriber.push(sound[at:][:block])
    ]
    return found + transcriber.finish()


@pytest.mark.parametrize("block", [STEP, 37, 4000])
def test_lines_come_with_their_times_however_the_sound_was_cut(block: int) -> None:
    found = hear("0010200000010", block)
    assert [(x.text, x.final) for x in found] == [
        ("1", False), ("12", False), ("12", True), ("1", False), ("1", True),
    ]  # fmt: skip
    first = found[2]
    assert first.start == pytest.approx((2 * 4 + 3) * 0.01 + 0.025)
    assert first.start < first.end < first.time
    assert found[-1].start > first.time


def test_a_new_stream_begins_anew() -> None:
    transcriber = SpeechTranscriber(SPEC, Told("12"))  # type: ignore[arg-type]
    transcriber.push(np.zeros(3 * STEP, np.int16))
    transcriber.reset()
    assert transcriber.finish() == [] and transcriber.steps == 0
    assert transcriber.posterior.shape == (3,)


class TestShown:
    event = Transcript("mic", "12", True, 1.0, 1.5, 1.8, 0.02)

    def test_as_data(self) -> None:
        assert self.event.plain() == {
            "event": "transcript", "source": "mic", "text": "12", "start": 1.0, "end": 1.5,
            "time": 1.8, "age_ms": 20.0,
        }  # fmt: skip

    def test_a_file_gets_what_is_final(self) -> None:
        out = io.StringIO()
        sink = ConsoleSink(out)
        sink.write(Transcript("mic", "1", False, 1.0, 1.0, 1.1, 0.02))
        sink.write(self.event)
        assert out.getvalue() == "    1.00 s  12   20.0 ms\n"

    def test_a_terminal_sees_it_grow_on_one_line(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        out = Terminal()
        sink = ConsoleSink(out)
        sink.write(Transcript("mic", "1", False, 1.0, 1.0, 1.1, 0.02))
        sink.write(self.event)
        assert out.getvalue().count("\n") == 1 and out.getvalue().count("\r") == 2
