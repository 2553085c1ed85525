"""What a flashed board serves from its first start on without a network: keeper, wheels, bundle."""

from __future__ import annotations

import json
from pathlib import Path

from edgenets.bundle import Bundle

from ..board import Board
from ..deploy import keeping, needs
from ..deploy.compose import compose, service_of
from ..deploy.wheelhouse import Supply
from ..keeper.layout import HOME
from ..place import of_board

_INSTALL = """#!/bin/sh
# Written by edgenets: installs what came with the card. It can be run again.
set -e
{unpack}keeper="{python} {home}/keeper/current"
$keeper install {python}
for object in objects/*; do
    printf '%s %s 0\\n' "${{object##*/}}" "$(stat -c %s "$object")"
    cat "$object"
done | $keeper receive
$keeper stage < release.json
$keeper activate {release}
"""


def files(
    bundle: Bundle, board: Board, serve: needs.ServeOptions, supply: Supply, scratch: Path
) -> dict[str, bytes]:
    """The files that `install.sh` installs, by name.

    Args:
        scratch: a folder for what is made on the way.

    Raises:
        DeviceError: there are no wheels for the board.
    """
    place = of_board(board, supply.own_python())
    release, objects = compose(service_of(bundle, serve, place), supply, scratch)
    version, keeper = keeping.archive()
    own = place.own
    unpack = keeping.unpack_python(own, f"objects/{own.sha256}") if own else ""
    unpack += keeping.unpack_keeper(version, "keeper.tar")
    script = _INSTALL.format(home=HOME, unpack=unpack, python=place.interpreter, release=release.id)
    return {
        "keeper.tar": keeper,
        "release.json": json.dumps(release.plain()).encode(),
        **{f"objects/{sha256}": path.read_bytes() for sha256, path in objects.items()},
        "install.sh": script.encode(),
    }
