"""Flashing: formats, block maps, holes, interruptions, and disks that must not be written."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenets.cli.main import cli
from edgenets.devices.flash import bmap, disks
from edgenets.devices.flash.engine import write
from edgenets.devices.flash.flash import confirmation, confirmed
from edgenets.devices.flash.flash import flash as flash_disk
from edgenets.devices.flash.image import Image
from edgenets.devices.flash.journal import Job, Journal
from edgenets.devices.flash.target import Target
from edgenets.errors import FlashError
from tests.devices.cards import MEGA, flash, looks_bootable, loop_device, make_image, needs_root


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card that was used before: nothing of what is on it may shine through."""
    path = tmp_path / "card"
    path.write_bytes(np.random.default_rng(7).bytes(40 * MEGA))
    return path


def pack_zip(data: bytes) -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "an image")
        archive.writestr("board.img", data)
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "img": lambda data: data,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": lambda data: zstandard.compress(data, 1),
    "gz": lambda data: gzip.compress(data, 1),
    "zip": pack_zip,
    # Several streams in a file, as parallel packers make them.
    "multi.xz": lambda d: lzma.compress(d[: 5 * MEGA], preset=0) + bytes(4)
    + lzma.compress(d[5 * MEGA :], preset=0),
    "multi.zst": lambda d: zstandard.compress(d[: 5 * MEGA], 1)
    + zstandard.compress(d[5 * MEGA :], 1),
    "multi.gz": lambda d: gzip.compress(d[: 5 * MEGA], 1) + gzip.compress(d[5 * MEGA :], 1),
}  # fmt: skip


class TestImages:
    @pytest.mark.parametrize("packing", PACKINGS)
    def test_every_packing_gives_the_image(self, tmp_path: Path, card: Path, packing: str) -> None:
        data = make_image(tmp_path / "raw", 16)
        image = tmp_path / f"image.{packing}"
        image.write_bytes(PACKINGS[packing](data))
        report = flash(image, card, tmp_path)
        assert card.read_bytes()[: len(data)] == data
        assert report.image_bytes == report.verified_bytes == len(data)
        assert report.written_bytes < len(data)  # its holes were not written

    @pytest.mark.parametrize("packing", [p for p in PACKINGS if p != "img"])
    @pytest.mark.parametrize("keep", [0.02, 0.5, 0.999])
    def test_one_that_was_cut_short_is_no_image(
        self, tmp_path: Path, card: Path, packing: str, keep: float
    ) -> None:
        packed = PACKINGS[packing](make_image(tmp_path / "raw", 12))
        image = tmp_path / f"image.{packing}"
        image.write_bytes(packed[: int(len(packed) * keep)])
        with pytest.raises(FlashError, match="damaged"):
            flash(image, card, tmp_path)
        assert not looks_bootable(card)

    @pytest.mark.parametrize("packing", ["xz", "gz", "zip"])
    def test_one_with_a_flipped_bit_is_no_image(
        self, tmp_path: Path, card: Path, packing: str
    ) -> None:
        packed = bytearray(PACKINGS[packing](make_image(tmp_path / "raw", 12)))
        packed[len(packed) // 2] ^= 1
        image = tmp_path / f"image.{packing}"
        image.write_bytes(packed)
        with pytest.raises(FlashError, match="damaged"):
            flash(image, card, tmp_path)
        assert not looks_bootable(card)

    @pytest.mark.parametrize(
        ("first", "why"),
        [
            (b"", "is empty"),
            (b"x" * 700, "no whole sectors"),
            (b"BZh91AY" + bytes(505), "bunzip2"),
            (b"<!doctype html>" + bytes(497), "web page"),
            (b"QFI\xfb" + bytes(508), "qemu-img"),
            (b"7z\xbc\xaf\x27\x1c" + bytes(506), "7z x"),
        ],
    )
    def test_what_is_no_image_is_said(self, tmp_path: Path, first: bytes, why: str) -> None:
        (tmp_path / "image").write_bytes(first)
        with pytest.raises(FlashError, match=why):
            Image(tmp_path / "image")

    def test_a_zip_has_one_image(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "image.zip", "w") as archive:
            archive.writestr("a.img", bytes(512))
            archive.writestr("b.img", bytes(512))
        with pytest.raises(FlashError, match=r"one image is needed in it.*a\.img, b\.img"):
            Image(tmp_path / "image.zip")

    def test_one_that_is_larger_than_the_card(self, tmp_path: Path, card: Path) -> None:
        data = make_image(tmp_path / "raw", 41)
        before = card.read_bytes()
        with pytest.raises(FlashError, match=r"has 41\.9 MB, and the image needs 43\.0 MB"):
            flash(tmp_path / "raw", card, tmp_path)
        assert card.read_bytes() == before  # its size was known before anything was written
        (tmp_path / "raw.xz").write_bytes(lzma.compress(data, preset=0))
        with pytest.raises(FlashError, match="the image needs"):
            flash(tmp_path / "raw.xz", card, tmp_path)

    @settings(max_examples=25)
    @given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=8))
    def test_any_pattern_of_holes(
        self, tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, bool]]
    ) -> None:
        """Runs of zeros and of data, of lengths that fit no block."""
        folder = tmp_path_factory.mktemp("holes")
        rng = np.random.default_rng(len(runs))
        data = b"".join(rng.bytes(n * 4608) if filled else bytes(n * 4608) for n, filled in runs)
        data = data.ljust(MEGA, b"\0")
        (folder / "image").write_bytes(data)
        (folder / "card").write_bytes(rng.bytes(12 * MEGA))
        flash(folder / "image", folder / "card", folder)
        assert (folder / "card").read_bytes()[: len(data)] == data


