"""Twins for the tests: made from the base, which `edgenets twin build` has made before."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgenets.devices.deploy import manage
from edgenets.devices.twin import base, tools, twin
from edgenets.devices.twin.twin import Twin
from edgenets.errors import TwinError

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints" / "3.11.txt"  # twins are Debian 12


def why_not(tier: str) -> str | None:
    """Why twins of a tier cannot be tried here, or None."""
    programs = {
        "system": ("qemu-system-aarch64", "qemu-img", "nc"),
        "raspberry": ("qemu-system-aarch64", "qemu-img", "nc", "mcopy"),
        "userland": ("systemd-nspawn", "ip", "qemu-aarch64-static"),
    }[tier]
    if packages := tools.missing(*programs):
        return f"a {tier} twin needs the packages {' '.join(packages)}"
    if tier == "userland" and os.geteuid():
        return "userland twins need root"
    try:
        base.ready()
    except TwinError as exc:
        return str(exc)
    return None


def wait_until_it_serves(twin: Twin, release: str) -> None:
    """Wait until the service is up, for which the keeper does not, with this release all along."""
    up = time.monotonic()
    while (status := manage.status(twin.address()))["service"]["ActiveState"] != "active":
        assert status["serving"] == release
        assert time.monotonic() - up < 60, status
        time.sleep(0.5)
    assert status["serving"] == release


@contextmanager
def running(
    tier: str, *names: str, wait: bool = True, **options: Any
) -> Iterator[list[Twin]]:  # fmt: skip
    """Twins that are up, or at least on; they are gone when the block ends."""
    if why := why_not(tier):
        pytest.skip(why)
    before = os.environ.get("EDGENETS_TWINS")
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        os.environ["EDGENETS_TWINS"] = folder
        made: list[Twin] = []
        try:
            made += [twin.up(tier, name, **options) for name in names]
            for each in made if wait else ():
                each.wait()
            yield made
        finally:
            for each in made:
                each.down()
            if before is None:
                del os.environ["EDGENETS_TWINS"]
            else:
                os.environ["EDGENETS_TWINS"] = before
