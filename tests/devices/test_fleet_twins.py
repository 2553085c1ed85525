"""Eight boards at once, one of which does not hold; then a canary that stops all others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edgenets import zoo
from edgenets.cli.main import cli
from edgenets.devices.deploy.deploy import deploy
from edgenets.devices.deploy.needs import ServeOptions
from edgenets.devices.deploy.wheelhouse import Supply
from edgenets.devices.keeper.release import Health
from edgenets.devices.twin import twin
from edgenets.devices.twin.twin import Twin
from tests.devices.twins import CONSTRAINTS, running

pytest.importorskip("ansible")

pytestmark = [pytest.mark.slow, pytest.mark.twin_full]

# An image now and then: eight emulated boards share two processors.
SOURCE = "null:96x96?rate=2"
HEALTH = Health(inferences=3, latency_ms=20_000.0, patience=180.0)
COUNT = 8


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[Twin]]:
    """Eight twins that serve one release; what they are made of is deployed once."""
    with running("userland", "first") as (first,):
        outcome = deploy(
            zoo.load("image-classify"), first.address(), ServeOptions((SOURCE,), health=HEALTH),
            supply=Supply(constraint=CONSTRAINTS), accept_new=True,
        )  # fmt: skip
        assert outcome.verdict == "kept", outcome
        first.ssh("systemctl poweroff", check=False)
        first.power_cut()
        made = [twin.up("userland", f"t{n}", like=first) for n in range(COUNT)]
        try:
            for each in made:
                each.wait()
            yield made
        finally:
            for each in made:
                each.down()


def write_inventory(path: Path, fleet: list[Twin], canary: str) -> Path:
    def host(each: Twin) -> dict[str, object]:
        place = each.address()
        return {
            "ansible_host": place.host, "ansible_user": place.user, "ansible_port": place.port,
            "ansible_ssh_private_key_file": str(place.key),
            "edgenets_known_hosts": str(place.known_hosts), "edgenets_accept_new": True,
        }  # fmt: skip

    groups = {
        "canary": {"hosts": {t.name: host(t) for t in fleet if t.name == canary}},
        "others": {"hosts": {t.name: host(t) for t in fleet if t.name != canary}},
    }
    path.write_text(yaml.safe_dump({"all": {"children": groups}}))
    return path


def call(inventory: Path, sink: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = CliRunner().invoke(cli, [
        "fleet", "deploy", "image-classify", "-i", str(inventory), "--at-once", "4", "--json",
        "--", "--source", SOURCE, "--sink", f"jsonl:{sink}", "--constraint", str(CONSTRAINTS),
        "--inferences", "3", "--latency", "20000", "--patience", "180",
    ])  # fmt: skip
    told = json.loads(done.stdout)
    return done.exit_code, {board["board"]: board for board in told["boards"]}


def test_seven_of_eight_hold_and_one_goes_back(fleet: list[Twin], tmp_path: Path) -> None:
    # A folder stands where the new release would write: its service cannot start.
    fleet[-1].ssh("mkdir -p /var/lib/edgenets/seen.jsonl")
    code, found = call(write_inventory(tmp_path / "boards.yml", fleet, "t0"), "seen.jsonl")
    verdicts = {name: board["verdict"] for name, board in found.items()}
    assert verdicts == {**{f"t{n}": "kept" for n in range(7)}, "t7": "went back"}, found
    assert code == 1 and "seen.jsonl" in found["t7"]["reason"]
    serving = {name: board["serving"] for name, board in found.items()}
    assert len({serving[f"t{n}"] for n in range(7)}) == 1 and serving["t7"] != serving["t0"]


def test_a_canary_that_does_not_hold_keeps_the_others_as_they_are(
    fleet: list[Twin], tmp_path: Path
) -> None:
    fleet[0].ssh("mkdir -p /var/lib/edgenets/other.jsonl")
    code, found = call(write_inventory(tmp_path / "boards.yml", fleet, "t0"), "other.jsonl")
    assert code == 1 and found["t0"]["verdict"] == "went back"
    assert {found[f"t{n}"]["verdict"] for n in range(1, COUNT)} == {"not touched"}
