"""Video files as they come: times that vary, turned, cut off, damaged, lists of other files."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenets.errors import SourceError
from edgenets.runtime.cameras import Camera, Frame, SourceNotice, container, open_camera
from edgenets.runtime.cameras.decoding import JpegCapture

COUNT = 24


def numbered(number: int, width: int = 96, height: int = 64) -> np.ndarray[Any, Any]:
    """An image that carries its number in bars."""
    image = np.full((height, width, 3), 40, np.uint8)
    for bit in range(8):
        if number >> bit & 1:
            image[8:56, 8 + 10 * bit : 16 + 10 * bit] = 220
    return image


def number_in(image: np.ndarray[Any, Any]) -> int:
    return sum(1 << bit for bit in range(8) if image[30, 12 + 10 * bit, 1] > 130)


def write(path: Path, code: str = "mp4v", count: int = COUNT) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25.0, (96, 64))
    assert writer.isOpened()
    for number in range(count):
        writer.write(numbered(number))
    writer.release()
    return path


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], start, start + size
        start += size


def rewritten(data: bytes, at: int, end: int, steps: Sequence[int]) -> bytes:
    """An MP4's boxes, with the durations of its images (units of its track) instead of one."""
    out = b""
    for kind, first, last in boxes(data, at, end):
        body = data[first + 8 : last]
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = rewritten(data, first + 8, last, steps)
        elif kind == b"stts":
            pairs = b"".join(struct.pack(">II", 1, step) for step in steps)
            body = struct.pack(">II", 0, len(steps)) + pairs
        elif kind == b"edts":
            continue
        elif kind in (b"mvhd", b"mdhd"):
            scale = int.from_bytes(body[12:16], "big")
            total = sum(steps) if kind == b"mdhd" else sum(steps) * scale // SCALE
            body = body[:16] + struct.pack(">I", total) + body[20:]
        out += struct.pack(">I", len(body) + 8) + kind + body
    return out


SCALE = 12800  # units a second of OpenCV's MP4 at 25 images/s


def variable_mp4(path: Path, times: Sequence[int]) -> Path:
    """An MP4 whose images stand at times in ms; its index is at its end, so that nothing moves."""
    data = write(path).read_bytes()
    last = next(b for b in boxes(data, 0, len(data)) if b[0] == b"moov")
    steps = [round(n * SCALE / 1000) for n in np.diff([*times, times[-1] + 40])]
    moov = rewritten(data, last[1], last[2], steps)
    path.write_bytes(data[: last[1]] + moov + data[last[2] :])
    return path


def elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Identity, beginning and end of each element's body."""
    while start < end:
        width = 9 - data[start].bit_length()
        name = int.from_bytes(data[start : start + width], "big")
        start += width
        width = 9 - data[start].bit_length()
        size = int.from_bytes(data[start : start + width], "big") & (1 << 7 * width) - 1
        start += width
        yield name, start, start + size
        start += size


def variable_mkv(path: Path, times: Sequence[int]) -> Path:
    data = bytearray(write(path, "MJPG").read_bytes())
    left = list(times)
    for name, start, end in elements(data, 0, len(data)):
        if name != 0x18538067:
            continue
        for part, first, last in elements(data, start, end):
            if part != 0x1F43B675:
                continue
            begun = 0
            for block, at, until in elements(data, first, last):
                if block == 0xE7:
                    begun = int.from_bytes(data[at:until], "big")
                elif block == 0xA3:
                    data[at + 1 : at + 3] = struct.pack(">h", left.pop(0) - begun)
                elif block == 0xA0:
                    inner = next(e for e in elements(data, at, until) if e[0] == 0xA1)
                    data[inner[1] + 1 : inner[1] + 3] = struct.pack(">h", left.pop(0) - begun)
    assert not left
    path.write_bytes(data)
    return path


