"""The virtual environment of a release: made of wheels that are here, without a network.

pip itself is one of the wheels, and runs from it: a board's Python need bring no pip and no
ensurepip. Releases of the same wheels share one environment. edgenets itself, of which there is a
new wheel more often than of all others, is unpacked beside it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from . import disk, objects
from .errors import KeeperError
from .layout import Home, python_folder
from .release import Release

# Written last: an environment without it is one that a cut interrupted.
COMPLETE = ".complete"

# Unpacking and compiling all of a detector's wheels, on the slowest board and from its card.
_PATIENCE = 1800.0  # s


# Makes a folder of a release's environment.
Step = Callable[[Home, Release, Path], None]


def path_of(home: Home, release: Release) -> Path:
    """Where the environment of a release is, or will be."""
    key = "\n".join([release.python, *sorted(release.wheels.values())])
    return home.environments / hashlib.sha256(key.encode()).hexdigest()[:12]


def python_of(home: Home, release: Release) -> Path:
    """Its interpreter."""
    return path_of(home, release) / "bin" / "python"


def code_of(home: Home, release: Release) -> Path:
    """Where edgenets itself is, or will be; for PYTHONPATH."""
    return home.environments / f"edgenets-{release.edgenets[:12]}"


def is_complete(home: Home, release: Release) -> bool:
    """Whether both are there, whole."""
    return all((folder / COMPLETE).exists() for folder, _ in _parts(home, release))


def make(home: Home, release: Release) -> bool:
    """Make what of it is not there.

    Returns:
        whether there was anything to do.

    Raises:
        KeeperError: a step fails; the next try begins anew.
    """
    disk.make_folder(home.environments)
    wanted = [
        (folder, step) for folder, step in _parts(home, release) if not (folder / COMPLETE).exists()
    ]
    for folder, step in wanted:
        disk.remove_folder(folder)
        step(home, release, folder)
        os.sync()  # thousands of files: one call for all is quicker than one for each
        disk.write(folder / COMPLETE, b"")
    return bool(wanted)


def _parts(home: Home, release: Release) -> list[tuple[Path, Step]]:
    """The folders that it consists of, in the order in which they are made, and how."""
    found: list[tuple[Path, Step]] = [
        (path_of(home, release), _install),
        (code_of(home, release), _unpack),
    ]
    if release.interpreter is not None:
        found.insert(0, (python_folder(home.root, release.interpreter), _unpack_python))
    return found


def _unpack_python(home: Home, release: Release, folder: Path) -> None:
    """A Python of our own: the archive's one folder, whatever it is called."""
    assert release.interpreter is not None
    folder.mkdir(parents=True)
    archive = objects.path_of(home.objects, release.interpreter)
    _call(
        ["tar", "-xzf", str(archive), "-C", str(folder), "--strip-components=1", "--no-same-owner"]
    )


def _install(home: Home, release: Release, folder: Path) -> None:
    """Everything but edgenets, by pip."""
    wheels = folder / "wheels"
    _call([release.python, "-m", "venv", "--without-pip", str(folder)])
    wheels.mkdir()
    for name, sha256 in release.wheels.items():
        os.link(objects.path_of(home.objects, sha256), wheels / name)
    installer = [n for n in release.wheels if n.startswith("pip-")]
    if len(installer) != 1:
        raise KeeperError("the release brings no pip to make its environment with")
    others = [str(wheels / n) for n in sorted(release.wheels) if n != installer[0]]
    _call([
        str(folder / "bin" / "python"), str(wheels / installer[0] / "pip"), "install", "--quiet",
        "--no-index", "--no-deps", "--no-cache-dir", "--no-compile", "--disable-pip-version-check",
        "--root-user-action=ignore", *others,
    ])  # fmt: skip
    disk.remove_folder(wheels)
    _compile(folder / "bin" / "python", folder / "lib")


def _unpack(home: Home, release: Release, folder: Path) -> None:
    """edgenets: a wheel of nothing but Python, which is compiled here; its user may not write."""
    wheel = objects.path_of(home.objects, release.edgenets)
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    except (OSError, zipfile.BadZipFile) as exc:
        raise KeeperError(f"edgenets could not be unpacked: {exc}") from exc
    _compile(Path(release.python), folder)


def _compile(python: Path, folder: Path) -> None:
    """Compile what the service will import, on all cores; its user may not write here.

    The tests that packages bring are a third of their code. Code of other Pythons, which some
    packages carry, does not compile, and is no fault.
    """
    command = [str(python), "-m", "compileall", "-q", "-j", "0", "-x", r"/tests?/", str(folder)]
    try:
        subprocess.run(command, capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise KeeperError(f"the environment could not be compiled: {exc}") from exc


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise KeeperError(f"the environment could not be made: {exc}") from exc
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise KeeperError(f"the environment could not be made: {said[-1] if said else command[0]}")
