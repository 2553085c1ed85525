"""Keras models: `.keras` files, and `.h5` files of Keras 2 that Keras 3 alone would refuse."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgenets.arrays import Array
from edgenets.errors import ConversionError, ModelError
from edgenets.extras import ensure, require
from edgenets.files import Json
from edgenets.native import quiet_logging
from edgenets.training import aware

from ..whole.function import inputs_of, outputs_of
from ..whole.tracing import within
from .keras_ends import ends_of
from .source import Answers, Source

if TYPE_CHECKING:
    from h5py import Group
    from keras import Model

# Classes that are code, or that fetch or read something while they are made.
_CODE = {
    "Lambda": "a Lambda layer, which is code of its author",
    "__lambda__": "a lambda, which is code of its author",
    "TFSMLayer": "a TFSMLayer, which loads another file",
    "TorchModuleWrapper": "a TorchModuleWrapper, which unpickles code of its author",
    "FlaxLayer": "a FlaxLayer, which is code of its author",
    "JaxLayer": "a JaxLayer, which is code of its author",
}

# What Keras itself writes as the home of a class. Anything else is code that the file names.
_HOMES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")

# Layers of `edgenets.training.aware`.
_OWN = ("Range", "Rounded")

# Arguments that Keras 2 wrote and Keras 3 does not know, with the values that change nothing.
_OLD_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "groups": (1,), "time_major": (False,), "implementation": (0, 1, 2), "ragged": (False,),
    "fused": (None, False, True), "renorm": (False,), "renorm_clipping": (None,),
    "renorm_momentum": (0.99,), "virtual_batch_size": (None,),
}  # fmt: skip

# Layers of Keras 2 that took such an argument and are otherwise what they are now.
_OLD_LAYERS = (
    "DepthwiseConv2D", "SeparableConv2D", "SeparableConv1D", "Conv2DTranspose", "Conv1DTranspose",
    "GRU", "LSTM", "SimpleRNN", "RNN", "BatchNormalization", "Bidirectional", "InputLayer",
)  # fmt: skip


def read(path: Path) -> Source:
    """See `source.open_source`."""
    ensure("keras")
    legacy = path.suffix.lower() != ".keras"
    config = _config_of_h5(path) if legacy else _config_of_keras(path)
    _refuse_code(path, config)
    _refuse_links(path, legacy)
    keras = require("keras")
    old = {name: _tolerant(getattr(keras.layers, name)) for name in _OLD_LAYERS if legacy}
    try:
        with quiet_logging():
            known = old or aware.objects()
            model = keras.models.load_model(path, compile=False, custom_objects=known)
    except Exception as exc:  # Keras raises what its layers raise
        raise ModelError(f"{path}: Keras cannot read it: {_reason(exc)}") from exc
    stateful = [layer for layer in within(model) if getattr(layer, "stateful", False)]
    for layer in stateful:  # what is compared begins anew with each item
        layer.stateful = False
    source = source_of(_in_float32(model), path, losses=_losses(path, config, legacy))
    return replace(source, stateful=bool(stateful))


def _in_float32(model: Model) -> Model:
    """A model of mixed precision, which is for training, as one of float32."""
    if all(layer.compute_dtype in ("float32", "int32") for layer in within(model)):
        return model
    made: Model = type(model).from_config(_without_halves(model.get_config()))
    made.set_weights(model.get_weights())
    return made


def _without_halves(value: Any) -> Any:
    """A config whose types are float32 where they were of 16 bits."""
    if isinstance(value, dict):
        return {key: _without_halves(found) for key, found in value.items()}
    if isinstance(value, list):
        return [_without_halves(found) for found in value]
    halves = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
    return "float32" if value in halves else value


def source_of(model: Model, path: Path, names: Sequence[str] = (), losses: object = None) -> Source:
    """A Keras model that is in memory already.

    One that was trained with rounding answers as the plain network does that was trained so.

    Args:
        path: where it came from.
        names: what its outputs are called; nothing: as Keras calls them.
        losses: it was trained with, as Keras's files hold them; None: those of the model.
    """
    if not getattr(model, "inputs", None):
        raise ModelError(
            f"{path}: model '{model.name}' was never built, so it has no weights; begin it with an "
            f"Input"
        )
    plain = aware.plain_of(model)
    try:
        inputs, outputs = inputs_of(plain), outputs_of(plain)
    except ConversionError as exc:  # of a type that no artifact has
        raise ModelError(f"{path}: {exc}") from exc
    if names:
        outputs = tuple(replace(o, name=n) for o, n in zip(outputs, names, strict=True))

    def answer(given_by_name: Mapping[str, Array]) -> Answers:
        given = [given_by_name[info.name] for info in inputs]
        if len(given) == 1:
            packed: Any = given[0]
        else:
            packed = require("keras").tree.pack_sequence_as(plain.input, given)
        found = require("keras").tree.flatten(plain.predict(packed, verbose=0))
        return {o.name: np.asarray(value) for o, value in zip(outputs, found, strict=True)}

    ends = ends_of(plain, [o.name for o in outputs], losses or getattr(model, "loss", None))
    return Source(path, "keras", path.stem, model, inputs, outputs, answer, ends=ends)


def _config_of_keras(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, NotImplementedError) as exc:
        raise ModelError(f"{path}: is no .keras file, or a damaged one: {exc}") from exc


def _config_of_h5(path: Path) -> Any:
    h5py = require("h5py")
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
    except (OSError, RuntimeError, KeyError, ValueError) as exc:
        raise ModelError(f"{path}: is no HDF5 file, or a damaged one: {exc}") from exc
    if text is None:
        raise ModelError(
            f"{path}: holds weights alone; the architecture is needed as well: save the whole model"
        )
    try:
        return json.loads(text)
    except ValueError as exc:
        raise ModelError(f"{path}: its model_config is damaged: {exc}") from exc


def _losses(path: Path, config: object, legacy: bool) -> object:
    """The loss, or losses, that a file's model was trained with; None: it does not say."""
    if not legacy:
        found = config.get("compile_config") if isinstance(config, dict) else None
    else:
        found = None
        with require("h5py").File(path, "r") as file, suppress(ValueError):
            found = json.loads(file.attrs.get("training_config", "null"))
    return found.get("loss") if isinstance(found, dict) else None


