"""A Python of one's own, for boards whose system brings none that is new enough.

An archive as python-build-standalone publishes them, `cpython-3.…-install_only.tar.gz`: one folder,
`python/`, that runs wherever it is unpacked and needs glibc 2.17 alone.
"""

from __future__ import annotations

import re
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path

from edgenets.errors import DeviceError

from ..keeper.layout import HOME, python_folder
from ..keeper.objects import digest

# e_machine of ELF files.
_MACHINES = {0xB7: "aarch64", 0x3E: "x86_64"}

_INTERPRETER = re.compile(r"python/bin/python3\.(\d+)")


@dataclass(frozen=True)
class OwnPython:
    """Such an archive."""

    archive: Path
    sha256: str
    version: tuple[int, int]
    architecture: str

    @property
    def path(self) -> str:
        """The interpreter on a board."""
        name = "python{}.{}".format(*self.version)
        return str(python_folder(Path(HOME), self.sha256) / "bin" / name)


def read(archive: Path) -> OwnPython:
    """What an archive holds.

    Raises:
        DeviceError: it is damaged, or holds no such Python.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                found = _INTERPRETER.fullmatch(member.name.removeprefix("./"))
                if found and member.isfile() and (file := tar.extractfile(member)):
                    head = file.read(20)
                    break
            else:
                raise DeviceError(
                    f"{archive}: has no python/bin/python3.*; an archive of python-build-"
                    f"standalone is needed, cpython-3.…-install_only.tar.gz"
                )
    except (OSError, EOFError, tarfile.TarError) as exc:
        raise DeviceError(f"{archive}: no archive of a Python: {exc}") from exc
    machine = struct.unpack_from("<H", head, 18)[0] if head[:4] == b"\x7fELF" else None
    if machine not in _MACHINES:
        raise DeviceError(f"{archive}: its Python is for neither aarch64 nor x86_64 Linux")
    return OwnPython(archive, digest(archive), (3, int(found[1])), _MACHINES[machine])
