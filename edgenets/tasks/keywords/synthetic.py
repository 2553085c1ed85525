"""Data sets of synthetic speech, for words that nobody has recorded.

    LABEL/SPEAKER_nohash_N.wav            the user's words, by many voices
    _unknown_/TEXT_SPEAKER_nohash_N.wav   other words, and halves of the user's
    _silence_/SPEAKER_nohash_N.wav        noise, hum, clicks, next to nothing
    speech.json                           what all this was made from

The folder is laid out as Speech Commands is, and `edgenets.tasks.keywords.clips` reads
it. Every sample follows from the arguments alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgenets import records
from edgenets.errors import DataError, RecordError
from edgenets.files import write_json
from edgenets.sound import audio
from edgenets.tasks.keywords import augment, unknown
from edgenets.tasks.keywords.augment import Sound
from edgenets.tasks.keywords.background import background
from edgenets.tasks.keywords.streams import ANSWER_SECONDS
from edgenets.tasks.keywords.voice import Speaker, Voice, cast, speak, voices
from edgenets.tasks.keywords.words import SILENCE, UNKNOWN, Vocabulary, vocabulary
from edgenets.tasks.speech.continuous import SpokenWord, Stream, make_stream, unheard_voices

__all__ = [
    "SpokenWord",
    "Stream",
    "Voice",
    "make_dataset",
    "make_stream",
    "speak",
    "unheard_voices",
    "voices",
]

# The file that says what a data set was made from; it is written last.
ORIGIN = "speech.json"

# Raised when the same arguments come to mean other sounds.
VERSION = 3

# The first that has voices of more engines than espeak-ng.
_VOICES_OF_TWO = 2

# Clips of unknown words and of silence for each clip of one word: what a device hears all day
# is hardly ever one of the user's words.
UNKNOWN_CLIPS = 2
SILENCE_CLIPS = 1

# Of the clips of a phrase, the share in which the voice halts between two words, and how long, s:
# "hey, edge" is what people say when they wait to be heard.
HALTING = 0.25
HALT_SECONDS = (0.05, 0.3)

# Loudness about `voice.PEAK`, and the room that a recording is made in.
GAINS = (-20.0, 4.0)  # dB
ROOM_SNR = (20.0, 50.0)  # dB

# s of a clip of words, where they fit in.
SHORT_CLIP = 1.0

# Bounds that keep a slip of the pen from filling a disk.
CLIP_SECONDS = (0.3, 10.0)

# Which random numbers are drawn for what: the second item of a seed.
_WORDS, _UNKNOWN, _SILENCE = range(3)


@dataclass(frozen=True)
class Origin:
    """What a data set was made from, and how much of it there is."""

    words: tuple[str, ...]
    clips_per_word: int
    seed: int
    sample_rate: int  # Hz
    clip_seconds: float
    version: int = VERSION
    counts: dict[str, int] = field(default_factory=dict)  # clips a label

    def __post_init__(self) -> None:
        if self.clips_per_word < 1 or self.seed < 0:
            raise ValueError("clips_per_word must be at least 1, and seed at least 0")
        if self.sample_rate not in audio.RATES:
            raise ValueError(f"a sample rate of {self.sample_rate} Hz cannot be right")
        shortest, longest = CLIP_SECONDS
        if not shortest <= self.clip_seconds <= longest:
            raise ValueError(f"clip_seconds must lie between {shortest} and {longest}")


@dataclass(frozen=True)
class _Recording:
    """One clip to be written."""

    label: str
    name: str  # of its file, before `_nohash_N`
    sound: Sound  # (n,)


def make_dataset(
    words: Sequence[str],
    out: Path,
    *,
    clips_per_word: int,
    seed: int,
    sample_rate: int = 16_000,
    clip_seconds: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Synthesize a folder of recordings of words; the same arguments give the same files.

    A folder that the same arguments made before is left as it is, if by an earlier VERSION.

    Args:
        words: words or short phrases in English; `words.label_of` names their folders.
        out: the folder to make. It appears when all is written, and not before.
        clips_per_word: also the number of voices; each says each word once.
        clip_seconds: None: 1 s where all words fit in, else as long as they need.
        progress: called with (done, all).

    Returns:
        `out`.

    Raises:
        DataError: a word cannot be said, is there twice or does not fit into a clip; or `out`
            cannot be written, or holds something else.
        MissingExtra: espeak-ng, hibari or soxr is not installed or does not load.
    """
    known = vocabulary(words)
    try:
        seconds = CLIP_SECONDS[0] if clip_seconds is None else float(clip_seconds)
        origin = Origin(known.words, clips_per_word, seed, sample_rate, seconds)
    except ValueError as exc:
        raise DataError(str(exc)) from exc
    if clip_seconds is None:
        origin = replace(origin, clip_seconds=_needed(known.words, origin))
    if _is_taken(out):
        return _made_before(out, origin, measured=clip_seconds is None)
    total = clips_per_word * (len(known.labels) + UNKNOWN_CLIPS + SILENCE_CLIPS)
    counts: Counter[str] = Counter()
    with _whole_or_nothing(out) as folder:
        for recording in _recordings(known, origin):
            label, number = recording.label, counts[recording.label]
            (folder / label).mkdir(exist_ok=True)
            path = folder / label / f"{recording.name}_nohash_{number}.wav"
            audio.write_wav(path, recording.sound, sample_rate)
            counts[label] += 1
            if progress is not None:
                progress(counts.total(), total)
        write_json(folder / ORIGIN, records.to_plain(replace(origin, counts=counts)))
    return out


