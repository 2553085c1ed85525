"""Mel features of other libraries: their numbers, and the same bits however sound is cut up.

What they are held against, `references/mel.npz`, was computed by librosa 0.11.0, torchaudio 2.11.1
and TensorFlow 2.21 of the sound in it: every fourth frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.errors import RecordError
from edgenets.records import parse, to_plain
from edgenets.sound import like as libraries
from edgenets.sound.features import extractor, frames_of
from edgenets.sound.melinput import MelInput

REFERENCES = np.load(Path(__file__).parent / "references" / "mel.npz")

_USUAL: dict[str, Any] = {"sample_rate": 16_000, "window": 400, "fft": 512, "hop": 160, "bands": 40}
_KALDI = {"bands": 40, "full_scale": 32768.0}

# What was computed → what it is like, with what was said besides.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "librosa": ("librosa", _USUAL),
    "librosa_reflect": ("librosa", {**_USUAL, "before": "reflect"}),
    "librosa_nocenter": ("librosa", {**_USUAL, "before": "nothing"}),
    "librosa_htk": (
        "librosa", {**_USUAL, "scale": "htk", "norm": "none", "low_hz": 60.0, "high_hz": 7600.0}
    ),
    "librosa-mfcc": ("librosa-mfcc", {**_USUAL, "coefficients": 13}),
    "librosa-mfcc-lifter": (
        "librosa-mfcc", {**_USUAL, "coefficients": 13, "lifter": 22.0, "lifter_from": 1}
    ),
    "librosa-pcen": ("librosa-pcen", _USUAL),
    "torchaudio": ("torchaudio", {"hop": 160, "bands": 64}),
    "torchaudio-mfcc": ("torchaudio-mfcc", {"hop": 160, "bands": 40, "coefficients": 13}),
    "kaldi-fbank": ("kaldi-fbank", _KALDI),
    "kaldi-mfcc": ("kaldi-mfcc", _KALDI),
    "kaldi-fbank-hamming": (
        "kaldi-fbank",
        {**_KALDI, "shape": "hamming", "emphasis": 0.9, "low_hz": 60.0, "high_hz": 7000.0},
    ),
    "tensorflow": ("tensorflow", {}),
    "tensorflow-mfcc": ("tensorflow-mfcc", {}),
    "kws_streaming": ("kws_streaming", {}),
    "kws_streaming-mel": ("kws_streaming-mel", {}),
}  # fmt: skip


def like(name: str, **own: Any) -> MelInput:
    return MelInput(**{**libraries.known()[name], **own})


@pytest.mark.parametrize("name", CASES)
def test_they_are_those_of_the_library(name: str) -> None:
    base, own = CASES[name]
    wanted = REFERENCES[name]
    found = frames_of(REFERENCES["sound"], like(base, **own))[::4]
    count = min(len(found), len(wanted))
    assert count >= 6
    # The libraries compute in float32.
    assert np.abs(found[:count] - wanted[:count]).max() < 2e-5 * np.abs(wanted).max()


def test_every_library_is_tried() -> None:
    assert {base for base, _ in CASES.values()} == set(libraries.known())


@st.composite
def configs(draw: st.DrawFn) -> MelInput:
    """Any convention of any library, and mixtures that no library has."""
    window = draw(st.integers(2, 600))
    fft = max(window, draw(st.sampled_from([256, 512, 1024, 601])))
    bands = draw(st.integers(1, 60))
    return MelInput(
        window=window,
        fft=fft,
        hop=draw(st.integers(1, 900)),
        bands=bands,
        shape=draw(st.sampled_from(["hann", "hamming", "povey", "rectangular"])),
        periodic=draw(st.booleans()),
        window_at=draw(st.sampled_from(["front", "middle"])),
        before=draw(st.sampled_from(["nothing", "zeros", "reflect"])),
        emphasis=draw(st.sampled_from([0.0, 0.5, 0.97])),
        emphasis_in=draw(st.sampled_from(["stream", "frame"])),
        remove_mean=draw(st.booleans()),
        power=draw(st.sampled_from([1, 2])),
        scale=draw(st.sampled_from(["htk", "slaney"])),
        triangles=draw(st.sampled_from(["hertz", "mel"])),
        norm=draw(st.sampled_from(["none", "area"])),
        skip_first_bin=draw(st.booleans()),
        compress=draw(st.sampled_from(["none", "ln", "log10", "db", "pcen"])),
        floor_by=draw(st.sampled_from(["add", "at-least"])),
        coefficients=draw(st.integers(0, bands)),
        dct=draw(st.sampled_from(["ortho", "tf"])),
        lifter=draw(st.sampled_from([0.0, 22.0])),
        pcen_begin=draw(st.sampled_from(["first", "one"])),
    )


@settings(max_examples=60, deadline=None)
@given(configs(), st.lists(st.integers(0, 700), max_size=12), st.integers(1, 4), st.booleans())
def test_they_are_the_same_however_sound_is_cut(
    config: MelInput, cuts: list[int], group: int, pcm: bool
) -> None:
    rng = np.random.default_rng(len(cuts))
    whole = rng.integers(-20_000, 20_000, sum(cuts) + 500).astype(np.int16)
    sound = whole if pcm else whole.astype(np.float32) / 32768
    wanted = frames_of(sound, config)
    taker = extractor(config, group)
    ends = [*np.cumsum(cuts).tolist(), len(sound)]
    for _ in range(2):  # and after a reset
        found = [taker.push(sound[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
        assert all(len(part) % group == 0 for part in found)
        joined = np.concatenate(found)
        assert np.array_equal(joined, wanted[: len(wanted) - len(wanted) % group])
        taker.reset()
    assert np.isfinite(wanted).all()
    assert wanted.shape[1] == config.width


@given(configs())
def test_they_are_records(config: MelInput) -> None:
    assert parse(MelInput, to_plain(config)) == config


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bands", 0), ("hop", 0), ("window", 600), ("high_hz", 9000.0), ("low_hz", 8000.0),
        ("coefficients", 41), ("floor", 0.0), ("emphasis", 1.0), ("mean", [0.0, 1.0]),
        ("std", [0.0]), ("pcen_time", 0.0), ("scale", "bark"), ("sample_rate", 10),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(field: str, value: object) -> None:
    with pytest.raises(RecordError):
        parse(MelInput, {field: value})
