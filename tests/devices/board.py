"""A board in a folder: the keeper's own code, and systemd as far as the keeper asks it.

The service is a record of which release was started last; the interpreter of an environment is a
script that answers as `edgenets selftest` and `edgenets run` would. What is tried with it is the
keeper's order of steps, at each of which it can be killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenets.devices.keeper import disk, environment, objects
from edgenets.devices.keeper import release as releases
from edgenets.devices.keeper.layout import Home
from edgenets.devices.keeper.release import Health, Release

# What changes a disk or another process; at each of them a power cut or a kill can come.
STEPS = ("os.rename", "os.symlink", "os.link", "os.remove", "os.mkdir", "os.rmdir", "open",
         "subprocess.Popen", "os.truncate", "shutil.rmtree")  # fmt: skip

# Runs the keeper, and kills it at the step whose number is given; prints how many there were.
_HARNESS = """
import os, signal, sys
steps, last = int(sys.argv[1]), 0
def hook(event, arguments):
    global last
    if event not in {steps!r}:
        return
    if event == "open":
        path, mode, flags = arguments
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
            return
        if not str(path).startswith(os.environ["EDGENETS_HOME"]):
            return
    last += 1
    if last == steps:
        os.kill(os.getpid(), signal.SIGKILL)
{program}
sys.addaudithook(hook)
code = run()
print("steps", last, file=sys.stderr)
sys.exit(code)
"""

_KEEPER = """
from edgenets.devices.keeper.main import main
run = lambda: main(sys.argv[2:])
"""

# A pull, on a board whose environments are scripts.
_PULL = """
import stat
from edgenets.devices.keeper import environment
from edgenets.devices.update import pull
from edgenets.devices.keeper.layout import Home
def make(home, release):
    for place in (environment.path_of, environment.code_of):
        (place(home, release) / "bin").mkdir(parents=True, exist_ok=True)
        (place(home, release) / environment.COMPLETE).touch()
    python = environment.python_of(home, release)
    python.write_text({script!r})
    python.chmod(0o755)
    return True
environment.make = make
run = pull.main
"""

_SYSTEMCTL = """#!{python}
import json, os, sys
folder = {folder!r}
home = os.environ["EDGENETS_HOME"]
words = [w for w in sys.argv[1:] if not w.startswith("-")]
def write(name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)
if words[0] in ("restart", "start") and words[1] == "edgenets.service":
    serving = os.path.basename(os.readlink(home + "/current"))
    if words[0] == "start":  # after `exec` has said which release it is
        serving = open(os.path.join(folder, "serving")).read()
    record = json.load(open(home + "/releases/" + serving + "/release.json"))
    write("serving", serving)
    kind = record["version"]
    if kind != "dead":
        few, slow = kind == "deaf", kind == "slow"
        write("status.json", json.dumps({{
            "pid": 7, "release": serving, "inferences": 3 if few else 50, "problem": None,
            "latency_ms": {{"p50": 5.0, "p95": 5000.0 if slow else 9.0}}}}))
elif words[0] == "stop":
    write("serving", "")
elif words[0] == "show":
    serving = open(os.path.join(folder, "serving")).read()
    path = home + "/releases/" + serving + "/release.json"
    dead = bool(serving) and json.load(open(path))["version"] == "dead"
    print("ActiveState=active", "SubState=running", "MainPID=7",
          "NRestarts=" + ("9" if dead else "0"), sep="\\n")
"""

_PYTHON = """#!/bin/sh
# The interpreter of an environment: it answers what the keeper asks of edgenets.
case "$3" in
    selftest) cat "{folder}/golden.json" ;;
    run) echo "served $EDGENETS_RELEASE" ;;
