"""Do bundles of Ultralytics' models find what Ultralytics' own prediction finds, and does int8?

    python -m tests.benchmarks.ultralytics_heads [SIDE [NAME …]]

YOLOv8n and YOLO11n for each of their tasks, with and without suppression inside, are made with
random weights, batch norms that fit photos, and as many boxes as a photo of a street has; exported
to ONNX by Ultralytics; and imported. What is printed of each: how far what the bundle finds is from
`YOLO(file).predict`, on two photos that come with Ultralytics: boxes and keypoints in pixels,
scores, masks by the part of their pixels that differ. Then the same file goes through `convert`
and `bundle`, and how many of the float model's boxes int8 keeps at IoU 0.5 is printed for TFLite,
ONNX and OpenVINO. It needs `pip install ultralytics torch torchvision` beside edgenets.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import sklearn
import torch
import ultralytics
from numpy.typing import NDArray
from ultralytics import YOLO

from edgenets import backend, zoo
from edgenets.artifact import FORMATS, Format, Precision
from edgenets.converters.image_import import ImportOptions, import_image_model
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources import onnx_file
from edgenets.errors import ConversionError
from edgenets.tasks.vision.boxes import iou
from edgenets.tasks.vision.decode import ClassDecoder
from edgenets.tasks.vision.pipeline import ImagePipeline
from edgenets.tasks.vision.preprocess import place

Image = NDArray[np.uint8]

FAMILIES = ("yolov8n", "yolo11n")
TASKS = ("", "-seg", "-pose", "-obb", "-cls")
# Places of a grid that reach the threshold on a photo, before suppression.
_PLACES = 60

ASSETS = Path(ultralytics.__file__).parent / "assets"
# What batch norms and int8 are calibrated on: other photos than those that judge.
OTHERS = (
    *(Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg"),
    Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg",
)


def crops(paths: tuple[Path, ...], count: int, side: int, seed: int) -> list[Image]:
    """Parts of photos, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    photos = [cv2.imread(str(path)) for path in paths]
    found = []
    for number in range(count):
        photo = photos[number % len(photos)]
        size = int(rng.uniform(0.4, 1.0) * min(photo.shape[:2]))
        top, left = (int(rng.integers(0, n - size + 1)) for n in photo.shape[:2])
        part = cv2.resize(photo[top : top + size, left : left + size], (side, side))
        found.append(part[:, ::-1] if number % 2 else part)
    return found


def model_of(name: str, side: int) -> Any:
    """A model of random weights that sees something."""
    torch.manual_seed(len(name))
    made = YOLO(f"{name}.yaml")
    net = made.model
    given = np.stack(crops(OTHERS, 48, side, 0))[..., ::-1].transpose(0, 3, 1, 2)
    images = torch.from_numpy(np.ascontiguousarray(given)).float() / 255
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean of all batches
    net.train()
    with torch.no_grad():
        for batch in images.split(16):
            net(batch)
        net.eval()
        if name.endswith("-cls"):
            return made
        head = net.model[-1]
        # Scores are spread as those of a trained model are, and some reach the threshold.
        spread = _logits(net, images).std()
        for branch in head.cv3:
            branch[-1].weight *= 1.5 / spread
        best = _logits(net, images).amax(1).flatten().sort().values
        for branch in head.cv3:
            branch[-1].bias += np.log(0.25 / 0.75) - best[-_PLACES * len(images)]
    return made


def _logits(net: Any, images: torch.Tensor) -> torch.Tensor:
    """The scores of labels before the sigmoid, (images, labels, places)."""
    found = net(images)
    while isinstance(found, (tuple, list)):
        found = found[0]
    return torch.logit(found[:, 4 : 4 + len(net.names)], eps=1e-6)


def exported(made: Any, side: int, nms: bool, out: Path) -> Path:
    """Ultralytics' own file of a model."""
    found = made.export(format="onnx", imgsz=side, nms=nms, simplify=False, verbose=False)
    shutil.move(found, out)
    return out


def theirs(path: Path, image: Image, task: str) -> Any:
    """What Ultralytics finds by a file."""
    return YOLO(path, task=task).predict(image, verbose=False)[0]


def watcher_of(bundle: Path) -> ImagePipeline:
    """A bundle's only artifact, to look with."""
    opened = zoo.load(bundle)
    (artifact,) = opened.artifacts
    session = backend.load(backend.backend_of(artifact), artifact, opened.files(artifact))
    return ImagePipeline(opened.spec, session)


