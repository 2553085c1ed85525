"""Odd sound is named, and usual sound is not: level, clipping, channels, encodings, headers."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.errors import SourceError
from edgenets.runtime.sources import Block, Item, SourceNotice, open_source, standard_input
from edgenets.sound import audio, pcm
from edgenets.sound.check import Finding, SoundCheck
from tests.bundles import fake_bundle
from tests.commands import Call, call

__all__ = ["call", "fake_bundle"]  # fixtures

NULL = ("--backend", "null")

RATE = 16_000  # Hz
PATIENCE = 20.0  # s

Floats = NDArray[np.float32]

quick = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def speech(seconds: float = 4.0, seed: int = 0, level: float = 0.3) -> Floats:
    """Something like it: harmonics of a voice, in syllables, over the noise of a room."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * time + seed)) / RATE
    voice = sum(np.sin(k * pitch + rng.uniform(0, 6)) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * (1.9 + 0.2 * seed % 1) * time), 0, 1) ** 2
    sound = level * voice * syllables / np.abs(voice).max()
    return (sound + level * 3e-3 * rng.standard_normal(len(time))).astype(np.float32)


def kinds_of(samples: np.ndarray, encoding: str = "", raw: bytes = b"") -> set[str]:
    """What is found in a stream that comes in blocks of 40 ms."""
    check, found, width = SoundCheck(RATE, encoding), list[Finding](), len(raw) // len(samples)
    for at in range(0, len(samples), 640):
        found += check.push(samples[at : at + 640], raw[width * at : width * (at + 640)])
    found += check.finish()
    assert len({f.kind for f in found}) == len(found), "each kind is said once"
    return {f.kind for f in found}


ENCODERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "s16le": lambda x: np.rint(x * 32767).astype("<i2"),
    "s16be": lambda x: np.rint(x * 32767).astype(">i2"),
    "s32le": lambda x: np.rint(x.astype(float) * (2**31 - 1)).astype("<i4"),
    "s32be": lambda x: np.rint(x.astype(float) * (2**31 - 1)).astype(">i4"),
    "f32le": lambda x: x.astype("<f4"),
    "f32be": lambda x: x.astype(">f4"),
    "f64le": lambda x: x.astype("<f8"),
    "f64be": lambda x: x.astype(">f8"),
    "u8": lambda x: (np.rint(x * 127) + 128).astype(np.uint8),
    "s8": lambda x: np.rint(x * 127).astype(np.int8),
}


def encoded(samples: np.ndarray, encoding: str) -> bytes:
    samples = np.clip(samples, -1, 1)
    if encoding.startswith("s24"):
        wide = np.rint(samples.astype(float) * (2**31 - 1)).astype("<i4")
        three = wide.view(np.uint8).reshape(-1, 4)[:, 1:]
        return (three if encoding == "s24le" else three[:, ::-1]).tobytes()
    if encoding in ("mulaw", "alaw"):
        table = pcm.ENCODINGS[encoding].decode(bytes(range(256)))
        order = np.argsort(table, kind="stable")
        target = samples * 32767
        near = np.clip(np.searchsorted(table[order], target), 0, 255)
        return order[near].astype(np.uint8).tobytes()
    return ENCODERS[encoding](samples).tobytes()