def make_bmap(data: bytes, ranges: list[tuple[int, int]]) -> str:
    """A block map as bmaptool 2.0 writes it."""
    lines = [
        f'<Range chksum="{hashlib.sha256(data[a * 4096 : (b + 1) * 4096]).hexdigest()}">'
        f"{a}-{b}</Range>"
        for a, b in ranges
    ]
    text = (
        '<?xml version="1.0" ?>\n<bmap version="2.0">\n'
        f"<ImageSize> {len(data)} </ImageSize><BlockSize> 4096 </BlockSize>\n"
        f"<BlocksCount> {len(data) // 4096} </BlocksCount><ChecksumType> sha256 </ChecksumType>\n"
        f"<BmapFileChecksum> {'0' * 64} </BmapFileChecksum>\n"
        f"<BlockMap>{''.join(lines)}</BlockMap>\n</bmap>\n"
    )
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1)


class TestBlockMaps:
    RANGES: list[tuple[int, int]] = [(0, 300), (513, 513), (1000, 2303), (2600, 4095)]  # noqa: RUF012

    def test_only_what_matters_is_written(self, tmp_path: Path, card: Path) -> None:
        data = make_image(tmp_path / "image", 16, holes=False)
        (tmp_path / "image.bmap").write_text(make_bmap(data, self.RANGES))
        map = bmap.load(tmp_path / "image.bmap")
        report = flash(tmp_path / "image", card, tmp_path, map=map)
        on_card = card.read_bytes()
        for first, last in self.RANGES:
            part = slice(first * 4096, (last + 1) * 4096)
            assert on_card[part] == data[part]
        assert report.verified_bytes <= map.mapped + MEGA
        assert map.mapped == sum(b + 1 - a for a, b in self.RANGES) * 4096

    def test_another_image_is_refused(self, tmp_path: Path, card: Path) -> None:
        data = make_image(tmp_path / "image", 16, holes=False)
        (tmp_path / "image.bmap").write_text(make_bmap(data, self.RANGES))
        make_image(tmp_path / "image", 16, seed=1, holes=False)
        with pytest.raises(FlashError, match="is not the image of its block map"):
            flash(tmp_path / "image", card, tmp_path, map=bmap.load(tmp_path / "image.bmap"))
        assert not looks_bootable(card)

    def test_the_one_that_bmaptool_makes(self, tmp_path: Path, card: Path) -> None:
        with (tmp_path / "image").open("wb") as file:
            file.truncate(16 * MEGA)
            file.write(np.random.default_rng(0).bytes(MEGA))
            file.seek(9 * MEGA)
            file.write(b"x" * MEGA)
        command = ["bmaptool", "create", "-o", tmp_path / "map", tmp_path / "image"]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("no bmaptool")
        map = bmap.load(tmp_path / "map")
        assert map.mapped == 2 * MEGA
        flash(tmp_path / "image", card, tmp_path, map=map)
        assert card.read_bytes()[9 * MEGA : 10 * MEGA] == b"x" * MEGA

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda t: t.replace("0-300", "0-301"), "its own checksum"),
            (lambda t: t.replace('"2.0"', '"3.0"'), "version 3.0"),
            (lambda t: t[:200], "no block map"),
            (lambda t: t.replace("<bmap", "<!DOCTYPE x [<!ENTITY a 'b'>]><bmap"), "hostile"),
            (lambda t: "<html></html>", "it is <html>"),
        ],
    )
    def test_one_that_is_damaged(
        self, tmp_path: Path, change: Callable[[str], str], why: str
    ) -> None:
        text = make_bmap(bytes(16 * MEGA), self.RANGES)
        (tmp_path / "map").write_text(change(text))
        with pytest.raises(FlashError, match=why):
            bmap.load(tmp_path / "map")


