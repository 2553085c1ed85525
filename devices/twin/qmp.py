"""QEMU's monitor: JSON a line over a Unix socket (QEMU Machine Protocol)."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Self

from edgenets.errors import TwinError

# A snapshot of a gigabyte of memory takes seconds.
TIMEOUT = 120.0  # s


class Monitor:
    """An open monitor."""

    def __init__(self, folder: Path, name: str) -> None:
        """Connect to the socket `name` in `folder`.

        Raises:
            TwinError: nobody listens.
        """
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        handle = os.open(folder, os.O_RDONLY)
        try:  # by the folder's descriptor: a socket's path may have 107 bytes
            self._socket.connect(f"/proc/self/fd/{handle}/{name}")
            self._file = self._socket.makefile("rw", encoding="utf-8")
            self._file.readline()  # the greeting
            self.ask("qmp_capabilities")
        except OSError as exc:
            self._socket.close()
            raise TwinError(f"{folder / name}: QEMU does not answer: {exc}") from exc
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: object) -> Any:
        """One command, and what it returns.

        Raises:
            TwinError: QEMU refuses, or is gone.
        """
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        for line in self._file:
            answer = json.loads(line)
            if "error" in answer:
                raise TwinError(f"QEMU: {command}: {answer['error'].get('desc')}")
            if "return" in answer:
                return answer["return"]
        raise TwinError(f"QEMU went out during {command}")

    def human(self, line: str) -> None:
        """A command of the monitor for people; what it says is an error.

        Raises:
            TwinError: it says something.
        """
        if said := self.ask("human-monitor-command", **{"command-line": line}).strip():
            raise TwinError(f"QEMU: {line}: {said}")