def _refuse_links(path: Path, legacy: bool) -> None:
    """Refuse HDF5 whose groups or numbers are links to other files: Keras would follow them.

    Raises:
        ModelError: there is one.
    """
    h5py = require("h5py")
    try:
        if legacy:
            opened = {path.name: h5py.File(path, "r")}
        else:
            with zipfile.ZipFile(path) as archive:
                stored = [n for n in archive.namelist() if n.endswith((".h5", ".hdf5"))]
                opened = {n: h5py.File(io.BytesIO(archive.read(n)), "r") for n in stored}
        for name, file in opened.items():
            with file:
                for found, kind in _links(file):
                    raise ModelError(
                        f"{path}: '{found}' of {name} is {kind}, whose numbers are in another "
                        f"file; save the model with its weights inside"
                    )
    except (OSError, RuntimeError, KeyError, ValueError, zipfile.BadZipFile) as exc:
        raise ModelError(f"{path}: its weights are damaged: {exc}") from exc


def _links(file: Group) -> Iterator[tuple[str, str]]:
    """What of an HDF5 file is in others: its name, and what it is. No link is followed."""
    h5py = require("h5py")
    waiting: list[Group] = [file]
    seen = set[int]()
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield name, "an external link"
            if not isinstance(link, h5py.HardLink):
                continue  # a soft link leads within the file
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
                yield name, "external or virtual data"


def _refuse_code(path: Path, config: Any) -> None:
    """Refuse a file that would have code run: its own, or a class that it names.

    Raises:
        ModelError: it does.
    """
    for entry in _entries(config):
        kind = str(entry.get("class_name"))
        layer = _name_of(entry)
        if kind in _CODE:
            raise ModelError(
                f"{path}: {layer} is {_CODE[kind]}; edgenets runs no code from files. Build the "
                f"model in Python with Keras's own layers and save it again"
            )
        home = entry.get("module")
        if home == aware.__name__ and kind in _OWN:
            continue
        if home is not None and not any(f"{home}.".startswith(f"{own}.") for own in _HOMES):
            raise ModelError(
                f"{path}: {layer} is {kind} of {home}, a class of its author's; edgenets runs no "
                f"code from files. Convert it from Python, where the class is: "
                f"edgenets.convert(model)"
            )
        if kind == "function" and str(home) == "builtins":
            named = str(entry.get("config"))
            owner = str(entry.get("registered_name"))
            if owner != named:
                raise ModelError(
                    f"{path}: {layer} is the function {named} of its author's; edgenets runs no "
                    f"code from files"
                )


def _entries(value: Any) -> Iterator[Json]:
    """Everything in a config that Keras would make an object of."""
    waiting = [value]
    while waiting:  # a file may nest deeper than Python recurses
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _name_of(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return f"layer '{name or entry.get('name')}'" if name or entry.get("name") else "a part of it"


def _tolerant(kind: Any) -> Any:
    """Keras's own class, made from configs that Keras 2 wrote."""

    class Tolerant:
        @classmethod
        def from_config(cls, config: Json) -> Any:
            kept = {
                name: value
                for name, value in config.items()
                if value not in _OLD_ARGUMENTS.get(name, ())
            }
            return kind.from_config(kept)

    return Tolerant


def _reason(exc: Exception) -> str:
    """What Keras says, without the config that it repeats."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    causes = [x for x in lines if x.startswith("Exception encountered: ")]
    return (causes or lines or [type(exc).__name__])[0].removeprefix("Exception encountered: ")[
        :300
    ]
