"""Sound files: all of them come out as mono float32, and a broken one is one clear error."""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.errors import DataError, MissingExtra
from edgenets.sound import audio

RATE = 16_000  # Hz

folders_are_reused = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
)


def tone(seconds: float = 0.5, rate: int = RATE, hz: float = 440.0) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def loudest(sound: NDArray[np.float32], rate: int = RATE) -> float:
    """The pitch that is heard most, Hz."""
    return float(np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound))


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_pcm_survives_the_way_there_and_back(values: list[int]) -> None:
    pcm = np.array(values, np.int16)
    sound = audio.pcm16_to_float(pcm)
    assert sound.dtype == np.float32 and np.all(np.abs(sound) <= 1)
    assert np.array_equal(audio.float_to_pcm16(sound), pcm)
    assert np.array_equal(audio.pcm16_to_float(pcm.tobytes()), sound)


def test_what_is_too_loud_saturates() -> None:
    assert audio.float_to_pcm16(np.array([2.0, -2.0, 1.0, -1.0])).tolist() == [
        32767, -32768, 32767, -32768,
    ]  # fmt: skip


def test_channels_become_their_mean() -> None:
    both = np.array([[1.0, 0.0], [0.5, -0.5]], np.float32)
    assert audio.to_mono(both).tolist() == [0.5, 0.0]
    assert audio.to_mono(both[:, :1]).tolist() == [1.0, 0.5]
    assert audio.to_mono(both[:, 0]).tolist() == [1.0, 0.5]


def test_a_wav_of_ours_is_read_without_soundfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    audio.write_wav(path, tone(), RATE)
    monkeypatch.setattr(audio, "require", lambda name: pytest.fail(f"{name} was imported"))
    sound = audio.read(path, RATE)
    assert sound.dtype == np.float32
    np.testing.assert_allclose(sound, tone(), atol=2 / 32768)


FORMATS: list[tuple[str, dict[str, Any], float]] = [
    ("a.wav", {"subtype": "PCM_16"}, 1e-4), ("a.wav", {"subtype": "PCM_24"}, 1e-6),
    ("a.wav", {"subtype": "FLOAT"}, 1e-6), ("a.wav", {"subtype": "PCM_U8"}, 1e-2),
    ("a.wav", {"subtype": "ULAW"}, 3e-2), ("a.wav", {"format": "WAVEX"}, 1e-4),
    ("A.FLAC", {}, 1e-4), ("a.ogg", {}, 0.1), ("a.mp3", {}, 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "error"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_file(
    tmp_path: Path, name: str, options: dict[str, Any], error: float, channels: int
) -> None:
    path = tmp_path / name
    soundfile.write(path, np.stack([tone()] * channels, 1), RATE, **options)
    sound = audio.read(path, RATE)
    assert sound.ndim == 1 and sound.dtype == np.float32
    assert len(sound) >= 8000 and loudest(sound) == pytest.approx(440, abs=4)
    if error < 0.1:
        np.testing.assert_allclose(sound, tone(), atol=error)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_every_rate(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    audio.write_wav(path, tone(1.0, rate), rate)
    sound = audio.read(path, RATE)
    assert abs(len(sound) - RATE) <= 2
    assert loudest(sound) == pytest.approx(440, abs=2)
    middle = slice(2000, 14_000)
    np.testing.assert_allclose(sound[middle], tone(1.0)[middle], atol=0.01)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_blocks_are_the_whole(tmp_path: Path, name: str, rate: int) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(1.0, rate), rate)
    blocks = list(audio.read_blocks(path, RATE, block=1000))
    assert len(blocks) > 5 and all(0 < len(b) <= 1200 for b in blocks)
    np.testing.assert_allclose(np.concatenate(blocks), audio.read(path, RATE), atol=1e-6)


def test_a_wav_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write_wav(path, tone(), RATE)
    raw = path.read_bytes()
    path.write_bytes(raw[:4001])  # in the middle of a sample
    np.testing.assert_allclose(audio.read(path, RATE), tone()[:1978], atol=1e-4)
    path.write_bytes(raw[:44])
    assert len(audio.read(path, RATE)) == 0


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg"])
def test_a_compressed_file_that_is_cut_off_repeats_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal(4 * RATE), RATE)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    try:
        sound = audio.read(path, RATE)
    except DataError as exc:
        assert str(path) in str(exc)
    else:
        assert len(sound) < 3 * RATE


def header(path: Path, **fields: int) -> Path:
    """A WAV whose header says something else."""
    audio.write_wav(path, tone(0.01), RATE)
    raw = bytearray(path.read_bytes())
    places = {"channels": (22, 2), "rate": (24, 4), "bits": (34, 2), "length": (40, 4)}
    for name, value in fields.items():
        at, size = places[name]
        raw[at : at + size] = value.to_bytes(size, "little")
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 1 << 31])
def test_a_rate_that_cannot_be_right(tmp_path: Path, rate: int) -> None:
    with pytest.raises(DataError, match=r"cannot be right|not a sound file"):
        audio.read(header(tmp_path / "a.wav", rate=rate), RATE)


