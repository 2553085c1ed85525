"""YOLO: an image, and a `.txt` of the same name with a line for each object on it.

    class x y width height             a box: its middle and size
    class x y x y x y …                an outline, or the four corners of a turned box
    class x y width height x y v …     a box with keypoints, where `kpt_shape` says so

All but the class are fractions of the image. Labels lie in a folder `labels` beside `images`, as
Ultralytics and Roboflow have them, or beside each image, as CVAT (YOLO 1.1) and LabelImg do. The
classes are named by `data.yaml`, `classes.txt` or `obj.names`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenets.data.split import Split
from edgenets.errors import DataError
from edgenets.tasks.vision.data import yolonames
from edgenets.tasks.vision.data.catalogue import Catalogue, Fault, Labelled, Thing, Where
from edgenets.tasks.vision.data.drawn import CORNERS, FRACTIONS, Canvas, Drawn
from edgenets.tasks.vision.data.folders import SPLIT_NAMES
from edgenets.tasks.vision.data.yolonames import Description
from edgenets.tasks.vision.image import is_image

# Files beside images that are no labels.
_NO_LABELS = frozenset(
    {"classes.txt", "train.txt", "valid.txt", "val.txt", "test.txt", "images.txt"}
)

Place = tuple[Split | None, Path]  # an image


@dataclass(frozen=True)
class _Classes:
    """What the numbers of a line mean."""

    names: dict[int, str]
    joints: tuple[int, int] | None = None  # how many keypoints, and numbers a keypoint


def looks_like(root: Path) -> bool:
    """Whether images have `.txt` files beside them, or in folders side by side."""
    if root.is_file():
        return root.suffix in (".yaml", ".yml")
    return any(True for _ in _labeled_folders(root)) or _described(root)


def read(root: Path, outlines: bool = False) -> Catalogue:
    """Read the set; its labels are the named classes, by their numbers.

    Args:
        root: its folder, or its `data.yaml`.
        outlines: things are wanted with their pixels.

    Raises:
        DataError: nothing says what the classes are called, or images that it names are not there.
    """
    described = yolonames.description_of(root)
    folder = root.parent if root.is_file() else root
    description = None if described is None else yolonames.read_description(described)
    faults: list[Fault] = []
    classes = _classes(folder, description, faults)
    places = list(dict.fromkeys(_places(folder, description, faults)))
    files = {path: label_file(path) for _, path in places}
    twice = _labels_twice(files)
    found = []
    labels = {file for file in files.values() if file.is_file()}
    for split, path in places:
        file = files[path]
        things: tuple[Thing, ...] | None = ()  # nothing is on it
        if file in twice:
            faults.append(Fault(file, f"belongs to {' and '.join(twice[file])}; both left out"))
            continue
        if file in labels:
            things = _things(file, path, classes, outlines, faults)
        if things is not None:
            found.append(Labelled(path, split, things=things, painted=outlines))
    if places and not labels:
        raise DataError(
            f"{root}: none of its {len(places)} images has labels; {label_file(places[0][1])} and "
            f"the like are needed"
        )
    faults += _without_image(labels, folder)
    return Catalogue(tuple(found), tuple(dict.fromkeys(classes.names.values())), tuple(faults))


def label_file(image: Path) -> Path:
    """Where the labels of an image are: in `labels` for `images`, or beside it."""
    parts = list(image.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at].lower() == "images":
            name = "labels" if parts[at] == "images" else "Labels"
            file = Path(*parts[:at], name, *parts[at + 1 :]).with_suffix(".txt")
            if file.parent.is_dir():
                return file
            break
    return image.with_suffix(".txt")


def _classes(root: Path, description: Description | None, faults: list[Fault]) -> _Classes:
    listed = yolonames.listed_names(root)
    if description is None and listed is None:
        listed = _darknet_names(root)
    names = listed if description is None else description.names
    if names is None:
        raise DataError(
            f"{root}: nothing names the classes; one of {yolonames.YAMLS[0]}, "
            f"{', '.join(yolonames.NAME_LISTS[:2])} is needed beside the images"
        )
    if description is not None and listed is not None and listed != names:
        faults.append(
            Fault(description.file, "names other classes than the list beside it; these are taken")
        )
    first: dict[str, int] = {}
    for number, name in names.items():
        if first.setdefault(name, number) != number:
            file = root if description is None else description.file
            text = f"classes {first[name]} and {number} are both {name}; taken as one"
            faults.append(Fault(file, text))
    return _Classes(names, None if description is None else description.joints)


def _darknet_names(root: Path) -> dict[int, str] | None:
    """The names of the one `*.names` that darknet's `*.data` would name."""
    every = sorted(root.glob("*.names"))
    return yolonames.names_of(every[0]) if len(every) == 1 else None


