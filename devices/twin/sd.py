"""A system twin's card, and its faults: between QEMU and the card stands nbdkit's error filter.

While a file is there every read of the card fails, or every write, as of a card whose controller
gives up. The guest's own kernel and file system do the rest.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Literal

from edgenets.errors import TwinError

from .tools import need

Fault = Literal["read", "write"]

# nbdkit listens within this.
_STARTED = 10.0  # s

_SOCKET, _PID = "card.sock", "card.pid"


class FailingCard:
    """The card of a twin that was made with `faults`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def drive(self) -> str:
        """What QEMU's `-drive` takes; it runs in the twin's folder."""
        return f"file.driver=nbd,file.server.type=unix,file.server.path={_SOCKET},format=raw"

    def fault(self, kind: Fault) -> None:
        """From now on every read or write fails with an I/O error."""
        self._sign(kind).touch()

    def repair(self) -> None:
        """From now on it works again; what the guest made of it stays."""
        for kind in ("read", "write"):
            self._sign(kind).unlink(missing_ok=True)

    def start(self, disk: str) -> int:
        """Serve a raw disk of the folder.

        Returns:
            the process that does.

        Raises:
            TwinError: it does not.
        """
        need("nbdkit")
        for name in (_SOCKET, _PID):
            (self._folder / name).unlink(missing_ok=True)
        words = [
            "nbdkit", "--unix", _SOCKET, "--pidfile", str(self._folder / _PID), "--filter=error",
            "file", disk, "error=EIO", "error-pread-rate=100%", "error-pwrite-rate=100%",
            f"error-pread-file={self._sign('read')}", f"error-pwrite-file={self._sign('write')}",
            "error-zero-rate=100%", f"error-zero-file={self._sign('write')}",
        ]  # fmt: skip
        done = subprocess.run(words, cwd=self._folder, capture_output=True, text=True)
        until = time.monotonic() + _STARTED
        while not (self._folder / _PID).exists():
            if done.returncode or time.monotonic() > until:
                raise TwinError(f"the card did not start: {done.stderr.strip()}")
            time.sleep(0.02)
        return int((self._folder / _PID).read_text())

    @property
    def pid(self) -> int | None:
        """The process that serves it; None where there is none."""
        path = self._folder / _PID
        return int(path.read_text()) if path.exists() else None

    def _sign(self, kind: str) -> Path:
        return self._folder / f"fails-to-{kind}"
