"""This edgenets as a wheel, made of the modules that run here, installed or checked out.

What is deployed is then what was tried on the laptop, whether that came from an index or from
a working tree, and no index is asked for it. The shipped bundles are left out: a board gets its
own. The same modules give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from edgenets.errors import DeviceError

# The packages of which edgenets is made; each may lie in a folder of its own.
_PACKAGES = ("edgenets", "edgenets.converters", "edgenets.runtime", "edgenets.devices")

_LEFT_OUT = (".pyc", ".edge", ".md")

_EPOCH = (1980, 1, 1, 0, 0, 0)

_WHEEL = "Wheel-Version: 1.0\nGenerator: edgenets\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SCRIPTS = "[console_scripts]\nedgenets = edgenets.cli.main:main\n"


def make() -> tuple[str, bytes]:
    """The wheel's file name and bytes.

    Raises:
        DeviceError: edgenets is not installed, only on the path.
    """
    files = dict(sorted(_files()))
    sum = hashlib.sha256()
    for name, data in files.items():
        sum.update(f"{name}\0{len(data)}\0".encode() + data)
    try:
        known = importlib.metadata.distribution("edgenets")
    except importlib.metadata.PackageNotFoundError as exc:
        raise DeviceError("edgenets is not installed here: pip install -e .") from exc
    # A wheel's name for it, and that of a checkout which setuptools has only looked at.
    metadata = known.read_text("METADATA") or known.read_text("PKG-INFO") or ""
    released = known.version
    version = f"{released}+board.{sum.hexdigest()[:8]}"
    folder = f"edgenets-{version}.dist-info"
    head, blank, body = metadata.partition("\n\n")
    head = head.replace(f"\nVersion: {released}", f"\nVersion: {version}", 1)
    files[f"{folder}/METADATA"] = (head + blank + body).encode()
    files[f"{folder}/WHEEL"] = _WHEEL.encode()
    files[f"{folder}/entry_points.txt"] = _SCRIPTS.encode()
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, data)
    return f"edgenets-{version}-py3-none-any.whl", packed.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    """Every file of the packages, by its place in a wheel."""
    for package in _PACKAGES:
        folder = Path(importlib.import_module(package).__path__[0])
        place = package.replace(".", "/")
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            if not path.is_file() or path.suffix in _LEFT_OUT or "__pycache__" in inside.parts:
                continue
            yield f"{place}/{inside.as_posix()}", path.read_bytes()


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"
