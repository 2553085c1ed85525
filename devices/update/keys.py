"""Ed25519 keys: `release.pem` signs; `root.pem` says who may, and is best kept apart.

Keys that come later are `release-2.pem`, `root-2.pem` and so on. Which of them count stands in the
root metadata alone, so that no file is ever renamed or written over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.errors import UpdateError
from edgenets.extras import require

if TYPE_CHECKING:
    from securesystemslib.signer._crypto_signer import CryptoSigner

ROOT, RELEASE = "root", "release"

# More root keys than people who could be asked to sign.
MOST = 16


def make(folder: Path, roots: int = 1) -> None:
    """Make the first keys: one that signs releases, and root keys.

    Raises:
        UpdateError: there are keys already.
    """
    for name in (ROOT, RELEASE):
        if (path := _path(folder, name, 1)).exists():
            raise UpdateError(f"{path}: there is a key already; boards trust it")
    for _ in range(roots):
        add(folder, ROOT)
    add(folder, RELEASE)


def add(folder: Path, name: str) -> Path:
    """Make one more key of a kind; the file of it, which nobody else may read.

    Raises:
        UpdateError: it cannot be written.
    """
    signer = require("securesystemslib.signer").CryptoSigner
    number = 1
    while (path := _path(folder, name, number)).exists():
        number += 1
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(signer.generate_ed25519().private_bytes)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise UpdateError(f"{path}: the key cannot be written: {exc.strerror}") from exc
    return path


def load(path: Path) -> CryptoSigner:
    """A key as TUF signs with it.

    Raises:
        UpdateError: it is not there, or no key.
    """
    serialization = require("cryptography.hazmat.primitives.serialization")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        found: CryptoSigner = require("securesystemslib.signer").CryptoSigner(private)
    except (OSError, ValueError, TypeError) as exc:
        raise UpdateError(f"{path}: no key to sign with: {exc}") from exc
    return found


def every(folders: Iterable[Path], name: str) -> dict[str, CryptoSigner]:
    """All keys of a kind that lie in some folders, by their ids.

    Raises:
        UpdateError: there is none, or one is damaged.
    """
    looked = list(folders)
    pattern = re.compile(rf"{name}(-[1-9]\d*)?\.pem")
    paths = [
        p for f in looked if f.is_dir() for p in sorted(f.iterdir()) if pattern.fullmatch(p.name)
    ]
    if not paths:
        raise UpdateError(
            f"{', '.join(map(str, looked))}: no key to sign with: there is no {name}.pem"
        )
    return {signer.public_key.keyid: signer for signer in map(load, paths)}


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / (f"{name}.pem" if number == 1 else f"{name}-{number}.pem")