esac
"""

EQUAL = {"id": "tflite-int8", "passed": True, "difference": 0.0, "reason": ""}
DIFFERENT = {"id": "tflite-int8", "passed": False, "difference": 7.5, "reason": ""}


class Board:
    """A keeper's home, and what serves there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin = folder / "bin"
        bin.mkdir(parents=True)
        self._script(bin / "systemctl", _SYSTEMCTL.format(python=sys.executable,
                                                          folder=str(folder)))  # fmt: skip
        self._script(bin / "journalctl", "#!/bin/sh\necho 'ValueError: no such label'\n")
        self.environment = {
            **os.environ, "EDGENETS_HOME": str(folder / "home"), "EDGENETS_RUN": str(folder),
            "PATH": f"{bin}:{os.environ['PATH']}",
        }  # fmt: skip
        (folder / "serving").write_text("")
        self.answer_golden(EQUAL)
        (folder / "home").mkdir()
        self._home = self._with_environment(Home)
        for part in (self._home.objects, self._home.environments, self._home.releases):
            part.mkdir()
        (self._home.releases / "nothing").mkdir()
        disk.point(self._home.current, "releases/nothing")

    def answer_golden(self, *trials: dict[str, Any]) -> None:
        """What `edgenets selftest` says from now on."""
        told = {"passed": all(t["passed"] for t in trials), "trials": list(trials)}
        (self.folder / "golden.json").write_text(json.dumps(told))

    def stage(self, version: str, **changes: Any) -> Release:
        """Put a release on the board, whose environment is a script."""
        wheel = self.put(b"wheel")
        release = Release(
            "words", version, self.put(b"bundle of " + version.encode()), self.put(b"edgenets"),
            {"pip-1-py3-none-any.whl": wheel}, "/usr/bin/python3", ["mic:default"],
            replace(Health(10, 100.0, 1.5), **changes),
        )  # fmt: skip
        for place in (environment.path_of, environment.code_of):
            folder = place(self._home, release)
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            (folder / environment.COMPLETE).touch()
        self._script(environment.python_of(self._home, release),
                     _PYTHON.format(folder=self.folder))  # fmt: skip
        releases.stage(self._home, release)
        return release

    def put(self, data: bytes) -> str:
        """Put an object on the board; its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        objects.path_of(self._home.objects, sha256).write_bytes(data)
        return sha256

    def keeper(
        self, *words: str, data: bytes = b"", kill_at: int = 0
    ) -> tuple[int, dict[str, Any], int]:  # fmt: skip
        """Run a command of the keeper.

        Returns:
            its exit code, its last answer, and how many steps it took.
        """
        done = self._killed_at(kill_at, _KEEPER, *words, data=data)
        lines = done.stdout.decode().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        errors = done.stderr.decode().split()
        steps = int(errors[-1]) if "steps" in errors else 0
        return done.returncode, told[-1] if told else {}, steps

    def pull(self, *, kill_at: int = 0) -> tuple[int, str]:
        """Look for a newer release; the exit code and what was said."""
        script = _PYTHON.format(folder=self.folder)
        done = self._killed_at(kill_at, _PULL.replace("{script!r}", repr(script)))
        return done.returncode, (done.stdout + done.stderr).decode()

    def _killed_at(
        self, step: int, program: str, *words: str, data: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        harness = _HARNESS.replace("{steps!r}", repr(set(STEPS))).replace("{program}", program)
        return subprocess.run(
            [sys.executable, "-c", harness, str(step), *words],
            input=data, capture_output=True, env=self.environment, timeout=60,
        )  # fmt: skip

    def start(self) -> str | None:
        """What the service would serve after a start of the board; None: nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "edgenets.devices.keeper", "exec"],
            capture_output=True, env=self.environment, timeout=60,
        )  # fmt: skip
        words = done.stdout.decode().split()
        if done.returncode == 0 and words[:1] == ["served"]:
            (self.folder / "serving").write_text(words[1])
            self._run("systemctl", "start", "edgenets.service")
            return words[1]
        return None

    def state(self) -> dict[str, Any]:
        """What the keeper says of the board."""
        return self.keeper("status")[1]

    def deploy(self, release: Release) -> dict[str, Any]:
        """Activate a release, and let the guard end its trial."""
        code, told, _ = self.keeper("activate", release.id)
        if code or told.get("trial") is None:
            return told
        return self.keeper("guard")[1]

    @property
    def home(self) -> Home:
        """Where the keeper is at home on it."""
        return self._home

    @property
    def serving(self) -> str:
        """The release that the service was started with last."""
        return (self.folder / "serving").read_text()

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self.environment, check=True, timeout=30)

    def _with_environment(self, make: Any) -> Any:
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            return make()
        finally:
            os.environ.clear()
            os.environ.update(before)

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)
