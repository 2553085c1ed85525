"""What a flashed board serves from its first start on without a network: keeper, wheels, bundle."""

from __future__ import annotations

import json
from pathlib import Path

from edgenets.bundle import Bundle

from ..board import Board
from ..deploy import keeping, needs
from ..deploy.compose import Supply, compose
from ..deploy.wheelhouse import Kind
from ..keeper.layout import HOME

_INSTALL = """#!/bin/sh
# Written by edgenets: installs what came with the card. It can be run again.
set -e
home={home} python={python}
mkdir -p $home/keeper/.new
tar -xf keeper.tar -C $home/keeper/.new
rm -rf $home/keeper/{version}
mv -T $home/keeper/.new $home/keeper/{version}
ln -sfn {version} $home/keeper/.current
mv -T $home/keeper/.current $home/keeper/current
keeper="$python $home/keeper/current"
$keeper install $python
for object in objects/*; do
    printf '%s %s 0\\n' "${{object##*/}}" "$(stat -c %s "$object")"
    cat "$object"
done | $keeper receive
$keeper stage < release.json
$keeper activate {release}
"""


def files(
    bundle: Bundle, board: Board, wishes: needs.Wishes, supply: Supply, scratch: Path
) -> dict[str, bytes]:  # fmt: skip
    """The files that `install.sh` installs, by name.

    Args:
        scratch: a folder for what is made on the way.

    Raises:
        DeviceError: there are no wheels for the board.
    """
    kind = Kind(board.processor.architecture, board.libc, board.python)
    python = f"/usr/bin/python{board.system.python}"
    release, objects = compose(bundle, wishes, kind, python, supply, scratch)
    version, keeper = keeping.archive()
    script = _INSTALL.format(home=HOME, python=python, version=version, release=release.id)
    return {
        "keeper.tar": keeper, "release.json": json.dumps(release.plain()).encode(),
        **{f"objects/{sha256}": path.read_bytes() for sha256, path in objects.items()},
        "install.sh": script.encode(),
    }  # fmt: skip