def drained(camera: Camera) -> tuple[list[Frame], list[SourceNotice]]:
    items = list(camera.items())
    frames = [i for i in items if isinstance(i, Frame)]
    return frames, [i for i in items if isinstance(i, SourceNotice)]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["mp4", "mkv"]),
    steps=st.lists(st.sampled_from([5, 20, 40, 100, 300, 1000, 2500]), min_size=COUNT - 1,
                   max_size=COUNT - 1),
)  # fmt: skip
def test_times_are_those_of_the_container(
    kind: str, steps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    times = [0, *np.cumsum(steps).tolist()]
    path = tmp_path_factory.mktemp("v") / f"a.{kind}"
    made = (variable_mp4 if kind == "mp4" else variable_mkv)(path, times)
    frames, notices = drained(open_camera(str(made)))
    assert not notices  # above all, that it is cut off
    assert [number_in(f.image) for f in frames] == list(range(COUNT))
    assert [1000 * f.time for f in frames] == pytest.approx(times, abs=1.0)


def test_an_average_rate_would_be_wrong(tmp_path: Path) -> None:
    times = [0, *range(10_000, 10_000 + 40 * (COUNT - 1), 40)]
    frames, _ = drained(open_camera(str(variable_mp4(tmp_path / "a.mp4", times))))
    assert frames[1].time == pytest.approx(10.0, abs=1e-3)


def test_a_stream_without_times_says_what_is_assumed() -> None:
    from edgenets.runtime.cameras.video import _Clock

    clock = _Clock(25.0)
    found = [clock.at(0.0) for _ in range(4)]
    assert [round(t, 3) for t, _ in found] == [0.0, 0.04, 0.08, 0.12]
    assert [said for _, said in found] == [False, True, False, False]
    # Two recordings one after another: the second one's times begin anew.
    clock = _Clock(10.0)
    times = [clock.at(p)[0] for p in (500.0, 600.0, 700.0, 0.0, 100.0)]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


TURNS = {
    "0": ((1, 0, 0, 1), 1), "90": ((0, 1, -1, 0), 6), "180": ((-1, 0, 0, -1), 3),
    "270": ((0, -1, 1, 0), 8), "mirrored": ((-1, 0, 0, 1), 2), "upside down": ((1, 0, 0, -1), 4),
    "transposed": ((0, 1, 1, 0), 5), "transverse": ((0, -1, -1, 0), 7),
}  # fmt: skip


def with_matrix(data: bytes, matrix: Sequence[float]) -> bytes:
    at = data.find(b"tkhd") + 44
    a, b, c, d = (round(n * 65536) for n in matrix)
    return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :]


@pytest.mark.parametrize("name", TURNS)
def test_rotation_and_mirroring_are_applied(name: str, tmp_path: Path) -> None:
    """As EXIF's orientation of the same number turns a JPEG."""
    matrix, turn = TURNS[name]
    path = tmp_path / "a.mp4"
    path.write_bytes(with_matrix(write(path, count=3).read_bytes(), matrix))
    frames, notices = drained(open_camera(str(path)))
    assert not notices and len(frames) == 3
    image = numbered(1)
    expected = {
        1: image, 2: image[:, ::-1], 3: image[::-1, ::-1], 4: image[::-1],
        5: image.transpose(1, 0, 2), 6: np.rot90(image, -1),
        7: np.rot90(image, 2).transpose(1, 0, 2), 8: np.rot90(image),
    }[turn]  # fmt: skip
    assert frames[1].image.shape == expected.shape
    assert np.abs(frames[1].image.astype(int) - expected).mean() < 4


def test_a_turn_by_no_quarter_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(with_matrix(write(path, count=3).read_bytes(), (0.7, 0.7, -0.7, 0.7)))
    frames, notices = drained(open_camera(str(path)))
    assert len(frames) == 3 and [n.kind for n in notices] == ["guessed"]


@pytest.mark.parametrize(("suffix", "code"), [("avi", "MJPG"), ("mkv", "MJPG"), ("avi", "mp4v")])
@pytest.mark.parametrize("part", [0.6, 0.75, 0.9])
def test_a_cut_off_file_is_said_and_counted(
    suffix: str, code: str, part: float, tmp_path: Path
) -> None:
    path = write(tmp_path / f"a.{suffix}", code, 60)
    whole, notices = drained(open_camera(str(path)))
    assert len(whole) == 60 and not notices
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    camera = open_camera(str(path))
    frames, notices = drained(camera)
    assert [n.kind for n in notices] == ["skipped"] and "cut off" in notices[0].text
    assert [number_in(f.image) for f in frames] == list(range(len(frames)))
    assert camera.damaged == notices[0].count == 60 - len(frames) > 0


