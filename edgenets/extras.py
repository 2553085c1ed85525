"""Optional dependencies, imported at the moment of use.

The base install is numpy, click and rich. Everything else belongs to an extra
of `pyproject.toml`; a missing one is reported with the exact command to type.
"""

from __future__ import annotations

import importlib
import importlib.util
import operator
import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any

from edgenets.errors import FeatureWarning, MissingExtra, first_line
from edgenets.native import captured_stderr

# import name → (extra that brings it, why it is needed)
EXTRAS = {
    "ai_edge_litert.interpreter": ("tflite", "to run TFLite artifacts"),
    "ai_edge_litert.schema_py_generated": ("convert", "to write TFLite artifacts"),
    "ansible": ("fleet", "to reach many boards"),
    "asyncssh": ("deploy", "to reach boards over SSH"),
    "cv2": ("camera", "to read, resize and draw images"),
    "simplejpeg": ("camera", "to tell whole JPEGs from cut ones"),
    "PIL.Image": ("antialias", "to resize images as torchvision does, and to read masks"),
    "pycocotools": ("labels", "to read outlines, and to measure detection and segmentation"),
    "pycocotools.coco": ("labels", "to read outlines, and to measure detection and segmentation"),
    "pycocotools.cocoeval": (
        "labels",
        "to read outlines, and to measure detection and segmentation",
    ),
    "pycocotools.mask": ("labels", "to read outlines, and to measure detection and segmentation"),
    "jiwer": ("train", "to measure speech recognition"),
    "onnxruntime.tools.onnx_model_utils": ("onnx", "to fix shapes of ONNX files"),
    "onnxruntime.quantization.calibrate": ("convert", "to quantize ONNX artifacts"),
    "onnxruntime.quantization": ("convert", "to quantize ONNX artifacts"),
    "onnxruntime.quantization.shape_inference": ("convert", "to quantize ONNX artifacts"),
    "paho.mqtt.client": ("mqtt", "to publish to an MQTT broker"),
    "prometheus_client": ("web", "to serve figures to Prometheus"),
    "prometheus_client.core": ("web", "to serve figures to Prometheus"),
    "psutil": ("web", "to read CPU, memory and temperature"),
    "starlette.applications": ("web", "to serve the live page"),
    "starlette.requests": ("web", "to serve the live page"),
    "starlette.responses": ("web", "to serve the live page"),
    "starlette.routing": ("web", "to serve the live page"),
    "tensorflow": ("train", "to train models and to convert those of images"),
    "tensorflow.core.protobuf.saved_model_pb2": ("train", "to read SavedModels"),
    "tensorflow.python.framework.convert_to_constants": ("train", "to convert models"),
    "tf2onnx.tf_loader": ("convert", "to convert models to ONNX"),
    "tf2onnx.handler": ("convert", "to convert models to ONNX"),
    "tf2onnx": ("convert", "to convert models to ONNX"),
    "litert_quantizer.quantizer": ("convert", "to quantize TFLite files"),
    "litert_quantizer.recipe": ("convert", "to quantize TFLite files"),
    "litert_quantizer.qtyping": ("convert", "to quantize TFLite files"),
    "litert_quantizer.algorithm_manager": ("convert", "to quantize TFLite files"),
    "h5py": ("train", "to read .h5 files"),
    "cryptography.hazmat.primitives.serialization": ("update", "to publish and to take releases"),
    "securesystemslib.signer": ("update", "to publish and to take releases"),
    "tuf.api.exceptions": ("update", "to publish and to take releases"),
    "tuf.api.metadata": ("update", "to publish and to take releases"),
    "tuf.ngclient": ("update", "to publish and to take releases"),
    "uvicorn": ("web", "to serve the live page"),
    "flatbuffers": ("convert", "to write TFLite artifacts"),
    "jinja2": ("convert", "to write HTML reports"),
    "keras": ("train", "to train models and to read .keras files"),
    "matplotlib": ("train", "to draw curves"),
    "onnx": ("convert", "to write ONNX artifacts"),
    "onnxruntime": ("onnx", "to run ONNX artifacts"),
    "openvino": ("openvino", "to run and write OpenVINO artifacts"),
    "openvino._offline_transformations": ("openvino", "to write OpenVINO artifacts"),
    "pymicro_features": ("microwakeword", "to compute the features of microWakeWord's models"),
    "sacrebleu": ("bleu", "to measure translation"),
    "safetensors.numpy": ("train", "to read .safetensors files"),
    "sentencepiece": ("text", "to divide text into sub-words"),
    "sounddevice": ("mic", "to listen to a microphone"),
    "soundfile": ("mic", "to read sound files other than 16-bit WAV"),
    "soxr": ("mic", "to change a sample rate"),
    "yaml": ("labels", "to read a data.yaml, and to write settings of a board's first start"),
    "xxhash": ("deploy", "to compare what is on a card"),
    "zstandard": ("update", "to unpack .zst images and differences"),
    "torch": ("torch", "to read and export PyTorch models"),
    "espeakng_loader": ("train", "to synthesize words"),
    "hibari": ("train", "to synthesize words"),
    "hibari.dsp": ("train", "to synthesize words"),
}


