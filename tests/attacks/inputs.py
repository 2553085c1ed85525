"""Hostile inputs: each ends in one clear message, within limits of memory and time.

A file, a table, a sound, a video or a scene that was made to harm is given to the command line in a
process of its own. Violations: a traceback, an exit code that is none of the product's, more than
512 MB, more than a minute, bytes of the input that would steer a terminal.
"""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.truth import images

ROOT = Path(__file__).parents[2]

MOST_MEMORY = 512  # MB
PATIENCE = 60.0  # s

# 0 all well, 1 a gate that failed, 2 what the user can fix, 3 something was lost.
_CODES = {0, 1, 2, 3}

_ESCAPE = "\x1b]0;planted\x07\x1b[31m"


# A process begins with the memory of the one that it is forked from, which may be a test's with
# TensorFlow in it; so a small one starts what is measured.
_MEASURED = """
import json, os, sys
python, used, *command = sys.argv[1:]
pid = os.posix_spawn(python, [python, "-m", "edgenets", *command], os.environ)
_, status, took = os.wait4(pid, 0)
with open(used, "w") as out:
    json.dump([os.waitstatus_to_exitcode(status), took.ru_maxrss], out)
"""


@dataclass(frozen=True)
class Hostile:
    """One input."""

    name: str
    command: tuple[str, ...]  # of edgenets; `{}` is the folder that `make` filled
    make: Callable[[Path], None]
    feed: bytes | None = None


def attack(inputs: list[Hostile]) -> list[str]:
    """Try them; what was wrong."""
    return [f"{one.name}: {wrong}" for one in inputs for wrong in _try(one)]


def _try(one: Hostile) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="edgenets-") as name:
        folder = Path(name)
        one.make(folder)
        command = [part.replace("{}", str(folder)) for part in one.command]
        out, used = folder / "shown.txt", folder / "used.json"
        with out.open("wb") as shown:
            process = subprocess.Popen(
                [sys.executable, "-S", "-c", _MEASURED, sys.executable, str(used), *command],
                cwd=ROOT, stdout=shown, stderr=shown, start_new_session=True,
                stdin=subprocess.DEVNULL if one.feed is None else subprocess.PIPE,
            )  # fmt: skip
            if one.feed is not None:
                threading.Thread(target=_feed, args=(process, one.feed), daemon=True).start()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                yield f"longer than {PATIENCE:.0f} s"
                return
        code, kilobytes = json.loads(used.read_text())
        text = out.read_text(encoding="utf-8", errors="replace")
        if code not in _CODES:
            yield f"exit code {code}: {text[-200:]}"
        if "Traceback" in text or "internal error" in text:
            yield f"a traceback: {text[-200:]}"
        if kilobytes > MOST_MEMORY * 1024:
            yield f"{kilobytes >> 10} MB"
        if "\x1b" in text:
            yield "bytes of the input steer the terminal"
        if not text.strip():
            yield "not a word"


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.close()
    except BrokenPipeError:
        pass


def hostile() -> list[Hostile]:
    """All of them."""
    return [
        *_tables(),
        *_lines(),
        *_sounds(),
        *_images(),
        *_videos(),
        *_names(),
        *_scenes(),
        *_sets(),
    ]


