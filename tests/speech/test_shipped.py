"""The shipped model of digits, on recordings that it never heard, in all three formats."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgenets import zoo
from edgenets.events import Transcript
from edgenets.runtime.load import load
from edgenets.selection import Request, select
from edgenets.sound import audio
from edgenets.tasks.speech.distance import edits
from edgenets.tasks.speech.evaluation import evaluate_speech
from edgenets.tasks.speech.grammar import read_words
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.strings import String, strings_to_measure
from edgenets.tasks.speech.utterances import find_utterances, load_utterances
from tests.runs import run_of

DIGITS = Path(__file__).parents[3] / "shared" / "data" / "fsdd"

pytestmark = pytest.mark.shared_data

needs_digits = pytest.mark.skipif(not DIGITS.is_dir(), reason="no recordings of digits here")


@pytest.fixture(scope="module")
def strings() -> list[String]:
    found = [u for u in find_utterances(DIGITS) if u.split("recordings", 0.1, 0.1) == "test"]
    spoken = load_utterances(found, [str(n) for n in range(10)], "characters", 8000)
    return strings_to_measure(spoken, 60, (1, 7), seed=5)


@needs_digits
@pytest.mark.parametrize("backend", ["tflite", "onnx", "openvino"])
def test_it_writes_down_what_is_said(backend: str, strings: list[String]) -> None:
    bundle = zoo.load("asr-digits")
    assert isinstance(bundle.spec, SpeechSpec)
    session = load(bundle, select(bundle, Request(backend, "int8")))
    found = evaluate_speech(bundle.spec, session, strings)
    assert found.symbol_error_rate <= 0.03 and found.exact >= 0.88  # of few strings


@needs_digits
def test_a_recording_is_written_down_utterance_by_utterance(
    strings: list[String], tmp_path: Path
) -> None:
    bundle = zoo.load("asr-digits")
    assert isinstance(bundle.spec, SpeechSpec)
    path, pause = tmp_path / "said.wav", np.zeros(12_000, np.float32)
    audio.write_wav(path, np.concatenate([x for s in strings[:4] for x in (s.sound, pause)]), 8000)
    session = load(bundle, select(bundle))
    events = [e for e in run_of(bundle, session, str(path)) if isinstance(e, Transcript)]
    lines = [e for e in events if e.final]
    said = "".join(bundle.spec.text_of(s.symbols) for s in strings[:4])
    assert edits("".join(line.text for line in lines), said) <= 1
    assert all(a.end <= b.start for a, b in itertools.pairwise(lines))
    assert any(not e.final for e in events)


@needs_digits
def test_a_list_of_words_is_kept_to(strings: list[String], tmp_path: Path) -> None:
    bundle = zoo.load("asr-digits")
    assert isinstance(bundle.spec, SpeechSpec)
    string = next(s for s in strings if len(s.symbols) == 3)
    said = bundle.spec.text_of(string.symbols)
    other = "".join(str((int(digit) + 1) % 10) for digit in said)
    (tmp_path / "words").write_text(f"{said}\n{other}\n")
    audio.write_wav(tmp_path / "said.wav", string.sound, 8000)
    run = run_of(bundle, load(bundle, select(bundle)), str(tmp_path / "said.wav"),
              grammar=read_words(tmp_path / "words", bundle.spec))  # fmt: skip
    assert [e.text for e in run if isinstance(e, Transcript) and e.final] == [said]
