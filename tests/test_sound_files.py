"""Sound files that are not as their header, their name or their end promises."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.errors import DataError, SourceError
from edgenets.runtime.sources import SourceNotice, open_source
from edgenets.sound import audio
from edgenets.sound.check import Finding
from tests.test_odd_sound import RATE, encoded, notices, sound_of, speech, wav

quick = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(path: Path) -> tuple[np.ndarray, dict[str, Finding]]:
    """A file's sound, and what was reported."""
    found: list[Finding] = []
    sound = audio.read(path, RATE, found.append)
    return sound, {finding.kind: finding for finding in found}


# (format code, bits, encoding, subtype of libsndfile)
WIDTHS = [
    (1, 8, "u8", "PCM_U8"), (1, 16, "s16le", "PCM_16"), (1, 24, "s24le", "PCM_24"),
    (1, 32, "s32le", "PCM_32"), (3, 32, "f32le", "FLOAT"), (3, 64, "f64le", "DOUBLE"),
    (6, 8, "alaw", "ALAW"), (7, 8, "mulaw", "ULAW"),
]  # fmt: skip


class TestWav:
    @pytest.mark.parametrize("subtype", [subtype for *_, subtype in WIDTHS])
    @pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
    @pytest.mark.parametrize("channels", [1, 2, 8])
    def test_they_are_read_here_as_by_libsndfile(
        self, tmp_path: Path, subtype: str, form: str, channels: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        path = tmp_path / "a.wav"
        sound = np.stack([speech(0.5, n) for n in range(channels)], 1)
        soundfile.write(path, sound, RATE, subtype=subtype, format=form)
        theirs, _ = soundfile.read(path, dtype="float32", always_2d=True)
        monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
        mine, found = read(path)
        np.testing.assert_allclose(mine, theirs.mean(axis=1), atol=1e-6)
        assert not found

    @pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 96_000, 192_000])
    def test_rates(self, tmp_path: Path, rate: int) -> None:
        soundfile.write(tmp_path / "a.wav", speech(), rate, subtype="PCM_24")
        sound, found = read(tmp_path / "a.wav")
        assert abs(len(sound) - len(speech()) * RATE / rate) < 3 and not found

    @quick
    @given(
        width=st.sampled_from(WIDTHS), channels=st.integers(1, 8), frames=st.integers(40, 3000),
        length=st.sampled_from([0, 0x7FFFFFDB, 0x80000000, 0xFFFFFFFF - 36, 0xFFFFFFFF]),
        odd=st.integers(0, 5),
    )  # fmt: skip
    def test_a_recorder_that_was_killed(
        self, tmp_path: Path, width: tuple[int, int, str, str], channels: int, frames: int,
        length: int, odd: int,
    ) -> None:  # fmt: skip
        code, bits, encoding, _ = width
        align = channels * bits // 8
        sound = np.stack([speech(1.0, n)[:frames] for n in range(channels)], 1)
        form = struct.pack("<HHIIHH", code, channels, RATE, align * RATE, align, bits)
        path = tmp_path / "a.wav"
        path.write_bytes(
            b"RIFF" + struct.pack("<I", length) + b"WAVE"
            + b"JUNK" + struct.pack("<I", 3) + b"abc\0"
            + b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length)
            + encoded(sound, encoding) + b"\x11" * min(odd, align - 1)
        )  # fmt: skip
        mine, found = read(path)
        assert len(mine) == frames
        np.testing.assert_allclose(mine, sound.mean(axis=1), atol=2e-2)
        assert "does not tell how long it is" in found["header"].text
        assert "short" not in found and "damaged" not in found

    @quick
    @given(keep=st.floats(0.05, 0.95), channels=st.integers(1, 3), after=st.booleans())
    def test_a_copy_that_broke_off(
        self, tmp_path: Path, keep: float, channels: int, after: bool
    ) -> None:
        sound = np.stack([speech(2.0, n) for n in range(channels)], 1)
        whole = wav(sound, after=b"LIST\2\0\0\0hi" if after else b"")
        path = tmp_path / "a.wav"
        path.write_bytes(whole[: 44 + int(keep * 2 * sound.size)])
        mine, found = read(path)
        there = int(keep * 2 * sound.size) // (2 * channels)
        assert len(mine) == there and found["short"].samples == len(sound) - there

    def test_an_empty_recording_is_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wav"
        whole = wav(speech(1.0), length=0)[:44]
        for data in (whole, wav(np.zeros(0), after=b"LIST\2\0\0\0hi")):
            path.write_bytes(data)
            sound, found = read(path)
            assert not len(sound) and not found
            with pytest.raises(SourceError, match="holds no sound"):
                open_source(str(path), RATE)

    def test_24_bits_in_4_bytes(self, tmp_path: Path) -> None:
        sound = speech(0.5)
        data = (np.rint(sound.astype(float) * (2**31 - 1)).astype("<i4") & ~0xFF).tobytes()
        form = struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)
        head = struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + form
        path = tmp_path / "a.wav"
        path.write_bytes(b"RIFF" + head + b"data" + struct.pack("<I", len(data)) + data)
        np.testing.assert_allclose(read(path)[0], sound, atol=1e-5)

    def test_a_file_in_a_file(self, tmp_path: Path) -> None:
        inner = wav(speech(3.0))
        outer = wav(np.frombuffer(inner, "<i2") / 32767.0)
        (tmp_path / "a.wav").write_bytes(outer)
        assert (
            "header of a WAV file stands in the middle"
            in read(tmp_path / "a.wav")[1]["header"].text
        )


