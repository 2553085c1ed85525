"""Ed25519 keys: `release.pem` signs; `root.pem` says who may, and is best kept apart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from edgenets.errors import UpdateError
from edgenets.extras import require

ROOT, RELEASE = "root", "release"


def make(folder: Path) -> None:
    """Make both keys.

    Raises:
        UpdateError: there are keys already.
    """
    signer = require("securesystemslib.signer").CryptoSigner
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (ROOT, RELEASE):
        path = _path(folder, name)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as exc:
            raise UpdateError(f"{path}: there is a key already; boards trust it") from exc
        with os.fdopen(handle, "wb") as file:
            file.write(signer.generate_ed25519().private_bytes)
            file.flush()
            os.fsync(file.fileno())


def load(folder: Path, name: str) -> Any:
    """A key as TUF signs with it.

    Raises:
        UpdateError: it is not there, or no key.
    """
    path = _path(folder, name)
    serialization = require("cryptography.hazmat.primitives.serialization")
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), None)
        return require("securesystemslib.signer").CryptoSigner(private)
    except (OSError, ValueError, TypeError) as exc:
        raise UpdateError(f"{path}: no key to sign with: {exc}") from exc


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.pem"
