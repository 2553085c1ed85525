"""Log-mel features: the same bits however sound is cut up, and those of the textbook."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenets.errors import RecordError
from edgenets.records import parse
from edgenets.sound import audio
from edgenets.sound.features import frame_count
from edgenets.sound.input import AudioInput, Leveling, hz_to_mel, mel_to_hz
from edgenets.sound.logmel import BLOCK, LogMel, log_mel, log_mel_of_many

CONFIGS = [
    AudioInput(),
    AudioInput(mean=-6.5, std=3.25),
    AudioInput(high_hz=8000.0),  # the last edge is the Nyquist frequency
    AudioInput(window=400, hop=160, fft=1024, bands=41),
    AudioInput(window=512, hop=512, fft=512, bands=1),
    AudioInput(window=320, hop=1, fft=400, bands=2),
    AudioInput(sample_rate=8_000, window=256, hop=128, fft=256, bands=20, high_hz=4000.0),
    AudioInput(sample_rate=8_000, window=200, hop=80, fft=511, bands=13, high_hz=4000.0),
    AudioInput(sample_rate=48_000, window=1440, hop=480, fft=2048, bands=40, high_hz=20_000.0),
    AudioInput(sample_rate=44_100, window=1103, hop=441, fft=1103, bands=32),
    AudioInput(leveling=Leveling(), mean=0.4, std=0.7),
    AudioInput(window=320, hop=160, bands=20, leveling=Leveling(0.05, 0.8, 1.0, 0.25, 1e-6)),
]  # fmt: skip


def noise(length: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.3 * rng.standard_normal(length)).clip(-1, 1).astype(np.float32)


def textbook(samples: NDArray[np.float32], config: AudioInput) -> NDArray[np.float64]:
    """The same features by a dense matrix of triangles, frame by frame."""

    def mel(hz: float) -> float:
        return 2595 * np.log10(1 + hz / 700)

    edges = np.linspace(mel(config.low_hz), mel(config.high_hz), config.bands + 2)
    hz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(config.fft, 1 / config.sample_rate)
    rising = (bins - hz[:-2, None]) / np.diff(hz)[:-1, None]
    falling = (hz[2:, None] - bins) / np.diff(hz)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.window) / config.window)
    frames, recent, by = [], None, config.leveling
    for start in range(0, len(samples) - config.window + 1, config.hop):
        spectrum = np.fft.rfft(hann * samples[start : start + config.window], config.fft)
        power = triangles @ np.abs(spectrum) ** 2
        found = np.log(power + config.log_floor)
        if by is not None:
            share = by.share(config.frame_seconds)
            recent = power if recent is None else (1 - share) * recent + share * power
            found = (power / (by.floor + recent) ** by.gain + by.bias) ** by.power
            found -= by.bias**by.power
        frames.append((found - config.mean) / config.std)
    return np.array(frames).reshape(-1, config.bands)


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_they_are_those_of_the_textbook(config: AudioInput) -> None:
    sound = noise(3 * config.window + 7 * config.hop + 5)
    sound[: config.window] = 0  # silence: the floor alone
    found = log_mel(sound, config)
    assert found.dtype == np.float32
    assert found.shape == (frame_count(len(sound), config), config.bands)
    np.testing.assert_allclose(found, textbook(sound, config), rtol=1e-6, atol=1e-5)


@settings(max_examples=150)
@given(
    config=st.sampled_from(CONFIGS),
    length=st.integers(0, 9000),
    chunks=st.lists(st.sampled_from((0, 1, 2, 79, 80, 159, 160, 320, 480, 640, 2000)), min_size=1),
    seed=st.integers(0, 9),
)
def test_streamed_they_have_the_same_bits(
    config: AudioInput, length: int, chunks: list[int], seed: int
) -> None:
    sound = noise(length, seed)
    whole = log_mel(sound, config)
    extractor, parts, at = LogMel(config), [], 0
    for turn in range(10 * length):
        size = chunks[turn % len(chunks)]
        parts.append(extractor.push(sound[at : at + size]))
        at += size
        if at >= length or not any(chunks):
            break
    parts.append(extractor.push(sound[at:]))
    streamed = np.concatenate(parts) if parts else np.empty((0, config.bands), np.float32)
    assert streamed.tobytes() == whole.tobytes()
    assert len(whole) == frame_count(length, config)


@settings(max_examples=100)
@given(
    config=st.sampled_from(CONFIGS),
    group=st.integers(1, 3 * BLOCK),
    length=st.integers(0, 30_000),
    size=st.sampled_from((1, 160, 640, 4000, 30_000)),
)
def test_in_groups_and_of_integers_they_have_the_same_bits(
    config: AudioInput, group: int, length: int, size: int
) -> None:
    pcm = audio.float_to_pcm16(noise(length))
    whole = log_mel(audio.pcm16_to_float(pcm), config)
    extractor, size = LogMel(config, group), max(size, length // 100)
    parts = [extractor.push(pcm[at : at + size]) for at in range(0, length, size)]
    assert all(len(part) % group == 0 for part in parts)
    found = np.concatenate([np.empty((0, config.bands), np.float32), *parts])
    assert len(found) == len(whole) - len(whole) % group
    assert found.tobytes() == whole[: len(found)].tobytes()


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_sample_by_sample_they_have_the_same_bits(config: AudioInput) -> None:
    sound = noise(config.window + min(3 * config.hop, 400))
    extractor = LogMel(config)
    parts = [extractor.push(sound[i : i + 1]) for i in range(len(sound))]
    assert all(len(part) <= 1 for part in parts)
    assert np.concatenate(parts).tobytes() == log_mel(sound, config).tobytes()


def test_a_clip_of_many_blocks_has_the_same_bits() -> None:
    config = CONFIGS[0]
    sound = noise((5 * BLOCK + 3) * config.hop + config.window)
    extractor = LogMel(config)
    parts = [extractor.push(sound[i : i + 640]) for i in range(0, len(sound), 640)]
    assert np.concatenate(parts).tobytes() == log_mel(sound, config).tobytes()


def test_of_many_clips_they_are_the_same() -> None:
    for config in CONFIGS:
        sounds = np.stack([noise(4 * config.window + 90, seed) for seed in range(3)])
        found = log_mel_of_many(sounds, config)
        whole = np.stack([log_mel(sound, config) for sound in sounds])
        np.testing.assert_allclose(found, whole, rtol=1e-3, atol=2e-3)


def test_leveled_sound_is_alike_near_and_far() -> None:
    """From −50 to 0 dB, where the logarithm's floor is reached at −40."""
    leveled, plain = AudioInput(leveling=Leveling()), AudioInput()
    loud = noise(32_000) * np.repeat(np.random.default_rng(1).uniform(0.1, 1, 100), 320)
    loud = loud.astype(np.float32) / 3
    for decibels in (-50, -30, -10):
        faint = loud * np.float32(10 ** (decibels / 20))
        apart = np.abs(log_mel(faint, leveled) - log_mel(loud, leveled)).max()
        assert apart < 0.5 < np.abs(log_mel(faint, plain) - log_mel(loud, plain)).max()


