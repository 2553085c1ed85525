"""Files that unfold to far more than they are: refused by their headers; limits can be raised."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenets import limits
from edgenets.artifact import OPEN, TensorInfo
from edgenets.data.items import read_items
from edgenets.errors import DataError, EdgenetsError, RecipeError
from edgenets.recipe import load_recipe
from edgenets.tasks.vision.data import coco
from edgenets.tasks.vision.image import read_mask
from edgenets.tasks.vision.zones import load_scene

X = (TensorInfo("x", (1, OPEN), "float32"),)

MB = 1_000_000


def npy(shape: tuple[int, ...], data: bytes = b"", dtype: str = "<f4") -> bytes:
    """A .npy file whose header says this, whatever follows it."""
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + data


def npz(path: Path, **members: bytes) -> Path:
    """An archive of such files, packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def peak_of(code: str, *arguments: object) -> tuple[int, str]:
    """Megabytes that a piece of code needed at its most, and what it printed."""
    # Of its own memory: what the parent had at the fork is in `ru_maxrss`.
    measured = (
        f"{code}\nstatus = Path('/proc/self/status').read_text()\n"
        "print(int(status.partition('VmHWM:')[2].split()[0]) // 1000)"
    )
    command = [sys.executable, "-c", measured, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, peak = done.stdout.splitlines()
    return int(peak), "\n".join(said)


READ = """
import sys
from pathlib import Path
from edgenets.artifact import OPEN, TensorInfo
from edgenets.data.items import read_items
from edgenets.errors import EdgenetsError
from edgenets.tasks.vision.data import coco
try:
    if sys.argv[1] == "coco":
        coco.read(Path(sys.argv[2]))
    else:
        read_items(Path(sys.argv[2]), (TensorInfo("x", (1, OPEN), "float32"),))
except EdgenetsError as exc:
    print(exc)
"""


class TestArrays:
    def test_a_bomb_is_refused_by_its_headers(self, tmp_path: Path) -> None:
        path = npz(tmp_path / "a.npz", x=npy((1, 250 * MB), bytes(1000 * MB)))
        assert path.stat().st_size < 2 * MB
        peak, said = peak_of(READ, "npz", path)
        assert "unfolds to 1,000 MB; up to 512 are read" in said
        assert "EDGENETS_MAX_UNFOLDED_MB=1001" in said and peak < 200

    def test_a_header_that_says_more_than_there_is(self, tmp_path: Path) -> None:
        path = npz(tmp_path / "a.npz", x=npy((1, 1 << 40)))
        with pytest.raises(DataError, match="unfolds to"):
            read_items(path, X)
        (tmp_path / "a.npy").write_bytes(npy((1, 1 << 40)))
        with pytest.raises(DataError, match="no NumPy array: says that it holds"):
            read_items(tmp_path / "a.npy", X)

    def test_many_small_ones_are_counted_together(self, tmp_path: Path) -> None:
        path = npz(tmp_path / "a.npz", **{f"x{i}": npy((1, 8 * MB)) for i in range(20)})
        with pytest.raises(DataError, match="unfolds to 640 MB"):
            read_items(path, X)
        path = npz(tmp_path / "b.npz", **{f"x{i}": b"" for i in range(1001)})
        with pytest.raises(DataError, match="1,001 arrays"):
            read_items(path, X)

    def test_the_limit_can_be_raised_and_lowered(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.npz"
        np.savez_compressed(path, x=np.zeros((1, MB), np.float32))
        assert read_items(path, X).samples["x"].shape == (1, MB)
        monkeypatch.setenv("EDGENETS_MAX_UNFOLDED_MB", "3")
        with pytest.raises(DataError, match="up to 3 are read"):
            read_items(path, X)
        monkeypatch.setenv("EDGENETS_MAX_UNFOLDED_MB", "5")
        assert len(read_items(path, X)) == 1
        for wrong in ("x", "-1", "nan", "0", "1e99"):
            monkeypatch.setenv("EDGENETS_MAX_UNFOLDED_MB", wrong)
            with pytest.raises(DataError, match="EDGENETS_MAX_UNFOLDED_MB="):
                read_items(path, X)

    def test_what_is_not_packed_may_be_as_large_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDGENETS_MAX_UNFOLDED_MB", "1")
        np.savez(tmp_path / "a.npz", x=np.ones((1, MB), np.float32))
        assert len(read_items(tmp_path / "a.npz", X)) == 1

    @given(st.binary(max_size=80), st.integers(0, 400), st.sampled_from([".npy", ".npz"]))
    def test_damage_ends_in_one_error(
        self, tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, suffix: str
    ) -> None:
        path = tmp_path_factory.mktemp("damage") / f"a{suffix}"
        held = io.BytesIO()
        if suffix == ".npz":
            np.savez_compressed(held, x=np.ones((2, 30), np.float32))
        else:
            np.save(held, np.ones((2, 30), np.float32))
        data = held.getvalue()
        path.write_bytes(data[:at] + noise + data[at + len(noise) :])
        try:
            read_items(path, X)
        except DataError as exc:
            assert str(exc).startswith(str(path))


def write_coco(folder: Path, **changes: Any) -> Path:
    """A set of one image with one box, changed."""
    (folder / "annotations").mkdir(parents=True)
    data = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "cat"}],
        **changes,
    }
    (folder / "a.jpg").touch()
    (folder / "annotations" / "instances_train.json").write_text(json.dumps(data))
    return folder


