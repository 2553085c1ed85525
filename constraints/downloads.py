"""What pip will download, and how much, before it starts: `python constraints/downloads.py demo`.

It reads the constraints of the Python that runs it, and skips what is installed there. Sizes are
those of the wheels for Linux on x86-64; what pip has in its cache is not downloaded again.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Smaller ones are reported in one line, together.
_NOTABLE = 5.0  # MB


def main() -> None:
    """Print the table for a target of the Makefile."""
    target = sys.argv[1]
    pins = Path(__file__).with_name("{}.{}.txt".format(*sys.version_info[:2]))
    wanted = [found for found in map(read, pins.read_text().splitlines()) if found]
    missing = [(size, pin) for pin, size, targets in wanted if target in targets and not there(pin)]
    if not missing:
        return
    missing.sort(reverse=True)
    rest = [size for size, _ in missing if size < _NOTABLE]
    total = sum(size for size, _ in missing)
    print(f"To be downloaded for `make {target}`: {len(missing)} packages, about {total:.0f} MB")
    for size, pin in missing:
        if size >= _NOTABLE:
            print(f"  {size:7.1f} MB  {pin}")
    if rest:
        print(f"  {sum(rest):7.1f} MB  {len(rest)} smaller ones")
    sys.stdout.flush()


def read(line: str) -> tuple[str, float, list[str]] | None:
    """A pin, its size in MB, and the targets that need it."""
    pin, hash, note = line.partition("#")
    if not pin.strip() or not hash:
        return None
    size, _, targets = note.partition("MB:")
    return pin.strip(), float(size), targets.split()


def there(pin: str) -> bool:
    """Whether it is installed in this version."""
    name, _, wanted = pin.partition("==")
    try:
        return version(name) == wanted
    except PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
