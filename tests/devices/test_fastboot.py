"""A Coral Dev Board by its bootloader: the real `fastboot`, and a board that is none."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgenets.cli.main import cli
from edgenets.devices import board as boards
from edgenets.devices.flash import fastboot, mendel
from edgenets.devices.flash.mendel import find, flash_mendel
from edgenets.errors import FlashError
from edgenets.progress import Progress
from tests.devices.fastboot_board import FastbootBoard

needs_fastboot = pytest.mark.skipif(not shutil.which("fastboot"), reason="fastboot is needed")

PARTS = {
    "u-boot.imx": b"bootloader", "partition-table-8gb.img": b"eight", "home.img": b"home",
    "partition-table-16gb.img": b"sixteen", "boot_arm64.img": b"boot" * 1000,
    "rootfs_arm64.img": os.urandom(3 << 20),
}  # fmt: skip


def make_release(folder: Path, without: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in PARTS.items():
        if name != without:
            (folder / name).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board on loopback starts anew at once."""
    monkeypatch.setattr(fastboot, "_RESTART", 2.0)
    monkeypatch.setattr(fastboot, "PAUSE", 0.02)


@pytest.fixture
def board() -> Iterator[FastbootBoard]:
    with FastbootBoard(mmc_size="15634268160").running() as running:
        yield running


def take(_: object) -> None:
    """Confirm whatever is there."""


@needs_fastboot
class TestFlash:
    def test_every_part_comes_where_it_belongs_in_order(
        self, tmp_path: Path, board: FastbootBoard
    ) -> None:
        report = flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)
        steps = [told for told in board.told if not told.startswith("download:")]
        assert steps == [
            "flash:bootloader0", "reboot-bootloader", "flash:gpt", "reboot-bootloader",
            "erase:misc", "flash:home", "flash:boot", "flash:rootfs", "reboot",
        ]  # fmt: skip
        assert board.partitions == {
            "bootloader0": b"bootloader", "gpt": b"sixteen", "home": b"home",
            "boot": PARTS["boot_arm64.img"], "rootfs": PARTS["rootfs_arm64.img"],
        }  # fmt: skip
        assert report.partitions["rootfs"] == 3 << 20

    def test_a_zip_by_the_command(self, tmp_path: Path, board: FastbootBoard) -> None:
        folder = make_release(tmp_path / "r")
        release = tmp_path / "mendel-eagle.zip"
        with zipfile.ZipFile(release, "w") as archive:
            for path in folder.iterdir():
                archive.write(path, f"mendel-eagle/{path.name}")
            archive.writestr("../../outside", b"x")
        words = ["flash", str(release), f"fastboot:{board.serial}", "--confirm", board.serial]
        done = CliRunner().invoke(cli, [*words, "--json"])
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout[done.stdout.index("{") :])
        assert told["partitions"]["gpt"] == len(b"sixteen")
        assert board.partitions["rootfs"] == PARTS["rootfs_arm64.img"]

    def test_another_board_than_was_confirmed(self, tmp_path: Path, board: FastbootBoard) -> None:
        words = ["flash", str(make_release(tmp_path / "r")), f"fastboot:{board.serial}"]
        done = CliRunner().invoke(cli, [*words, "--confirm", "1b0741d6f0609912"])
        assert done.exit_code == 2 and "not 1b0741d6f0609912" in done.output
        assert board.partitions == {}

    @pytest.mark.parametrize("command", ["flash:bootloader0", "flash:gpt", "flash:rootfs"])
    def test_a_part_that_is_refused(
        self, tmp_path: Path, board: FastbootBoard, command: str
    ) -> None:
        board.refuses[command] = "cannot write to eMMC"
        with pytest.raises(FlashError, match=f"`{command.replace(':', ' ')}`: cannot write to eMM"):
            flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)
        assert "reboot" not in board.told  # it stays in its bootloader

    def test_one_that_falls_silent(self, tmp_path: Path, board: FastbootBoard) -> None:
        board.falls_silent_at = "flash:boot"
        with pytest.raises(FlashError, match="`flash boot"):
            flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)

    def test_one_that_does_not_come_back(self, tmp_path: Path, board: FastbootBoard) -> None:
        board.falls_silent_at = "reboot-bootloader"
        with pytest.raises(FlashError, match=r"reboot-bootloader|did not come back"):
            flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)

    @pytest.mark.parametrize(
        ("size", "why"),
        [
            ("1000000", "no partition table for an eMMC of 1000000"),
            ("lots", "does not report the size"),
            ("62537072640", "needs partition-table-64gb.img"),
        ],
    )
    def test_an_emmc_that_nothing_is_known_of(
        self, tmp_path: Path, board: FastbootBoard, size: str, why: str
    ) -> None:
        board.variables["mmc_size"] = size
        with pytest.raises(FlashError, match=why):
            flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)
        assert board.partitions == {}

    def test_one_that_is_no_such_board(self, tmp_path: Path, board: FastbootBoard) -> None:
        del board.variables["mmc_size"]
        with pytest.raises(FlashError, match="no such variable"):
            flash_mendel(str(make_release(tmp_path / "r")), board.serial, take)


@pytest.mark.parametrize("part", ["u-boot.imx", "boot_arm64.img", "rootfs_arm64.img"])
def test_a_release_that_lacks_a_part(tmp_path: Path, part: str) -> None:
    with pytest.raises(FlashError, match=f"no release of Mendel Linux: no {part}"):
        flash_mendel(str(make_release(tmp_path / "r", part)), "tcp:127.0.0.1:1", take)


def test_what_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    with pytest.raises(FlashError, match="no zip of a release"):
        flash_mendel(str(tmp_path / "x.zip"), "tcp:127.0.0.1:1", take)


class TestFinding:
    """By programs on the PATH that answer as `fastboot devices` and mdt were seen to."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(mendel, "_LEAVING", 5.0)
        return tmp_path

    def program(self, folder: Path, name: str, text: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    def test_the_only_one(self, path: Path) -> None:
        self.program(path, "fastboot", "printf '1b0741d6f0609912\\tfastboot\\n'")
        assert find("", Progress()).serial == "1b0741d6f0609912"

    def test_of_two_one_is_to_be_named(self, path: Path) -> None:
        self.program(path, "fastboot", "printf 'aa\\tfastboot\\nbb\\tfastboot\\n'")
        with pytest.raises(FlashError, match="name one: fastboot:aa, fastboot:bb"):
            find("", Progress())
        assert find("bb", Progress()).serial == "bb"

    def test_none(self, path: Path) -> None:
        self.program(path, "fastboot", "true")
        self.program(path, "mdt", "true")
        with pytest.raises(FlashError, match="mdt reboot-bootloader"):
            find("", Progress())

    def test_one_that_runs_mendel_is_sent_to_its_bootloader(self, path: Path) -> None:
        self.program(
            path,
            "mdt",
            f"""case $1 in
            devices) printf 'orange-horse\\t\\t(192.168.100.2)\\n' ;;
            reboot-bootloader) echo "$2" > {path}/sent ;;
        esac""",
        )
        self.program(path, "fastboot",
                     f"[ -e {path}/sent ] && printf 'aa\\tfastboot\\n'; true")  # fmt: skip
        assert find("", Progress()).serial == "aa"
        assert (path / "sent").read_text() == "orange-horse\n"


@pytest.mark.parametrize("name", boards.names())
def test_how_a_board_is_flashed_can_be_asked(name: str) -> None:
    done = CliRunner().invoke(cli, ["flash", "--device", name])
    assert done.exit_code == 0 and boards.load(name).name in done.output
    assert len(done.output.splitlines()) >= 2
