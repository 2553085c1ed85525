"""`evaluate_speech`: how well a model writes down what is said, through the very pipeline of a
device. Error rates are jiwer's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets import records
from edgenets.backend import Session
from edgenets.bundle import Bundle
from edgenets.data.split import Split
from edgenets.extras import require
from edgenets.progress import Progress
from edgenets.sound.audio import float_to_pcm16
from edgenets.spec import spec_as
from edgenets.tasks.evaluation import Evaluation, some
from edgenets.tasks.speech.pipeline import SpeechTranscriber
from edgenets.tasks.speech.spec import SpeechSpec
from edgenets.tasks.speech.strings import String, strings_to_measure
from edgenets.tasks.speech.symbols import Units, spelling
from edgenets.tasks.speech.utterances import find_utterances, load_utterances


@dataclass(frozen=True)
class SpeechEvaluation:
    """Error rates over strings of speech."""

    n: int  # strings
    symbols: int  # said in them
    symbol_error_rate: float  # put in, left out and exchanged, over what was said
    exact: float  # strings with no error, 0…1
    real_time_factor: float  # CPU seconds for a second of sound, features included


def evaluate_speech(
    spec: SpeechSpec, session: Session, strings: Sequence[String], progress: Progress | None = None
) -> SpeechEvaluation:
    """Stream every string from a reset state, and take the lines that were final.

    Args:
        strings: sound at the model's rate, with label numbers of what is said in it.
    """
    jiwer = require("jiwer")
    words = spec.decoding.separator == " "
    between = " " if words or " " in spec.labels else ""
    transcriber = SpeechTranscriber(spec, session)
    said, found = [], []
    seconds = cpu = 0.0
    with (progress or Progress()).task("evaluating") as task:
        for done, string in enumerate(strings, 1):
            sound = float_to_pcm16(string.sound)
            transcriber.reset()
            begun = time.process_time()
            lines = [*transcriber.push(sound), *transcriber.finish()]
            cpu += time.process_time() - begun
            seconds += len(sound) / spec.input.sample_rate
            found.append(between.join(line.text for line in lines if line.final))
            said.append(spec.text_of(string.symbols))
            task.update(done, len(strings))
    # Of whole words each is a symbol; else each letter is.
    rate = (
        jiwer.process_words(said, found).wer if words else jiwer.process_characters(said, found).cer
    )
    return SpeechEvaluation(
        len(said),
        sum(len(string.symbols) for string in strings),
        float(rate),
        sum(a == b for a, b in zip(said, found, strict=True)) / len(said),
        cpu / seconds,
    )


# Strings of recordings that a model of speech is measured by.
_STRINGS, _WORDS, _SEED = 400, (1, 7), 1


def measure(
    bundle: Bundle, session: Session, data: Path, split: Split | None, progress: Progress
) -> Evaluation:
    """See `Task.evaluate`."""
    spec, shares = spec_as(bundle.spec, SpeechSpec), bundle.spec.split
    units: Units = "words" if spec.decoding.separator == " " else "characters"
    found = [
        u
        for u in find_utterances(data, spelling(spec.labels[1:], units), progress.say)
        if split in (None, u.split(shares.apart, shares.validation, shares.test))
    ]
    spoken = load_utterances(
        some(found, data, split), spec.labels[1:], units, spec.input.sample_rate
    )
    strings = strings_to_measure(spoken, _STRINGS, _WORDS, _SEED)
    result = evaluate_speech(spec, session, strings, progress)
    line = (
        f"symbol errors {result.symbol_error_rate:.2%} of {result.symbols:,}, "
        f"exact {result.exact:.2%} of {result.n} strings, "
        f"real-time factor {result.real_time_factor:.4f}"
    )
    return Evaluation(
        "symbol error rate", result.symbol_error_rate, result.n, line, records.to_plain(result)
    )
