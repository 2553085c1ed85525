"""Configurations for the first start: the way that an image reads, on the card as it was meant."""

from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from edgenets.cli.main import cli
from edgenets.devices.flash import disks
from edgenets.devices.flash.engine import write
from edgenets.devices.flash.fat import Fat
from edgenets.devices.flash.first_boot import (
    FirstBoot,
    Wifi,
    _network,
    _user_data,
    first_run,
    put,
)
from edgenets.devices.flash.flash import configure, confirmation
from edgenets.devices.flash.image import Image
from edgenets.devices.flash.journal import Job, Journal
from edgenets.devices.flash.partitions import Partition, partitions
from edgenets.devices.flash.target import Target
from edgenets.errors import FlashError
from tests.devices.cards import MEGA, looks_bootable, loop_device, needs_root

needs_tools = pytest.mark.skipif(
    not (shutil.which("mcopy") and shutil.which("mkfs.vfat") and shutil.which("sfdisk")),
    reason="mtools, dosfstools and fdisk are needed",
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3y someone@laptop"

WANTED = FirstBoot(
    hostname="kitchen", user="pi", ssh_keys=(KEY,), wifi=Wifi("my net", "a 'quoted\" one", "DE"),
    timezone="Europe/Berlin", files={"install.sh": b"#!/bin/sh\n", "objects/" + "a" * 64: b"x"},
)  # fmt: skip

CLOUD = {"user-data": "#cloud-config\n", "meta-data": "instance-id: rpios-image\n",
         "network-config": "", "cmdline.txt": "console=tty1 root=PARTUUID=1-02 rootwait\n",
         "config.txt": "arm_64bit=1\n"}  # fmt: skip
FIRST_RUN = {"cmdline.txt": "console=tty1 root=PARTUUID=1-02 rootwait quiet\n",
             "config.txt": "arm_64bit=1\n",
             "issue.txt": "Raspberry Pi reference 2024-11-19\n"}  # fmt: skip


def make_image(path: Path, files: dict[str, str], table: str = "dos") -> bytes:
    """An image with a FAT partition of 20 MB at 4 MB, and a Linux one."""
    with path.open("wb") as file:
        file.truncate(40 * MEGA)
    fat, linux = ("c", "83") if table == "dos" else ("uefi", "linux")
    lines = (
        f"label: {table}\nstart=8192,size=40960,type={fat}\nstart=49152,size=16384,type={linux}\n"
    )
    subprocess.run(["sfdisk", "-q", path], input=lines.encode(), check=True)
    subprocess.run(
        ["mkfs.vfat", "-F", "16", "--offset", "8192", path, "20480"], check=True,
        capture_output=True,
    )  # fmt: skip
    for name, text in files.items():
        subprocess.run(
            ["mcopy", "-i", f"{path}@@{4 * MEGA}", "-", f"::/{name}"], input=text.encode(),
            check=True,
        )  # fmt: skip
    return path.read_bytes()


def flash(folder: Path, files: dict[str, str], wanted: FirstBoot) -> Fat:
    """Flash an image with a configuration; the boot partition of the card."""
    make_image(folder / "image", files)
    card = folder / "card"
    card.write_bytes(b"\xff" * 60 * MEGA)
    image = Image(folder / "image")
    with Target(card) as target:
        job = Job("image", image.packed_size, 0, "card", target.size)
        write(image, target, Journal(job, folder / "journals"),
              before_head=lambda head: configure(target, head, wanted))  # fmt: skip
    return Fat(card, 4 * MEGA)


@needs_tools
class TestPut:
    def test_cloud_init(self, tmp_path: Path) -> None:
        fat = flash(tmp_path, CLOUD, WANTED)
        assert looks_bootable(tmp_path / "card")
        head, _, body = fat.read("user-data").decode().partition("\n")
        told = json.loads(body)
        assert head == "#cloud-config" and told["hostname"] == "kitchen"
        assert told["users"][0]["ssh_authorized_keys"] == [KEY]
        (_, _, unit), start = told["runcmd"]
        assert "sh ./install.sh" in unit and "multi-user.target.wants" in unit  # at every start
        assert start == ["systemctl", "start", "--no-block", "edgenets-install.service"]
        network = json.loads(fat.read("network-config"))["network"]["wifis"]["wlan0"]
        assert network["access-points"] == {"my net": {"password": "a 'quoted\" one"}}
        assert network["regulatory-domain"] == "DE"
        assert b"instance-id: edgenets-" in fat.read("meta-data")
        assert fat.read("edgenets/objects/" + "a" * 64) == b"x"
        assert fat.read("cmdline.txt").decode() == CLOUD["cmdline.txt"]

    def test_first_run(self, tmp_path: Path) -> None:
        fat = flash(tmp_path, FIRST_RUN, WANTED)
        line = fat.read("cmdline.txt").decode()
        assert line.startswith(FIRST_RUN["cmdline.txt"].strip())
        assert "systemd.run=/boot/firmware/firstrun.sh" in line and line.count("\n") == 1
        script = fat.read("firstrun.sh").decode()
        assert KEY in script and "edgenets-install.service" in script
        done = subprocess.run(["sh", "-n"], input=script.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr

    @needs_root
    def test_the_command_itself_puts_it_there(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        make_image(tmp_path / "image.img", CLOUD)
        (tmp_path / "card").write_bytes(b"\xff" * 60 * MEGA)
        (tmp_path / "id.pub").write_text(KEY)
        with loop_device(tmp_path / "card") as device:
            words = [tmp_path / "image.img", device, "--hostname", "kitchen", "--user", "pi",
                     "--ssh-key", tmp_path / "id.pub",
                     "--confirm", confirmation(disks.check(device))]  # fmt: skip
            done = CliRunner().invoke(cli, ["flash", *map(str, words)])
        assert done.exit_code == 0, done.output
        told = json.loads(
            Fat(tmp_path / "card", 4 * MEGA).read("user-data").decode().partition("\n")[2]
        )
        assert told["hostname"] == "kitchen"
        assert told["users"][0]["ssh_authorized_keys"] == [KEY]

    def test_an_older_image_has_its_boot_partition_elsewhere(self, tmp_path: Path) -> None:
        files = {**FIRST_RUN, "issue.txt": "Raspberry Pi reference 2023-05-03\n"}
        fat = flash(tmp_path, files, FirstBoot(hostname="shed"))
        assert b"systemd.run=/boot/firstrun.sh" in fat.read("cmdline.txt")

    def test_an_image_that_would_ignore_it_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(FlashError, match="the configuration would be ignored"):
            flash(tmp_path, {"grub.cfg": ""}, FirstBoot(hostname="shed"))
        assert not looks_bootable(tmp_path / "card")

    def test_nothing_wished_changes_nothing(self, tmp_path: Path) -> None:
        flash(tmp_path, CLOUD, FirstBoot())
        image = (tmp_path / "image").read_bytes()
        assert (tmp_path / "card").read_bytes()[: len(image)] == image

    def test_what_has_no_room_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        wanted = FirstBoot(hostname="shed", files={"install.sh": bytes(30 * MEGA)})
        with pytest.raises(FlashError, match=r"has \d+ MB free, and .* needs 31 MB"):
            flash(tmp_path, CLOUD, wanted)
        assert not looks_bootable(tmp_path / "card")

    def test_a_card_that_does_not_keep_it_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lose(fat: Fat, wanted: FirstBoot) -> str:
            way = put(fat, wanted)
            subprocess.run(
                ["mcopy", "-o", "-i", fat._drive, "-", "::/user-data"], input=b"x", check=True
            )
            return way

        monkeypatch.setattr("edgenets.devices.flash.flash.put", lose)
        with pytest.raises(FlashError, match="user-data: is not on the card as it was written"):
            flash(tmp_path, CLOUD, WANTED)
        assert not looks_bootable(tmp_path / "card")

    @pytest.mark.parametrize("table", ["dos", "gpt"])
    def test_partitions(self, tmp_path: Path, table: str) -> None:
        head = make_image(tmp_path / "image", {}, table)[:MEGA]
        assert partitions(head) == [
            Partition(4 * MEGA, 20 * MEGA, "fat"), Partition(24 * MEGA, 8 * MEGA, "linux")
        ]  # fmt: skip


@given(st.binary(max_size=2000))
def test_any_bytes_have_partitions_or_none(data: bytes) -> None:
    partitions(data.ljust(512, b"\0")[:510] + b"\x55\xaa" + data)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"hostname": "my kitchen"}, "host's name"), ({"hostname": "-x"}, "host's name"),
        ({"user": "Pi"}, "user's name"), ({"user": "a; rm -rf /"}, "user's name"),
        ({"user": "pi", "ssh_keys": ("-----BEGIN",)}, "public SSH key"),
        ({"ssh_keys": (KEY,)}, "needs a user"), ({"user": "pi"}, "nobody could log in as pi"),
        ({"timezone": "Europe/Atlantis"}, "no time zone"), ({"timezone": "$(reboot)"}, "no time"),
    ],
)  # fmt: skip
def test_what_cannot_be_wished(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        FirstBoot(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "why"),
    [(("", "password", "DE"), "1 to 32"), (("net", "short", "DE"), "8 to 63"),
     (("net", "password", "de"), "no country"), (("net", "pass\nword", "DE"), "line ends"),
     (("n\0t", "password", "DE"), "NUL"),
     (("n\x85t", "password", "DE"), "control"), (("n\ud83dt", "password", "DE"), "control")],
)  # fmt: skip
def test_wireless_networks_that_cannot_be(values: tuple[str, str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Wifi(*values)


def test_a_backslash_is_no_escape_for_the_network_manager() -> None:
    wanted = FirstBoot(hostname="shed", wifi=Wifi(" my net", r"c:\new\tin", "DE"))
    script = first_run(wanted)
    assert r"psk=c:\\new\\tin" in script
    assert "ssid=32;109;121;32;110;101;116;\n" in script


@pytest.mark.parametrize(
    ("name", "written"),
    [("my net", "my net"), ("1;2;", "49;59;50;59;"), ("a;b", "97;59;98;"), ("é", "195;169;")],
)
def test_a_network_whose_name_looks_like_bytes(name: str, written: str) -> None:
    script = first_run(FirstBoot(wifi=Wifi(name, "password", "DE")))
    assert f"ssid={written}\n" in script


ANY = st.text(st.characters(codec=None), min_size=1, max_size=32)


@given(ANY, ANY)
@example("café 📷", "📷📷📷📷")
@example("👨‍👩‍👧", "12345678")
@example("\u2028\ufeff\uffff", "<<: *a\u00a0")
def test_any_name_of_a_network_is_read_as_it_is_or_refused(name: str, password: str) -> None:
    held = "".join(c for c in name + password if unicodedata.category(c) in ("Cc", "Cs"))
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in (name, password)]
    may = not held and sizes[0] <= 32 and 8 <= sizes[1] <= 63
    try:
        wanted = FirstBoot(wifi=Wifi(name, password, "DE"))
    except ValueError:
        assert not may
        return
    assert may
    text = _network(wanted).encode()
    read = yaml.safe_load(text)["network"]["wifis"]["wlan0"]["access-points"]
    assert read == {name: {"password": password}}


@given(ANY)
@example("someone 📷")
def test_any_comment_of_a_key_is_read_as_it_is_or_refused(comment: str) -> None:
    key = f"ssh-ed25519 AAAA {comment}"
    try:
        wanted = FirstBoot(user="pi", ssh_keys=(key,))
    except ValueError:
        return
    text = _user_data(wanted).encode()
    assert yaml.safe_load(text)["users"][0]["ssh_authorized_keys"] == [key.strip()]


def test_what_yaml_would_read_as_something_else_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(yaml, "safe_load", lambda text: {})
    with pytest.raises(FlashError, match="nothing was written"):
        _network(FirstBoot())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--keyring", "K"], "go together"), (["--source", "mic:default"], "--source: of use with"),
        (["--country", "DE"], "of use with --wifi"), (["--bundle", "kws-gru"], "needs --device"),
        (["--device", "jetson-nano", "--hostname", "x"], "reads no settings"),
    ],
)  # fmt: skip
def test_a_wish_that_would_be_ignored(tmp_path: Path, words: list[str], why: str) -> None:
    (tmp_path / "K").touch()
    given = [str(tmp_path / "K") if word == "K" else word for word in words]
    done = CliRunner().invoke(cli, ["flash", "board.img", str(tmp_path / "card"), *given])
    assert done.exit_code == 2 and why in done.output
    if "--keyring" not in words:
        more = ["flash", "x.zip", "fastboot", "--ssh-key", str(tmp_path / "K")]
        assert CliRunner().invoke(cli, more).exit_code == 2


def test_the_script_says_nothing_of_what_was_not_wished() -> None:
    script = first_run(FirstBoot(hostname="shed"))
    assert "useradd" not in script and "psk" not in script and "shed" in script