def test_a_length_that_lies(tmp_path: Path) -> None:
    sound = audio.read(header(tmp_path / "a.wav", length=1 << 31), RATE)
    assert len(sound) == 160


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(100, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match="not finite"):
        audio.read(path, RATE)


def test_what_is_no_clip_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(3 * RATE), RATE)
    monkeypatch.setattr(audio, "LONGEST_CLIP", 2.0)
    with pytest.raises(DataError, match="longer than 2 s; cut it"):
        audio.read(path, RATE)
    assert sum(map(len, audio.read_blocks(path, RATE))) == 3 * RATE


NO_SOUND: dict[str, bytes] = {
    "empty.wav": b"", "text.wav": b"no sound at all", "zeros.flac": bytes(5000),
    "riff.wav": b"RIFF", "a.mp3": b"\xff\xfb" * 50, "raw.raw": bytes(4000),
    "mp3.mp3": bytes(range(256)) * 20,
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SOUND)
def test_what_is_no_sound(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(NO_SOUND[name])
    with pytest.raises(DataError, match=r"not a sound file|cannot be|damaged"):
        audio.read(path, RATE)


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.wav", tmp_path / ("x" * 300), Path("/dev/null")):
        with pytest.raises(DataError, match=r"no such sound file|cannot be read"):
            audio.read(path, RATE)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    audio.write_wav(path, tone(), RATE)
    path.chmod(0)
    with pytest.raises(DataError, match="cannot be read"):
        audio.read(path, RATE)


@folders_are_reused
@given(data=st.data())
def test_any_damage_is_an_error_or_sound(tmp_path: Path, data: st.DataObject) -> None:
    """Not for MP3: its decoder is libmpg123, which tells every fault on stderr."""
    suffix = data.draw(st.sampled_from((".wav", ".flac", ".ogg")))
    path = tmp_path / f"good{suffix}"
    if not path.exists():
        soundfile.write(path, tone(0.05), RATE)
    raw = bytearray(path.read_bytes())
    places = st.one_of(st.integers(0, len(raw) - 1), st.integers(0, 60))
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        sound = audio.read(damaged, RATE)
    except DataError as exc:
        assert str(damaged) in str(exc)
    else:
        assert sound.dtype == np.float32 and np.isfinite(sound).all()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(), RATE)
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"pip install 'edgenets\[mic\]'"):
        audio.read(path, RATE)


def test_what_is_written_is_a_plain_wav(tmp_path: Path) -> None:
    audio.write_wav(tmp_path / "a.wav", tone(), 22_050)
    with wave.open(str(tmp_path / "a.wav")) as found:
        assert found.getparams()[:4] == (1, 2, 22_050, 8000)