class TestCoco:
    def test_a_large_file_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        write_coco(tmp_path)
        with (tmp_path / "annotations" / "instances_train.json").open("ab") as file:
            file.truncate(213 * MB)
        peak, said = peak_of(READ, "coco", tmp_path)
        assert "JSON of 213 MB; up to 64 are read" in said and "EDGENETS_MAX_JSON_MB=214" in said
        assert peak < 200

    def test_outlines_take_no_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        outline = [[float(n) for n in range(2000)]]
        notes = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "segmentation": outline}]
        write_coco(tmp_path, annotations=notes * 3000)
        size = (tmp_path / "annotations" / "instances_train.json").stat().st_size / MB
        monkeypatch.setenv("EDGENETS_MAX_JSON_MB", "100")
        peak, said = peak_of(READ, "coco", tmp_path)
        assert not said and size > 40 and peak < 150 + 2 * size

    @pytest.mark.parametrize("inner", ["[],", '{"a":[]},', "0,", '"a",', '{"a":"b"},', "1.5,"])
    def test_whatever_is_in_it_it_is_refused_or_fits(self, tmp_path: Path, inner: str) -> None:
        write_coco(tmp_path)
        path = tmp_path / "annotations" / "instances_train.json"
        count = int(63.9 * MB) // len(inner)
        path.write_text(f'{{"images":[],"categories":[],"annotations":[{inner * count}0]}}')
        peak, _ = peak_of(READ, "coco", tmp_path)
        assert peak < 560

    @pytest.mark.parametrize(
        "text", ["", "[]", "3", "null", "[" * 100_000, '{"images": 1}', "\ud800"]
    )
    def test_what_is_no_annotation(self, tmp_path: Path, text: str) -> None:
        write_coco(tmp_path)
        path = tmp_path / "annotations" / "instances_train.json"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(DataError, match="no COCO annotation"):
            coco.read(tmp_path)

    @given(
        st.sampled_from(["id", "file_name", "width", "height", "image_id", "category_id", "bbox"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**400)
            | st.text(max_size=4) | st.just("a" * 5000) | st.just("a\0b"),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("a"), inner),
            max_leaves=5,
        ),
    )  # fmt: skip
    def test_any_value_is_read_or_a_fault(
        self, tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
    ) -> None:
        image = {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}
        note = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
        for one in (image, note):
            if name in one:
                one[name] = value
        folder = write_coco(tmp_path_factory.mktemp("any"), images=[image], annotations=[note])
        try:
            coco.read(folder)
        except EdgenetsError as exc:
            assert str(exc)


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG of 8 bits whose header says this."""

    def part(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(data))
            + part(b"IEND", b""))  # fmt: skip


class TestMasks:
    @pytest.mark.parametrize(
        ("width", "height"), [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 1)]
    )
    def test_a_huge_one_is_refused_by_its_header(
        self, tmp_path: Path, width: int, height: int
    ) -> None:
        (tmp_path / "a.png").write_bytes(png(width, height))
        with pytest.raises(DataError, match=r"a\.png: (no mask|.* pixels; EDGENETS_MAX_PIXELS)"):
            read_mask(tmp_path / "a.png")

    def test_the_limit_can_be_raised(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.png").write_bytes(png(2000, 1000, bytes(2001 * 1000)))
        assert read_mask(tmp_path / "a.png").shape == (1000, 2000)
        monkeypatch.setenv("EDGENETS_MAX_PIXELS", "1000000")
        with pytest.raises(DataError, match="2000 × 1000 pixels; EDGENETS_MAX_PIXELS raises"):
            read_mask(tmp_path / "a.png")

    @given(
        st.binary(max_size=200), st.integers(0, 100), st.sampled_from(["png", "tif", "bmp", "gif"])
    )
    def test_damage_ends_in_one_error(
        self, tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, suffix: str
    ) -> None:
        from PIL import Image

        held = io.BytesIO()
        kind = {"tif": "TIFF"}.get(suffix, suffix.upper())
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(held, kind)
        data = held.getvalue()
        path = tmp_path_factory.mktemp("mask") / f"a.{suffix}"
        path.write_bytes(data[:at] + noise + data[at + len(noise) :])
        try:
            assert read_mask(path).dtype == np.int32
        except DataError as exc:
            assert str(exc).startswith(str(path))


SQUARE = "[[0, 0], [0, 1], [1, 1]]"
MANY = "".join(f'[[zones]]\nname = "{n}"\npoints = {SQUARE}\n' for n in range(201))


class TestScenes:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (f'[[zones]]\nname = "a"\npoints = [{"[0.5, 0.5], " * 2000}]', "up to 1,000"),
            (f'[[zones]]\nname = "{"a" * 101}"\npoints = {SQUARE}', "1 to 100 letters"),
            (f'[[zones]]\nname = ""\npoints = {SQUARE}', "1 to 100 letters"),
            (MANY, "up to 200"),
            ('[[zones]]\nname = "a"\npoints = [[nan, 0], [0, 1], [1, 1]]', "finite number"),
            ('[[zones]]\nname = "a"\npoints = []', "three points"),
            ('[[lines]]\nname = "a"\npoints = [[1e308, 0], [-1e308, 1]]', "fractions of the image"),
            ('[[lines]]\nname = "a"\npoints = [["0", 0], [0, 1]]', "float is needed"),
            ("a = " + "[" * 100_000 + "]" * 100_000, "nested too deeply"),
            ("a" + ".a" * 100_000 + " = 1", "more than 64 parts"),
            ("[a" + ". a" * 100_000 + "]", "more than 64 parts"),
            ("# " + "x" * (1 << 20), "over 1 MB"),
            ("3", "not valid TOML"), ("[]", "not valid TOML"), ("{}", "not valid TOML"),
            ("zones = 3", "a list is needed"), ("[zones]\na = 1", "a list is needed"),
            ("smoothing = " + "9" * 5000, "not valid TOML"), ("labels = [[]]", "str is needed"),
        ],
        ids=range(19),
    )  # fmt: skip
    def test_hostile_scenes_end_in_one_clear_error(
        self, tmp_path: Path, text: str, why: str
    ) -> None:
        path = tmp_path / "scene.toml"
        path.write_text(text)
        with pytest.raises(EdgenetsError) as refused:
            load_scene(path)
        assert str(refused.value).startswith(f"{path}: ") and why in str(refused.value)
        assert len(str(refused.value)) < 500

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\0" * 100, b"\xef\xbb\xbflabels = []"])
    def test_what_is_no_text(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "scene.toml"
        path.write_bytes(data)
        for load in (load_scene, load_recipe):
            with pytest.raises(RecipeError, match="not valid TOML"):
                load(path)

    def test_a_scene_as_people_write_it(self, tmp_path: Path) -> None:
        path = tmp_path / "scene.toml"
        dotted = "rules.high = 0.6\nthresholds.'a.b' = 0.5\n"
        path.write_text(f'{dotted}[[zones]]\nname = "a"\npoints = {SQUARE}\n'
                        '[[lines]]\nname = "gate"\npoints = [[-0.5, 0.5], [1.5, 0.5]]')  # fmt: skip
        found = load_scene(path)
        assert found.rules.high == 0.6 and found.lines[0].points[0] == (-0.5, 0.5)

    @given(st.text(max_size=60))
    def test_any_text_is_a_scene_or_one_error(
        self, tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        path = tmp_path_factory.mktemp("scene") / "scene.toml"
        path.write_text(text, encoding="utf-8")
        try:
            load_scene(path)
        except EdgenetsError as exc:
            assert str(exc).startswith(str(path))


def test_limits_are_named_in_the_docs() -> None:
    text = (Path(__file__).parents[1] / "docs" / "live-inputs.md").read_text(encoding="utf-8")
    for limit in (limits.JSON, limits.UNFOLDED):
        assert limit.variable in text and f"{limit.default:g}" in text