def apart(result: Any, watcher: ImagePipeline, image: Image) -> dict[str, float]:
    """How far findings are from Ultralytics' own, by kind; a different number is infinite."""
    if isinstance(watcher.decoder, ClassDecoder):
        posterior = watcher.decoder.posterior(watcher.answer(image)[0])
        return {"scores": float(np.abs(result.probs.data.numpy() - posterior).max())}
    found = watcher.look(image).found
    boxes = result.obb if result.obb is not None else result.boxes
    if len(boxes) != len(found):
        return {"boxes": float("inf")}
    # Of equal scores either may come first.
    first = boxes.xyxyxyxy[:, 0] if result.obb is not None else boxes.xyxy
    order = np.lexsort((first[:, 0].numpy(), boxes.cls.numpy()))
    own = sorted(found, key=lambda f: (int(f.label), f.corners[0][0] if f.corners else f.box[0]))
    assert (boxes.cls.numpy()[order] == [int(f.label) for f in own]).all(), "labels differ"
    pairs = {"scores": (boxes.conf, [f.score for f in own])}
    if result.obb is not None:
        pairs["corners"] = (boxes.xyxyxyxy, [f.corners for f in own])
    else:
        pairs["boxes"] = (boxes.xyxy, [f.box for f in own])
    if result.keypoints is not None:
        points = [[(p.x, p.y, p.score) for p in f.keypoints] for f in own]
        pairs["keypoints"] = (result.keypoints.data, points)
    if result.masks is not None:
        placement = place(watcher.spec.input, image.shape[1], image.shape[0])
        size = placement.width * placement.scale_x * placement.height * placement.scale_y
        pairs["pixels of masks"] = (
            result.masks.data.sum(dim=(1, 2)),
            [f.area * size for f in own],
        )
    return {
        name: float(np.abs(theirs.numpy()[order] - ours).max())
        for name, (theirs, ours) in pairs.items()
    }


def in_integers(path: Path, watcher: ImagePipeline, side: int) -> Iterator[tuple[str, Any]]:
    """The same file in int8, by each format: what looks with it, or why there is none."""
    source = onnx_file.read(path)
    given = np.stack(crops(OTHERS, 48, side, 1))[..., ::-1].transpose(0, 3, 1, 2)
    samples = {source.inputs[0].name: (given / 255).astype(np.float32)}
    conversion = Conversion(Job(source, samples))
    # Activations of 16 bits show what eight-bit weights lose alone.
    wanted: list[tuple[Format, Precision]] = [*((f, "int8") for f in FORMATS), ("onnx", "int16x8")]
    for format, precision in wanted:
        try:
            written = conversion.convert(format, precision)
        except ConversionError as exc:
            yield f"{format} {precision}", str(exc)
            continue
        (info,), artifact = written.artifact.inputs, written.artifact
        layout: Any = "nchw" if info.shape[1] == 3 else "nhwc"
        frame = replace(watcher.spec.input, name=info.name, layout=layout)
        session = backend.load(backend.backend_of(artifact), artifact, written.files)
        yield artifact.id, ImagePipeline(replace(watcher.spec, input=frame), session)


def kept(watcher: ImagePipeline, other: ImagePipeline, images: Sequence[Image]) -> str:
    """The part of a model's boxes that another has at IoU 0.5, of any label and of the same."""
    if isinstance(watcher.decoder, ClassDecoder) and isinstance(other.decoder, ClassDecoder):
        both = [
            [one.decoder.posterior(one.answer(image)[0]).argmax() for one in (watcher, other)]  # type: ignore[union-attr]
            for image in images
        ]
        return f"{np.mean([a == b for a, b in both]):.1%} of best labels"
    every, found = 0, {True: 0, False: 0}
    for image in images:
        own, theirs = watcher.look(image).found, other.look(image).found
        every += len(own)
        if not own or not theirs:
            continue
        overlap = iou(*(np.array([f.box for f in some], np.float32) for some in (own, theirs)))
        alike = np.array([[a.label == b.label for b in theirs] for a in own])
        for labelled in (True, False):
            left = overlap * alike if labelled else overlap.copy()
            while left.size and left.max() >= 0.5:  # the best pair first, each box once
                row, column = np.unravel_index(left.argmax(), left.shape)
                left[row], left[:, column] = 0, 0
                found[labelled] += 1
    return (
        f"{found[False] / max(1, every):.1%} of boxes ({found[True] / max(1, every):.1%} by label)"
    )


def main() -> int:
    """All of them, a line each."""
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 320
    paths = tuple(ASSETS / name for name in ("bus.jpg", "zidane.jpg"))
    photos = [cv2.imread(str(path)) for path in paths]
    others = [*photos, *crops(paths, 24, side, 2)]
    with tempfile.TemporaryDirectory() as folder:
        for name, nms in every(sys.argv[2:]):
            at = Path(folder) / f"{name}{'-nms' if nms else ''}.onnx"
            made = model_of(name, side)
            exported(made, side, nms, at)
            bundle = at.with_suffix(".edge")
            import_image_model(at, bundle, ImportOptions())
            watcher = watcher_of(bundle)
            worst: dict[str, float] = {}
            count = 0
            for photo in photos:
                result = theirs(at, photo, made.task)
                count += len(watcher.look(photo).found)
                for kind, value in apart(result, watcher, photo).items():
                    worst[kind] = max(worst.get(kind, 0.0), value)
            figures = ", ".join(f"{kind} {value:.2g}" for kind, value in worst.items())
            print(f"{at.stem:<18} {count:>4} found  apart: {figures}", flush=True)
            for format, other in in_integers(at, watcher, side):
                said = other if isinstance(other, str) else kept(watcher, other, others)
                print(f"{'':<18} {format}: {said}", flush=True)
    return 0


def every(names: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The models of these names, or all, and whether suppression is inside."""
    for family in FAMILIES:
        for task in TASKS:
            for nms in (False, True) if task != "-cls" else (False,):
                if not names or family + task in names:
                    yield family + task, nms


if __name__ == "__main__":
    raise SystemExit(main())
