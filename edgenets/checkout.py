"""Python started in the root of a checkout, whose `edgenets/` hides the installed package.

The four folders of a checkout become one package when they are installed; there,
`edgenets.converters` does not lie in `edgenets/`. Python puts the current folder
first, so without this module an import in the checkout's root would find the
folder, and the rest of the package nowhere.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(_HERE)


def use_installed() -> None:
    """Replace the `edgenets` that is being imported from this checkout by the installed one.

    Nothing happens where this checkout is the one that is installed (`pip install -e .`).

    Raises:
        ImportError: no other edgenets is installed; the message says what to do.
    """
    if _stages_are_here():
        return
    spec = _installed()
    if spec is None or spec.loader is None:
        raise ImportError(
            f"edgenets is not installed in this Python ({sys.executable}): run "
            f"`pip install -e {_ROOT}`, or start Python outside of that folder after `pip install`"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules["edgenets"] = module  # what the import statement returns
    sys.modules.pop(__name__, None)  # the installed package has its own
    spec.loader.exec_module(module)


def _stages_are_here() -> bool:
    """Whether the other folders are found, and are those of this checkout."""
    spec = importlib.util.find_spec("edgenets.converters")
    return _lies_in(spec, os.path.join(_ROOT, "converters"))


def _installed() -> ModuleSpec | None:
    """The `edgenets` outside of this checkout: in site-packages, or by an editable install."""
    elsewhere = [path for path in sys.path if not _same(path or os.curdir, _ROOT)]
    packaged = PathFinder.find_spec("edgenets", elsewhere)
    if packaged is not None and _is_complete(packaged):
        return packaged
    editable = [
        finder.find_spec("edgenets", None) for finder in sys.meta_path if finder is not PathFinder
    ]
    return next((spec for spec in editable if spec is not None and not _lies_in(spec, _HERE)), None)


def _is_complete(spec: ModuleSpec) -> bool:
    """Whether the stages lie in the package, as they do in site-packages."""
    folder = os.path.dirname(spec.origin or "")
    return os.path.isdir(os.path.join(folder, "converters"))


def _lies_in(spec: ModuleSpec | None, folder: str) -> bool:
    """Whether a package is that of a folder."""
    return (
        spec is not None and spec.origin is not None and _same(os.path.dirname(spec.origin), folder)
    )


def _same(path: str, folder: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(folder)