def test_what_was_given_out_does_not_change() -> None:
    extractor = LogMel(CONFIGS[0])
    first = extractor.push(noise(4800))
    kept = first.copy()
    extractor.push(noise(4800, 1))
    assert np.array_equal(first, kept)


def test_reset_forgets() -> None:
    config = CONFIGS[0]
    extractor = LogMel(config)
    extractor.push(noise(1234, 1))
    extractor.reset()
    sound = noise(5000)
    assert extractor.push(sound).tobytes() == log_mel(sound, config).tobytes()


def test_other_memory_layouts_are_taken() -> None:
    config, sound = CONFIGS[0], noise(8000)
    strided = np.repeat(sound, 2)[::2]
    assert log_mel(strided, config).tobytes() == log_mel(sound, config).tobytes()
    wide = sound.astype(np.float64)
    assert log_mel(wide, config).tobytes() == log_mel(sound, config).tobytes()  # type: ignore[arg-type]


def test_memory_is_bounded_over_ten_minutes() -> None:
    config = AudioInput()
    extractor, block = LogMel(config), noise(640)
    for _ in range(100):
        extractor.push(block)
    held = {k: v.nbytes for k, v in vars(extractor).items() if isinstance(v, np.ndarray)}
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        frames = sum(len(extractor.push(block)) for _ in range(10 * 60 * 25))
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames == 10 * 60 * 50
    assert after - before < 20_000 and peak - before < 200_000
    assert held == {k: v.nbytes for k, v in vars(extractor).items() if isinstance(v, np.ndarray)}


def test_a_long_clip_needs_little_beside_its_frames() -> None:
    config, sound = AudioInput(), noise(60 * 16_000)
    log_mel(sound[:16_000], config)
    tracemalloc.start()
    try:
        frames = log_mel(sound, config)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < frames.nbytes + 3_000_000


@given(st.floats(0, 24_000))
def test_mel_and_hertz_are_inverse(hz: float) -> None:
    assert float(mel_to_hz(hz_to_mel(hz))) == pytest.approx(hz, rel=1e-9, abs=1e-6)


def test_mel_of_known_pitches() -> None:
    assert float(hz_to_mel(0.0)) == 0.0
    assert float(hz_to_mel(1000.0)) == pytest.approx(999.9855, abs=1e-3)
    assert np.all(np.diff(hz_to_mel(np.linspace(0, 8000, 100))) > 0)


IMPOSSIBLE = [
    ({"bands": 200}, "200 mel bands from 60 Hz are finer than a 512-point FFT resolves"),
    ({"window": 100, "hop": 50, "fft": 128}, "finer than a 128-point FFT"),
    ({"low_hz": 100.0, "high_hz": 101.0, "bands": 1}, "finer than"),
    ({"hop": 0}, "hop"), ({"hop": 481}, "hop"), ({"window": 513}, "window"), ({"fft": 8193}, "fft"),
    ({"bands": 0}, "bands"), ({"bands": 513}, "bands"), ({"low_hz": 0.0}, "low_hz"),
    ({"high_hz": 8000.1}, "high_hz"), ({"low_hz": 7600.0}, "low_hz"), ({"std": 0.0}, "std"),
    ({"log_floor": 0.0}, "log_floor"), ({"sample_rate": 999}, "sample rate"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "says"), IMPOSSIBLE)
def test_what_cannot_be_computed_is_refused(fields: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AudioInput(**fields)  # type: ignore[arg-type]
    with pytest.raises(RecordError, match=says):
        parse(AudioInput, fields)
