"""The units of systemd: what they may is what they need, by systemd's own measure."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgenets.devices.keeper import service
from edgenets.devices.keeper.layout import Home

# By `systemd-analyze security`: 0 nothing is open, 10 everything is.
MOST_EXPOSED = {service.SERVICE: 3.0, service.GUARD: 5.0, service.UPDATE: 5.0}

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here: apt-get install "
    "systemd",
)  # fmt: skip


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.delenv("EDGENETS_HOME", raising=False)
    return service.units(Home(), "/usr/bin/python3", service.GROUPS)


@needs_analyze
@pytest.mark.parametrize("name", sorted(MOST_EXPOSED))
def test_units_are_no_more_open_than_they_must_be(
    tmp_path: Path, units: dict[str, str], name: str
) -> None:
    path = tmp_path / name
    path.write_text(units[name])
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None and "offline" in done.stderr:
        pytest.skip("this systemd-analyze reads no files")
    assert found is not None, done.stderr
    assert float(found[1]) <= MOST_EXPOSED[name], done.stdout


@needs_analyze
@pytest.mark.parametrize("name", sorted(MOST_EXPOSED))
def test_systemd_understands_every_line(tmp_path: Path, units: dict[str, str], name: str) -> None:
    path = tmp_path / name
    # What they run is on boards alone, and so is their user.
    text = re.sub(r"ExecStart=.*", "ExecStart=/bin/true", units[name])
    path.write_text(re.sub(r"(User|SupplementaryGroups)=.*\n", "", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True
    )
    assert not [line for line in done.stderr.splitlines() if name in line], done.stderr


def test_what_devices_need_stays_open(units: dict[str, str]) -> None:
    text = units[service.SERVICE]
    assert "SupplementaryGroups=video audio render plugdev gpio i2c spi apex\n" in text
    for shut in ("PrivateDevices=yes", "DevicePolicy=", "DeviceAllow=", "ProtectClock=yes",
                 "MemoryDenyWriteExecute=yes", "PrivateNetwork=yes", "ProcSubset=pid"):  # fmt: skip
        assert shut not in text
    assert "AF_NETLINK" in text  # libusb: a Coral stick that is plugged in
    assert "ReadWritePaths=/opt/edgenets\n" in units[service.UPDATE]
