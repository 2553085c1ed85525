"""The contract of all sources, and what files, folders and standard input do beyond it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.errors import SourceError
from edgenets.runtime.sources import (
    BLOCK_SECONDS,
    SOURCES,
    Block,
    Boundary,
    Counters,
    Item,
    Source,
    SourceNotice,
    open_source,
    standard_input,
)
from edgenets.sound import audio
from tests.test_microphone import Straw, straw

__all__ = ["straw"]  # a fixture

RATE = 16_000  # Hz
BLOCK = round(BLOCK_SECONDS * RATE)  # samples

# For threads that should be done at once, on a busy machine.
PATIENCE = 20.0  # s

folders_are_reused = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)


def sound(seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def samples_of(items: list[Item]) -> np.ndarray:
    blocks = [item.samples for item in items if isinstance(item, Block)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


@pytest.fixture
def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, straw: Straw
) -> Iterator[Callable[[str], Source]]:
    """A function from a scheme to a source that has a second of sound to give."""
    audio.write_wav(tmp_path / "a.wav", sound(1.0), RATE)
    read, write = os.pipe()
    monkeypatch.setattr(standard_input, "STDIN", read)
    uris = {
        "mic": "mic:straw",
        "file": f"file:{tmp_path / 'a.wav'}",
        "dir": f"dir:{tmp_path}",
        "-": "-",
        "null": "null:1",
    }

    def open_example(scheme: str) -> Source:
        source = open_source(uris[scheme], RATE)
        if scheme == "-":
            os.write(write, audio.float_to_pcm16(sound(1.0)).tobytes())
        if scheme == "mic":
            straw.opened[-1].send_seconds(1.0, left=100, right=100)
        return source

    yield open_example
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("scheme", SOURCES)
class TestContract:
    def test_blocks_are_what_they_should_be(
        self, scheme: str, opened: Callable[[str], Source]
    ) -> None:
        with opened(scheme) as source:
            assert source.name and isinstance(source.live, bool)
            assert source.counters == Counters()
            last, count = 0.0, 0
            for item in source:
                assert isinstance(item, Block | SourceNotice | Boundary)
                if isinstance(item, Block):
                    assert item.samples.dtype in (np.float32, np.int16) and item.samples.ndim == 1
                    assert 0 < len(item.samples) <= BLOCK
                    if item.samples.dtype == np.float32:
                        assert item.samples.min() >= -1 and item.samples.max() < 1
                    assert last <= item.captured <= time.monotonic()
                    assert item.lost == 0
                    last, count = item.captured, count + len(item.samples)
                if count == RATE:
                    source.close()
            assert count == RATE

    def test_closing_before_reading_gives_nothing(
        self, scheme: str, opened: Callable[[str], Source]
    ) -> None:
        source = opened(scheme)
        source.close()
        source.close()
        assert list(source) == []

    def test_another_thread_can_close_it(
        self, scheme: str, opened: Callable[[str], Source]
    ) -> None:
        source = opened(scheme)
        first = threading.Event()

        def read() -> None:
            for _ in source:
                first.set()
                time.sleep(0.01)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        assert first.wait(PATIENCE)
        source.close()
        reader.join(PATIENCE)
        assert not reader.is_alive()


class TestUris:
    def test_an_unknown_scheme_lists_the_known(self) -> None:
        with pytest.raises(SourceError, match=r"'tape:'; there are mic:NAME, .*null:SECONDS"):
            open_source("tape:1", RATE)

    @pytest.mark.parametrize("uri", ["", "file:", "null:ten", "null:-1", "null:nan"])
    def test_nonsense_is_an_error(self, uri: str) -> None:
        with pytest.raises(SourceError):
            open_source(uri, RATE)

    @pytest.mark.parametrize(
        "uri",
        [
            "-?rate=0",
            "-?rate=16k",
            "-?channels=0",
            "-?format=s12le",
            "-?channel=0",
            "-?channels=2&channel=3",
            "-?channel=2",
            "-?bits=16",
            "-?rate",
        ],
    )
    def test_a_wrong_option_is_an_error(self, uri: str) -> None:
        with pytest.raises(SourceError):
            open_source(uri, RATE)

    def test_a_path_needs_no_scheme(self, tmp_path: Path) -> None:
        odd = tmp_path / "take:1 [loud]?.wav"
        audio.write_wav(odd, sound(0.1), RATE)
        assert len(samples_of(list(open_source(str(odd), RATE)))) == RATE // 10

    def test_silence_has_the_length_asked_for(self) -> None:
        silence = samples_of(list(open_source("null:0.33", RATE)))
        assert len(silence) == round(0.33 * RATE) and not silence.any()
        assert list(open_source("null:0", RATE)) == []


class TestFiles:
    @folders_are_reused
    @given(
        rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
        channels=st.integers(1, 3),
        subtype=st.sampled_from(["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE"]),
        frames=st.integers(200, 30_000),
    )
    def test_any_wav_gives_its_sound(
        self, tmp_path: Path, rate: int, channels: int, subtype: str, frames: int
    ) -> None:
        path = tmp_path / "any.wav"
        wave = sound(frames / rate, rate)
        soundfile.write(path, np.tile(wave[:, None], channels), rate, subtype=subtype)
        blocks = [b for b in open_source(str(path), RATE) if isinstance(b, Block)]
        heard = np.concatenate([b.samples for b in blocks])
        assert all(len(b.samples) == BLOCK for b in blocks[:-1])
        assert abs(len(heard) - len(wave) * RATE / rate) <= 1
        np.testing.assert_allclose(heard, audio.read(path, RATE), atol=1e-6)
        coarse = 1e-2 if subtype == "PCM_U8" else 1e-3
        middle = slice(RATE // 20, -RATE // 20)  # the resampler's filter rings at both ends
        np.testing.assert_allclose(
            heard[middle], sound(len(heard) / RATE)[: len(heard)][middle], atol=coarse
        )

    def test_other_formats_are_read(self, tmp_path: Path) -> None:
        for suffix in ("flac", "ogg", "mp3"):
            path = tmp_path / f"a.{suffix}"
            soundfile.write(path, sound(0.5, 24_000), 24_000)
            assert len(samples_of(list(open_source(str(path), RATE)))) >= RATE // 2 - 1

    @pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 100])
    def test_a_broken_file_is_refused_as_it_is_opened(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.wav"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"a\.wav"):
            open_source(str(path), RATE)

    def test_an_empty_recording_is_refused(self, tmp_path: Path) -> None:
        audio.write_wav(tmp_path / "a.wav", np.zeros(0), RATE)
        with pytest.raises(SourceError, match="holds no sound"):
            open_source(str(tmp_path / "a.wav"), RATE)

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no such sound file"):
            open_source(str(tmp_path / "a.wav"), RATE)


class TestFolders:
    def test_files_come_in_order_and_announced(self, tmp_path: Path) -> None:
        for name, seconds in (("b.wav", 0.2), ("a.WAV", 0.1), (".c.wav", 0.4)):
            audio.write_wav(tmp_path / name, sound(seconds), RATE)
        (tmp_path / "notes.txt").write_text("no sound")
        for uri in (str(tmp_path), f"{tmp_path}/*", f"file:{tmp_path}", f"dir:{tmp_path}"):
            items = list(open_source(uri, RATE))
            begins = [i for i, item in enumerate(items) if isinstance(item, Boundary)]
            assert [items[i].path.name for i in begins] == ["a.WAV", "b.wav"]
            assert begins[0] == 0
            assert len(samples_of(items[: begins[1]])) == RATE // 10
            assert len(samples_of(items[begins[1] :])) == RATE // 5

    def test_a_broken_file_is_skipped_with_its_reason(self, tmp_path: Path) -> None:
        audio.write_wav(tmp_path / "a.wav", np.zeros(0), RATE)
        (tmp_path / "b.flac").write_bytes(b"fLaC, or so it says")
        soundfile.write(tmp_path / "c.wav", [0.1, np.nan], RATE, subtype="FLOAT")
        audio.write_wav(tmp_path / "d.wav", sound(0.1), RATE)
        items = list(open_source(str(tmp_path), RATE))
        notices = [item for item in items if isinstance(item, SourceNotice)]
        assert [n.kind for n in notices] == ["skipped"] * 3
        for notice, (name, why) in zip(
            notices, [("a.wav", "no sound"), ("b.flac", ""), ("c.wav", "finite")], strict=True
        ):
            assert name in notice.text and why in notice.text
        assert [i.path.name for i in items if isinstance(i, Boundary)] == ["d.wav"]
        assert len(samples_of(items)) == RATE // 10

    def test_nothing_to_read_is_an_error(self, tmp_path: Path) -> None:
        for uri in (str(tmp_path), f"{tmp_path}/*.wav"):
            with pytest.raises(SourceError, match="no sound files"):
                open_source(uri, RATE)
        (tmp_path / "a.wav").write_bytes(b"")
        source = open_source(str(tmp_path), RATE)
        with pytest.raises(SourceError, match="not one of 1"):
            list(source)

    @folders_are_reused
    @given(
        subtype=st.sampled_from(["PCM_16", "PCM_24", "FLOAT"]),
        end=st.integers(0, 4000),
        flips=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3),
    )
    def test_a_damaged_wav_stops_nothing(
        self, tmp_path: Path, subtype: str, end: int, flips: list[tuple[int, int]]
    ) -> None:
        soundfile.write(tmp_path / "a.wav", sound(0.1), RATE, subtype=subtype)
        damaged = bytearray((tmp_path / "a.wav").read_bytes())
        for at, value in flips:  # in the header
            damaged[at] = value
        (tmp_path / "a.wav").write_bytes(damaged[:end])
        audio.write_wav(tmp_path / "b.wav", sound(0.1), RATE)
        items = list(open_source(str(tmp_path), RATE))
        last = max(i for i, item in enumerate(items) if isinstance(item, Boundary))
        assert items[last].path.name == "b.wav"
        assert len(samples_of(items[last:])) == RATE // 10


class Pipe:
    """A pipe whose reading end stands for standard input."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()

    def source(self, rate: int = RATE, channels: int = 1, form: str = "s16le") -> Source:
        dtype = standard_input.FORMATS[form]
        return standard_input.RawInput(rate, channels, dtype, RATE, self.read)

    def close(self) -> None:
        os.close(self.write)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.read)


