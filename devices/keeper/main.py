"""The keeper's commands. All print JSON, a line each; the last is the answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from . import cleaning, disk, environment, health, objects, service, trial
from . import release as releases
from . import state as states
from .errors import KeeperError
from .layout import NOTHING, Home
from .lock import locked

# What was fetched or sent this long ago, and is of no release, belongs to nothing under way.
_GRACE = 3600.0  # s


def main(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    commands: dict[str, Callable[..., None]] = {
        "status": _status, "wanting": _wanting, "receive": _receive, "stage": _stage,
        "activate": _activate, "guard": _guard, "exec": _exec, "rollback": _roll_back,
        "install": _install, "clean": _clean, "remove": _remove, "follow": _follow,
        "update": _update,
    }  # fmt: skip
    if not arguments or arguments[0] not in commands:
        print(f"commands: {', '.join(commands)}", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]](Home(), *arguments[1:])
    except KeeperError as exc:
        _tell({"error": str(exc), "kind": type(exc).__name__})
        return 1
    except OSError as exc:  # a full disk, a card that became read-only
        _tell({"error": str(exc), "kind": "OSError"})
        return 1
    return 0


def _status(home: Home) -> None:
    """What is on the board, and how it does."""
    state, serving = states.load(home), home.serving()
    usage = shutil.disk_usage(home.root)
    found: dict[str, object] = {}
    for path in sorted(home.releases.glob(f"*/{releases.RECORD}")):
        try:
            release = releases.load(home, path.parent.name)
            found[release.id] = {"name": release.name, "version": release.version}
        except KeeperError as exc:
            found[path.parent.name] = {"damaged": str(exc)}
    _tell({
        "serving": serving, "previous": state.previous, "newest": state.newest,
        "trial": vars(state.trial) if state.trial else None, "failed": state.failed,
        "releases": found, "log": state.log[-20:], "service": service.show(),
        "live": health.status(home, serving) if serving else None,
        "record": _record(home, serving), "free_bytes": usage.free,
        "whole": serving is not None and _is_whole(home, serving),
    })  # fmt: skip


def _wanting(home: Home, *words: str) -> None:
    """stdin: JSON list of SHA-256. Answer: those that are not here, and what there is of them.

    With `verify` each of them is read, and one that is damaged is not here any more.
    """
    wanted = json.load(sys.stdin)
    if "verify" in words:
        objects.drop_damaged(home.objects, wanted)
    _tell({"wanting": objects.wanting(home.objects, wanted)})


def _receive(home: Home) -> None:
    """stdin: objects, as `objects.receive` has them."""
    _tell({"received": objects.receive(home.objects, sys.stdin.buffer)})


def _stage(home: Home) -> None:
    """stdin: a release's record. Makes its environment, and puts it beside the others."""
    release = releases.parse(json.load(sys.stdin))
    with locked(home):
        if missing := objects.wanting(home.objects, release.objects):
            raise KeeperError(f"{len(missing)} objects of the release are not here")
        made = environment.make(home, release)
        new = not (home.release(release.id) / releases.RECORD).exists()
        releases.stage(home, release)
        state = states.load(home)
        if release.id == home.serving() and state.trial is None:  # it was not whole
            state.note("repaired", release.id, "what it lacked was brought again")
            states.save(home, state)
            service.restart()
    _tell({"staged": release.id, "new": new, "environment": made})


def _install(home: Home, python: str) -> None:
    """Make folders, user and units."""
    nothing = home.release(NOTHING)
    for folder in (home.root, home.objects, home.environments, home.releases, nothing):
        disk.make_folder(folder)
    if not (nothing / releases.SERVICE).exists():
        disk.write(nothing / releases.SERVICE, b"")
    if not home.current.is_symlink():
        disk.point(home.current, f"releases/{NOTHING}")
    _tell({"installed": service.install(home, python)})


def _activate(home: Home, id: str) -> None:
    """Try a release: golden outputs here and now, the rest by the guard."""
    with locked(home):
        begun = trial.begin(home, id, _say)
    if begun:
        service.start_guard()
    _tell({"trial": id if begun else None})


def _guard(home: Home) -> None:
    """End a trial, if there is one."""

    def stop(*_: object) -> None:
        trial.ended_in_order(home)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    kept = trial.go_on(home, _say)
    if kept:  # a board that updates itself has nobody else who does
        with suppress(KeeperError), locked(home):
            cleaning.clean(home, _GRACE)
    _tell({"kept": kept})


def _roll_back(home: Home) -> None:
    """Serve the release before this one."""
    with locked(home):
        _tell({"serving": trial.roll_back(home, _say)})


def _exec(home: Home) -> None:
    """Become the service: of the current release, or of the one before if that is not whole."""
    state = states.load(home)
    problem: KeeperError | None = None
    for id in (home.serving(), state.previous):
        if id is None:
            continue
        try:
            release = releases.load(home, id)
            if not environment.is_complete(home, release):
                raise KeeperError(f"release {id}: its environment is not whole")
        except KeeperError as exc:
            problem = problem or exc
            continue
        python = str(environment.python_of(home, release))
        os.environ["EDGENETS_RELEASE"] = id
        os.environ["PYTHONPATH"] = str(environment.code_of(home, release))
        folder = home.release(id)
        words = [word.replace(releases.FOLDER, str(folder)) for word in release.arguments]
        run = [python, "-m", "edgenets.cli.main", "run", str(folder / releases.BUNDLE), *words]
        sys.stdout.flush()
        os.execv(python, run)
    raise problem or KeeperError("no release serves here; deploy one")


def _follow(home: Home, python: str, minutes: str) -> None:
    """stdin: JSON of where to look, as what, and whom to believe. Look there from now on."""
    settings = json.load(sys.stdin)
    disk.write(home.root / "trusted-root.json", settings["root"].encode())
    found = {"url": settings["url"], "board": settings["board"]}
    disk.write(home.root / "update.json", json.dumps(found).encode())
    service.follow(home, python, int(minutes))
    _tell({"follows": settings["url"]})


def _update(home: Home) -> None:
    """Look for a newer release, in the environment of the one that serves."""
    serving = home.serving()
    if serving is None:
        raise KeeperError("no release serves here; deploy one")
    release = releases.load(home, serving)
    os.environ["PYTHONPATH"] = str(environment.code_of(home, release))
    python = str(environment.python_of(home, release))
    sys.stdout.flush()
    os.execv(python, [python, "-m", "edgenets.devices.update.pull"])


def _clean(home: Home) -> None:
    """Remove what neither the current release nor the one before needs."""
    with locked(home):
        _tell({"removed": cleaning.clean(home)})


def _remove(home: Home) -> None:
    """Stop the service and take everything away."""
    service.remove()
    shutil.rmtree(home.root)
    _tell({"removed": str(home.root)})


def _is_whole(home: Home, id: str) -> bool:
    try:
        trial.check(home, releases.load(home, id))
    except KeeperError:
        return False
    return True


def _record(home: Home, id: str | None) -> dict[str, object] | None:
    try:
        return releases.load(home, id).plain() if id else None
    except KeeperError:
        return None


def _say(text: str) -> None:
    _tell({"doing": text})


def _tell(data: dict[str, object]) -> None:
    print(json.dumps(data), flush=True)
