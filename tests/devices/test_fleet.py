"""Fleets: Ansible's inventories, waves and thresholds, on boards that cannot be reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgenets import zoo
from edgenets.cli.main import cli
from edgenets.devices.fleet.fleet import Plan, boards, deploy
from edgenets.errors import DeviceError

pytest.importorskip("ansible")

# Nobody listens at the discard port of the loopback.
NOBODY = "ansible_host=127.0.0.1 ansible_port=9 ansible_user=edge"


def inventory(folder: Path, canaries: int, others: int) -> Path:
    lines = ["[canary]", *(f"c{n} {NOBODY}" for n in range(canaries)), "[others]"]
    path = folder / "boards.ini"
    path.write_text("\n".join([*lines, *(f"o{n} {NOBODY}" for n in range(others))]) + "\n")
    return path


def test_boards_are_those_of_the_inventory(tmp_path: Path) -> None:
    assert boards(inventory(tmp_path, 1, 2)) == ["c0", "o0", "o1"]


def test_boards_without_variables_are_boards(tmp_path: Path) -> None:
    path = tmp_path / "boards.ini"
    path.write_text(f"kitchen.local\nshed.local\n[canary]\ngate {NOBODY}\n")
    assert boards(path) == ["gate", "kitchen.local", "shed.local"]


def test_a_canary_that_fails_stops_all_others(tmp_path: Path) -> None:
    found = deploy(zoo.load("kws-gru").path, inventory(tmp_path, 1, 3))
    assert {r.board: r.verdict for r in found} == {
        "c0": "failed", "o0": "not touched", "o1": "not touched", "o2": "not touched"
    }  # fmt: skip
    assert "not reached at port 9" in found[0].reason


def test_waves_stop_where_too_many_fail(tmp_path: Path) -> None:
    plan = Plan(at_once=2, waves=("1", "100%"), most_failures=50)
    found = deploy(zoo.load("kws-gru").path, inventory(tmp_path, 0, 3), plan=plan)
    assert [r.verdict for r in found] == ["failed", "not touched", "not touched"]


@pytest.mark.parametrize(("text", "why"), [("", "no inventory"), ("{", "no inventory")])
def test_what_is_no_inventory(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "boards.yml").write_text(text)
    with pytest.raises(DeviceError, match=why):
        boards(tmp_path / "boards.yml")


def test_the_command(tmp_path: Path) -> None:
    place = str(inventory(tmp_path, 0, 1))
    done = CliRunner().invoke(cli, ["fleet", "deploy", "kws-gru", "-i", place, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["boards"][0]["verdict"] == "failed"
    done = CliRunner().invoke(cli, ["fleet", "status", "-i", place])
    assert done.exit_code == 1 and "not reached at port 9" in done.stdout
    done = CliRunner().invoke(cli, ["fleet", "deploy", "kws-gru", "-i", place, "--waves", "0"])
    assert done.exit_code == 2 and "numbers of boards or parts are needed" in done.output