def _places(root: Path, description: Description | None, faults: list[Fault]) -> Iterator[Place]:
    """All images with the split that the set says."""
    if description is not None and description.places:
        found = _described_places(description, faults)
        if found is not None:
            yield from found
            return
    yield from _listed(root, faults)
    for split, folder in _labeled_folders(root):
        for path in _images_below(folder):
            yield split or _split_below(path, folder), path


def _described_places(description: Description, faults: list[Fault]) -> list[Place] | None:
    """The images that a `data.yaml` names; None: no place that it names is here."""
    found: list[Place] = []
    missing = []
    for split, texts in description.places.items():
        for text in texts:
            place = _place(description, text)
            if place is None:
                missing.append((split, text))
            elif place.is_dir():
                found += [(split, path) for path in _images_below(place)]
            else:
                found += [(split, path) for path in _images_of_list(place, faults)]
    if not found:
        return None
    for split, text in missing:
        if split == "train":
            raise DataError(f"{description.file}: train: {text} is not there")
        faults.append(Fault(description.file, f"its {split} images, {text}, are not there"))
    return found


def _place(description: Description, text: str) -> Path | None:
    """A place that a `data.yaml` names: from its `path`, from where it stands itself, or, as
    Roboflow writes `../train/images`, from one folder deeper.
    """
    own = description.file.parent
    for base in dict.fromkeys((own / description.path, own)):
        for name in dict.fromkeys((text, text.removeprefix("../"))):
            if (base / name).exists() and (base / name) != own:
                return base / name
    return own if text in (".", "./") else None


def _images_of_list(file: Path, faults: list[Fault]) -> Iterator[Path]:
    """The images of a list, a line each, with whatever folder of another machine before it."""
    if is_image(file):
        yield file
        return
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = line.strip().replace("\\", "/").split("/")
        # `data/obj_train_data/a.jpg` may be `obj_train_data/a.jpg` here.
        tails = (file.parent.joinpath(*parts[at:]) for at in range(len(parts)))
        path = next((tail for tail in tails if tail.is_file()), None)
        if path is None or ".." in parts[1:]:
            faults.append(Fault(file, f"its image {line.strip()} is missing; left out", number))
        else:
            yield path


def _listed(root: Path, faults: list[Fault]) -> Iterator[Place]:
    """The images of lists beside darknet's names, as CVAT writes `train.txt`."""
    if not any(root.glob("*.names")):
        return
    for file in sorted(root.glob("*.txt")):
        split = SPLIT_NAMES.get(file.stem.lower())
        if split is not None:
            for path in _images_of_list(file, faults):
                yield split, path


def _labeled_folders(root: Path) -> Iterator[Place]:
    """Folders of images that have labels, each with its split."""
    if _has_labels(root / "images", root / "labels") or _has_labels(
        root / "Images", root / "Labels"
    ):
        yield None, root / ("images" if (root / "images").is_dir() else "Images")
    if _beside(root):
        yield None, root
    for inner in sorted(p for p in root.iterdir() if p.is_dir()):
        name = inner.name.lower()
        split = SPLIT_NAMES.get(name.removeprefix("obj_").removesuffix("_data"))
        if _has_labels(inner / "images", inner / "labels"):
            yield split, inner / "images"
        elif name not in ("images", "labels") and _beside(inner):
            yield split, inner


def _has_labels(images: Path, labels: Path) -> bool:
    return images.is_dir() and labels.is_dir() and any(labels.rglob("*.txt"))


def _beside(folder: Path) -> bool:
    """Whether an image of a folder has a `.txt` beside it."""
    return any(
        is_image(p) and p.with_suffix(".txt").is_file() for p in folder.iterdir() if p.is_file()
    )


