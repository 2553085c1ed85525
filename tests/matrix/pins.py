"""Write the constraints: `python -m tests.matrix.pins` keeps what is pinned, `--upgrade` nothing.

A pin says how large its wheel is and which of the Makefile's targets needs it, so that
`constraints/downloads.py` can tell before anything is downloaded.
"""

from __future__ import annotations

import sys

from tests.matrix.resolve import Pin, Resolution, constraints, resolve

# Python → what holds beside the bounds of pyproject.toml, and why.
PYTHONS: dict[str, tuple[str, ...]] = {
    # tflite-runtime 2.14, which boards with an old Python have, was built against NumPy 1.
    "3.11": ("numpy<2",),
    "3.12": (),
    "3.13": (),
    "3.14": (),
}

# 1.3 says that it is for Pythons before 3.11; pip keeps to that, uv does not.
EVERYWHERE = ("backports-strenum<1.3",)

# What the Makefile installs, from the least to the most.
TARGETS = ("demo", "all", "test")

_HEADER = """\
# Versions that edgenets was tested with, Python {python}: pip install -c constraints/{python}.txt …
# Written by `make pins`. Beside each: the size of its wheel (Linux, x86-64), and who needs it.
"""


def main() -> None:
    """Resolve for every Python, and write."""
    upgrade = "--upgrade" in sys.argv[1:]
    for python, keep in PYTHONS.items():
        path = constraints(python)
        resolution: Resolution = "pinned" if path.exists() and not upgrade else "newest"
        path.write_text(text(python, resolve(python, ["test"], resolution, (*keep, *EVERYWHERE))))
        print(f"{path.name}: {len(path.read_text().splitlines()) - 2} pins")


def text(python: str, pins: list[Pin]) -> str:
    """The file of a Python."""
    fixed = [str(pin) for pin in pins]
    needs = {
        target: {pin.name for pin in resolve(python, [target], "newest", fixed)}
        for target in TARGETS
    }
    lines = [_HEADER.format(python=python)]
    for pin in sorted(pins, key=lambda pin: pin.name):
        who = " ".join(target for target in TARGETS if pin.name in needs[target])
        lines.append(f"{pin}  # {pin.size / 1e6:.1f} MB: {who}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
