"""Optional dependencies, imported at the moment of use.

The base install is numpy, click and rich. Everything else belongs to an extra
of `pyproject.toml`; a missing one is reported with the exact command to type.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from edgenets.errors import MissingExtra
from edgenets.native import captured_stderr

# import name → (extra that brings it, why it is needed)
EXTRAS = {
    "ai_edge_litert.interpreter": ("tflite", "to run TFLite artefacts"),
    "ai_edge_litert.schema_py_generated": ("convert", "to write TFLite artefacts"),
    "ansible": ("fleet", "to reach many boards"),
    "asyncssh": ("deploy", "to reach boards over SSH"),
    "cv2": ("camera", "to read, resize and draw pictures"),
    "PIL.Image": ("train", "to read masks"),
    "pycocotools": ("train", "to measure detection and segmentation"),
    "pycocotools.coco": ("train", "to measure detection and segmentation"),
    "pycocotools.cocoeval": ("train", "to measure detection and segmentation"),
    "pycocotools.mask": ("train", "to measure detection and segmentation"),
    "jiwer": ("train", "to measure speech recognition"),
    "onnxruntime.tools.onnx_model_utils": ("onnx", "to fix shapes of ONNX files"),
    "onnxruntime.quantization": ("convert", "to quantize ONNX artefacts"),
    "onnxruntime.quantization.shape_inference": ("convert", "to quantize ONNX artefacts"),
    "paho.mqtt.client": ("mqtt", "to publish to an MQTT broker"),
    "prometheus_client": ("web", "to serve figures to Prometheus"),
    "prometheus_client.core": ("web", "to serve figures to Prometheus"),
    "psutil": ("web", "to read CPU, memory and temperature"),
    "starlette.applications": ("web", "to serve the live page"),
    "starlette.requests": ("web", "to serve the live page"),
    "starlette.responses": ("web", "to serve the live page"),
    "starlette.routing": ("web", "to serve the live page"),
    "tensorflow": ("train", "to train models and to convert those of pictures"),
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
    "flatbuffers": ("convert", "to write TFLite artefacts"),
    "jinja2": ("convert", "to write HTML reports"),
    "keras": ("train", "to train models and to read .keras files"),
    "matplotlib": ("train", "to draw curves"),
    "onnx": ("convert", "to write ONNX artefacts"),
    "onnxruntime": ("onnx", "to run ONNX artefacts"),
    "openvino": ("openvino", "to run and write OpenVINO artefacts"),
    "openvino._offline_transformations": ("openvino", "to write OpenVINO artefacts"),
    "pymicro_features": ("microwakeword", "to compute the features of microWakeWord's models"),
    "sacrebleu": ("bleu", "to measure translation"),
    "sentencepiece": ("text", "to divide text into sub-words"),
    "sounddevice": ("mic", "to listen to a microphone"),
    "soundfile": ("mic", "to read sound files other than 16-bit WAV"),
    "soxr": ("mic", "to change a sample rate"),
    "xxhash": ("deploy", "to compare what is on a card"),
    "zstandard": ("update", "to unpack .zst images and differences"),
    "espeakng_loader": ("train", "to synthesise words"),
}


# import name → (who brings it instead of an extra, why it is needed)
VENDORS = {
    "tensorrt": ("NVIDIA's JetPack does; elsewhere: pip install tensorrt", "to run its engines"),
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
