"""Bundles: what goes in comes out, where it should lie, and nothing else ever does."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets import archive, zoo
from edgenets.bundle import MANIFEST, Bundle
from edgenets.errors import BundleError
from tests.bundles import SPEC, artifact, fake_bundle, make_fake, make_with, manifest, members

__all__ = ["fake_bundle"]  # a fixture

folders_are_reused = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=300,
)

names = st.from_regex(
    r"[a-z0-9_][a-z0-9_.\-]{0,8}(/[a-z0-9_][a-z0-9_.\-]{0,8}){0,2}", fullmatch=True
)


@pytest.fixture(autouse=True)
def hasty_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of bundles are written here, and none must outlive a power cut."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


def contents(path: Path) -> dict[str, bytes]:
    """Every member, each held against its SHA-256."""
    bundle = Bundle(path)
    bundle.check()
    return {name: bytes(bundle.read(name)) for name in bundle.manifest.members}


def test_what_is_written_is_read(fake_bundle: Path) -> None:
    bundle = Bundle(fake_bundle)
    assert bundle.spec == SPEC
    assert bundle.artifacts == (artifact(),)
    assert bundle.artifact("tflite-fp32") == artifact()
    assert contents(fake_bundle) == members()
    assert bundle.files(artifact()) == {"model.bin": members()["artifacts/model.bin"]}
    assert bundle.size(artifact()) == 768
    assert bundle.golden_sound().dtype == np.int16
    assert bundle.golden_output(artifact()).shape == (1, 4)
    assert bundle.card() == "# A model\n"
    assert bundle.report()["verdicts"][0]["accuracy"] == 0.5


def test_what_is_not_there_is_said(fake_bundle: Path) -> None:
    bundle = Bundle(fake_bundle)
    with pytest.raises(BundleError, match="it has tflite-fp32"):
        bundle.artifact("onnx-int8")
    with pytest.raises(BundleError, match="'nothing' is missing"):
        bundle.read("nothing")
    with pytest.raises(BundleError, match="not in the manifest"):
        bundle.read(MANIFEST)
    with pytest.raises(BundleError, match="no such file, and no shipped bundle"):
        zoo.load("no-such-bundle")


@folders_are_reused
@given(held=st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=8))
def test_archives_keep_every_member_aligned(tmp_path: Path, held: dict[str, bytes]) -> None:
    path, again = tmp_path / "a.edge", tmp_path / "b.edge"
    archive.write(path, held)
    archive.write(again, held)
    raw = path.read_bytes()
    assert raw == again.read_bytes()
    opened = archive.Archive(path)
    assert opened.names == list(held)
    for name, data in held.items():
        view = opened.read(name)
        assert bytes(view) == data
        # Where the view begins in the file: the archive's view of it all begins at 0.
        address = np.frombuffer(view, np.uint8).ctypes.data if data else 0
        start = np.frombuffer(opened._view, np.uint8).ctypes.data
        assert not data or (address - start) % archive.ALIGNMENT == 0


def test_a_member_is_a_view_and_nothing_is_unpacked(
    fake_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(p.name for p in fake_bundle.parent.iterdir())
    bundle = Bundle(fake_bundle)
    view = bundle.read("artifacts/model.bin")
    assert isinstance(view, memoryview) and view.readonly
    assert contents(fake_bundle)
    assert sorted(p.name for p in fake_bundle.parent.iterdir()) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/", "", ".hidden", "a\\b", "é", "a b"])
def test_a_bad_name_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="cannot be the name"):
        archive.write(tmp_path / "a.edge", {name: b""})
    assert not list(tmp_path.iterdir())


def opens_equal_or_refuses(path: Path, raw: bytes) -> bool:
    """Whether a damaged file opens; then it must hold what it held."""
    path.write_bytes(raw)
    try:
        found = contents(path)
    except BundleError as exc:
        assert "\n" not in str(exc) and len(str(exc)) < 600
        return False
    assert found == members()
    assert Bundle(path).spec == SPEC
    return True


def places(length: int) -> list[int]:
    """Offsets to try: the first header and the directory in full, a sample of the rest."""
    rest = random.Random(1).sample(range(120, length - 600), 300)
    return [*range(120), *sorted(rest), *range(length - 600, length)]


def test_a_truncated_bundle_is_refused(fake_bundle: Path, tmp_path: Path) -> None:
    raw, path = fake_bundle.read_bytes(), tmp_path / "cut.edge"
    for length in places(len(raw)):
        assert not opens_equal_or_refuses(path, raw[:length])


def test_a_flipped_bit_is_noticed_or_does_not_matter(fake_bundle: Path, tmp_path: Path) -> None:
    raw, path = fake_bundle.read_bytes(), tmp_path / "flipped.edge"
    bits = random.Random(1)
    for place in places(len(raw)):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << bits.randrange(8)
        opens_equal_or_refuses(path, bytes(damaged))


@folders_are_reused
@given(data=st.data(), junk=st.binary(min_size=1, max_size=80))
def test_inserted_bytes_are_noticed_or_do_not_matter(
    fake_bundle: Path, tmp_path: Path, data: st.DataObject, junk: bytes
) -> None:
    raw = fake_bundle.read_bytes()
    place = data.draw(st.one_of(st.just(0), st.just(len(raw)), st.integers(0, len(raw))))
    opens_equal_or_refuses(tmp_path / "junk.edge", raw[:place] + junk + raw[place:])


@folders_are_reused
@given(data=st.data())
def test_any_damage_is_noticed_or_does_not_matter(
    fake_bundle: Path, tmp_path: Path, data: st.DataObject
) -> None:
    raw = bytearray(fake_bundle.read_bytes())
    # The headers and the directory, where damage is not caught by a SHA-256, come up often.
    spots = st.one_of(
        st.integers(0, len(raw) - 1), st.integers(0, 120), st.integers(len(raw) - 500, len(raw) - 1)
    )
    for place in data.draw(st.lists(spots, min_size=1, max_size=6)):
        raw[place] = data.draw(st.integers(0, 255))
    opens_equal_or_refuses(tmp_path / "damaged.edge", bytes(raw))


@folders_are_reused
@given(data=st.data())
def test_any_value_in_a_manifest_is_taken_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    """A manifest of any JSON, at any place in it, gives a bundle that opens or a BundleError."""
    text = st.text(max_size=9)
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=5,
    )
    plain = manifest(members())
    spots: list[tuple[object, object]] = []

    def walk(node: object) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):  # type: ignore[arg-type]
            spots.append((node, key))
            child = node[key]  # type: ignore[index]
            if isinstance(child, (dict, list)):
                walk(child)

    walk(plain)
    node, key = data.draw(st.sampled_from(spots))
    node[key] = data.draw(anything)  # type: ignore[index]
    path = tmp_path / "any.edge"
    make_with(path, lambda target: target.update(plain))
    try:
        bundle = Bundle(path)
        bundle.check()
        bundle.golden_output(bundle.artifacts[0])
    except BundleError as exc:
        assert "\n" not in str(exc) and len(str(exc)) < 600


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = make_fake(tmp_path / "a.edge")
    raw = path.read_bytes()
    with pytest.raises(BundleError):
        archive.write(path, {"good": b"1", "../bad": b"2"})
    assert path.read_bytes() == raw
    assert [p.name for p in tmp_path.iterdir()] == ["a.edge"]
