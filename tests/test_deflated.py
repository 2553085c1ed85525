"""The one kind of member that a bundle deflates: what it holds, and what it may not do."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets import archive
from edgenets.archive import Archive
from edgenets.errors import BundleError

TEXT = b"<layer id='1'/>" * 2000
NAME = "artifacts/model.xml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.edge"
    archive.write(path, {"manifest.json": b"{}" * 500, NAME: TEXT, "artifacts/model.bin": TEXT})
    return path


def test_xml_shrinks_and_comes_back_whole(path: Path) -> None:
    found = Archive(path)
    assert bytes(found.read(NAME)) == TEXT == bytes(found.read("artifacts/model.bin"))
    with zipfile.ZipFile(path) as opened:  # any tool reads it
        sizes = {i.filename: (i.compress_size, i.compress_type) for i in opened.infolist()}
        assert opened.read(NAME) == TEXT
    assert sizes[NAME][0] < len(TEXT) / 20 and sizes[NAME][1] == zipfile.ZIP_DEFLATED
    assert sizes["artifacts/model.bin"] == (len(TEXT), zipfile.ZIP_STORED)
    assert sizes["manifest.json"] == (1000, zipfile.ZIP_STORED)


@settings(max_examples=30)
@given(st.binary(max_size=3000))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("a") / "a.edge"
    archive.write(path, {"a.xml": data})
    assert bytes(Archive(path).read("a.xml")) == data


def patched(path: Path, unfolded: int) -> Path:
    """Both headers of the member say that it unfolds to this size."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        local = opened.getinfo(NAME).header_offset
    entry = data.rindex(NAME.encode()) - 46
    struct.pack_into("<I", data, local + 22, unfolded)
    struct.pack_into("<I", data, entry + 24, unfolded)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("size", [0, 10, len(TEXT) - 1, len(TEXT) + 1, 1 << 20])
def test_a_size_that_it_has_not(path: Path, size: int) -> None:
    with pytest.raises(BundleError, match="does not unfold to its size"):
        Archive(patched(path, size)).read(NAME)


def test_a_bomb_is_refused_before_it_is_unfolded(path: Path) -> None:
    with pytest.raises(
        BundleError, match=r"hostile: 'artifacts/model.xml' unfolds to 1,073,741,824"
    ):
        Archive(patched(path, 1 << 30))


def test_damage_inside(path: Path) -> None:
    with zipfile.ZipFile(path) as opened:
        info = opened.getinfo(NAME)
    data = bytearray(path.read_bytes())
    start = info.header_offset + 30
    start += sum(struct.unpack_from("<HH", data, info.header_offset + 26))
    refused = 0
    for place in range(start, start + info.compress_size, 7):
        broken = bytearray(data)
        broken[place] ^= 0x55
        path.write_bytes(bytes(broken))
        try:
            refused += bytes(Archive(path).read(NAME)) == b""
        except BundleError as exc:
            refused += "damaged" in str(exc)
    assert refused == len(range(start, start + info.compress_size, 7))


def test_what_follows_the_data_is_noticed(tmp_path: Path) -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    folded = deflate.compress(TEXT) + deflate.flush() + b"something hidden"
    path = tmp_path / "a.edge"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(zipfile.ZipInfo(NAME), folded)
    data = bytearray(path.read_bytes())
    entry = data.rindex(NAME.encode()) - 46
    for at, method, crc, size in ((0, 8, 14, 22), (entry, 10, 16, 24)):
        struct.pack_into("<H", data, at + method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", data, at + crc, zlib.crc32(TEXT))
        struct.pack_into("<I", data, at + size, len(TEXT))
    path.write_bytes(bytes(data))
    with pytest.raises(BundleError, match="does not unfold"):
        Archive(path).read(NAME)