def _described(root: Path) -> bool:
    described = yolonames.description_of(root)
    if described is None:
        return False
    description = yolonames.read_description(described)
    return any(_place(description, text) for texts in description.places.values() for text in texts)


def _images_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if is_image(p) and p.is_file())


def _split_below(path: Path, folder: Path) -> Split | None:
    """The split that a folder between says, as in `images/val/a.jpg`."""
    between = path.relative_to(folder).parts[:-1]
    return next((SPLIT_NAMES[w.lower()] for w in between if w.lower() in SPLIT_NAMES), None)


def _labels_twice(files: Mapping[Path, Path]) -> dict[Path, list[str]]:
    """Label files that belong to several images, such as `a.jpg` and `a.png`."""
    images: dict[Path, list[str]] = {}
    for path, file in files.items():
        images.setdefault(file, []).append(path.name)
    return {file: names for file, names in images.items() if len(names) > 1}


def _without_image(labels: set[Path], root: Path) -> list[Fault]:
    """Label files of which there is no image."""
    folders = {file.parent for file in labels}
    lone = [
        file
        for folder in sorted(folders)
        for file in sorted(folder.glob("*.txt"))
        if file not in labels and file.name not in _NO_LABELS
    ]
    text = "its image is missing, or in no split; left out"
    return [Fault(file, text) for file in lone if root in file.parents]


def _things(
    file: Path, image: Path, classes: _Classes, outlines: bool, faults: list[Fault]
) -> tuple[Thing, ...] | None:
    canvas = Canvas.opened(image, None, Where(file), faults, outlines)
    if canvas is None:
        return None
    things = []
    seen: dict[str, int] = {}
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = Where(file, number)
        if (before := seen.setdefault(" ".join(line.split()), number)) != number:
            faults.append(where.fault(f"is line {before} again; left out"))
            continue
        try:
            drawn = _drawn(line, classes, canvas, where, faults)
        except ValueError as exc:
            faults.append(where.fault(f"{exc}; left out"))
            continue
        thing = canvas.thing(drawn, where, faults)
        things += [] if thing is None else [thing]
    return tuple(things)


def _drawn(
    line: str, classes: _Classes, canvas: Canvas, where: Where, faults: list[Fault]
) -> Drawn:
    """The object of a line; ValueError where it is none."""
    words = line.split()
    try:
        values = np.array([float(word) for word in words])
    except ValueError as exc:
        raise ValueError("is not numbers with spaces between") from exc
    if len(values) < 5:
        raise ValueError(f"has {len(values)} numbers; a box has five")
    whole = np.isfinite(values[0]) and values[0] == np.rint(values[0])
    label = classes.names.get(int(values[0])) if whole else None
    if label is None:
        raise ValueError(f"there is no class {words[0][:12]}")
    places, outline = _shape(values[1:], classes, where, faults)
    if not ((places >= FRACTIONS[0]) & (places <= FRACTIONS[1])).all():
        odd = float(places[~((places >= FRACTIONS[0]) & (places <= FRACTIONS[1]))][0])
        raise ValueError(f"{odd:g} is no fraction of the image, 0 to 1")
    size = np.array((canvas.extent.width, canvas.extent.height), float)
    if outline:
        return Drawn(label, rings=(places.reshape(-1, 2) * size,))
    middle, side = places[:2] * size, places[2:] * size
    (left, top), (right, bottom) = (middle - side / 2).tolist(), (middle + side / 2).tolist()
    return Drawn(label, (left, top, right, bottom))


def _shape(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    classes: _Classes,
    where: Where,
    faults: list[Fault],
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], bool]:
    """The numbers that say where, and whether they are an outline's corners."""
    count = len(values)
    if count == 4:
        return values, False
    if classes.joints is not None:
        keypoints, numbers = classes.joints
        if count != 4 + keypoints * numbers:
            wanted = 5 + keypoints * numbers
            raise ValueError(f"has {count + 1} numbers; with these keypoints it has {wanted}")
        return values[:4], False
    if count == 5:
        text = f"the sixth number, {values[4]:g}, a score or an angle, is left out of account"
        faults.append(where.fault(text))
        return values[:4], False
    if count % 2 or count < 2 * CORNERS:
        raise ValueError(
            f"has {count + 1} numbers, neither a box nor an outline; where they are keypoints, "
            f"kpt_shape of data.yaml says so"
        )
    return values, True