# import name → (who brings it instead of an extra, why it is needed)
VENDORS = {
    "tensorrt": ("NVIDIA's JetPack does; without it: pip install tensorrt", "to run its engines"),
    "tensorrt_rtx": ("pip install tensorrt-rtx", "to run its engines"),
}


def require(module: str) -> ModuleType:
    """Import `module`, which is listed in `EXTRAS` or `VENDORS`.

    Raises:
        MissingExtra: it is not installed, or is installed and does not load.
    """
    try:
        if module.partition(".")[0] in _BRING_TENSORFLOW and "tensorflow" not in sys.modules:
            return _quietly(module)
        return importlib.import_module(module)
    except ImportError as exc:
        raise _missing(module, str(exc)) from exc
    except OSError as exc:  # sounddevice and soundfile bind a C library as they load
        raise MissingExtra(
            f"{module} is installed, but its C library is not: {exc}. "
            f"On Debian: apt-get install libportaudio2 libsndfile1"
        ) from exc
    except Exception as exc:  # a release that does not fit another one: NumPy 1 and 2, protobuf
        raise _missing(module, f"{type(exc).__name__}: {first_line(exc)}") from exc


@cache
def optional(module: str, *choices: tuple[str, ...], without: str) -> tuple[Any, ...] | None:
    """Functions of a library that a run can do without, such as private ones or niceties.

    Libraries drop and move functions between releases. What is needed for a result is
    reached by `require`; what only makes a run quicker, quieter or more comfortable is asked
    for here, so that a release without it ends nothing.

    Args:
        module: as for `require`.
        choices: dotted names below the module; a choice counts when all its names are there.
            The first that counts is returned.
        without: what is lost when no choice counts, for the warning: "OpenCV's messages are shown".

    Returns:
        the functions, or None: then a `FeatureWarning` was issued, once.

    Raises:
        MissingExtra: the library itself is not installed.
    """
    library = _present(module)
    for names in choices:
        try:
            return tuple(operator.attrgetter(name)(library) for name in names)
        except AttributeError:
            continue
    wanted = " or ".join(" and ".join(names) for names in choices)
    text = f"{_release(module)} has no {module}.{wanted}: {without}"
    warnings.warn(text, FeatureWarning, stacklevel=2)
    return None


def _present(module: str) -> ModuleType | None:
    """A module, or None where the library is installed and this part of it is not.

    Raises:
        MissingExtra: the library is not installed.
    """
    top = module.partition(".")[0]
    try:
        return require(module)
    except MissingExtra:
        if module == top or importlib.util.find_spec(top) is None:
            raise
        return None


def mismatch(exc: AttributeError) -> str | None:
    """The message for a library whose release lacks a name; None if that is not the error."""
    library = exc.obj
    if not isinstance(library, ModuleType) or library.__name__.startswith("edgenets"):
        return None
    return (
        f"{_release(library.__name__)} has no '{exc.name}', which edgenets needs here. "
        f"Install the versions that this edgenets was tested with: constraints/ in its repository"
    )


def _release(module: str) -> str:
    """A library with its version, as far as it tells it: "cv2 4.14.0"."""
    from importlib import metadata

    name = module.partition(".")[0]
    packages = metadata.packages_distributions().get(name, [])
    version = getattr(sys.modules.get(name), "__version__", None)
    return f"{name} {version or (metadata.version(packages[0]) if packages else '')}".rstrip()


def require_any(*modules: str) -> ModuleType:
    """Import the first of several modules that is installed; each is listed as for `require`.

    Raises:
        MissingExtra: none is; it is said of the first.
    """
    for module in modules:
        if importlib.util.find_spec(module) is not None:
            return require(module)
    raise _missing(modules[0], "it is not installed")


# What imports TensorFlow, if it is not there yet.
_BRING_TENSORFLOW = ("keras", "tensorflow", "tf2onnx")


def _quietly(name: str) -> ModuleType:
    """A module, without what TensorFlow tells every user of GPUs that it did not find.

    That comes at the import and at the first look at devices, whatever
    TF_CPP_MIN_LOG_LEVEL says; what matters comes as an exception.
    """
    with captured_stderr():
        module = importlib.import_module(name)
        if "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.list_physical_devices()
    return module


def ensure(module: str) -> None:
    """Refuse at once what would fail for want of `module` after a while; it is not imported.

    Raises:
        MissingExtra: it is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise _missing(module, "it is not installed")


def _missing(module: str, why: str) -> MissingExtra:
    if module in VENDORS:
        how, purpose = VENDORS[module]
        return MissingExtra(f"{module} is needed {purpose} and did not load ({why}). {how}")
    extra, purpose = EXTRAS[module]
    return MissingExtra(
        f"{module.partition('.')[0]} is needed {purpose} and did not load ({why}). "
        f"Install it: pip install 'edgenets[{extra}]'"
    )