def all_of(data: bytes, **options: Any) -> np.ndarray:
    """What comes of bytes on standard input."""
    pipe = Pipe()

    def write() -> None:
        with os.fdopen(pipe.write, "wb") as out:
            out.write(data)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        return samples_of(list(pipe.source(**options)))
    finally:
        os.close(pipe.read)
        writer.join(PATIENCE)


class TestStandardInput:
    @settings(deadline=None, max_examples=40)
    @given(
        data=st.binary(max_size=5000),
        channels=st.integers(1, 3),
        rate=st.sampled_from([RATE, 44_100]),
    )
    def test_garbage_is_sound(self, data: bytes, channels: int, rate: int) -> None:
        heard = all_of(data, channels=channels, rate=rate)
        frames = len(data) // (2 * channels)  # a truncated last one is dropped
        assert abs(len(heard) - frames * RATE / rate) <= 1
        if rate == RATE:
            pcm = np.frombuffer(data, "<i2", frames * channels).reshape(-1, channels)
            np.testing.assert_array_equal(heard, audio.to_mono(pcm))

    @settings(deadline=None, max_examples=30)
    @given(pieces=st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=8))
    def test_it_does_not_matter_how_the_bytes_are_cut(self, pieces: list[bytes]) -> None:
        pipe, data = Pipe(), b"".join(pieces)
        items = iter(pipe.source(channels=2))
        blocks = []
        for i, piece in enumerate(pieces):
            os.write(pipe.write, piece)
            whole = len(b"".join(pieces[: i + 1])) // 4
            while len(samples_of(blocks)) < whole:  # it comes before more is written
                blocks.append(next(items))
        pipe.close()
        blocks += list(items)
        os.close(pipe.read)
        np.testing.assert_array_equal(samples_of(blocks), all_of(data, channels=2))

    def test_float_is_read_and_checked(self) -> None:
        wave = sound(0.3).astype("<f4")
        np.testing.assert_array_equal(all_of(wave.tobytes(), form="f32le"), wave)
        for bad in (np.nan, np.inf):
            wave[3000] = bad
            with pytest.raises(SourceError, match="at byte 12000 "):
                all_of(wave.tobytes(), form="f32le")

    def test_a_reader_that_waits_can_be_closed(self, pipe: Pipe) -> None:
        source = pipe.source()
        threading.Timer(0.1, source.close).start()
        assert list(source) == []
        pipe.close()

    def test_a_closed_stdin_is_an_error(self) -> None:
        pipe = Pipe()
        pipe.close()
        source = pipe.source()
        os.close(pipe.read)
        with pytest.raises(SourceError, match="cannot be read"):
            list(source)
        with pytest.raises(SourceError, match="cannot be read"):
            pipe.source()

    def test_it_is_really_stdin(self) -> None:
        script = (
            "from edgenets.runtime.sources import open_source\n"
            "source = open_source('-?rate=32000&channels=2', 16000)\n"
            "print(sum(len(block.samples) for block in source))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=np.zeros((32_000, 2), "<i2").tobytes(),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        assert abs(int(done.stdout) - RATE) <= 1
