"""Bringing bundles to boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets.api.running import as_bundle
from edgenets.bundle import Bundle
from edgenets.progress import Progress

if TYPE_CHECKING:
    from edgenets.devices.deploy.deploy import Outcome
    from edgenets.devices.flash.engine import Report as FlashReport
    from edgenets.devices.flash.first_boot import FirstBoot
    from edgenets.findings import Finding


def preflight(bundle: Bundle | str | Path, board: str) -> list[Finding]:
    """Whether a bundle will run on a board, as far as its profile says.

    Args:
        board: its name, as `edgenets device list` has it.

    Raises:
        DeviceError: there is no such board, or nothing in the bundle can run there.
    """
    from edgenets.devices import board as boards
    from edgenets.devices.preflight import of_board, preflight

    opened = as_bundle(bundle)
    return preflight(opened, of_board(boards.load(board)))


def deploy(
    bundle: Bundle | str | Path, address: str, *, sources: Sequence[str] = (),
    sinks: Sequence[str] = (), key: str | Path | None = None, accept_new: bool = False,
) -> Outcome:  # fmt: skip
    """Deploy a bundle to a board over SSH, and see it work there.

    Args:
        address: `[USER@]HOST[:PORT]`.
        sources: of the service, as of `run`; none: the usual one.
        sinks: none: the board's journal.
        key: the private SSH key; None: the usual ones.
        accept_new: trust a board that was never seen.

    Returns:
        the outcome; a release that does not hold is no exception but a verdict.

    Raises:
        DeviceError: the board is not reached, or lacks what is needed. It was not changed.
    """
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.deploy import deploy
    from edgenets.devices.deploy.needs import ServeOptions

    opened = as_bundle(bundle)
    found = parse_address(address, None if key is None else Path(key), None)
    return deploy(opened, found, ServeOptions(tuple(sources), tuple(sinks)), accept_new=accept_new)


def flash(
    image: str | Path,
    target: str | Path,
    confirm: str,
    first_boot: FirstBoot | None = None,
    progress: Progress | None = None,
) -> FlashReport:
    """Write an image to a card, and read every byte back.

    Args:
        image: a path or URL.
        target: the card, such as /dev/sdb.
        confirm: serial and size of the disk that may be overwritten, as `edgenets flash --list`
            shows them.
        first_boot: what the board is to be: name, user, keys, Wi-Fi.

    Raises:
        CardFault: the card is counterfeit, damaged, unreadable, gone, protected or too small.
        FlashError: the image is damaged, or the card is in use or not the one confirmed.
    """
    from edgenets.devices.flash.flash import confirmed, flash

    wanted = confirmed(confirm)
    return flash(str(image), Path(target), wanted, first_boot=first_boot, progress=progress)
