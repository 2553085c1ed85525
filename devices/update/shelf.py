"""The folder that boards fetch from. Any web server can serve it; nothing in it is secret.

    metadata/   signed: who may publish, what there is, how long that is believed
    targets/channels/BOARD.json      the newest release for a kind of board
    targets/objects/SHA256           bundles and wheels
    targets/deltas/OLD-NEW           differences of bundles

Every name but `timestamp.json` has a version or a digest in it and never changes, and that one is
written last: whoever looks in the middle of a publication sees the one before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets.bundle import Bundle
from edgenets.errors import UpdateError
from edgenets.extras import require
from edgenets.files import Json, replacing

from ..board import Board
from ..deploy import needs
from ..deploy.compose import compose, service_of
from ..deploy.wheelhouse import Supply
from ..place import of_board
from . import delta, keys

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata

# How long boards believe what they fetched. Whoever publishes refreshes it well before.
ROOT_DAYS, TARGETS_DAYS, TIMESTAMP_DAYS = 3650, 400, 90

# Differences are made from this many earlier bundles of a channel.
EARLIER = 3

_ROLES = ("targets", "snapshot", "timestamp")


@dataclass(frozen=True)
class Published:
    """What a publication came to."""

    release: str
    number: int
    boards: tuple[str, ...]
    bytes: int  # of objects that were not there before
    deltas: dict[str, int]  # size of the difference by the bundle that it is from


class Shelf:
    """One such folder."""

    def __init__(self, folder: Path, key_folder: Path) -> None:
        """Open it.

        Raises:
            UpdateError: it was never made, or is damaged.
        """
        api = require("tuf.api.metadata")
        self._folder = folder
        self._signer = keys.load(key_folder, keys.RELEASE)

        def read(name: str) -> Metadata[Any]:
            found: Metadata[Any] = api.Metadata.from_file(str(self._metadata / name))
            return found

        try:
            versions = [int(p.name.split(".")[0]) for p in self._metadata.glob("*.root.json")]
            self._root = read(f"{max(versions)}.root.json")
            self._timestamp = read("timestamp.json")
            self._snapshot = read(f"{self._timestamp.signed.snapshot_meta.version}.snapshot.json")
            version = self._snapshot.signed.meta["targets.json"].version
            self._targets = read(f"{version}.targets.json")
        except Exception as exc:  # of python-tuf, json and the disk
            raise UpdateError(
                f"{folder}: no shelf of releases: {exc}; make one: edgenets release init {folder}"
            ) from exc

    @classmethod
    def make(cls, folder: Path, key_folder: Path) -> Path:
        """Make a folder and, where there are none, keys; the root metadata that boards are given.

        Raises:
            UpdateError: there is one already.
        """
        api = require("tuf.api.metadata")
        metadata = folder / "metadata"
        if metadata.exists():
            raise UpdateError(f"{folder}: is a shelf of releases already")
        if not (key_folder / f"{keys.ROOT}.pem").exists():
            keys.make(key_folder)
        root_key, release_key = (keys.load(key_folder, n) for n in (keys.ROOT, keys.RELEASE))
        root = api.Root(expires=_in(ROOT_DAYS))
        root.add_key(root_key.public_key, "root")
        for role in _ROLES:
            root.add_key(release_key.public_key, role)
        signed = api.Metadata(root)
        signed.sign(root_key)
        metadata.mkdir(parents=True)
        path = metadata / "1.root.json"
        _write(signed, path)
        targets = api.Metadata(api.Targets(expires=_in(TARGETS_DAYS)))
        snapshot = api.Metadata(api.Snapshot(expires=_in(TARGETS_DAYS)))
        timestamp = api.Metadata(api.Timestamp(expires=_in(TIMESTAMP_DAYS)))
        names = ("1.targets.json", "1.snapshot.json", "timestamp.json")
        for part, name in zip((targets, snapshot, timestamp), names, strict=True):
            part.sign(release_key)
            _write(part, metadata / name)
        return path

    @property
    def _metadata(self) -> Path:
        return self._folder / "metadata"

    @property
    def root(self) -> Path:
        """The root metadata that boards are given."""
        return self._metadata / f"{self._root.signed.version}.root.json"

    def publish(
        self, bundle: Bundle, boards: dict[str, Board], serve: needs.ServeOptions, supply: Supply,
        scratch: Path, say: Callable[[str], None] = lambda _: None,
    ) -> list[Published]:  # fmt: skip
        """Publish a bundle for kinds of boards.

        Args:
            boards: by name; those with the same system share a release.
            scratch: a folder for what is made on the way.

        Raises:
            DeviceError: there are no wheels for a board.
        """
        made = []
        for name, board in boards.items():
            number = self._number(name) + 1
            service = service_of(bundle, serve, of_board(board, supply.own_python()))
            kind = service.place.kind
            release, objects = compose(service, supply, scratch, say, number)
            before = self._held()
            for sha256, path in objects.items():
                self._add_file(f"objects/{sha256}", path)
            deltas = self._add_deltas(name, release.bundle, bundle.path)
            record = {
                "release": release.plain(),
                "boards": [name],
                "python": list(kind.python),
                "libc": list(kind.libc),
                "architecture": kind.architecture,
                "earlier": [release.bundle, *self._earlier(name)][: EARLIER + 1],
            }
            self._add_bytes(f"channels/{name}.json", json.dumps(record, indent=1).encode())
            made.append(Published(release.id, number, (name,), self._held() - before, deltas))
        self._sign()
        return made

    def refresh(self) -> None:
        """Have boards believe what is there for another while."""
        self._sign()

    def releases(self) -> dict[str, Json]:
        """The newest release of each channel, by board."""
        names = [n for n in self._targets.signed.targets if n.startswith("channels/")]
        return {
            n.removeprefix("channels/").removesuffix(".json"): json.loads(self._read(n))
            for n in names
        }

    def _number(self, board: str) -> int:
        channel = self._channel(board)
        return int(channel["release"]["number"]) if channel else 0

    def _earlier(self, board: str) -> Sequence[str]:
        channel = self._channel(board)
        return list(channel["earlier"]) if channel else []

    def _channel(self, board: str) -> Json | None:
        name = f"channels/{board}.json"
        if name not in self._targets.signed.targets:
            return None
        found: Json = json.loads(self._read(name))
        return found

    def _add_deltas(self, board: str, sha256: str, path: Path) -> dict[str, int]:
        new, found = path.read_bytes(), {}
        for old in self._earlier(board)[:EARLIER]:
            name = f"objects/{old}"
            if old == sha256 or name not in self._targets.signed.targets:
                continue
            difference = delta.make(self._read(name), new)
            if len(difference) < delta.WORTH * len(new):
                self._add_bytes(f"deltas/{old[:16]}-{sha256[:16]}", difference)
                found[old] = len(difference)
        return found

    def _add_file(self, name: str, source: Path) -> None:
        if name in self._targets.signed.targets:
            return
        target = require("tuf.api.metadata").TargetFile.from_file(name, str(source), ["sha256"])
        with replacing(self._place(name, target.hashes["sha256"])) as beside:
            shutil.copyfile(source, beside)
        self._targets.signed.targets[name] = target

    def _add_bytes(self, name: str, data: bytes) -> None:
        target = require("tuf.api.metadata").TargetFile.from_data(name, data, ["sha256"])
        with replacing(self._place(name, target.hashes["sha256"])) as beside:
            beside.write_bytes(data)
        self._targets.signed.targets[name] = target

    def _read(self, name: str) -> bytes:
        target = self._targets.signed.targets[name]
        return self._place(name, target.hashes["sha256"]).read_bytes()

    def _place(self, name: str, sha256: str) -> Path:
        """Where a target is: beside its name stands its digest, so that it never changes."""
        folder, _, last = name.rpartition("/")
        return self._folder / "targets" / folder / f"{sha256}.{last}"

    def _held(self) -> int:
        return sum(int(t.length) for t in self._targets.signed.targets.values())

    def _sign(self) -> None:
        """New versions of all but the root; the timestamp last."""
        api = require("tuf.api.metadata")
        targets, snapshot = self._targets.signed, self._snapshot.signed
        timestamp = self._timestamp.signed
        for part, days in (
            (targets, TARGETS_DAYS),
            (snapshot, TARGETS_DAYS),
            (timestamp, TIMESTAMP_DAYS),
        ):
            part.version += 1
            part.expires = _in(days)
        snapshot.meta["targets.json"] = api.MetaFile(targets.version)
        timestamp.snapshot_meta = api.MetaFile(snapshot.version)
        parts = {
            f"{targets.version}.targets.json": self._targets,
            f"{snapshot.version}.snapshot.json": self._snapshot,
            "timestamp.json": self._timestamp,
        }
        for name, signed in parts.items():
            signed.sign(self._signer)
            _write(signed, self._metadata / name)


def _in(days: int) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


def _write(signed: Metadata[Any], path: Path) -> None:
    with replacing(path) as beside:
        beside.write_bytes(signed.to_bytes())
