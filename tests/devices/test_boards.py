"""Board profiles: every one there is, its wheels against its own tags, and what preflight says."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from edgenets import zoo
from edgenets.cli.main import cli
from edgenets.devices import board as boards
from edgenets.devices.deploy import machine
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Kind
from edgenets.devices.place import OLDEST_PYTHON, of_board, of_machine
from edgenets.devices.preflight import preflight
from edgenets.devices.requirements import packages_of
from edgenets.devices.wheelfacts import EXTRAS
from edgenets.errors import DeviceError
from edgenets.findings import well
from tests.devices.test_own_python import OLD

NAMES = boards.names()


@pytest.mark.parametrize("name", NAMES)
class TestProfiles:
    def test_it_is_a_profile(self, name: str) -> None:
        board = boards.load(name)
        assert board.backends and board.processor.memory_mb
        assert board.wheels, "make profiles"

    def test_its_wheels_fit_its_tags(self, name: str) -> None:
        """Held against the tags that pip's own library gives such a board."""
        board = boards.load(name)
        python = max(board.python, OLDEST_PYTHON)
        kind = Kind(board.processor.architecture, board.libc, python)
        platforms = kind.platforms()
        tags = {*cpython_tags(python, platforms=platforms)}
        tags |= {*compatible_tags(python, f"cp{python[0]}{python[1]}", platforms)}
        for package, wheel in board.wheels.items():
            found, _, _, fits = parse_wheel_filename(wheel)
            assert found.replace("-", "_") == package
            assert fits & tags, f"{wheel} does not fit {kind}"

    def test_a_device_gets_all_it_may_need(self, name: str) -> None:
        missing = packages_of(EXTRAS, boards.load(name).python).keys()
        missing -= boards.load(name).wheels.keys()
        assert not missing or (name in OLD and missing == {"openvino"}), missing

    @pytest.mark.parametrize("bundle", ["kws-gru", "object-detect"])
    def test_preflight_has_a_verdict(self, name: str, bundle: str) -> None:
        findings = preflight(zoo.load(bundle), of_board(boards.load(name)))
        assert well(findings) == (name not in OLD), findings
        if name in OLD:
            stops = [f.text for f in findings if f.level == "stop" and f.about == "Python"]
            assert stops and "3.11 or newer is needed" in stops[0]

    def test_it_can_be_shown(self, name: str) -> None:
        done = CliRunner().invoke(cli, ["device", "show", name, "--json"])
        assert done.exit_code == 0
        assert json.loads(done.stdout)["name"] == boards.load(name).name
        assert boards.load(name).name in CliRunner().invoke(cli, ["device", "show", name]).stdout


@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13), (3, 14)])
def test_packages_are_those_of_a_python(python: tuple[int, int]) -> None:
    """As pip's own library reads the conditions of edgenets's metadata."""
    environment = {"python_version": "{}.{}".format(*python)}
    extras = {"camera", "tflite-runtime", "mic"}
    wanted = {}
    for line in metadata.requires("edgenets") or []:
        requirement = Requirement(line)
        if any(
            requirement.marker is None or requirement.marker.evaluate({**environment, "extra": e})
            for e in extras
        ):
            wanted[requirement.name.replace("-", "_")] = str(requirement.specifier)
    found = packages_of(extras, python)
    assert found.keys() == wanted.keys() and "opencv_python_headless" in found
    assert all(SpecifierSet(v) == SpecifierSet(wanted[name]) for name, v in found.items())


def test_models_are_told_apart() -> None:
    assert boards.of_model("Raspberry Pi 4 Model B Rev 1.5") == boards.load("rpi4")
    assert boards.of_model("Raspberry Pi Zero 2 W Rev 1.0") == boards.load("rpi-zero2w")
    assert boards.of_model("NVIDIA Jetson Nano Developer Kit") == boards.load("jetson-nano")
    assert boards.of_model("linux,dummy-virt") is None


def test_a_name_that_is_nearly_right() -> None:
    with pytest.raises(DeviceError, match="Did you mean 'rpi4'"):
        boards.load("rpi-4")


def test_a_profile_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(boards.__file__).with_name("profiles").joinpath("rpi4.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace('python = "3.13"', 'python = "three"'))
    monkeypatch.setattr(boards, "_folder", lambda: tmp_path)
    with pytest.raises(DeviceError, match=r"mine\.toml: system: python must be a version"):
        boards.load("mine")


PROBED = {
    "model": ["Raspberry Pi 4 Model B Rev 1.5"], "architecture": ["aarch64"], "bits": ["64"],
    "kernel": ["Linux 6.12.47"], "cores": ["4"], "memory_kb": ["3884000"],
    "free_kb": ["24000000"], "system": ["Debian GNU/Linux 13 (trixie)"], "libc": ["glibc 2.41"],
    "python": ["/usr/bin/python3.13 Python 3.13.5"], "systemd": ["yes"],
    "camera": ["/dev/video0 UVC Camera"], "microphone": ["USB Audio"],
    "library": ["portaudio"], "temperature": ["51121", "49000"], "throttled": ["throttled=0x50005"],
}  # fmt: skip


class TestMachines:
    def test_what_a_board_says(self) -> None:
        found = machine.read(PROBED)
        assert found.temperature == 51.121 and found.libc == (2, 41)
        assert found.python is not None and found.python.version == (3, 13, 5)
        assert found.throttled == ("under-voltage", "throttled")
        assert machine.read({**PROBED, "throttled": ["throttled=0x50000"]}).throttled == (
            "under-voltage since it was started", "throttled since it was started",
        )  # fmt: skip

    def test_a_32_bit_system_on_a_64_bit_kernel_runs_32_bit_programs(self) -> None:
        found = machine.read({**PROBED, "bits": ["32"]})
        assert found.architecture == "armv7l"
        findings = preflight(zoo.load("kws-gru"), of_machine(found, boards.load("rpi4")))
        assert any("put a 64-bit OS on it" in f.text for f in findings if f.level == "stop")

    @pytest.mark.parametrize(
        ("change", "about"),
        [
            ({"systemd": [""]}, "systemd"), ({"libc": [""]}, "C library"),
            ({"python": ["/usr/bin/python3 Python 3.9.2"]}, "Python"), ({"python": []}, "Python"),
            ({"free_kb": ["200000"]}, "disk"), ({"memory_kb": ["200000"]}, "memory"),
        ],
    )  # fmt: skip
    def test_what_stops_a_bundle(self, change: dict[str, list[str]], about: str) -> None:
        found = machine.read({**PROBED, **change})
        findings = preflight(zoo.load("object-detect"), of_machine(found, boards.load("rpi4")))
        assert about in [f.about for f in findings if f.level == "stop"]

    def test_a_board_without_a_profile(self) -> None:
        findings = preflight(zoo.load("kws-gru"), of_machine(machine.read(PROBED), None))
        assert well(findings) and any("not known beforehand" in f.text for f in findings)

    def test_a_backend_that_the_bundle_has_not(self) -> None:
        place = of_board(boards.load("rpi4"))
        with pytest.raises(DeviceError, match="nothing for edgetpu"):
            preflight(zoo.load("kws-gru"), place, ServeOptions(backend="edgetpu"))