def _recordings(known: Vocabulary, origin: Origin) -> Iterator[_Recording]:
    """All clips of a data set, each from random numbers of its own."""
    rate = origin.sample_rate
    length = round(origin.clip_seconds * rate)
    speakers = cast(origin.clips_per_word, origin.seed, known.words)
    for index, (word, label) in enumerate(zip(known.words, known.labels, strict=True)):
        for number, speaker in enumerate(speakers):
            rng = np.random.default_rng((origin.seed, _WORDS, index, number))
            sound = _say_within(length, word, speaker, speakers, rate)
            if " " in word and rng.random() < HALTING:
                sound = _halting(rng, word, speaker, rate, length, sound)
            yield _Recording(label, speaker.speaker, _record(rng, sound, length, rate))
    for number in range(UNKNOWN_CLIPS * len(speakers)):
        rng = np.random.default_rng((origin.seed, _UNKNOWN, number))
        speaker = speakers[number % len(speakers)]
        said = unknown.draw(rng, known, speaker, rate)
        name = f"{said.name}_{speaker.speaker}"
        yield _Recording(UNKNOWN, name, _record(rng, said.sound, length, rate))
    for number in range(SILENCE_CLIPS * len(speakers)):
        rng = np.random.default_rng((origin.seed, _SILENCE, number))
        # Nobody speaks, but the splits go by speaker, and each of them needs silence.
        nobody = speakers[number % len(speakers)].speaker
        yield _Recording(SILENCE, nobody, background(rng, length, rate))


def _needed(words: Sequence[str], origin: Origin) -> float:
    """s in which every voice can say every word; at its own pace, where that is more than one."""
    rate, speakers = origin.sample_rate, cast(origin.clips_per_word, origin.seed, words)
    if _longest(words, _hurried(speakers), rate) <= SHORT_CLIP * rate:
        seconds = SHORT_CLIP
    else:
        seconds = _tenths(_longest(words, speakers, rate) / rate)
    halts = max(len(word.split()) for word in words) - 1
    return min(CLIP_SECONDS[1], seconds + halts * HALT_SECONDS[1])


def _longest(words: Sequence[str], speakers: Sequence[Speaker], sample_rate: int) -> int:
    """Samples of the word and voice that take longest."""
    return max(len(speak(word, voice, sample_rate)) for word in words for voice in speakers)


def _hurried(speakers: Sequence[Speaker]) -> list[Speaker]:
    return [speaker.hurried() for speaker in speakers]


