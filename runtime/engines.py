"""TensorRT's engines: built on the board itself, where they will run, and kept.

An engine is good for one model, one version of TensorRT, one GPU with its driver, and one
precision; those together name its file. Building takes seconds to minutes and may crash, so that
it is done in a process of its own: `python -m edgenets.runtime.engines`.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenets import child, records
from edgenets.artifact import Precision
from edgenets.errors import BackendError
from edgenets.extras import require_any
from edgenets.files import replacing

from .cuda import name_of_gpu

# Of integers its parser takes those whose zero is 0 alone; a file says only when it is read.
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")

# TensorRT, and what NVIDIA makes of it for desktop GPUs, which has the same face.
MODULES = ("tensorrt", "tensorrt_rtx")

# Of TensorRT 10, 11 and, on JetPack 5, 8.
_LIBRARIES = ("libnvinfer.so.10", "libnvinfer.so.11", "libnvinfer.so.8")

# Networks that this project is for are built in less; big ones take minutes on a Jetson.
_PATIENCE = 1800.0  # s

# Bytes that building may use for trying kernels.
_WORKSPACE = 256 << 20

# Engines that are kept; the ones that were used the longest ago go.
_KEPT = 32


@dataclass(frozen=True)
class Key:
    """What an engine is good for."""

    model: str  # SHA-256 of the ONNX file
    builder: str  # package and version
    gpu: str
    precision: Precision

    @property
    def name(self) -> str:
        """Of its file."""
        text = json.dumps(records.to_plain(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Engine:
    """A built engine."""

    plan: bytes
    seconds: float  # that it took to build
    kept: bool  # whether it was there already


def tensorrt() -> Any:
    """The package that builds and runs engines; MissingExtra where there is none."""
    return require_any(*MODULES)


def version() -> str:
    """Its name and version; MissingExtra where it is not installed."""
    trt = tensorrt()
    return f"{trt.__name__} {trt.__version__}"


def folder() -> Path:
    """Where engines are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "edgenets" / "engines"


def key_of(model: bytes, builder: Any, precision: Precision) -> Key:
    """What an engine of an ONNX file is good for here.

    Args:
        builder: the package that builds it.
    """
    made_by = f"{builder.__name__} {builder.__version__}"
    return Key(hashlib.sha256(model).hexdigest(), made_by, name_of_gpu(), precision)


def place_of(key: Key) -> Path | None:
    """A folder for what others keep of an engine; None where nothing can be kept."""
    place = folder() / key.name
    try:
        place.mkdir(parents=True, exist_ok=True)
        os.utime(place)  # what is used is not old
        _make_room()
    except OSError:
        return None
    return place if os.access(place, os.W_OK) else None


def library_is_here() -> bool:
    """Whether TensorRT's own library loads, which ONNX Runtime looks for by name."""
    for name in _LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def engine_of(model: bytes, precision: Precision, file: str) -> Engine:
    """The engine of an ONNX file, built if there is none yet.

    Args:
        precision: fp16 lets it compute in half precision; fp32 does not even let it use TF32.
        file: the file's name, for messages.

    Raises:
        BackendError: TensorRT refuses the file, or its process ends badly.
        MissingExtra: TensorRT, or a GPU, is not there.
    """
    key = key_of(model, tensorrt(), precision)
    path = folder() / f"{key.name}.engine"
    if (kept := _kept(path, key)) is not None:
        return kept
    with tempfile.TemporaryDirectory(prefix="edgenets-") as scratch:
        source, made = Path(scratch) / "model.onnx", Path(scratch) / "model.engine"
        source.write_bytes(model)
        begun = time.perf_counter()
        child.ask(__name__, (source, precision, made), _PATIENCE, file, BackendError)
        engine = Engine(made.read_bytes(), round(time.perf_counter() - begun, 2), kept=False)
    _keep(path, key, engine)
    return engine


def build(model: bytes, precision: Precision) -> bytes:
    """Build an engine in this process.

    Raises:
        BackendError: TensorRT refuses the file; its reason.
    """
    trt = tensorrt()
    said = logger(trt)
    builder = trt.Builder(said)
    # Before version 10 networks needed a flag to have an axis of the batch; now all have it.
    batch = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    network = builder.create_network(0 if batch is None else 1 << int(batch))
    parser = trt.OnnxParser(network, said)
    if not parser.parse(model):
        reasons = [parser.get_error(i).desc().splitlines()[0] for i in range(parser.num_errors)]
        why = "; ".join(reasons) or "no reason given"
        if "zero point" in why:
            why += " (convert it with --symmetric, or take fp16)"
        raise BackendError(f"{trt.__name__} refuses it: {why}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE)
    if precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)
    # Since version 11 types are those of the file.
    for name in {"fp16": ("FP16",), "int8": ("FP16", "INT8")}.get(precision, ()):
        if (flag := getattr(trt.BuilderFlag, name, None)) is not None:
            config.set_flag(flag)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BackendError(f"{trt.__name__} builds nothing of it: {said.last or 'no reason given'}")
    return bytes(plan)


def logger(trt: Any) -> Any:
    """A logger that keeps the last error for our message in `last`, and tells nobody else."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = ""

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.last = text

    return Logger()


def _kept(path: Path, key: Key) -> Engine | None:
    """An engine that was built before, if it is whole."""
    about = path.with_suffix(".json")
    try:
        said = json.loads(about.read_text(encoding="utf-8"))
        plan = path.read_bytes()
        whole = said["sha256"] == hashlib.sha256(plan).hexdigest()
        if not whole or said["key"] != records.to_plain(key):
            return None
        with suppress(OSError):  # somebody else's, or on what cannot be written
            path.touch()
        return Engine(plan, float(said["seconds"]), kept=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it is built again


def _keep(path: Path, key: Key, engine: Engine) -> None:
    """Keep an engine; where that is not possible, it is built again the next time."""
    digest = hashlib.sha256(engine.plan).hexdigest()
    about = {"key": records.to_plain(key), "seconds": engine.seconds, "sha256": digest}
    try:
        with replacing(path) as beside:
            beside.write_bytes(engine.plan)
        with replacing(path.with_suffix(".json")) as beside:
            beside.write_text(json.dumps(about, indent=2), encoding="utf-8")
        _make_room()
    except OSError:
        return


def _make_room() -> None:
    """Remove what was used the longest ago."""
    kept = [p for p in folder().iterdir() if p.suffix == ".engine" or p.is_dir()]
    for old in sorted(kept, key=lambda p: p.stat().st_mtime)[:-_KEPT]:
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            continue
        old.unlink(missing_ok=True)
        old.with_suffix(".json").unlink(missing_ok=True)


def _asked() -> float:
    source, precision, made = sys.argv[1:]
    begun = time.perf_counter()
    Path(made).write_bytes(build(Path(source).read_bytes(), precision))  # type: ignore[arg-type]
    return time.perf_counter() - begun


if __name__ == "__main__":
    child.answer(_asked)
