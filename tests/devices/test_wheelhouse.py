"""Wheels for a board of another Python: a requirement holds there, or it does not."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from edgenets.devices.deploy.wheelhouse import Kind, Supply, gather
from edgenets.errors import DeviceError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def wheel(folder: Path, name: str, version: str, *requires: str, tag: str = "py3-none-any") -> Path:
    """A wheel with nothing in it but what it requires."""
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "links"
    folder.mkdir()
    wheel(folder, "pip", "99.0")
    wheel(folder, "base", "1.0")
    wheel(folder, "base", "2.0")
    wheel(folder, "arm_only", "1.0")
    return folder


def names(found: dict[str, Path]) -> set[str]:
    return {name.partition("-py3")[0] for name in found}


def test_what_holds_for_this_python_alone_is_not_asked_of_a_board(
    links: Path, tmp_path: Path
) -> None:
    own = wheel(
        tmp_path, "edgenets", "0.1", "base>=1", f'base>=2; python_version >= "{HERE}"',
        'arm_only; platform_machine == "aarch64"', 'missing; sys_platform == "win32"',
    )  # fmt: skip
    pins = tmp_path / "pins.txt"
    pins.write_text("base==1.0\n")
    board = Kind("aarch64", (2, 36), (3, 9))
    found = gather(own, (), board, Supply(pins, links), lambda _: None)
    assert {"base-1.0", "arm_only-1.0", "pip-99.0"} <= names(found)
    assert "base-2.0" not in names(found)


def test_what_holds_there_is_asked(links: Path, tmp_path: Path) -> None:
    own = wheel(tmp_path, "edgenets", "0.1", 'base>=2; python_version >= "3.9"')
    pins = tmp_path / "pins.txt"
    pins.write_text("base==1.0\n")
    with pytest.raises(DeviceError, match=r"no wheels for Python 3\.9 on aarch64"):
        gather(own, (), Kind("aarch64", (2, 36), (3, 9)), Supply(pins, links), lambda _: None)
    found = gather(own, (), Kind("aarch64", (2, 36), (3, 9)), Supply(None, links), lambda _: None)
    assert "base-2.0" in names(found)
