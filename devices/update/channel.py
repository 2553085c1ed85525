"""The newest release for a kind of board, as the shelf has it and a board reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from edgenets import records
from edgenets.errors import RecordError, UpdateError
from edgenets.files import Json

from ..keeper import release as releases
from ..keeper.errors import KeeperError
from ..keeper.release import Release


@dataclass(frozen=True)
class Channel:
    """One such record."""

    release: Json  # as the keeper's `release.json`; see `of`
    boards: tuple[str, ...]  # names of profiles that it is for
    python: tuple[int, ...]  # major and minor version that its wheels were chosen for
    libc: tuple[int, ...]  # the oldest that they run on
    architecture: str  # as `uname -m`
    earlier: tuple[str, ...] = ()  # SHA-256 of bundles, the newest first

    @property
    def of(self) -> Release:
        """The release itself.

        Raises:
            UpdateError: it is none that this edgenets knows.
        """
        try:
            return releases.parse(self.release)
        except KeeperError as exc:
            raise UpdateError(str(exc)) from exc

    def plain(self) -> bytes:
        """As JSON has it."""
        return json.dumps(records.to_plain(self), indent=1).encode()


def parse(data: bytes, where: str) -> Channel:
    """A record from JSON; what a newer edgenets adds to it is left out.

    Raises:
        UpdateError: it is none.
    """
    known = {f.name for f in fields(Channel)}
    try:
        found = json.loads(data)
        if not isinstance(found, dict):
            raise UpdateError(f"{where}: no record of a release: no JSON object")
        return records.parse(Channel, {k: v for k, v in found.items() if k in known})
    except (ValueError, RecursionError, RecordError) as exc:
        raise UpdateError(f"{where}: no record of a release: {exc}") from exc