def _file(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def _tables() -> Iterator[Hostile]:
    good = "time,value\n" + "".join(f"{1_700_000_000 + 3600 * n},{n % 24}\n" for n in range(60))
    for name, row in {
        "a number too large": "1700300000,1e999",
        "a time too large": "1e308,5",
        "a time in nanoseconds": "1700300000000000000,5",
        "a negative time": "-99999999999999,5",
        "the year 1 with an offset": "0001-01-01T00:00:00+01:00,5",
        "the year 9999 with an offset": "9999-12-31T23:59:59-12:00,5",
        "not a number": "1700300000,nan",
        "infinite": "1700300000,-inf",
        "a thousand digits": "1700300000," + "9" * 1000,
        "a million digits": "1700300000," + "9" * 1_000_000,
        "a quote that never ends": '1700300000,"5',
        "a thousand columns": "1700300000" + ",1" * 1000,
        "zero bytes": "1700300000,\x005",
        "an escape": f"1700300000,{_ESCAPE}",
        "a right-to-left mark": "1700300000,\u202e5",
        "digits of another script": "1700300000,٥",
        "hexadecimal": "1700300000,0x1p1000",
        "underscores": "1700300000,1_000",
    }.items():
        data = (good + row + "\n").encode()
        for task in ("forecast", "anomaly"):
            yield Hostile(f"{task}: {name}", ("run", task, "{}/t.csv"), _file("t.csv", data))
    for name, data in {
        "nothing": b"",
        "a header alone": b"time,value\n",
        "one column name twice": b"time,value,value\n1,2,3\n2,3,4\n",
        "an escape in a column's name": f"time,{_ESCAPE}\n1700000000,2\n".encode(),
        "UTF-16": "time,value\n1700000000,2\n".encode("utf-16"),
        "a line of 3 MB": b"time,value\n" + b"1" * 3_000_000 + b",2\n",
        "gzip": zlib.compress(good.encode() * 100),
    }.items():
        yield Hostile(f"table: {name}", ("run", "anomaly", "{}/t.csv"), _file("t.csv", data))


def _lines() -> Iterator[Hostile]:
    for name, line in {
        "deep": b"[" * 100_000,
        "deep objects": b'{"a":' * 100_000,
        "1e999": b'{"time": 1700000000, "value": 1e999}',
        "a huge integer": b'{"time": ' + b"9" * 5000 + b', "value": 1}',
        "NaN": b'{"time": NaN, "value": NaN}',
        "a list of lists": b"[[1,2],[3,4]]",
        "null": b"null",
        "a string": b'"a"',
        "state on": b'{"time": 1700000000, "state": "ON", "value": 3}',
        "an escape": json.dumps({_ESCAPE: 1, "time": _ESCAPE}).encode(),
        "a key twice": b'{"value": 1, "value": 2}',
        "a lone surrogate": b'{"value": "\\ud800"}',
    }.items():
        feed = line + b"\n" + line + b"\n"
        yield Hostile(f"lines: {name}", ("run", "anomaly", "-"), _file("x", b""), feed)
    for name, feed in {
        "an escape": f"{_ESCAPE} a fine film\n".encode(),
        "2 MB without an end": b"x" * 2_000_000,
        "combining marks": ("e" + "\u0301" * 50_000 + "\n").encode(),
        "zero bytes": b"\0" * 1000 + b"\n",
        "not UTF-8": b"\xff\xfe\xfa\n",
    }.items():
        yield Hostile(f"text: {name}", ("run", "text-sentiment", "-"), _file("x", b""), feed)


def _wave(rate: int, channels: int, bits: int, data: bytes, size: int | None = None) -> bytes:
    length = len(data) if size is None else size
    align = channels * bits // 8
    head = struct.pack(
        "<IHHIIHH", 16, 1, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits
    )
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", length & 0xFFFFFFFF) + data
    return b"RIFF" + struct.pack("<I", len(body) & 0xFFFFFFFF) + body


def _sounds() -> Iterator[Hostile]:
    quiet = bytes(32_000)
    for name, data in {
        "a rate of 0": _wave(0, 1, 16, quiet),
        "a rate of 4 GHz": _wave(0xFFFFFFFF, 1, 16, quiet),
        "no channels": _wave(16_000, 0, 16, quiet),
        "65,535 channels": _wave(16_000, 65_535, 16, quiet),
        "0 bits": _wave(16_000, 1, 0, quiet),
        "a length of 4 GB": _wave(16_000, 1, 16, quiet, 0xFFFFFFFF),
        "a length of 0": _wave(16_000, 1, 16, quiet, 0),
        "half a sample": _wave(16_000, 1, 16, quiet[:-1]),
        "nothing but a head": _wave(16_000, 1, 16, b""),
        "four bytes": b"RIFF",
        "nothing": b"",
        "text": b"this is no sound at all\n" * 100,
        "a FLAC's head": b"fLaC" + bytes(range(256)) * 20,
        "an Ogg's head": b"OggS" + bytes(range(256)) * 20,
        "an MP3's head": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff\xfb\x90\x00" + bytes(400),
        "samples that are no number": _wave(16_000, 1, 16, quiet)[:20]
        + struct.pack("<H", 3)
        + _wave(16_000, 1, 32, struct.pack("<f", float("nan")) * 8000)[22:],
    }.items():
        yield Hostile(f"sound: {name}", ("run", "kws-gru", "{}/s.wav"), _file("s.wav", data))


def _png(width: int, height: int, rows: bytes, kind: int = 0, depth: int = 8) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _bomb(width: int, height: int) -> bytes:
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    return _png(
        width, height, b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    )


def _jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose header says another size."""
    data = bytearray(images.jpeg(1))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _images() -> Iterator[Hostile]:
    whole = images.jpeg(7)
    for name, file, data in (
        ("a bomb of 30,000 × 30,000", "i.png", _bomb(30_000, 30_000)),
        ("a bomb of 10,000 × 10,000", "i.png", _bomb(10_000, 10_000)),
        ("a size of 2³¹", "i.png", _png(2**31 - 1, 2**31 - 1, zlib.compress(b""))),
        ("no width", "i.png", _png(0, 10, zlib.compress(b""))),
        ("a JPEG that says 65,535 × 65,535", "i.jpg", _jpeg_of_size(65_535, 65_535)),
        ("a JPEG that says 20,000 × 20,000", "i.jpg", _jpeg_of_size(20_000, 20_000)),
        ("a JPEG without an end", "i.jpg", whole[: len(whole) // 2]),
        ("a JPEG cut and closed", "i.jpg", whole[: len(whole) // 2] + b"\xff\xd9"),
        ("nothing", "i.jpg", b""),
        ("text", "i.jpg", b"no image\n"),
        ("a BMP that says 2³¹", "i.bmp", b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40,
         2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 1, 1, 0, 0) + bytes(100)),
        ("a TIFF that points at itself", "i.tif", b"II*\0\x08\0\0\0" + struct.pack("<H", 1)
         + struct.pack("<HHII", 256, 4, 1, 8) + struct.pack("<I", 8)),
    ):  # fmt: skip
        yield Hostile(
            f"image: {name}", ("run", "image-classify", f"{{}}/{file}"), _file(file, data)
        )


def _videos() -> Iterator[Hostile]:
    for name, file, data in (
        ("a playlist of local files", "v.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("a playlist of another host", "v.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x\n"),
        ("a list for concat", "v.txt", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("a session description", "v.sdp", b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
        ("a subtitle", "v.srt", b"1\n00:00:00,000 --> 00:00:02,000\nhello\n"),
        ("nothing", "v.mp4", b""),
        ("noise", "v.mp4", np.random.default_rng(0).bytes(100_000)),
        ("a box of 2⁶⁴", "v.mp4", struct.pack(">I4sQ", 1, b"ftyp", 2**64 - 1) + bytes(100)),
    ):
        yield Hostile(
            f"video: {name}", ("run", "image-classify", f"{{}}/{file}"), _file(file, data)
        )


def _names() -> Iterator[Hostile]:
    """Names of files that steer a terminal."""
    planted = _ESCAPE.replace("/", "")
    for task, suffix, data in (
        ("image-classify", ".jpg", images.jpeg(1)), ("image-classify", ".jpg", b"no image"),
        ("kws-gru", ".wav", _wave(16_000, 1, 16, bytes(32_000))), ("kws-gru", ".wav", b"no sound"),
        ("anomaly", ".csv", b"time,value\n1700000000,1\n"), ("text-sentiment", ".txt", b"fine\n"),
        ("image-classify", ".mp4", b"no video"),
    ):  # fmt: skip
        name = f"{planted}{suffix}"
        yield Hostile(f"name: {task} {suffix}", ("run", task, f"{{}}/{name}"), _file(name, data))
    for command in ("inspect", "selftest", "verify", "convert", "import"):
        name = f"{planted}.edge"
        options = ("--data", "{}") if command == "verify" else ()
        options = ("--task", "detect") if command == "import" else options
        yield Hostile(
            f"name: {command}", (command, f"{{}}/{name}", *options), _file(name, b"no model")
        )


def _scenes() -> Iterator[Hostile]:
    for name, text in {
        "no table": "zones = 3",
        "deep": "a = " + "[" * 5000 + "]" * 5000,
        "not a number": "[[zones]]\nname = 'a'\npoints = [[nan, 0], [1, 0], [1, 1]]\n",
        "infinite": "[[zones]]\nname = 'a'\npoints = [[inf, 0], [1, 0], [1, 1]]\n",
        "two points": "[[zones]]\nname = 'a'\npoints = [[0, 0], [1, 0]]\n",
        "100,000 points": "[[zones]]\nname = 'a'\npoints = ["
        + ",".join("[0.1, 0.2]" for _ in range(100_000))
        + "]\n",
        "words for points": "[[zones]]\nname = 'a'\npoints = ['a', 'b', 'c']\n",
        "an escape": f"[[zones]]\nname = {json.dumps(_ESCAPE)}\n"
        "points = [[0, 0], [1, 0], [1, 1]]\n",
        "nothing": "",
        "unknown keys": "planted = true\n",
        "no TOML": "{{{{",
    }.items():

        def make(folder: Path, text: str = text) -> None:
            (folder / "scene.toml").write_text(text, encoding="utf-8")
            (folder / "i.jpg").write_bytes(images.jpeg(1))

        scene = ("--scene", "{}/scene.toml")
        yield Hostile(f"scene: {name}", ("run", "object-detect", "{}/i.jpg", *scene), make)


def _array_bomb(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    """An .npz of zeros that unfolds to far more than it weighs."""
    head = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    size = int(np.prod(shape)) * 8
    held = io.BytesIO()
    with (
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("x.npy", "w", force_zip64=True) as member,
    ):
        member.write(magic)
        block = bytes(1 << 20)
        for _ in range(min(size >> 20, 2048)):
            member.write(block)
    return held.getvalue()


def _sets() -> Iterator[Hostile]:
    """Data to train, calibrate and evaluate on."""

    def coco(text: str) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            (folder / "i.jpg").write_bytes(images.jpeg(1))
            (folder / "annotations.json").write_text(text)

        return make

    for name, text in {
        "deep": "[" * 100_000,
        "no lists": '{"images": 1, "annotations": 2, "categories": 3}',
        "boxes of words": json.dumps({
            "images": [{"id": 1, "file_name": "i.jpg", "width": 256, "height": 96}],
            "categories": [{"id": 1, "name": "a"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": ["a", 0, 1, 1]}],
        }),
        "a path outside": json.dumps({
            "images": [{"id": 1, "file_name": "../../../etc/passwd", "width": 1, "height": 1}],
            "categories": [{"id": 1, "name": "a"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
        }),
        "boxes that are no number": '{"images": [{"id": 1, "file_name": "i.jpg", "width": 256, '
        '"height": 96}], "categories": [{"id": 1, "name": "a"}], "annotations": [{"id": 1, '
        '"image_id": 1, "category_id": 1, "bbox": [NaN, 0, 1e999, 1]}]}',
    }.items():  # fmt: skip
        command = ("eval", "object-detect", "--data", "{}")
        yield Hostile(f"COCO: {name}", command, coco(text))
    for name, data in {
        "a bomb": _array_bomb((1 << 28,)),
        "a shape of nothing by a lot": _array_bomb((0, 1 << 40)),
        "no zip": b"PK\x03\x04" + bytes(100),
    }.items():

        def fill(folder: Path, data: bytes = data) -> None:
            (folder / "items.npz").write_bytes(data)
            (folder / "m.onnx").write_bytes(b"no model")

        command = ("convert", "{}/m.onnx", "--calibration", "{}/items.npz", "--out", "{}/out")
        yield Hostile(f"arrays: {name}", command, fill)


if __name__ == "__main__":
    wanted = [h for h in hostile() if len(sys.argv) < 2 or sys.argv[1] in h.name]
    wrong = attack(wanted)
    print(*wrong, f"{len(wanted)} tried, {len(wrong)} wrong", sep="\n")
