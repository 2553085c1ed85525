"""Utterances: what is said so far, where they end, and how far they are from the truth."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.sound.input import AudioInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.speech import distance
from edgenets.tasks.speech.spec import BLANK_LABEL, CtcDecoding, SpeechSpec
from edgenets.tasks.speech.transcriber import Phrase, Transcriber, transcribe

LABELS = (BLANK_LABEL, "a", "b", " ")


def spec(**decoding: object) -> SpeechSpec:
    return SpeechSpec(
        "toy", "speech", LABELS, AudioInput(), CtcDecoding(**decoding),  # type: ignore[arg-type]
        StepSpec(frames=5),
    )  # fmt: skip


def rows(text: str) -> NDArray[np.float32]:
    """A step a letter; `.` is the blank."""
    out = np.zeros((len(text), len(LABELS)), np.float32)
    out[np.arange(len(text)), [0 if c == "." else LABELS.index(c) for c in text]] = 12.0
    return out


def told(text: str, **decoding: object) -> list[Phrase]:
    transcriber = Transcriber(spec(**decoding))
    found = [transcriber.push(row) for row in rows(text)]
    return [phrase for phrase in [*found, transcriber.finish()] if phrase is not None]


@pytest.mark.parametrize("method", ["greedy", "beam"])
class TestUtterances:
    def test_it_grows_and_ends_with_silence(self, method: str) -> None:
        found = told("..a.b..........", method=method, endpoint=0.7)  # a step is 0.1 s
        assert [(p.text, p.final) for p in found] == [("a", False), ("ab", False), ("ab", True)]
        assert [s.step for s in found[-1].said] == [2, 4] and found[-1].step == 11

    def test_the_next_one_is_another(self, method: str) -> None:
        found = told("a........b........", method=method, endpoint=0.5)
        assert [p.text for p in found if p.final] == ["a", "b"]
        assert found[-1].said[0].step == 9  # counted from the beginning of the stream

    def test_the_end_of_the_stream_ends_it(self, method: str) -> None:
        assert [(p.text, p.final) for p in told("ab", method=method)][-1] == ("ab", True)

    def test_silence_says_nothing(self, method: str) -> None:
        assert told("." * 200, method=method) == []

    def test_one_that_never_ends_is_ended(self, method: str) -> None:
        found = [p for p in told("ab" * 20, method=method, longest=1.0) if p.final]
        assert [p.text for p in found] == ["ababababab"] * 4

    def test_spaces_are_those_of_people(self, method: str) -> None:
        assert told(" a  .  b ", method=method)[-1].text == "a b"


def test_whole_words_have_spaces_between_them() -> None:
    words = SpeechSpec("toy", "speech", (BLANK_LABEL, "yes", "no"), AudioInput(),
                       CtcDecoding(separator=" "))  # fmt: skip
    assert words.text_of([1, 2]) == "yes no"


@pytest.mark.parametrize(
    ("labels", "why"),
    [(("a", "b"), "first label"), ((BLANK_LABEL, "a", "a"), "distinct"),
     ((BLANK_LABEL, "a", BLANK_LABEL), "distinct"), ((BLANK_LABEL, "\n"), "cannot be a label")],
)  # fmt: skip
def test_labels_that_no_model_of_speech_has(labels: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SpeechSpec("toy", "speech", labels, AudioInput(), CtcDecoding())


def test_a_threshold_decides_nothing_here() -> None:
    with pytest.raises(ValueError, match="decides by no threshold"):
        spec().with_thresholds(0.5)


@given(st.text("ab.", max_size=30))
def test_a_whole_recording_says_what_its_letters_do(text: str) -> None:
    wanted = [c for i, c in enumerate(text) if c != "." and (i == 0 or text[i - 1] != c)]
    found = transcribe(CtcDecoding(), rows(text))
    assert [LABELS[symbol] for symbol in found] == wanted


def plainly(a: Sequence[str], b: Sequence[str]) -> int:
    """Levenshtein's recurrence, as the textbook has it."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )  # fmt: skip
    return table[-1][-1]


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_distance(a: str, b: str) -> None:
    found = distance.edits(a, b)
    assert found == plainly(a, b) == distance.edits(b, a)
    assert found >= abs(len(a) - len(b))
    assert (found == 0) == (difflib.SequenceMatcher(None, a, b).ratio() == 1.0)


def test_error_rate_is_over_all_that_was_said() -> None:
    assert distance.error_rate(["ab", ""], ["abc", "d"]) == 0.5
    assert distance.error_rate([], []) == 0.0
