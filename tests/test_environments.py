"""What `make matrix`, `make pins` and the Makefile's choice of a Python rest on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from edgenets.cli.main import cli
from tests.matrix import bounds, smoke
from tests.matrix.__main__ import read
from tests.matrix.environment import pythons
from tests.matrix.place import once
from tests.matrix.resolve import ROOT, constraints, supported

CHOOSE, DOWNLOADS = ROOT / "constraints" / "python.sh", ROOT / "constraints" / "downloads.py"


def commands(group: click.Group, *before: str) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)
        else:
            yield " ".join((*before, name))


def test_every_command_has_a_smoke() -> None:
    assert set(commands(cli)) == set(smoke.SMOKES)


def test_every_lower_bound_was_measured() -> None:
    measured = bounds.read()
    assert bounds.differences(measured) == []
    assert set(measured) == set(bounds.bounds()), "measured, and no dependency any more"


def test_a_lower_bound_that_was_not_measured_is_named() -> None:
    measured = bounds.read()
    del measured["simplejpeg"]
    measured["uvicorn"] = replace(measured["uvicorn"], lowest="0.20")
    missing, wrong = bounds.differences(measured)
    assert "simplejpeg: was never measured" in missing or "simplejpeg" in wrong
    assert "the lowest that works is 0.20" in missing + wrong


def test_a_property_that_failed_is_not_tried_again() -> None:
    tried = []

    class Broken:
        @once
        def part(self) -> None:
            tried.append(1)
            raise ValueError

    broken = Broken()
    with pytest.raises(ValueError):
        _ = broken.part
    with pytest.raises(pytest.fail.Exception, match="'part' failed before"):
        _ = broken.part
    assert tried == [1]


def test_a_report_is_read(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text(
        '<testsuites><testsuite><testcase name="test_it_runs[demo]" time="99.5"/>'
        '<testcase name="a"><failure message="x"/></testcase>'
        '<testcase name="b"><skipped/></testcase>'
        '<testcase name="c"><error message="y"/></testcase></testsuite></testsuites>'
    )
    assert read(path) == (1, ("a", "c"), 99.5)


def test_the_pythons_of_this_machine() -> None:
    found = pythons()
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in found
    assert list(found) == [version for version in supported() if version in found]


class Machine:
    """A PATH that holds these Pythons and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for tool in ("sh", "dirname"):
            (folder / tool).symlink_to(
                next(filter(os.path.exists, (f"/bin/{tool}", f"/usr/bin/{tool}")))
            )

    def python(self, name: str, version: str, venv: bool = True) -> None:
        program = self.folder / name
        program.write_text(
            f'#!/bin/sh\ncase "$2" in *version_info*) echo {version} ;; '
            f"*) exit {int(not venv)} ;; esac\n"
        )
        program.chmod(0o755)

    def choose(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(CHOOSE)], env={"PATH": str(self.folder)}, capture_output=True, text=True
        )


class TestChoiceOfPython:
    @pytest.fixture
    def machine(self, tmp_path: Path) -> Machine:
        return Machine(tmp_path / "bin")

    def test_the_newest(self, machine: Machine) -> None:
        for version in ("3.11", "3.12", "3.13"):
            machine.python(f"python{version}", version)
            assert machine.choose().stdout.strip() == f"python{version}"

    def test_one_with_a_release_candidate_of_tensorflow_comes_last(self, machine: Machine) -> None:
        machine.python("python3.14", "3.14")
        assert machine.choose().stdout.strip() == "python3.14"
        machine.python("python3.11", "3.11")
        assert machine.choose().stdout.strip() == "python3.11"

    def test_debians_without_its_number(self, machine: Machine) -> None:
        machine.python("python3", "3.13")
        assert machine.choose().stdout.strip() == "python3"

    def test_a_shim_of_a_python_that_is_not_there(self, machine: Machine) -> None:
        (machine.folder / "python3.13").write_text("#!/bin/sh\nexit 127\n")
        (machine.folder / "python3.13").chmod(0o755)
        machine.python("python3.12", "3.12")
        assert machine.choose().stdout.strip() == "python3.12"

    @pytest.mark.parametrize("version", ["3.9", "3.10", "3.15"])
    def test_none_that_will_do(self, machine: Machine, version: str) -> None:
        machine.python("python3", version)
        done = machine.choose()
        assert done.returncode == 1 and f"python3 is {version}" in done.stderr
        assert len(done.stderr.splitlines()) == 1 and "make PYTHON=" in done.stderr

    def test_without_venv(self, machine: Machine) -> None:
        machine.python("python3.12", "3.12", venv=False)
        done = machine.choose()
        assert done.returncode == 1 and "apt-get install python3.12-venv" in done.stderr


class TestDownloads:
    def told(self, target: str, *, nothing_installed: bool = False) -> str:
        command = [sys.executable, *(["-S"] if nothing_installed else []), str(DOWNLOADS), target]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def test_a_demonstration_of_a_new_environment(self) -> None:
        told = self.told("demo", nothing_installed=True)
        assert told.startswith("To be downloaded for `make demo`: ") and "tensorflow==" in told
        assert "ansible" not in told and all(len(line) <= 80 for line in told.splitlines())
        total = float(told.partition("about ")[2].partition(" MB")[0])
        pins = constraints("{}.{}".format(*sys.version_info[:2])).read_text().splitlines()
        sizes = [float(p.partition("# ")[2].partition(" ")[0]) for p in pins if ": demo" in p]
        assert total == pytest.approx(sum(sizes), abs=1)

    def test_what_is_there_is_not_told(self) -> None:
        here = len(self.told("test").splitlines())
        assert here < len(self.told("test", nothing_installed=True).splitlines())
