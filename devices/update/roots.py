"""Who may publish: the root metadata, and how it is changed.

A root names the keys that may sign the next root, how many of them it takes, and the key that signs
releases. Each new one is signed by enough keys of the one before and of itself, and all of them
stay on the shelf: a board that slept through several changes follows them one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from edgenets.errors import UpdateError
from edgenets.extras import require

from . import keys

if TYPE_CHECKING:
    from securesystemslib.signer._crypto_signer import CryptoSigner
    from tuf.api._payload import Root
    from tuf.api.metadata import Metadata

# How long boards believe a root. Changing keys makes a new one.
ROOT_DAYS = 3650

# What the key of releases signs.
ROLES = ("targets", "snapshot", "timestamp")

# As many signs of a key's id tell it from any other.
SHORTEST_ID = 8


@dataclass(frozen=True)
class Publishers:
    """Who may publish, by the ids of their keys."""

    version: int
    expires: str  # ISO 8601, UTC
    threshold: int  # so many root keys sign the next root
    root: tuple[str, ...]
    release: tuple[str, ...]


def first(
    root_keys: Iterable[CryptoSigner], release: CryptoSigner, threshold: int
) -> Metadata[Root]:
    """The first root, signed.

    Raises:
        UpdateError: fewer keys than the threshold.
    """
    api = require("tuf.api.metadata")
    root = api.Root(expires=in_days(ROOT_DAYS))
    signers = list(root_keys)
    for signer in signers:
        root.add_key(signer.public_key, keys.ROOT)
    for role in ROLES:
        root.add_key(release.public_key, role)
    _set_threshold(root, threshold)
    made: Metadata[Root] = api.Metadata(root)
    for signer in signers:
        made.sign(signer, append=True)
    return made


def changed(
    old: Metadata[Root],
    drop: Iterable[str],
    add: dict[str, list[CryptoSigner]],
    signers: Iterable[CryptoSigner],
    threshold: int | None = None,
) -> Metadata[Root]:
    """The root after one, signed by what there is of keys.

    Args:
        old: the root that counts.
        drop: ids of keys that count no more.
        add: keys that count from now on, for `keys.ROOT` and `keys.RELEASE`.
        signers: root keys that are here, of before and of now.
        threshold: so many root keys sign the next root; None: as before.

    Raises:
        UpdateError: it would have too few keys, or too few of them are here to sign it.
    """
    api = require("tuf.api.metadata")
    root: Root = copy.deepcopy(old.signed)
    root.version += 1
    root.expires = in_days(ROOT_DAYS)
    dropped = set(drop)
    for name, role in root.roles.items():
        for keyid in dropped & set(role.keyids):
            root.revoke_key(keyid, name)
    for signer in add.get(keys.ROOT, ()):
        root.add_key(signer.public_key, keys.ROOT)
    for role_name in ROLES:
        for signer in add.get(keys.RELEASE, ()):
            root.add_key(signer.public_key, role_name)
    _set_threshold(root, root.roles[keys.ROOT].threshold if threshold is None else threshold)
    made: Metadata[Root] = api.Metadata(root)
    may = {*old.signed.roles[keys.ROOT].keyids, *root.roles[keys.ROOT].keyids}
    for signer in signers:
        if signer.public_key.keyid in may:
            made.sign(signer, append=True)
    found = root.get_root_verification_result(old.signed, made.signed_bytes, made.signatures)
    if not found.verified:  # of the keys that are added all are here
        missing = max(found.first.missing, found.second.missing)
        raise UpdateError(f"the new root lacks {missing} signature(s); more root keys must sign")
    return made


def check_signers(old: Metadata[Root], here: Iterable[CryptoSigner]) -> None:
    """See that what is here can change a root, before a new key is made for it.

    Raises:
        UpdateError: too few of its keys are here.
    """
    role = old.signed.roles[keys.ROOT]
    found = {signer.public_key.keyid for signer in here} & set(role.keyids)
    if len(found) < role.threshold:
        absent = ", ".join(short(keyid) for keyid in role.keyids if keyid not in found)
        raise UpdateError(
            f"{role.threshold - len(found)} more root key(s) must sign, of {absent}; name the "
            f"folders where they are by --root-keys"
        )


def publishers(root: Metadata[Root]) -> Publishers:
    """Who may publish, by a root."""
    signed = root.signed
    own = signed.roles[keys.ROOT]
    return Publishers(
        signed.version,
        signed.expires.isoformat(),
        own.threshold,
        tuple(own.keyids),
        tuple(signed.roles[ROLES[0]].keyids),
    )


def key_of(root: Metadata[Root], text: str) -> str:
    """The id of the one key that begins so.

    Raises:
        UpdateError: none does, or several, or it is too short to say.
    """
    found = [keyid for keyid in root.signed.keys if keyid.startswith(text.lower())]
    if len(text) < SHORTEST_ID or len(found) != 1:
        have = ", ".join(short(keyid) for keyid in root.signed.keys)
        raise UpdateError(
            f"'{text}' is the id of no key that counts ({SHORTEST_ID} signs or more of {have})"
        )
    return found[0]


def short(keyid: str) -> str:
    """A key's id as it is shown."""
    return keyid[: 2 * SHORTEST_ID]


def in_days(days: int) -> datetime:
    """So many days from now, in whole seconds."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


def _set_threshold(root: Root, threshold: int) -> None:
    role = root.roles[keys.ROOT]
    if not 1 <= threshold <= len(role.keyids):
        raise UpdateError(
            f"{threshold} of {len(role.keyids)} root keys cannot sign; the threshold is 1 to "
            f"{len(role.keyids)}"
        )
    role.threshold = threshold
