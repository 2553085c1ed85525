"""The zoo: bundles that ship with edgenets, found by name."""

from __future__ import annotations

from pathlib import Path

from edgenets import recipe
from edgenets.bundle import SUFFIX, Bundle
from edgenets.errors import BundleError

ZOO = Path(__file__).parent / "zoo"


def shipped() -> list[str]:
    """Names of the bundles that come with edgenets."""
    return sorted(p.stem for p in ZOO.glob(f"*{SUFFIX}"))


def find(name: str | Path) -> Path:
    """The file of a bundle: a path, the folder that it is in, or the name of a shipped one.

    Raises:
        BundleError: there is neither.
    """
    path = Path(name)
    try:
        if path.is_dir():
            return _only_in(path)
        if path.exists():
            return path
    except OSError as exc:  # a name that is too long, a folder that may not be looked into
        raise BundleError(f"{name}: cannot be read as a bundle: {exc.strerror}") from exc
    if str(name) in shipped():
        return ZOO / f"{name}{SUFFIX}"
    if str(name) in recipe.shipped():
        raise BundleError(
            f"{name}: its recipe is shipped, its bundle is not: build it by `edgenets build {name} "
            f"--data DIR`, and give the .edge file that it writes"
        )
    known = ", ".join(shipped()) or "none"
    raise BundleError(f"{name}: no such file, and no shipped bundle of that name ({known})")


def _only_in(folder: Path) -> Path:
    """The bundle of a folder that a model was converted and bundled in."""
    found = sorted(folder.glob(f"*{SUFFIX}"))
    if len(found) == 1:
        return found[0]
    if found:
        raise BundleError(f"{folder}: has {', '.join(p.name for p in found)} in it; say which")
    raise BundleError(
        f"{folder}: has no bundle in it; make one of what was converted and verified there: "
        f"edgenets bundle {folder}"
    )


def load(name: str | Path) -> Bundle:
    """Open a bundle by path or shipped name; errors as `find` and `Bundle`."""
    return Bundle(find(name))