def test_an_mp4_that_is_cut_off(tmp_path: Path) -> None:
    """With its index at its front, as phones and editors write it for the web."""
    path = write(tmp_path / "a.mp4", count=60)
    data = path.read_bytes()
    ftyp, *middle, moov = boxes(data, 0, len(data))
    assert moov[0] == b"moov"
    size = moov[2] - moov[1]
    index = bytearray(data[moov[1] : moov[2]])
    at = index.find(b"stco") + 8
    for number in range(int.from_bytes(index[at : at + 4], "big")):
        place = at + 4 + 4 * number
        index[place : place + 4] = struct.pack(
            ">I", int.from_bytes(index[place : place + 4], "big") + size
        )
    front = data[: ftyp[2]] + bytes(index) + data[middle[0][1] : middle[-1][2]]
    path.write_bytes(front)
    assert len(drained(open_camera(str(path)))[0]) == 60
    path.write_bytes(front[: len(front) * 7 // 10])
    camera = open_camera(str(path))
    frames, notices = drained(camera)
    assert "cut off" in notices[-1].text and camera.damaged == 60 - len(frames) > 5
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match="'mdat' is to end at"):
        open_camera(str(path))


@pytest.mark.parametrize("first", [0, 20])
def test_a_trimmed_video_is_not_cut_off(first: int, tmp_path: Path) -> None:
    """As telephones trim: the images are in the file, and an edit list leaves them out."""
    path = write(tmp_path / "a.mp4", count=60)
    data = path.read_bytes()
    at = data.find(b"elst") + 12
    (duration,) = struct.unpack(">I", data[at : at + 4])
    edit = struct.pack(">Ii", duration // 2, first * SCALE // 25)
    path.write_bytes(data[:at] + edit + data[at + 8 :])
    frames, notices = drained(open_camera(str(path)))
    assert not notices and [number_in(f.image) for f in frames] == list(range(first, first + 30))


def test_packets_that_cannot_be_decoded_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", count=60)
    data = bytearray(path.read_bytes())
    at = data.find(b"stsz") + 16
    sizes = struct.unpack(">60I", data[at : at + 240])
    start = int.from_bytes(data[data.find(b"stco") + 12 :][:4], "big")
    for number in range(30, 40):
        begin = start + sum(sizes[:number])
        data[begin : begin + sizes[number]] = bytes(sizes[number])
    path.write_bytes(data)
    camera = open_camera(str(path))
    frames, notices = drained(camera)
    assert camera.damaged == 60 - len(frames) == sum(n.count for n in notices)


def test_damaged_images_of_motion_jpeg_are_left_out(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.avi", "MJPG").read_bytes())
    starts, at = [], 0
    while (at := data.find(b"\xff\xd8\xff", at)) >= 0:
        starts.append(at)
        at += 3
    for number in (3, 4, 11):  # the second half is gone, the end mark is there
        end = data.find(b"\xff\xd9", starts[number])
        middle = (data.rfind(b"\xff\xda", starts[number], end) + 14 + end) // 2
        data[middle : end + 2] = b"\xff\xd9" + b"\0" * (end - middle)
    path = tmp_path / "b.avi"
    path.write_bytes(data)
    camera = open_camera(str(path))
    if not isinstance(camera._capture, JpegCapture):  # type: ignore[attr-defined]
        pytest.skip("this OpenCV tells no times of undecoded images, so FFmpeg decodes them")
    frames, notices = drained(camera)
    whole = [n for n in range(COUNT) if n not in (3, 4, 11)]
    assert [f.number for f in frames] == [number_in(f.image) for f in frames] == whole
    assert [f.time for f in frames] == pytest.approx([n / 25 for n in whole])
    assert camera.damaged == sum(n.count for n in notices) == 3


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n",
    "hls after an empty line": "\n#EXTM3U\n#EXTINF:2,\n{other}\n",
    "concat": "ffconcat version 1.0\nfile '{other}'\n",
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 26\r\n",
    "dash": "<?xml version='1.0'?><MPD><BaseURL>{other}</BaseURL></MPD>",
    "pls": "[playlist]\nFile1={other}\n", "asx": "<asx><ref href='{other}'/></asx>",
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["mp4", "avi", "m3u8", "ts", "txt"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_other_files_is_refused_whatever_it_is_called(
    name: str, suffix: str, tmp_path: Path
) -> None:
    other = write(tmp_path / "other.mp4")
    path = tmp_path / f"a.{suffix}"
    path.write_text(LISTS[name].format(other=other))
    with pytest.raises(SourceError, match="a list of other files or addresses, none of which"):
        open_camera(str(path))


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=300),
    head=st.sampled_from([b"", b"\0\0\0\x20ftyp", b"\x1aE\xdf\xa3", b"RIFF"]),
)
def test_any_bytes_are_examined(
    data: bytes, head: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(head + data)
    assert container.examine(path) is not None


def test_a_codec_that_cannot_be_decoded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    data = write(path).read_bytes()
    at = data.rfind(b"mp4v", 0, data.rfind(b"esds"))
    path.write_bytes(data[:at] + b"av01" + data[at + 4 :].replace(b"esds", b"av1C", 1))
    with pytest.raises(SourceError, match="AV1"):
        drained(open_camera(str(path)))
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99)
    for name in ("a.mp4", "a.heic"):
        path.rename(tmp_path / name)
        path = tmp_path / name
        with pytest.raises(SourceError, match=r"is HEIC, which|not one of 1 images"):
            drained(open_camera(str(path)))


def test_a_huge_video_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match=r"images of 96 × 64 pixels: more than 6,000"):
        open_camera(f"{path}?max-pixels=6000")
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\0" * 99)
    with pytest.raises(SourceError, match=r"60000 × 60000 pixels: more than 50,000,000"):
        open_camera(str(tmp_path / "a.gif"))