# Name, options of soundfile, and whether what is missing is known.
COMPRESSED: list[tuple[str, dict[str, Any], str]] = [
    ("a.flac", {}, "short"), ("a.mp3", {}, "short"), ("a.ogg", {}, "damaged"),
    ("a.opus", {"format": "OGG", "subtype": "OPUS"}, "damaged"), ("a.aiff", {}, "short"),
    ("a.au", {}, "short"), ("a.w64", {"format": "W64"}, "short"),
    ("a.wav", {"subtype": "MS_ADPCM"}, "short"), ("a.wav", {"subtype": "IMA_ADPCM"}, "short"),
]  # fmt: skip


class TestOthers:
    @pytest.mark.parametrize(("name", "options", "kind"), COMPRESSED)
    @pytest.mark.parametrize("keep", [0.6, 0.85])
    def test_they_end_early(
        self, tmp_path: Path, name: str, options: dict[str, Any], kind: str, keep: float,
        capfd: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        path = tmp_path / name
        rng = np.random.default_rng(0)
        soundfile.write(path, speech(8.0) + 0.02 * rng.standard_normal(8 * RATE), RATE, **options)
        whole, found = read(path)
        assert len(whole) >= 8 * RATE and not {"short", "damaged"} & set(found)
        path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
        items = list(open_source(str(path), RATE))
        assert 0 < len(sound_of(items)) < 8 * RATE
        notice = notices(items)[kind]
        assert name in notice.text
        if kind == "short":
            missing = 8 * RATE - len(sound_of(items))
            assert notice.samples == pytest.approx(missing, rel=0.1, abs=2000)
        assert capfd.readouterr().err == ""

    def test_what_decoders_say_is_said_with_the_file(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "a.mp3"
        soundfile.write(path, speech(8.0), RATE)
        raw = bytearray(path.read_bytes())
        raw[3000:9000:7] = b"\xa5" * len(raw[3000:9000:7])
        path.write_bytes(raw)
        items = list(open_source(str(path), RATE))
        assert "a.mp3: the decoder says:" in notices(items)["decoder"].text
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("real", ["flac", "ogg", "mp3", "aiff", "wav"])
    @pytest.mark.parametrize("named", ["wav", "flac", "mp3", "ogg"])
    def test_the_name_may_say_another_format(self, tmp_path: Path, real: str, named: str) -> None:
        soundfile.write(tmp_path / f"a.{real}", speech(), RATE)
        path = (tmp_path / f"a.{real}").rename(tmp_path / f"b.{named}")
        assert len(read(path)[0]) >= 4 * RATE

    @pytest.mark.parametrize(
        ("start", "why"),
        [(b"", "it is empty, 0 bytes"), (b"\0\0\0\x20ftypM4A ", "MP4 or M4A"),
         (b"\x1aE\xdf\xa3", "Matroska"), (b"<!DOCTYPE html>", "HTML"), (b"PK\3\4", "zip"),
         (bytes(2000), "first bytes are all 0"),
         (b"version https://git-lfs.github.com/spec/v1", "Git LFS")],
    )  # fmt: skip
    def test_what_is_no_sound_is_named(self, tmp_path: Path, start: bytes, why: str) -> None:
        path = tmp_path / "a.wav"
        path.write_bytes(start + bytes(500) * bool(start))
        with pytest.raises(DataError, match=why):
            audio.read(path, RATE)

    def test_many_short_files_of_a_folder_are_counted(self, tmp_path: Path) -> None:
        for n in range(10):
            (tmp_path / f"{n}.wav").write_bytes(wav(speech(1.0))[: 44 + 2 * 12_000])
        found = [i for i in open_source(str(tmp_path), RATE) if isinstance(i, SourceNotice)]
        assert [n.kind for n in found] == ["short"] * 4
        assert sum(n.samples for n in found) == 10 * 4000 and sum(n.count for n in found) == 10
        assert "7 more" in found[-1].text
