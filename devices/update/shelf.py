"""The folder that boards fetch from. Any web server can serve it; nothing in it is secret.

    metadata/   signed: who may publish (all roots there ever were), what there is, how long that
                is believed
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
from . import channel, delta, keys, roots
from .channel import Channel
from .roots import Publishers

if TYPE_CHECKING:
    from securesystemslib.signer._crypto_signer import CryptoSigner
    from tuf.api._payload import Root
    from tuf.api.metadata import Metadata

# How long boards believe what they fetched. Whoever publishes refreshes it well before.
TARGETS_DAYS, TIMESTAMP_DAYS = 400, 90

# Differences are made from this many earlier bundles of a channel.
EARLIER = 3


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
        self._folder, self._keys = folder, key_folder
        signers = keys.every([key_folder], keys.RELEASE)

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
            may = self._root.signed.roles["targets"].keyids
        except Exception as exc:  # of python-tuf, json and the disk
            raise UpdateError(
                f"{folder}: no shelf of releases: {exc}; make one: edgenets release init {folder}"
            ) from exc
        counted = [signer for keyid, signer in signers.items() if keyid in may]
        if not counted:
            raise UpdateError(
                f"{key_folder}: has no key to sign with that counts: the shelf's is "
                f"{', '.join(map(roots.short, may))}, and here are "
                f"{', '.join(map(roots.short, signers))}; was it rotated or revoked?"
            )
        self._signer = counted[0]

    @classmethod
    def make(
        cls, folder: Path, key_folder: Path, root_keys: int = 1, threshold: int | None = None
    ) -> Path:
        """Make a folder and, where there are none, keys; the root metadata that boards are given.

        Args:
            root_keys: how many root keys are made, where there are none.
            threshold: so many root keys must sign a change of who may publish; None: more than
                half of those that there are.

        Raises:
            UpdateError: there is one already, or the threshold is none.
        """
        api = require("tuf.api.metadata")
        metadata = folder / "metadata"
        if metadata.exists():
            raise UpdateError(f"{folder}: is a shelf of releases already")
        if not (key_folder / f"{keys.ROOT}.pem").exists():
            if threshold is not None and threshold > root_keys:
                raise UpdateError(f"{threshold} of {root_keys} root key(s) cannot sign")
            keys.make(key_folder, root_keys)
        signers = list(keys.every([key_folder], keys.ROOT).values())
        release_key = keys.load(key_folder / f"{keys.RELEASE}.pem")
        most = len(signers) // 2 + 1
        signed = roots.first(signers, release_key, most if threshold is None else threshold)
        metadata.mkdir(parents=True)
        path = metadata / "1.root.json"
        _write(signed, path)
        targets = api.Metadata(api.Targets(expires=roots.in_days(TARGETS_DAYS)))
        snapshot = api.Metadata(api.Snapshot(expires=roots.in_days(TARGETS_DAYS)))
        timestamp = api.Metadata(api.Timestamp(expires=roots.in_days(TIMESTAMP_DAYS)))
        names = ("1.targets.json", "1.snapshot.json", "timestamp.json")
        for part, name in zip((targets, snapshot, timestamp), names, strict=True):
            part.sign(release_key)
            _write(part, metadata / name)
        return path

    @property
    def _metadata(self) -> Path:
        return self._folder / "metadata"

    @property
    def publishers(self) -> Publishers:
        """Who may publish."""
        return roots.publishers(self._root)

    def rotate_release(self, root_folders: Sequence[Path] = ()) -> Path:
        """Have another key sign releases from now on; the old one counts no more.

        Args:
            root_folders: where root keys are, beside the folder of the others.

        Returns:
            the file of the new key.

        Raises:
            UpdateError: too few root keys are here to sign it.
        """
        return self._replace(keys.RELEASE, self.publishers.release, root_folders)

    def rotate_root(
        self, count: int, threshold: int | None = None, root_folders: Sequence[Path] = ()
    ) -> list[Path]:
        """Have other keys say who may publish; those of before count no more.

        Args:
            count: of new keys.
            threshold: so many of them must sign; None: more than half.

        Returns:
            the files of the new keys; errors as `rotate_release`.
        """
        if not 1 <= count <= keys.MOST or (threshold is not None and not 1 <= threshold <= count):
            raise UpdateError(f"{threshold} of {count} root key(s) cannot sign")
        old = self.publishers.root
        here = self._root_signers(root_folders)
        roots.check_signers(self._root, here)
        made = [keys.add(self._keys, keys.ROOT) for _ in range(count)]
        new = [keys.load(path) for path in made]
        limit = count // 2 + 1 if threshold is None else threshold
        self._take(
            roots.changed(self._root, old, {keys.ROOT: new}, [*here, *new], limit), self._signer
        )
        return made

    def revoke(self, key: str, root_folders: Sequence[Path] = ()) -> Path:
        """Have a key count no more, and another one in its place.

        Args:
            key: its id, or the beginning of it.

        Returns:
            the file of the key in its place.

        Raises:
            UpdateError: no such key counts, or too few root keys are here to sign it.
        """
        keyid = roots.key_of(self._root, key)
        kind = keys.ROOT if keyid in self.publishers.root else keys.RELEASE
        return self._replace(kind, [keyid], root_folders)

    def _replace(self, kind: str, old: Sequence[str], root_folders: Sequence[Path]) -> Path:
        """One new key in the place of some."""
        here = self._root_signers(root_folders)
        roots.check_signers(self._root, here)
        path = keys.add(self._keys, kind)
        new = keys.load(path)
        signers = [*here, new] if kind == keys.ROOT else here
        changed = roots.changed(self._root, old, {kind: [new]}, signers)
        self._take(changed, new if kind == keys.RELEASE else self._signer)
        return path

    def _root_signers(self, folders: Sequence[Path]) -> list[CryptoSigner]:
        return list(keys.every([self._keys, *folders], keys.ROOT).values())

    def _take(self, root: Metadata[Root], signer: CryptoSigner) -> None:
        """Publish a new root; what the key of releases signs is signed anew around it."""
        self._root, self._signer = root, signer
        self._sign(root)

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
            earlier = (release.bundle, *self._earlier(name))[: EARLIER + 1]
            record = Channel(
                release.plain(), (name,), kind.python, kind.libc, kind.architecture, earlier
            )
            self._add_bytes(f"channels/{name}.json", record.plain())
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
        found = self._channel(board)
        return found.of.number if found else 0

    def _earlier(self, board: str) -> Sequence[str]:
        found = self._channel(board)
        return found.earlier if found else ()

    def _channel(self, board: str) -> Channel | None:
        name = f"channels/{board}.json"
        if name not in self._targets.signed.targets:
            return None
        return channel.parse(self._read(name), name)

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

    def _sign(self, root: Metadata[Root] | None = None) -> None:
        """New versions of all but the root; the timestamp last, and before it a new root."""
        api = require("tuf.api.metadata")
        targets, snapshot = self._targets.signed, self._snapshot.signed
        timestamp = self._timestamp.signed
        for part, days in (
            (targets, TARGETS_DAYS),
            (snapshot, TARGETS_DAYS),
            (timestamp, TIMESTAMP_DAYS),
        ):
            part.version += 1
            part.expires = roots.in_days(days)
        snapshot.meta["targets.json"] = api.MetaFile(targets.version)
        timestamp.snapshot_meta = api.MetaFile(snapshot.version)
        parts = {
            f"{targets.version}.targets.json": self._targets,
            f"{snapshot.version}.snapshot.json": self._snapshot,
            "timestamp.json": self._timestamp,
        }
        for name, signed in parts.items():
            signed.sign(self._signer)
            if root is not None and signed is self._timestamp:
                _write(root, self.root)
            _write(signed, self._metadata / name)


def _write(signed: Metadata[Any], path: Path) -> None:
    with replacing(path) as beside:
        beside.write_bytes(signed.to_bytes())
