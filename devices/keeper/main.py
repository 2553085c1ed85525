"""The keeper's commands. All print JSON, a line each; the last is the answer."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import disk, environment, health, objects, service, trial
from . import release as releases
from . import state as states
from .errors import KeeperError
from .layout import NOTHING, Home, python_folder

# Two commands at once: the second one waits for the first one's step, not for its whole trial.
_LOCK_PATIENCE = 30.0  # s

# Of what an environment is made.
_PARTS = (environment.path_of, environment.code_of)


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
    found: dict[str, Any] = {}
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
    })  # fmt: skip


def _wanting(home: Home) -> None:
    """stdin: JSON list of SHA-256. Answer: those that are not here, and what there is of them."""
    _tell({"wanting": objects.wanting(home.objects, json.load(sys.stdin))})


def _receive(home: Home) -> None:
    """stdin: objects, as `objects.receive` has them."""
    _tell({"received": objects.receive(home.objects, sys.stdin.buffer)})


def _stage(home: Home) -> None:
    """stdin: a release's record. Makes its environment, and puts it beside the others."""
    release = releases.parse(json.load(sys.stdin))
    with _locked(home):
        if missing := objects.wanting(home.objects, release.objects):
            raise KeeperError(f"{len(missing)} objects of the release are not here")
        made = environment.make(home, release)
        new = not (home.release(release.id) / releases.RECORD).exists()
        releases.stage(home, release)
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
    with _locked(home):
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
    _tell({"kept": trial.go_on(home, _say)})


def _roll_back(home: Home) -> None:
    """Serve the release before this one."""
    with _locked(home):
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
    told = json.load(sys.stdin)
    disk.write(home.root / "trusted-root.json", told["root"].encode())
    found = {"url": told["url"], "board": told["board"]}
    disk.write(home.root / "update.json", json.dumps(found).encode())
    service.follow(home, python, int(minutes))
    _tell({"follows": told["url"]})


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
    with _locked(home):
        state = states.load(home)
        tried = state.trial
        ids = {home.serving(), state.previous}
        if tried is not None:
            ids |= {tried.release, tried.previous}
        keep = [releases.load(home, id) for id in ids if id is not None]
        gone = 0
        for folder, wanted in (
            (home.releases, {NOTHING, *(r.id for r in keep)}),
            (home.environments, {f(home, r).name for r in keep for f in _PARTS}),
            (home.objects, {sha256 for r in keep for sha256 in r.objects}),
            (
                home.pythons,
                {
                    _own_python(home),
                    *(python_folder(home.root, r.interpreter).name for r in keep if r.interpreter),
                },
            ),
        ):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name not in wanted:
                    gone += 1
                    if path.is_dir():
                        disk.remove_folder(path)
                    else:
                        disk.unlink(path)
    _tell({"removed": gone})


def _own_python(home: Home) -> str:
    """The name of our own Python that runs this; empty where the system's does."""
    here = Path(sys.executable)
    return here.relative_to(home.pythons).parts[0] if home.pythons in here.parents else ""


def _remove(home: Home) -> None:
    """Stop the service and take everything away."""
    service.remove()
    shutil.rmtree(home.root)
    _tell({"removed": str(home.root)})


def _record(home: Home, id: str | None) -> dict[str, Any] | None:
    try:
        return releases.load(home, id).plain() if id else None
    except KeeperError:
        return None


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """One command at a time.

    Raises:
        KeeperError: another one does not end.
    """
    with home.lock.open("w") as file:
        until = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise KeeperError("another command of the keeper is under way") from None
                time.sleep(0.1)
        yield


def _say(text: str) -> None:
    _tell({"doing": text})


def _tell(data: dict[str, Any]) -> None:
    print(json.dumps(data), flush=True)
