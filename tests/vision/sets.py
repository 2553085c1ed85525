"""Small labeled sets that a network learns in seconds: discs and squares on a noisy ground."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SHAPES = ("disc", "square")
COLORS = {"disc": (40, 60, 220), "square": (210, 120, 30)}  # blue, green, red

LAYOUT = {"classify": "folders", "detect": "voc", "segment": "masks"}

# Of recipes that learn them, what is not common to them; see `recipe_of`.
RECIPES: dict[str, dict[str, Any]] = {
    "classify": {
        "model": {"architecture": "image-classify", "channels": [12, 16], "blocks": [1, 1]},
        "decoding": {"kind": "class"},
        "schedule": {"epochs": 9, "batch": 16, "learning_rate": 1e-2, "average": 0.8, "repeat": 4},
    },
    "detect": {
        "model": {"architecture": "object-detect", "channels": [16, 24, 24], "blocks": [1, 1, 1],
                  "head": 24, "dropout": 0.0},
        "decoding": {"kind": "boxes", "threshold": 0.05,
                     "head": {"kind": "points", "strides": [8, 16]}},
        "schedule": {"epochs": 7, "batch": 16, "learning_rate": 1e-2, "average": 0.9, "repeat": 12},
    },
    "segment": {
        "model": {"architecture": "segment", "channels": [12, 16], "blocks": [1, 1], "head": 16},
        "decoding": {"kind": "mask", "background": ["background"]},
        "data": {"labels": ["background", "shape"], "foreground": True},
        "schedule": {"epochs": 4, "batch": 8, "learning_rate": 1e-2, "average": 0.9, "repeat": 10},
    },
}  # fmt: skip


def recipe_of(task: str) -> dict[str, Any]:
    """A recipe that learns them in seconds, as a file would have it."""
    plain = {
        "name": f"shapes-{task}", "description": "Shapes", "task": task, "seed": 2,
        "input": {"width": 64, "height": 48},
        "augment": {"rotate": 0.0, "hue": 0.0, "saturation": 0.1},
        "gate": {"metric_drop": 0.05, "agreement": 0.8}, **RECIPES[task],
    }  # fmt: skip
    return {**plain, "data": {"validation": 0.2, "test": 0.3, **plain.get("data", {})}}


@dataclass(frozen=True)
class Drawn:
    """An image, and what is on it."""

    image: NDArray[np.uint8]
    boxes: tuple[tuple[str, int, int, int, int], ...]  # label, left, top, right, bottom
    instances: NDArray[np.uint16]  # 0: none


def draw(rng: np.random.Generator, width: int = 80, height: int = 60, most: int = 3) -> Drawn:
    """Some shapes that do not touch each other."""
    image = rng.normal(128, 12, (height, width, 3)).clip(0, 255).astype(np.uint8)
    instances = np.zeros((height, width), np.uint16)
    boxes: list[tuple[str, int, int, int, int]] = []
    for _ in range(20):
        if len(boxes) >= int(rng.integers(1, most + 1)):
            break
        side = int(rng.integers(14, 26))
        left, top = int(rng.integers(1, width - side - 1)), int(rng.integers(1, height - side - 1))
        area = np.s_[max(0, top - 2) : top + side + 2, max(0, left - 2) : left + side + 2]
        if instances[area].any():
            continue
        label = SHAPES[int(rng.integers(2))]
        mask = np.zeros((height, width), np.uint8)
        if label == "square":
            mask[top : top + side, left : left + side] = 1
        else:
            middle = (left + side // 2, top + side // 2)
            cv2.circle(mask, middle, side // 2 - 1, 1, -1)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        image[mask > 0] = COLORS[label]
        instances[mask > 0] = len(boxes) + 1
        boxes.append(
            (label, int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        )
    return Drawn(image, tuple(boxes), instances)


def many(count: int, seed: int = 0, most: int = 3) -> list[Drawn]:
    rng = np.random.default_rng(seed)
    return [draw(rng, most=most) for _ in range(count)]


def write_folders(root: Path, count: int = 24) -> Path:
    """LABEL/*.png, one shape each."""
    for number, drawn in enumerate(many(count * 2, 1, most=1)):
        folder = root / drawn.boxes[0][0]
        folder.mkdir(parents=True, exist_ok=True)
        # Every tenth number begins another block: each image may go where it likes.
        cv2.imwrite(str(folder / f"s{number * 10:04d}.png"), drawn.image)
    return root


def write_voc(root: Path, count: int = 24) -> Path:
    """JPEGImages, Annotations; counted from 1, the last pixel included."""
    for name in ("JPEGImages", "Annotations"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for number, drawn in enumerate(many(count, 2)):
        stem = f"s{number * 10:04d}"
        cv2.imwrite(str(root / "JPEGImages" / f"{stem}.png"), drawn.image)
        things = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{a + 1}</xmin><ymin>{b + 1}</ymin>"
            f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
            for label, a, b, c, d in drawn.boxes
        )
        height, width = drawn.image.shape[:2]
        size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        (root / "Annotations" / f"{stem}.xml").write_text(
            f"<annotation>{size}{things}</annotation>"
        )
    return root


def write_coco(root: Path, count: int = 8) -> Path:
    """annotations/instances_{train,val}.json and images/."""
    for split, seed in (("train", 3), ("val", 4)):
        (root / "images" / split).mkdir(parents=True, exist_ok=True)
        (root / "annotations").mkdir(exist_ok=True)
        images, notes = [], []
        for number, drawn in enumerate(many(count, seed)):
            name = f"{split}{number}.png"
            cv2.imwrite(str(root / "images" / split / name), drawn.image)
            height, width = drawn.image.shape[:2]
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            for label, a, b, c, d in drawn.boxes:
                notes.append(
                    {
                        "id": len(notes), "image_id": number,
                        "category_id": 5 + SHAPES.index(label),
                        "bbox": [a, b, c - a, d - b], "iscrowd": 0,
                    }
                )  # fmt: skip
        categories = [{"id": 5 + i, "name": name} for i, name in enumerate(SHAPES)]
        whole = {"images": images, "annotations": notes, "categories": categories}
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(whole))
    return root


def write_yolo(root: Path, count: int = 8) -> Path:
    """images/{train,val}, labels/{train,val}, data.yaml."""
    for split, seed in (("train", 5), ("val", 6)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for number, drawn in enumerate(many(count, seed)):
            cv2.imwrite(str(root / "images" / split / f"{number}.png"), drawn.image)
            height, width = drawn.image.shape[:2]
            lines = [
                f"{SHAPES.index(label)} {(a + c) / 2 / width} {(b + d) / 2 / height} "
                f"{(c - a) / width} {(d - b) / height}"
                for label, a, b, c, d in drawn.boxes
            ]
            (root / "labels" / split / f"{number}.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text("path: .\nnames:\n  0: disc\n  1: square\nnc: 2\n")
    return root


def write_masks(root: Path, count: int = 24) -> Path:
    """images/*.png and masks/*.png, 16 bits, one number an instance."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for number, drawn in enumerate(many(count, 7)):
        cv2.imwrite(str(root / "images" / f"s{number * 10:04d}.png"), drawn.image)
        cv2.imwrite(str(root / "masks" / f"s{number * 10:04d}.png"), drawn.instances)
    return root


def write_fiftyone(root: Path, count: int = 24) -> Path:
    """data/*.png and labels.json; boxes in fractions."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    labels = {}
    for number, drawn in enumerate(many(count, 8)):
        stem = f"s{number * 10:04d}"
        cv2.imwrite(str(root / "data" / f"{stem}.png"), drawn.image)
        height, width = drawn.image.shape[:2]
        labels[stem] = [
            {
                "label": SHAPES.index(label),
                "bounding_box": [a / width, b / height, (c - a) / width, (d - b) / height],
            }
            for label, a, b, c, d in drawn.boxes
        ]
    (root / "labels.json").write_text(json.dumps({"classes": list(SHAPES), "labels": labels}))
    return root


def write_labelstudio(root: Path, count: int = 24) -> Path:
    """images/*.png and export.json; boxes in percents."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    tasks = []
    for number, drawn in enumerate(many(count, 9)):
        name = f"s{number * 10:04d}.png"
        cv2.imwrite(str(root / "images" / name), drawn.image)
        height, width = drawn.image.shape[:2]
        results = [
            {
                "type": "rectanglelabels", "original_width": width, "original_height": height,
                "value": {
                    "x": 100 * a / width, "y": 100 * b / height, "rotation": 0,
                    "width": 100 * (c - a) / width, "height": 100 * (d - b) / height,
                    "rectanglelabels": [label],
                },
            }
            for label, a, b, c, d in drawn.boxes
        ]  # fmt: skip
        notes = [{"id": number, "was_cancelled": False, "result": results}]
        upload = f"/data/upload/1/{number:08x}-{name}"
        tasks.append({"id": number, "data": {"image": upload}, "annotations": notes})
    (root / "export.json").write_text(json.dumps(tasks))
    return root


def write_cvat(root: Path, count: int = 24) -> Path:
    """images/*.png and annotations.xml."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    text = "".join(f"<label><name>{name}</name></label>" for name in SHAPES)
    text = f"<meta><job><labels>{text}</labels></job></meta>"
    for number, drawn in enumerate(many(count, 10)):
        name = f"s{number * 10:04d}.png"
        cv2.imwrite(str(root / "images" / name), drawn.image)
        height, width = drawn.image.shape[:2]
        boxes = "".join(
            f'<box label="{label}" xtl="{a}" ytl="{b}" xbr="{c}" ybr="{d}" occluded="0"/>'
            for label, a, b, c, d in drawn.boxes
        )
        size = f'width="{width}" height="{height}"'
        text += f'<image id="{number}" name="{name}" {size}>{boxes}</image>'
    (root / "annotations.xml").write_text(f"<annotations>{text}</annotations>")
    return root


WRITERS = {
    "voc": write_voc, "coco": write_coco, "yolo": write_yolo, "masks": write_masks,
    "folders": write_folders, "fiftyone": write_fiftyone, "labelstudio": write_labelstudio,
    "cvat": write_cvat,
}  # fmt: skip
