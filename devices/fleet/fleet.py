"""Driving Ansible: a playbook over an inventory, and what it came to on each board."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import DeviceError
from edgenets.extras import ensure
from edgenets.files import Json

_HERE = Path(__file__).parent

# A wave of boards on slow lines; each has patience of its own.
_PATIENCE = 4 * 3600.0  # s


@dataclass(frozen=True)
class Plan:
    """To whom at once, and when to stop."""

    at_once: int = 8  # boards
    waves: tuple[str, ...] = ("100%",)  # sizes of the waves after the canaries: numbers or parts
    most_failures: int = 20  # per cent of a wave; more, and no further board is touched


@dataclass(frozen=True)
class BoardResult:
    """What became of one board."""

    board: str  # its name in the inventory
    verdict: str  # of `edgenets deploy`; "not reached", "not touched"
    serving: str | None
    reason: str

    @property
    def well(self) -> bool:
        """Whether it serves the release that was requested."""
        return self.verdict in ("kept", "unchanged")


def deploy(
    bundle: Path, inventory: Path, serve: Sequence[str] = (), plan: Plan | None = None
) -> list[BoardResult]:
    """Deploy a bundle to every board of an inventory: group `canary` first, then in waves.

    Args:
        serve: more options of `edgenets deploy`.

    Returns:
        what became of each board, those that were not touched included.

    Raises:
        DeviceError: the inventory cannot be read, or is empty.
    """
    plan = plan or Plan()
    names = boards(inventory)
    settings = {
        "bundle": str(bundle.resolve()),
        "serve": list(serve),
        "waves": [int(w) if w.isdigit() else w for w in plan.waves],
        "most_failures": plan.most_failures,
    }
    found: dict[str, BoardResult] = {}
    for answer in _play("deploy.yml", inventory, settings, plan.at_once):
        outcome = (answer.out.get("boards") or [{}])[0]
        reason = outcome.get("reason") or answer.out.get("error") or answer.error
        verdict, serving = outcome.get("verdict", "failed"), outcome.get("serving")
        found[answer.board] = BoardResult(answer.board, verdict, serving, reason)
    untouched = "too many boards before it did not hold"
    return [found.get(n) or BoardResult(n, "not touched", None, untouched) for n in names]


def ask(word: str, inventory: Path, at_once: int = 8) -> dict[str, Json]:
    """Ask every board `edgenets device WORD`; the answers, or `error`, by name.

    Raises:
        DeviceError: the inventory cannot be read, or is empty.
    """
    names = boards(inventory)
    answers = _play("ask.yml", inventory, {"word": word}, at_once)
    found = {answer.board: answer.out or {"error": answer.error} for answer in answers}
    return {name: found.get(name, {"error": "not reached"}) for name in names}


def boards(inventory: Path) -> list[str]:
    """The boards of an inventory, as Ansible reads it.

    Raises:
        DeviceError: it cannot be read, or is empty.
    """
    ensure("ansible")
    done = _ansible("ansible-inventory", "-i", str(inventory), "--list")
    try:
        settings = json.loads(done.stdout)
        # Only boards that have variables stand in `_meta`; all stand in their groups.
        groups = [group for group in settings.values() if isinstance(group, dict)]
        names = list({host for group in groups for host in group.get("hosts", [])})
    except ValueError:
        names = []
    # What is no inventory at all is to Ansible a list of boards with strange names.
    if not all(re.fullmatch(r"[\w.:\-\[\]]+", name) for name in names):
        names = []
    if done.returncode or not names:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        why = said[-1].strip() if said else "it names no boards"
        raise DeviceError(f"{inventory}: no inventory: {why}")
    return sorted(names)


@dataclass(frozen=True)
class _Answer:
    """What a board's command came to."""

    board: str
    out: Json  # the JSON that it printed
    error: str


def _play(
    playbook: str, inventory: Path, variables: dict[str, object], at_once: int
) -> list[_Answer]:
    """Run a playbook; the answer of each board."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        given = Path(folder) / "variables.json"
        program = [sys.executable, "-m", "edgenets.cli.main"]
        given.write_text(json.dumps({**variables, "edgenets": program}))
        done = _ansible(
            "ansible-playbook", "-i", str(inventory), "-f", str(at_once), "-e", f"@{given}",
            str(_HERE / "playbooks" / playbook), results=results,
        )  # fmt: skip
        lines = results.read_text().splitlines() if results.exists() else []
    if not lines:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise DeviceError(f"{inventory}: Ansible did nothing: {said[-1]}")
    found = []
    for line in lines:
        settings = json.loads(line)
        try:
            out = json.loads(settings["out"].splitlines()[-1])
        except (ValueError, IndexError):
            out = {}
        found.append(_Answer(settings["board"], out, settings["error"]))
    return found


def _ansible(
    program: str, *arguments: str, results: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "edgenets_results",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "EDGENETS_FLEET_RESULTS": str(results or os.devnull),
    }
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as exc:
        raise DeviceError(f"{command[0]}: not there; pip install 'edgenets[fleet]'") from exc
