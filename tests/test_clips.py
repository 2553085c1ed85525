"""Folders of recordings: labels, speakers and splits, and what is said of broken ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets.errors import DataError
from edgenets.sound import audio
from edgenets.tasks.keywords.clips import Clip, find_clips, load_clips, speaker_of, split_of

RATE = 16_000  # Hz

speakers = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)


def fill(root: Path, *names: str, seconds: float = 0.01) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write_wav(root / name, np.full(round(seconds * RATE), 0.1), RATE)
    return root


def clips_of(names: Iterable[str], labels: Iterable[str] = ("yes", "no")) -> list[Clip]:
    return [
        Clip(Path(f"data/{label}/{name}_nohash_{take}.wav"), label, name)
        for label in labels
        for name in names
        for take in range(3)
    ]


def test_a_folder_a_label(tmp_path: Path) -> None:
    fill(tmp_path, "yes/b.wav", "yes/a.wav", "no/c.wav", "_silence_/d.wav")
    (tmp_path / "yes" / "notes.txt").write_text("no sound")
    (tmp_path / "README.md").write_text("no label")
    found = find_clips(tmp_path)
    assert [(c.label, c.path.name) for c in found] == [
        ("_silence_", "d.wav"), ("no", "c.wav"), ("yes", "a.wav"), ("yes", "b.wav"),
    ]  # fmt: skip
    assert {c.label for c in find_clips(tmp_path, ["yes", "no"])} == {"yes", "no"}


def test_what_is_no_clip_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "yes/a.wav", "yes/._a.wav", ".git/b.wav", "_background_noise_/rain.wav")
    assert [c.path.name for c in find_clips(tmp_path)] == ["a.wav"]
    assert len(find_clips(tmp_path, ["_background_noise_"])) == 1


def test_every_suffix_counts(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    for name in ("a.WAV", "b.flac", "c.Mp3", "d.ogg", "e.aac"):
        (tmp_path / "yes" / name).touch()
    assert [c.path.name for c in find_clips(tmp_path)] == ["a.WAV", "b.flac", "c.Mp3", "d.ogg"]


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("0a1b2c3d_nohash_0.wav", "0a1b2c3d"), ("0a1b2c3d_nohash_12.flac", "0a1b2c3d"),
        ("happy_0a1b2c3d_nohash_0.wav", "0a1b2c3d"), ("0a1b2c3d.wav", None),
        ("xyz_nohash_0.wav", None), ("0A1B2C3D_nohash_0.wav", None),
        ("00a1b2c3d_nohash_0.wav", None), ("0a1b2c3d_nohash_.wav", None),
    ],
)  # fmt: skip
def test_the_speaker_in_a_name(name: str, speaker: str | None) -> None:
    assert speaker_of(Path("yes") / name) == speaker


@given(st.lists(speakers, min_size=1, max_size=60, unique=True))
def test_nobody_is_in_two_splits(names: list[str]) -> None:
    of: dict[str, set[str]] = {}
    for clip in clips_of(names):
        of.setdefault(clip.speaker or "", set()).add(split_of(clip, 0.2, 0.3))
    assert all(len(splits) == 1 for splits in of.values())


@given(st.lists(speakers, min_size=2, max_size=40, unique=True), st.data())
def test_a_split_does_not_change_when_clips_are_added(
    names: list[str], data: st.DataObject
) -> None:
    some = data.draw(st.lists(st.sampled_from(names), unique=True))
    before = {c.path: split_of(c, 0.1, 0.15) for c in clips_of(some)}
    after = {c.path: split_of(c, 0.1, 0.15) for c in clips_of(names, ("yes", "no", "stop"))}
    assert before.items() <= after.items()


def test_a_split_is_the_same_wherever_the_data_lies() -> None:
    here, there = (Clip(Path(p), "yes", "0a1b2c3d") for p in ("a/b.wav", "/mnt/c.flac"))
    assert split_of(here, 0.3, 0.3) == split_of(there, 0.3, 0.3)
    # Pinned: a bundle's test split must stay what it was when the bundle was made.
    names = ("00000000", "12345678", "deadbeef", "0a1b2c3d", "ffffffff", "cafebabe")
    found = [split_of(Clip(Path("x"), "yes", n), 0.25, 0.25) for n in names]
    assert found == ["validation", "validation", "test", "test", "train", "train"]


def test_splits_have_about_the_sizes_asked_for() -> None:
    rng = np.random.default_rng(0)
    names = [rng.bytes(4).hex() for _ in range(4000)]
    counts = Counter(split_of(Clip(Path("x"), "yes", name), 0.1, 0.15) for name in names)
    assert counts["test"] / 4000 == pytest.approx(0.15, abs=0.03)
    assert counts["validation"] / 4000 == pytest.approx(0.1, abs=0.03)
    assert {split_of(Clip(Path("x"), "yes", n), 0.0, 0.0) for n in names} == {"train"}
    assert {split_of(Clip(Path("x"), "yes", n), 0.0, 1.0) for n in names} == {"test"}


def test_a_test_clip_stays_one_whatever_validation_is() -> None:
    for clip in clips_of([f"{i:08x}" for i in range(200)]):
        kinds = [split_of(clip, share, 0.3) == "test" for share in (0.0, 0.1, 0.7)]
        assert len(set(kinds)) == 1


def test_without_a_speaker_the_recording_is_not_divided() -> None:
    clips = [Clip(Path(f"{label}/take{i}.wav"), label, None) for i in range(50) for label in "ab"]
    of: dict[str, set[str]] = {}
    for clip in clips:
        of.setdefault(clip.path.name, set()).add(split_of(clip, 0.3, 0.3))
    assert all(len(splits) == 1 for splits in of.values())
    assert set.union(*of.values()) == {"train", "validation", "test"}


def test_clips_in_memory(tmp_path: Path) -> None:
    fill(tmp_path, "no/a.wav", seconds=0.5)
    fill(tmp_path, "yes/b.wav", "yes/c.wav", seconds=0.25)
    calls: list[tuple[int, int]] = []
    found = load_clips(
        find_clips(tmp_path),
        ("yes", "no", "stop"),
        8_000,
        lambda done, all: calls.append((done, all)),
    )
    assert [len(s) for s in found.sounds] == [4000, 2000, 2000]
    assert all(s.dtype == np.int16 for s in found.sounds)
    assert found.targets.tolist() == [1, 0, 0]
    assert found.counts() == {"yes": 2, "no": 1, "stop": 0} and len(found) == 3
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_broken_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; give a folder of LABEL"):
        find_clips(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"no LABEL/\*\.wav"):
        find_clips(tmp_path)
    fill(tmp_path, "yes/a.wav")
    with pytest.raises(DataError, match="no such folder"):
        find_clips(tmp_path / "yes" / "a.wav")
    with pytest.raises(DataError, match=r"no folder for the label\(s\) no, stop"):
        find_clips(tmp_path, ["yes", "stop", "no"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no sound files in empty"):
        find_clips(tmp_path)
    assert len(find_clips(tmp_path, ["yes"])) == 1


def test_a_broken_recording_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "yes/a.wav")
    bad = tmp_path / "yes" / "b.wav"
    for content in (b"", b"no sound", bytes(100)):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=r"b\.wav: not a sound file"):
            load_clips(find_clips(tmp_path), ("yes",), RATE)
    audio.write_wav(bad, np.zeros(0), RATE)
    with pytest.raises(DataError, match=r"b\.wav: holds no sound"):
        load_clips(find_clips(tmp_path), ("yes",), RATE)
    bad.unlink()
    bad.mkdir()
    with pytest.raises(DataError, match=r"b\.wav: no such sound file"):
        load_clips(find_clips(tmp_path), ("yes",), RATE)