WRITER = """
import sys
from pathlib import Path
from tests.devices.cards import flash
flash(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
"""


class TestInterruptions:
    @pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.3])
    def test_a_killed_one_is_gone_on_with(self, tmp_path: Path, delay: float) -> None:
        data = make_image(tmp_path / "image", 400, holes=False)
        card = tmp_path / "card"
        with card.open("wb") as file:
            file.truncate(410 * MEGA)
        command = [sys.executable, "-c", WRITER, tmp_path / "image", card, tmp_path]
        process = subprocess.Popen(command)
        journal = tmp_path / "journals"
        while not list(journal.glob("*.jsonl")) and process.poll() is None:
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() != 0
        if killed:
            assert not looks_bootable(card)
        report = flash(tmp_path / "image", card, tmp_path)
        assert card.read_bytes()[: len(data)] == data
        if killed:
            assert report.written_bytes + report.resumed_bytes == len(data)
        assert not list(journal.iterdir())

    def test_what_was_kept_is_not_written_again(self, tmp_path: Path, card: Path) -> None:
        from edgenets.devices.flash import engine
        from edgenets.devices.flash.target import Target

        make_image(tmp_path / "image", 32, holes=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "_FLUSH_EVERY", 4 * MEGA)
            patch.setattr(engine, "_read_back", _pulled_out)
            with pytest.raises(KeyboardInterrupt):
                flash(tmp_path / "image", card, tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            written = []
            write = Target.write
            patch.setattr(Target, "write", lambda s, o, d: (written.append(o), write(s, o, d)))
            report = flash(tmp_path / "image", card, tmp_path)
        assert report.resumed_bytes == 31 * MEGA and set(written) == {0}

    def test_a_card_that_changed_since_is_written_anew(self, tmp_path: Path, card: Path) -> None:
        data = make_image(tmp_path / "image", 12)
        with pytest.raises(KeyboardInterrupt):
            flash(tmp_path / "image", card, tmp_path, before_head=_pulled_out)
        with card.open("r+b") as file:  # another card of its kind, in the same reader
            file.seek(5 * MEGA)
            file.write(b"\xff" * MEGA)
        report = flash(tmp_path / "image", card, tmp_path)
        assert card.read_bytes()[: len(data)] == data and report.resumed_bytes == 0

    def test_a_journal_that_a_card_does_not_bear_out(self, tmp_path: Path, card: Path) -> None:
        data = make_image(tmp_path / "image", 12)
        job = Job(str(tmp_path / "image"), len(data), 0, str(card), card.stat().st_size)
        with Target(card) as target, pytest.raises(KeyboardInterrupt):
            journal = Journal(job, tmp_path / "journals")
            journal.forget = _pulled_out  # type: ignore[method-assign]
            write(Image(tmp_path / "image"), target, journal, before_head=lambda _: None)
        card.write_bytes(b"\xff" * card.stat().st_size)
        report = flash(tmp_path / "image", card, tmp_path)
        assert card.read_bytes()[: len(data)] == data and report.resumed_bytes == 0

    def test_another_image_begins_anew(self, tmp_path: Path, card: Path) -> None:
        from edgenets.devices.flash import engine

        make_image(tmp_path / "image", 16, holes=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "_read_back", _pulled_out)
            with pytest.raises(KeyboardInterrupt):
                flash(tmp_path / "image", card, tmp_path)
        data = make_image(tmp_path / "image", 16, seed=3, holes=False)
        flash(tmp_path / "image", card, tmp_path)
        assert card.read_bytes()[: len(data)] == data


def _pulled_out(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_keys_of_the_list_of_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = disks.Disk(Path("/dev/sdx"), 512, "Reader", "4C53", "usb", True, ())
    monkeypatch.setattr(disks, "disks", lambda: [disk])
    done = CliRunner().invoke(cli, ["flash", "--list", "--json"])
    assert json.loads(done.stdout)["disks"] == [
        {
            "path": "/dev/sdx",
            "size": 512,
            "model": "Reader",
            "serial": "4C53",
            "transport": "usb",
            "removable": True,
            "obstacles": [],
        }
    ]


@needs_root
class TestDisks:
    @pytest.fixture
    def device(self, tmp_path: Path) -> Iterator[Path]:
        file = tmp_path / "disk"
        with file.open("wb") as out:
            out.truncate(64 * MEGA)
        with loop_device(file) as device:
            yield device

    def test_the_whole_road(
        self, tmp_path: Path, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        data = make_image(tmp_path / "image", 20)
        disk = disks.check(device)
        assert disk.serial == str(tmp_path / "disk") and disk.size == 64 * MEGA
        report = flash_disk(str(tmp_path / "image"), device, confirmed(confirmation(disk)))
        assert report.verified_bytes == 20 * MEGA
        assert (tmp_path / "disk").read_bytes()[: len(data)] == data

    def test_another_disk_than_was_confirmed(self, tmp_path: Path, device: Path) -> None:
        make_image(tmp_path / "image", 2)
        with pytest.raises(FlashError, match="is not the disk that was confirmed"):
            flash_disk(str(tmp_path / "image"), device, confirmed("4C53:31914983424"))
        assert (tmp_path / "disk").read_bytes() == bytes(64 * MEGA)

    def test_the_disk_of_this_system_is_refused(self) -> None:
        root = [d for d in disks.disks() if any("mounted at /" in o for o in d.obstacles)]
        if not root:
            pytest.skip("this system has no disk")
        with pytest.raises(FlashError, match="is mounted at /"):
            disks.check(root[0].path)

    def test_a_mounted_disk_is_refused(self, tmp_path: Path, device: Path) -> None:
        subprocess.run(["mke2fs", "-q", "-t", "ext4", device], check=True)
        place = tmp_path / "mount"
        place.mkdir()
        subprocess.run(["mount", device, place], check=True)
        try:
            with pytest.raises(FlashError, match=f"is mounted at {place}"):
                disks.check(device)
        finally:
            subprocess.run(["umount", place], check=True)
        disks.check(device)

    def test_a_disk_with_a_part_of_lvm_is_refused(
        self, device: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        part = {"path": "/dev/x1", "fstype": "LVM2_member"}
        monkeypatch.setattr(disks, "_lsblk", lambda _: {"path": "/dev/x", "children": [part]})
        with pytest.raises(FlashError, match="/dev/x1 is a part of LVM"):
            disks.check(device)

    def test_a_partition_is_refused(self, device: Path) -> None:
        table = b"label: dos\nstart=2048,size=4096,type=c\n"
        subprocess.run(["sfdisk", "-q", device], input=table, check=True, capture_output=True)
        subprocess.run(["partx", "-a", device], capture_output=True)
        part = Path(f"{device}p1")
        if not part.exists():
            pytest.skip("this kernel shows no partitions of loop devices")
        try:
            with pytest.raises(FlashError, match=f"is a part of {device}"):
                disks.check(part)
        finally:
            subprocess.run(["partx", "-d", device], check=True)

    def test_a_disk_that_another_program_has_is_refused(self, tmp_path: Path, device: Path) -> None:
        make_image(tmp_path / "image", 2)
        held = os.open(device, os.O_RDWR | os.O_EXCL)
        try:
            with pytest.raises(FlashError, match="is in use"):
                flash_disk(str(tmp_path / "image"), device, lambda *_: None)
        finally:
            os.close(held)

    @pytest.mark.parametrize(
        ("path", "why"), [("/dev/null", "no block device"), ("/dev/sdzz", "No such file")]
    )
    def test_what_is_no_disk(self, path: str, why: str) -> None:
        with pytest.raises(FlashError, match=why):
            disks.check(Path(path))
