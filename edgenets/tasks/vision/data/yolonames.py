"""What a YOLO set says of itself: the names of its classes, and where its images are.

`data.yaml` is read as Ultralytics reads it, but for one thing: every word stays the text that it
is, where YAML would make `no` false of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenets.data.split import Split
from edgenets.errors import DataError, first_line
from edgenets.extras import require
from edgenets.files import Json

NAME_LISTS = ("classes.txt", "obj.names", "classes.names", "labels/classes.txt")
YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")

# Nobody writes a longer one by hand.
_LONGEST = 4 << 20  # bytes

_SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Description:
    """What a `data.yaml` holds that labels are read by."""

    file: Path
    names: dict[int, str]  # by the number of the class
    places: dict[Split, tuple[str, ...]]  # folders, lists and images, as they stand there
    path: str  # what these are relative to, as it stands there
    joints: tuple[int, int] | None  # how many keypoints, and numbers a keypoint


def description_of(root: Path) -> Path | None:
    """The `data.yaml` of a set, by whatever name; None: it has none.

    Raises:
        DataError: it could be several.
    """
    if root.is_file():
        return root
    for name in YAMLS:
        if (root / name).is_file():
            return root / name
    every = [p for p in sorted(root.iterdir()) if p.suffix in (".yaml", ".yml") and p.is_file()]
    fitting = [path for path in every if _names_classes(path)]
    if len(fitting) > 1:
        several = " and ".join(path.name for path in fitting[:3])
        raise DataError(f"{root}: {several} name classes; give the one that holds as the set")
    return fitting[0] if fitting else None


def read_description(file: Path) -> Description:
    """Read it.

    Raises:
        DataError: it is no YAML, or names classes in no way that is known.
    """
    plain = _yaml(file)
    names = _named(file, plain.get("names"))
    count = plain.get("nc")
    if count is not None and str(count) != str(len(names)):
        raise DataError(f"{file}: nc says {count} classes, names has {len(names)}; correct one")
    places = {split: _places(file, key, plain.get(key)) for key, split in _SPLITS.items()}
    return Description(
        file,
        names,
        {split: own for split, own in places.items() if own},
        str(plain.get("path") or ""),
        _joints(file, plain.get("kpt_shape")),
    )


def listed_names(root: Path) -> dict[int, str] | None:
    """The names of a list, one a line; None: there is none."""
    for name in NAME_LISTS:
        if (root / name).is_file():
            return names_of(root / name)
    return None


def names_of(file: Path) -> dict[int, str]:
    """One name a line; an empty line leaves a number without a name."""
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return {number: line.strip() for number, line in enumerate(lines) if line.strip()}


def _names_classes(path: Path) -> bool:
    try:
        return "names" in _yaml(path)
    except DataError:
        return False


def _yaml(file: Path) -> Json:
    yaml = require("yaml")
    try:
        if file.stat().st_size > _LONGEST:
            raise DataError(f"{file}: over {_LONGEST >> 20} MB; no description of a set")
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        found = yaml.load(text, yaml.BaseLoader)
    except (OSError, yaml.YAMLError, RecursionError) as exc:
        raise DataError(f"{file}: no YAML: {' '.join(str(exc).split())[:200]}") from exc
    if not isinstance(found, dict):
        raise DataError(f"{file}: has no list `names:` of classes")
    return found


def _named(file: Path, names: object) -> dict[int, str]:
    if isinstance(names, list):
        names = {str(number): name for number, name in enumerate(names)}
    if not isinstance(names, dict) or not names:
        raise DataError(f"{file}: has no list `names:` of classes")
    found: dict[int, str] = {}
    for key, name in names.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{file}: names: class {key} has no name")
        try:
            number = int(key)
        except (TypeError, ValueError):
            number = -1
        if number < 0 or number in found:
            raise DataError(f"{file}: names: {key} is no number of a class, or stands there twice")
        found[number] = name.strip()
    return dict(sorted(found.items()))


def _places(file: Path, key: str, value: object) -> tuple[str, ...]:
    every = value if isinstance(value, list) else [value] if value else []
    if not all(isinstance(place, str) for place in every):
        raise DataError(f"{file}: {key}: a folder, a list of images or several of them are needed")
    return tuple(every)


def _joints(file: Path, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    try:
        assert isinstance(value, Sequence)
        count, numbers = (int(part) for part in value)
        assert count > 0 and numbers in (2, 3)
    except (AssertionError, TypeError, ValueError) as exc:
        why = first_line(exc) or value
        raise DataError(f"{file}: kpt_shape: two numbers are needed, not {why}") from exc
    return count, numbers