def _tenths(seconds: float) -> float:
    """The next tenth of a second."""
    return float(np.ceil(10 * seconds) / 10)


def _say_within(
    length: int, word: str, speaker: Speaker, speakers: Sequence[Speaker], sample_rate: int
) -> Sound:
    """Say a word in at most `length` samples, quickly where it must be."""
    sound = speak(word, speaker, sample_rate)
    if len(sound) <= length:
        return sound
    sound = speak(word, speaker.hurried(), sample_rate)
    if len(sound) <= length:
        return sound
    # One message for all voices, or the next slowest would ask for more again.
    longest = _longest([word], _hurried(speakers), sample_rate)
    raise DataError(
        f"{word!r} does not fit into clips of {length / sample_rate:g} s; "
        f"make them {_tenths(longest / sample_rate):g} s or longer"
    )


def _halting(
    rng: np.random.Generator,
    phrase: str,
    speaker: Speaker,
    sample_rate: int,
    length: int,
    fluent: Sound,
) -> Sound:
    """Say a phrase with a halt between two of its words; `fluent` where that does not fit in."""
    words = phrase.split()
    place = int(rng.integers(1, len(words)))
    halt = np.zeros(round(rng.uniform(*HALT_SECONDS) * sample_rate), np.float32)
    parts = (" ".join(words[:place]), " ".join(words[place:]))
    before, behind = (speak(part, speaker, sample_rate) for part in parts)
    sound = np.concatenate([before, halt, behind])
    return sound if len(sound) <= length else fluent


def _record(rng: np.random.Generator, sound: Sound, length: int, sample_rate: int) -> Sound:
    """Put what was said somewhere into a clip, at some loudness, in a room with some noise."""
    room = length - len(sound)
    clip = np.zeros(length, dtype=np.float32)
    if room < 0:  # a phrase: any piece of it will do
        start = int(rng.integers(-room, endpoint=True))
        clip[:] = sound[start : start + length]
    else:
        # Training asks for the word over the end of a clip: where there is room, it is over then.
        latest = max(room // 2, room - round(ANSWER_SECONDS * sample_rate))
        start = int(rng.integers(latest, endpoint=True))
        clip[start : start + len(sound)] = sound
    clip *= np.float32(10 ** (rng.uniform(*GAINS) / 20))
    return augment.add_noise(clip, augment.colored_noise(rng, length), rng.uniform(*ROOM_SNR))


def _is_taken(out: Path) -> bool:
    return out.exists() and not (out.is_dir() and not any(out.iterdir()))


def _made_before(out: Path, wanted: Origin, measured: bool) -> Path:
    """`out`, if it is whole and was made from the same arguments.

    Args:
        measured: the length of clips follows from the words, and from how a version says them.

    Raises:
        DataError: it is not.
    """
    other = f"{out} is there already, and {{}}; delete it, or choose another folder"
    try:
        found = _origin(out)
    except (OSError, ValueError, RecordError) as exc:
        raise DataError(other.format(f"is no data set of synthetic speech ({exc})")) from exc
    if measured and found.version < VERSION:
        wanted = replace(wanted, clip_seconds=found.clip_seconds)
    if replace(found, counts={}, version=VERSION) != wanted or found.version > VERSION:
        raise DataError(other.format("was made from other words or settings"))
    if {label: len(list((out / label).glob("*.wav"))) for label in found.counts} != found.counts:
        raise DataError(other.format("some of its clips are gone"))
    return out


def is_earlier(folder: Path) -> bool:
    """Whether an earlier edgenets made a data set, by espeak-ng alone."""
    return _origin(folder).version < _VOICES_OF_TWO


def _origin(folder: Path) -> Origin:
    """What a data set says that it was made from."""
    return records.parse(Origin, json.loads((folder / ORIGIN).read_text(encoding="utf-8")))


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write to; it becomes `out` when the block ends well."""
    out = out.absolute()
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        try:
            yield beside
            beside.replace(out)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as exc:
        raise DataError(f"{out} cannot be written: {exc}") from exc
