"""Scenarios of sound: files of many kinds, whole and damaged, and raw sound from a pipe."""

from __future__ import annotations

import itertools
import struct
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from edgenets.sound.audio import write_wav
from tests.pulse import Pulse
from tests.truth import sounds
from tests.truth.ledger import Outcome, Verdict, once, run, wait_until

# (format of the file, its encodings)
_FILES = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"),
    "FLAC": ("PCM_16", "PCM_24"), "AIFF": ("PCM_16",), "W64": ("PCM_16",), "OGG": ("VORBIS",),
}  # fmt: skip

_STEP = 0.040  # s: what the model takes at once

# s from the beginning of a word to its event, as the decoder's smoothing makes it
_DECIDED = 0.15


def recording(seed: int, out: Path, count: int = 40) -> Verdict:
    """One file whose format, rate and damage come of a seed."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(list(_FILES)))
    encoding = str(rng.choice(_FILES[kind]))
    rate = int(rng.choice([8000, 16000, 22050, 44100, 48000]))
    first = int(rng.integers(10))
    sound = sounds.spoken(count, first, rate)
    if rng.random() < 0.5:
        sound = np.stack([sound, 0.5 * sound], axis=1)
    path = out / f"words.{kind.lower()}"
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, encoding, format=kind) as file:
        for at in range(0, len(sound), rate):  # libsndfile crashes on minutes of Vorbis at once
            file.write(sound[at : at + rate])
    verdict = Verdict(f"recording {seed}: {kind} {encoding} at {rate} Hz", "sound file", count)
    heard, lost = count, False
    damage = str(rng.choice(["none", "cut", "no length"])) if kind == "WAV" else "none"
    if damage == "cut":
        heard, lost = _cut(path, rng, rate, count), True
    elif damage == "no length":
        _without_length(path)
    verdict.faults = damage != "none"
    outcome = run(("kws-gru", str(path), "--backend", "null"), out)
    _hold(verdict, outcome, first, heard, lost)
    return verdict


def pipe(seed: int, out: Path, count: int = 40) -> Verdict:
    """Raw sound through standard input; it may end within a sample."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(10))
    samples = (sounds.spoken(count, first) * 32767).astype("<i2").tobytes()
    odd = bool(rng.random() < 0.5)
    verdict = Verdict(f"pipe {seed}", "pipe", count, int(odd))
    source = "-?rate=16000&format=s16le"
    outcome = run(("kws-gru", source, "--backend", "null"), out, samples[: -1 if odd else None])
    _hold(verdict, outcome, first, count, odd)
    return verdict


def _cut(path: Path, rng: np.random.Generator, rate: int, count: int) -> int:
    """End a file in the pause after a word; how many words are left."""
    kept = int(rng.integers(count // 4, count - 1))
    info = soundfile.info(path)
    data = path.read_bytes()
    at = data.index(b"data") + 8
    frame = (len(data) - at) // info.frames
    until = sounds.start(kept - 1) + sounds.LENGTH + 0.3
    path.write_bytes(data[: at + frame * round(until * rate)])
    return kept


def _without_length(path: Path) -> None:
    """As a recorder leaves it that was killed: lengths of 0."""
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[4:8] = struct.pack("<I", 0)
    data[at + 4 : at + 8] = struct.pack("<I", 0)
    path.write_bytes(bytes(data))


def _hold(verdict: Verdict, outcome: Outcome, first: int, heard: int, lost: bool) -> None:
    events = outcome.of("detection")
    places = []
    for event in events:
        place = round((event["time"] - _DECIDED - sounds.FIRST) / sounds.EVERY)
        off = event["time"] - _DECIDED - sounds.start(place)
        verdict.hold(
            abs(off) <= _STEP + 0.001, f"{event['word']} at {event['time']} s: {off:+.3f} s off"
        )
        label = sounds.LABELS[(first + place) % 10]
        verdict.hold(event["word"] == label, f"word {place} was {label}, not {event['word']}")
        places.append(place)
    once(verdict, places, range(heard))
    missing = sorted(set(range(heard)) - set(places))
    verdict.hold(not missing, f"words that were sent and not heard: {missing[:5]}")
    counted = sum(outcome.summary.get("lost", {}).values())
    verdict.hold(bool(counted) == lost, f"{'sound' if lost else 'nothing'} lost, {counted} counted")
    verdict.hold_exit(outcome, lost)


def microphone(seed: int, out: Path, count: int = 12) -> Verdict:
    """A microphone of PulseAudio whose server dies between two recordings and comes back."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(10))
    verdict = Verdict(f"microphone {seed}", "microphone", 2 * count, 1)
    write_wav(out / "words.wav", sounds.spoken(count, first, 48_000), 48_000)
    with tempfile.TemporaryDirectory(prefix="en-") as name, Pulse(Path(name)) as pulse:
        over = threading.Event()

        def play() -> None:
            wait_until(lambda: (out / "truth.jsonl").exists())
            time.sleep(2.0)  # it listens, and nothing of the first word is missed
            pulse.play(out / "words.wav").wait()
            time.sleep(1.0)
            pulse.stop()
            time.sleep(float(rng.uniform(0.5, 3.0)))
            pulse.start()
            wait_until(lambda: '"back"' in (out / "truth.jsonl").read_text())
            pulse.play(out / "words.wav").wait()
            time.sleep(1.0)
            over.set()

        player = threading.Thread(target=play, daemon=True)
        player.start()
        outcome = run(
            ("kws-gru", "mic:mic", "--backend", "null"), out, until=over.is_set, env=pulse.env
        )
        player.join()
    _hold_spoken(verdict, outcome, first, count)
    return verdict


# A sound server delivers in pieces, and its clock is not the player's.
_JITTER = 0.15  # s


def _hold_spoken(verdict: Verdict, outcome: Outcome, first: int, count: int) -> None:
    events = outcome.of("detection")
    wanted = [sounds.LABELS[(first + place) % 10] for place in range(count)]
    heard = [event["word"] for event in events]
    verdict.hold(heard == 2 * wanted, f"{' '.join(heard)} was heard, not {' '.join(wanted)} twice")
    for part in (events[:count], events[count:]):
        for one, other in itertools.pairwise(part):
            apart = other["time"] - one["time"]
            verdict.hold(
                abs(apart - sounds.EVERY) <= _JITTER,
                f"{one['word']} and {other['word']}: {apart:.3f} s apart, not {sounds.EVERY} s",
            )
    for kind in ("lost", "back"):
        verdict.hold(bool(outcome.of(kind)), f"the server died, and no '{kind}' was said")
    verdict.hold(outcome.code in (0, 3), f"exit code {outcome.code}")
