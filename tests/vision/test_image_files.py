"""Image files as they come: cut, damaged, deep, huge, of other kinds; and what is said of each."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from edgenets.errors import DataError, FeatureWarning
from edgenets.extras import require
from edgenets.runtime.cameras import Frame, Item, SourceNotice, open_camera
from edgenets.tasks.vision import image, jpeg
from edgenets.tasks.vision.header import read_header

_NOISE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
SCENE = cv2.normalize(cv2.GaussianBlur(_NOISE, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]


def saved(kind: str, array: np.ndarray[Any, Any] = SCENE, mode: str = "RGB", **how: Any) -> bytes:
    out = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(array[..., ::-1])).convert(mode).save(out, kind, **how)
    return out.getvalue()


def lab() -> bytes:
    """A TIFF of CIE L*a*b*, which not every Pillow converts to."""
    out = io.BytesIO()
    Pillow.frombytes("LAB", SCENE.shape[1::-1], SCENE.tobytes()).save(out, "tiff")
    return out.getvalue()


def encoded(suffix: str, array: np.ndarray[Any, Any], *flags: int) -> bytes:
    return bytes(cv2.imencode(suffix, array, flags)[1])


def png(width: int, height: int, data: bytes, bits: int = 8) -> bytes:
    """A PNG of any head and data, every checksum right."""
    head = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    chunk = lambda k, d: struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))  # noqa: E731
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(k, d) for k, d in parts)


WHOLE = {
    "jpg": saved("jpeg"), "progressive.jpg": saved("jpeg", progressive=True),
    "gray.jpg": saved("jpeg", mode="L"), "png": saved("png"), "lossy.webp": saved("webp"),
    "lossless.webp": saved("webp", lossless=True), "bmp": saved("bmp"), "tif": saved("tiff"),
    "lzw.tif": saved("tiff", compression="tiff_lzw"), "ppm.png": encoded(".ppm", SCENE),
    "jp2.png": encoded(".jp2", SCENE), "deep.png": encoded(".png", SCENE.astype(np.uint16) * 257),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(part=st.floats(0.02, 0.97))
def test_a_cut_image_is_none(kind: str, part: float) -> None:
    data = WHOLE[kind]
    assert image.decode(data, "x").shape == SCENE.shape
    with pytest.raises(DataError, match=r"^x: "):
        image.decode(data[: int(part * len(data))], "x")


@pytest.mark.parametrize("kind", ["jpg", "progressive.jpg", "gray.jpg"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(part=st.floats(0.3, 0.97))
def test_a_cut_jpeg_that_was_closed_with_an_end_mark_is_none(kind: str, part: float) -> None:
    data = WHOLE[kind]
    cut = data[: max(int(part * len(data)), data.rfind(b"\xff\xda") if "pro" not in kind else 300)]
    if len(cut) > len(data) - 8:
        return
    with pytest.raises(DataError, match=r"^x: is (cut off|a damaged)"):
        image.decode(cut + b"\xff\xd9", "x")


def test_a_progressive_jpeg_that_was_cut_between_its_scans_is_none() -> None:
    data = WHOLE["progressive.jpg"]
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    for scan in scans[1:]:
        cut = data[: max(data.rfind(b"\xff\xc4", 0, scan), scans[0] + 200)]
        with pytest.raises(DataError, match="cut off"):
            image.decode(cut + b"\xff\xd9", "x")


def test_a_png_that_was_cut_and_closed_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    rows = b"".join(b"\0" + bytes(range(96)) for _ in range(32))
    assert image.decode(png(32, 32, rows), "x").shape == (32, 32, 3)
    with pytest.raises(DataError, match=r"x: is a damaged or cut-off PNG \(Not enough"):
        image.decode(png(32, 32, rows[: len(rows) // 2]), "x")
    damaged = bytearray(png(32, 32, rows))
    damaged[60] ^= 0x55
    with pytest.raises(DataError, match="wrong checksum"):
        image.decode(bytes(damaged), "x")
    assert capfd.readouterr().err == ""  # libpng's own line has no file name


def test_a_few_bytes_that_an_encoder_fills_in_are_no_damage() -> None:
    data = WHOLE["jpg"]
    filled = data[:-2] + b"\0" * 5 + data[-2:]
    assert (image.decode(filled, "x") == image.decode(data, "x")).all()
    assert (image.decode(data + b"\0" * 500, "x") == image.decode(data, "x")).all()


@pytest.mark.parametrize("kind", ["jpg", "progressive.jpg", "gray.jpg"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_jpegs_have_the_pixels_of_opencv_and_are_turned_by_exif(kind: str, turn: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = turn
    mode = "L" if kind == "gray.jpg" else "RGB"
    data = saved("jpeg", mode=mode, progressive="pro" in kind, exif=exif)
    usual = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert (image.decode(data, "x") == usual).all()


def test_without_simplejpeg_a_cut_jpeg_is_none_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    jpeg._strict.cache_clear()
    try:
        with pytest.warns(FeatureWarning, match=r"pip install 'edgenets\[camera\]'"):
            assert image.decode(WHOLE["jpg"], "x").shape == SCENE.shape
        with pytest.raises(DataError, match="premature end"):
            image.decode(WHOLE["jpg"][:2000] + b"\xff\xd9", "x")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # said once
            image.decode(WHOLE["jpg"], "x")
    finally:
        jpeg._strict.cache_clear()


@pytest.mark.parametrize(
    ("suffix", "bits", "color"),
    [(s, b, c) for s in (".png", ".tif") for b in (8, 10, 12, 14) for c in (True, False)],
)
def test_few_bits_in_16_are_refused_and_read_when_their_number_is_given(
    suffix: str, bits: int, color: bool
) -> None:
    plain = SCENE if color else cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)
    deep = np.round(plain / 255 * ((1 << bits) - 1)).astype(np.uint16)
    deep.flat[0] = (1 << bits) - 1
    data = encoded(suffix, deep)
    with pytest.raises(DataError, match=rf"either {bits} bits in 16 or .*\?depth={bits}"):
        image.decode(data, "x")
    found = image.decode(data, "x", image.Rules(depth=bits))
    usual = plain if color else cv2.cvtColor(plain, cv2.COLOR_GRAY2BGR)
    assert np.abs(found.astype(int) - usual)[1:].max() <= 1
    with pytest.raises(DataError, match="cannot have"):
        image.decode(encoded(suffix, deep + 1), "x", image.Rules(depth=bits))


def test_16_bits_black_images_and_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (image.decode(WHOLE["deep.png"], "x") == SCENE).all()
    assert not image.decode(encoded(".png", np.zeros((4, 4), np.uint16)), "x").any()
    monkeypatch.setenv("EDGENETS_IMAGE_DEPTH", "12")
    assert image.decode(encoded(".png", np.full((4, 4), 4095, np.uint16)), "x").min() == 255
    monkeypatch.setenv("EDGENETS_IMAGE_DEPTH", "many")
    with pytest.raises(DataError, match="EDGENETS_IMAGE_DEPTH=many: a whole number"):
        image.decode(WHOLE["png"], "x")


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "png"), ("LA", "png"), ("RGBA", "png"), ("P", "png"), ("1", "png"), ("L", "tiff"),
        ("LA", "tiff"), ("P", "tiff"), ("1", "tiff"), ("CMYK", "tiff"), ("YCbCr", "tiff"),
        ("CMYK", "jpeg"), ("L", "bmp"), ("P", "bmp"), ("1", "bmp"), ("P", "webp"),
    ],
)  # fmt: skip
def test_pixels_of_all_modes_look_as_elsewhere(mode: str, kind: str) -> None:
    data = saved(kind, mode=mode)
    if kind in {"jpeg", "webp"}:  # of which something is lost
        known = Pillow.open(io.BytesIO(data))
    else:  # not every Pillow reads what it wrote
        known = Pillow.fromarray(np.ascontiguousarray(SCENE[..., ::-1])).convert(mode)
    elsewhere = np.asarray(known.convert("RGB"))[..., ::-1]
    assert np.abs(image.decode(data, "x").astype(int) - elsewhere).max() <= 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (encoded(".tif", SCENE.astype(np.float32) / 255), "floating-point pixels"),
        (saved("tiff", mode="F"), "32-bit floating-point pixels"),
        (saved("tiff", mode="I"), "signed pixels"),
        (lab(), r"L\*a\*b\*"), (saved("gif"), "is GIF, which is not read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99, "is HEIC"), (b"", "the file is empty"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0" * 99, "is AVIF"),
        (b"\xff\x0a" + b"\0" * 99, "is JPEG XL"), (b"%PDF-1.7 x", "is PDF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + b"\0" * 99, "is MP4 or MOV"),
        (b"<!DOCTYPE html><p>", "is HTML"), (b"no image at all", "is no image, or a damaged"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (WHOLE["jpg"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "12 bits a sample"),
        (WHOLE["jpg"].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc9\0\x11\x08"), "arithmetic coding"),
    ],
)  # fmt: skip
def test_other_kinds_are_named(data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=f"^x: .*{says}"):
        image.decode(data, "x")


def bombs() -> dict[str, bytes]:
    """Small files of huge images, by kind."""
    big = 40_000
    jpg = bytearray(WHOLE["jpg"])
    at = jpg.find(b"\xff\xc0")
    jpg[at + 5 : at + 9] = struct.pack(">HH", big, big)
    bmp = bytearray(WHOLE["bmp"])
    bmp[18:26] = struct.pack("<ii", big, -big)
    webp = bytearray(WHOLE["lossless.webp"])
    webp[21:25] = struct.pack("<I", 16382 | 16382 << 14)
    tif = bytearray(encoded(".tif", SCENE))
    for tag in (256, 257):
        at = tif.find(struct.pack("<HH", tag, 3) + b"\x01\0\0\0")
        tif[at : at + 12] = struct.pack("<HHII", tag, 4, 1, big)
    jp2 = bytearray(WHOLE["jp2.png"])
    at = jp2.find(b"\xff\x4f\xff\x51")
    jp2[at + 8 : at + 16] = struct.pack(">II", big, big)
    return {
        "png": png(big, big, b"\0" * 1000), "jpg": bytes(jpg), "bmp": bytes(bmp), "tif": bytes(tif),
        "webp": bytes(webp), "ppm": b"P6\n40000 40000\n255\n" + b"\0" * 99, "jp2": bytes(jp2),
        "deep": png(6000, 5000, b"\0" * 1000, 16), "tall": png(1, 2**31 - 1, b"\0"),
        "sun": b"\x59\xa6\x6a\x95" + struct.pack(">6I", big, big, 24, 0, 1, 0) + b"\0" * 99,
    }  # fmt: skip


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_refused_by_its_header(kind: str) -> None:
    tracemalloc.start()
    with pytest.raises(DataError, match=r"pixels.*more than 50,000,000; \?max-pixels"):
        image.decode(bombs()[kind], "x")
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize("kind", WHOLE)
def test_every_kind_tells_its_size(kind: str) -> None:
    header = read_header(WHOLE[kind])
    assert header is not None and (header.width, header.height) == (160, 120)
    with pytest.raises(DataError, match=r"160 × 120 pixels"):
        image.decode(WHOLE[kind], "x", image.Rules(most_pixels=9000))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_broken_header_raises_nothing_else(kind: str, data: st.DataObject) -> None:
    raw = bytearray(WHOLE[kind][:400])
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    found = read_header(bytes(raw[: data.draw(st.integers(1, 400))]))
    assert found is None or found.pixels > 0


def items(uri: str) -> list[Item]:
    return list(open_camera(uri).items())


def test_a_large_jpeg_is_decoded_smaller_and_a_large_png_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved("jpeg", cv2.resize(SCENE, (800, 600))))
    (tmp_path / "b.png").write_bytes(saved("png", cv2.resize(SCENE, (800, 600))))
    notice, frame, refused = items(f"{tmp_path}?max-pixels=50000")
    assert isinstance(notice, SourceNotice) and notice.kind == "reduced"
    assert "4 times smaller; boxes are of 200 × 150" in notice.text
    assert isinstance(frame, Frame) and frame.image.shape == (150, 200, 3)
    assert isinstance(refused, SourceNotice) and "800 × 600 pixels" in refused.text
    assert len(items(str(tmp_path))) == 2


def test_options_of_a_folder_a_file_and_a_glob(tmp_path: Path) -> None:
    (tmp_path / "a1.png").write_bytes(encoded(".png", np.full((4, 4), 4095, np.uint16)))
    for name in ("", "/a1.png", "/a?.png", "/*.png"):
        (frame,) = items(f"{tmp_path}{name}?depth=12")
        assert isinstance(frame, Frame) and frame.image.min() == 255


def test_the_next_good_image_of_a_folder_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for at, (kind, data) in enumerate(WHOLE.items()):
        suffix = kind.rpartition(".")[2]
        (tmp_path / f"{at:02}-cut.{suffix}").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
        (tmp_path / f"{at:02}-whole.{suffix}").write_bytes(data)
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    found = items(str(tmp_path))
    frames = [i for i in found if isinstance(i, Frame)]
    notices = [i for i in found if isinstance(i, SourceNotice)]
    assert len(frames) == len(WHOLE) and all("whole" in str(f.path) for f in frames)
    assert sum(n.count for n in notices) == len(WHOLE) + 1
    assert "1 files .heic are not read here" in notices[0].text
    assert capfd.readouterr().err == ""


def test_names_do_not_steer_a_terminal(tmp_path: Path) -> None:
    name = "a\x1b[2J\x07\n‮.png"
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "b.png").write_bytes(WHOLE["png"])
    notice = items(str(tmp_path))[0]
    assert isinstance(notice, SourceNotice) and notice.text.isprintable()


def test_a_mask_is_no_bomb(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    require("PIL.Image")
    (tmp_path / "m.png").write_bytes(png(30_000, 30_000, b"\0"))
    with pytest.raises(DataError, match=r"m\.png"):
        image.read_mask(tmp_path / "m.png")
