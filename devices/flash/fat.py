"""Files in a FAT file system of a card, by mtools: nothing is mounted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath

from edgenets.errors import FlashError

# A slow card takes some seconds for a hundred megabytes of wheels.
_TIMEOUT = 1800.0  # s


class Fat:
    """The FAT file system that begins at an offset of a card."""

    # What was written, to be compared when the card's caches are gone.
    written: dict[str, bytes]

    def __init__(self, card: Path, offset: int) -> None:
        """Look at it.

        Raises:
            FlashError: there is none, or no mtools.
        """
        self.written = {}
        self._drive = f"{card}@@{offset}"
        self.names = {line.strip().lstrip("/") for line in self._call("mdir", "-b", "::/")}

    def has(self, name: str) -> bool:
        """Whether there is a file or folder of that name at its top."""
        return any(
            found.split("::/")[-1].rstrip("/").lower() == name.lower() for found in self.names
        )

    def read(self, name: str) -> bytes:
        """A file.

        Raises:
            FlashError: it is not there.
        """
        return self._run("mtype", f"::/{name}")

    def write(self, name: str, data: bytes) -> None:
        """A file, and the folders above it; `verify` compares it later.

        Raises:
            FlashError: there is no room.
        """
        path = PurePosixPath(name)
        for parent in reversed(path.parents[:-1]):
            subprocess.run(
                ["mmd", "-i", self._drive, "-D", "s", f"::/{parent}"],
                capture_output=True,
                env=self._environment,
            )
        self._run("mcopy", "-o", "-", f"::/{name}", data=data)
        self.written[name] = data

    def verify(self) -> None:
        """Read everything that was written.

        Raises:
            FlashError: it is not there as it was written.
        """
        for name, data in self.written.items():
            if self.read(name) != data:
                raise FlashError(f"{name}: is not on the card as it was written; it is failing")

    @property
    def free(self) -> int:
        """Bytes that are free, as its directory listing ends with."""
        for line in reversed(self._call("mdir", "::/")):
            if line.strip().endswith("bytes free"):
                return int("".join(c for c in line if c.isdigit()))
        return 0

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C"}

    def _call(self, program: str, *arguments: str) -> list[str]:
        return self._run(program, *arguments).decode("utf-8", "replace").splitlines()

    def _run(self, program: str, *arguments: str, data: bytes = b"") -> bytes:
        command = [program, "-i", self._drive, *arguments]
        try:
            done = subprocess.run(
                command, input=data, capture_output=True, timeout=_TIMEOUT, env=self._environment
            )
        except FileNotFoundError as exc:
            raise FlashError("writing a configuration needs: apt-get install mtools") from exc
        except subprocess.TimeoutExpired as exc:
            raise FlashError(f"{program}: no end after {_TIMEOUT:.0f} s") from exc
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it failed"]
            raise FlashError(f"{program}: {said[-1]}")
        return done.stdout