class TestEncodings:
    @pytest.mark.parametrize("encoding", pcm.ENCODINGS)
    def test_samples_come_back(self, encoding: str) -> None:
        sound = speech(0.5)
        found = pcm.as_float(pcm.ENCODINGS[encoding].decode(encoded(sound, encoding)))
        coarse = 2e-2 if pcm.ENCODINGS[encoding].width == 1 else 1e-4
        np.testing.assert_allclose(found, sound, atol=coarse)

    @pytest.mark.parametrize(("encoding", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW")])
    def test_telephone_codes_are_those_of_libsndfile(
        self, tmp_path: Path, encoding: str, subtype: str
    ) -> None:
        codes = bytes(range(256))
        (tmp_path / "a.raw").write_bytes(codes)
        theirs, _ = soundfile.read(
            tmp_path / "a.raw", samplerate=8000, channels=1, subtype=subtype, format="RAW",
            dtype="int16",
        )  # fmt: skip
        np.testing.assert_array_equal(pcm.ENCODINGS[encoding].decode(codes), theirs)


class TestLevels:
    @quick
    @given(seed=st.integers(0, 50), level=st.floats(0.02, 0.9), seconds=st.floats(0.3, 30))
    def test_usual_sound_is_not_named(self, seed: int, level: float, seconds: float) -> None:
        assert not kinds_of(speech(seconds, seed, level))

    @quick
    @given(seed=st.integers(0, 50), db=st.floats(-75, -20), seconds=st.floats(1, 40))
    def test_a_room_in_which_nobody_speaks_is_not_named(
        self, seed: int, db: float, seconds: float
    ) -> None:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(round(seconds * RATE)) * 10 ** (db / 20)
        hum = 10 ** (db / 20) * np.sin(2 * np.pi * 50 * np.arange(len(noise)) / RATE)
        if db > -65 or seconds < 5:
            assert not kinds_of(np.rint((noise + hum) * 32767).clip(-32767, 32767).astype(np.int16))

    def test_silence_between_words_is_not_named(self) -> None:
        parts = [speech(2.0), np.zeros(50 * RATE, np.float32)] * 2
        assert not kinds_of(np.concatenate(parts))

    @quick
    @given(seed=st.integers(0, 50), db=st.floats(-54, -42), seconds=st.floats(1.2, 30))
    def test_speech_that_is_far_too_quiet(self, seed: int, db: float, seconds: float) -> None:
        assert "quiet" in kinds_of(speech(seconds, seed, 10 ** (db / 20) * 0.3))

    @quick
    @given(seed=st.integers(0, 50), db=st.floats(30, 60), seconds=st.floats(1, 30))
    def test_speech_that_is_clipped(self, seed: int, db: float, seconds: float) -> None:
        loud = np.clip(speech(seconds, seed, 1.0) * 10 ** (db / 20), -1, 1)
        assert "clipped" in kinds_of(loud)
        assert "clipped" in kinds_of(np.rint(loud * 32767).astype(np.int16))

    @pytest.mark.parametrize("value", [0.0, 0.25])
    @pytest.mark.parametrize("seconds", [1.5, 12, 90])
    def test_nothing_at_all(self, value: float, seconds: float) -> None:
        assert "silent" in kinds_of(np.full(round(seconds * RATE), value, np.float32))

    def test_falling_silent_for_long(self) -> None:
        assert kinds_of(np.concatenate([speech(3.0), np.zeros(70 * RATE, np.float32)])) == {
            "silent"
        }

    @pytest.mark.parametrize("bits", [16, 24, 32])
    def test_floats_on_another_scale(self, bits: int) -> None:
        assert kinds_of(speech() * np.float32(1 << (bits - 1))) == {"scale"}

    @quick
    @given(offset=st.floats(0.08, 0.5), seconds=st.floats(1, 8))
    def test_an_offset(self, offset: float, seconds: float) -> None:
        assert "offset" in kinds_of(speech(seconds) * np.float32(0.3) - np.float32(offset))

    @quick
    @given(
        channels=st.integers(2, 8), away=st.floats(0.8, 1.2), seconds=st.floats(1, 8),
        integer=st.booleans(),
    )  # fmt: skip
    def test_channels_that_cancel(
        self, channels: int, away: float, seconds: float, integer: bool
    ) -> None:
        sound = speech(seconds)
        both = np.zeros((len(sound), channels), np.float32)
        both[:, 0], both[:, 1] = sound, -away * sound
        given = np.rint(both * 32767).astype(np.int16) if integer else both
        found = kinds_of(given)
        assert "cancelled" in found and not found & {"silent", "quiet"}

    @quick
    @given(channels=st.integers(2, 8), same=st.booleans(), alone=st.booleans())
    def test_channels_that_do_not(self, channels: int, same: bool, alone: bool) -> None:
        parts = [speech(5.0, 0 if same else n) for n in range(channels)]
        if alone:
            parts[1:] = [np.zeros_like(parts[0])] * (channels - 1)
        assert not kinds_of(np.stack(parts, 1))


MISREAD = [
    (declared, real)
    for declared in ("s16le", "s24le", "u8", "s16be")
    for real in pcm.ENCODINGS
    # Eight bits in two are every other sample of a smooth sound.
    if real != declared and real not in ("s8", "u8", "mulaw", "alaw", "s24be", "s32be")
] + [("s16le", "u8"), ("s16le", "mulaw"), ("s16le", "alaw"), ("u8", "s8")]


class TestMisread:
    @pytest.mark.parametrize(("declared", "real"), MISREAD)
    def test_bytes_of_another_encoding(self, declared: str, real: str) -> None:
        raw = encoded(speech(8.0), real)
        encoding = pcm.ENCODINGS[declared]
        raw = raw[: len(raw) - len(raw) % encoding.width]
        assert "format" in kinds_of(encoding.decode(raw), declared, raw)

    @pytest.mark.parametrize("encoding", pcm.ENCODINGS)
    @pytest.mark.parametrize("noise", [False, True])
    def test_bytes_that_are_read_right(self, encoding: str, noise: bool) -> None:
        sound = speech(8.0)
        if noise:
            sound = (0.2 * np.random.default_rng(0).standard_normal(8 * RATE)).astype(np.float32)
        raw = encoded(sound, encoding)
        assert not kinds_of(pcm.ENCODINGS[encoding].decode(raw), encoding, raw)

    def test_two_channels_that_are_read_as_one(self) -> None:
        raw = encoded(np.repeat(speech(8.0), 2), "s16le")
        assert kinds_of(pcm.ENCODINGS["s16le"].decode(raw), "s16le", raw) == {"channels"}


def piped(data: bytes, uri: str, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """What comes of bytes on standard input."""
    read, write = os.pipe()
    monkeypatch.setattr(standard_input, "STDIN", read)

    def send() -> None:
        with suppress(BrokenPipeError), os.fdopen(write, "wb") as out:
            out.write(data)

    writer = threading.Thread(target=send, daemon=True)
    writer.start()
    try:
        return list(open_source(uri, RATE))
    finally:
        os.close(read)
        writer.join(PATIENCE)


def sound_of(items: list[Item]) -> np.ndarray:
    blocks = [audio.as_float(item.samples) for item in items if isinstance(item, Block)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def notices(items: list[Item]) -> dict[str, SourceNotice]:
    return {item.kind: item for item in items if isinstance(item, SourceNotice)}


def wav(
    sound: np.ndarray, rate: int = RATE, length: int | None = None, after: bytes = b""
) -> bytes:
    """A WAV of 16 bits whose header says a length of its own."""
    frames = sound.reshape(len(sound), -1) if len(sound) else sound.reshape(0, 1)
    data = encoded(frames, "s16le")
    length = len(data) if length is None else length
    channels = frames.shape[1]
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    return (
        b"RIFF" + struct.pack("<I", min(36 + length, 0xFFFFFFFF)) + b"WAVEfmt "
        + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length) + data + after
    )  # fmt: skip


class TestStandardInput:
    @pytest.mark.parametrize("length", [None, 0, 0x7FFFFFDB, 0x80000000, 0xFFFFFFFF])
    def test_a_wav_header_is_taken_for_what_it_is(
        self, monkeypatch: pytest.MonkeyPatch, length: int | None
    ) -> None:
        sound = speech()
        items = piped(wav(np.stack([sound, sound], 1), RATE, length), "-", monkeypatch)
        np.testing.assert_allclose(sound_of(items), sound, atol=1e-3)
        assert "16000 Hz, 2 channel(s), s16le; read so" in notices(items)["header"].text
        assert set(notices(items)) == {"header"}

    def test_what_is_given_stands_against_a_header(self, monkeypatch: pytest.MonkeyPatch) -> None:
        items = piped(wav(speech()), "-?rate=8000", monkeypatch)
        assert abs(len(sound_of(items)) - 8 * RATE) < 3
        assert "read as given: 8000 Hz" in notices(items)["header"].text

    def test_files_one_after_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        info = b"LIST" + struct.pack("<I", 5) + b"hello\0"
        data = wav(speech(1.0), after=info) + wav(speech(1.0, 1)) + wav(speech(1.0, 2))
        items = piped(data, "-", monkeypatch)
        np.testing.assert_allclose(
            sound_of(items), np.concatenate([speech(1.0, n) for n in range(3)]), atol=1e-3
        )

    def test_a_header_that_promises_too_little_or_too_much(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        more = piped(wav(speech(), length=RATE), "-", monkeypatch)
        assert len(sound_of(more)) == 4 * RATE
        less = piped(wav(speech())[: 44 + 2 * RATE], "-", monkeypatch)
        assert len(sound_of(less)) == RATE and notices(less)["short"].samples == 3 * RATE

    def test_files_that_are_no_pcm_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("a.flac", "a.ogg", "a.aiff", "a.caf"):
            soundfile.write(tmp_path / name, speech(), RATE)
            with pytest.raises(SourceError, match="not raw PCM; give the file by its name"):
                piped((tmp_path / name).read_bytes(), "-", monkeypatch)

    def test_a_stream_that_ends_within_a_sample(self, monkeypatch: pytest.MonkeyPatch) -> None:
        items = piped(encoded(speech(), "s16le") + b"x", "-", monkeypatch)
        assert notices(items)["short"].samples == 1

    @pytest.mark.parametrize("real", ["s16le", "f64le", "u8"])
    def test_what_is_read_as_float_and_is_none(
        self, monkeypatch: pytest.MonkeyPatch, real: str
    ) -> None:
        with pytest.raises(SourceError, match=f"give format={real}"):
            piped(encoded(speech(), real), "-?format=f32le", monkeypatch)

    @pytest.mark.parametrize("encoding", pcm.ENCODINGS)
    def test_every_encoding(self, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
        items = piped(encoded(speech(), encoding), f"-?format={encoding}", monkeypatch)
        np.testing.assert_allclose(sound_of(items), speech(), atol=2e-2)
        assert not notices(items)

    def test_a_channel_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        both = np.stack([speech(), -speech()], 1)
        items = piped(encoded(both, "s16le"), "-?channels=2", monkeypatch)
        assert "?channel=1" in notices(items)["cancelled"].text
        items = piped(encoded(both, "s16le"), "-?channels=2&channel=2", monkeypatch)
        np.testing.assert_allclose(sound_of(items), -speech(), atol=1e-3)
        assert not notices(items)


class TestRuns:
    def test_odd_sound_is_said_once_with_its_file(
        self, call: Call, fake_bundle: Path, tmp_path: Path
    ) -> None:
        both = np.stack([speech(6.0), -speech(6.0)], 1)
        for name in ("a.wav", "b.wav", "c.wav"):
            soundfile.write(tmp_path / name, both, RATE)
        done = call("run", *NULL, fake_bundle, tmp_path)
        assert done.code == 0
        assert (done.out + done.err).count("a.wav: the channels cancel") == 1
        assert "2 more of this kind" in done.out + done.err and "c.wav" in done.out + done.err
        done = call("run", *NULL, fake_bundle, f"{tmp_path}?channel=1")
        assert "cancel" not in done.out + done.err

    def test_sound_that_is_missing_is_lost(
        self, call: Call, fake_bundle: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "a.wav").write_bytes(wav(speech())[: 44 + 2 * RATE])
        done = call("run", *NULL, fake_bundle, tmp_path / "a.wav")
        assert done.code == 3
        assert "48,000 samples of sound missing" in done.out + done.err
        assert call("run", *NULL, fake_bundle, tmp_path / "a.wav", "--allow-loss").code == 0
