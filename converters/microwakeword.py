"""microWakeWord's models as bundles: a `.tflite` that keeps its state inside, and its JSON.

There is no Keras model to hold such an artifact against, so nothing is proven
of it: its report says `foreign`. What can be checked is: that it loads, that its
tensors are what the frontend gives, that it answers numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgenets import __version__, backend, records
from edgenets.artifact import Artifact, TensorInfo
from edgenets.bundle import CARD, GOLDEN_SOUND, REPORT, Bundle, golden_name, write
from edgenets.errors import ModelError, RecordError
from edgenets.extras import require
from edgenets.files import Json
from edgenets.quantization import Quantization
from edgenets.selfcontained import refuse_outside
from edgenets.sound.features import frames_of
from edgenets.sound.input import MicroFrontendInput
from edgenets.stepspec import StepSpec
from edgenets.tasks.golden import golden_sound
from edgenets.tasks.keywords.spec import KeywordDecoding, KeywordSpec

# After a wake word nothing is expected for this long; microWakeWord's firmware waits as well.
REFRACTORY = 2.0  # s


@dataclass(frozen=True)
class _Settings:
    """The `micro` table of the JSON, as far as it matters here."""

    probability_cutoff: float
    sliding_window_size: int
    feature_step_size: int = 10  # ms


def bundle_of(path: Path, out: Path) -> Bundle:
    """Make a bundle of a microWakeWord model.

    Args:
        path: its JSON; the `.tflite` that it names lies beside.
        out: the `.edge` file.

    Raises:
        ModelError: the JSON or the model is not what microWakeWord writes.
        BackendError: TFLite refuses the model.
        MissingExtra: ai-edge-litert or pymicro-features is not installed.
    """
    description = _description(path)
    settings = _settings(path, description)
    model_path = path.parent / Path(str(description.get("model", f"{path.stem}.tflite"))).name
    if not model_path.is_file():
        raise ModelError(f"{path}: its model {model_path.name} is not beside it")
    model = model_path.read_bytes()
    artifact = _artifact(model_path, model)
    word = str(description.get("wake_word") or path.stem).strip().lower().replace(" ", "_")
    spec = KeywordSpec(
        name=path.stem,
        task="keywords",
        labels=(word,),
        input=MicroFrontendInput(),
        decoding=KeywordDecoding(
            settings.sliding_window_size,
            settings.probability_cutoff,
            {},
            REFRACTORY,
            (),
            "probabilities",
        ),
        step=StepSpec(
            artifact.inputs[0].name, artifact.outputs[0].name, artifact.inputs[0].shape[1]
        ),
    )
    files = {artifact.files[0]: model}
    session = backend.load("tflite", artifact, files)
    sound = golden_sound(spec)
    answer = backend.run_sequence(session, frames_of(sound, spec.input))
    others = {
        REPORT: json.dumps({"foreign": True, "model": spec.name, "verdicts": []}).encode(),
        CARD: _card(description, spec).encode(),
        GOLDEN_SOUND: sound.astype("<i2").tobytes(),
        golden_name(artifact): answer.astype("<f4").tobytes(),
    }
    licence = "as its author states"
    write(out, spec, {artifact: files}, others, licence, f"edgenets {__version__}")
    return Bundle(out)


def _description(path: Path) -> Json:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path}: cannot be read as microWakeWord's JSON: {exc}") from exc
    if not isinstance(found, dict) or found.get("type") != "micro":
        raise ModelError(f"{path}: is no microWakeWord model (its type is not 'micro')")
    return found


def _settings(path: Path, description: Json) -> _Settings:
    micro = description.get("micro")
    known = {
        f: micro[f]
        for f in _Settings.__dataclass_fields__
        if isinstance(micro, dict) and f in micro
    }
    try:
        settings = records.parse(_Settings, known, "micro")
    except RecordError as exc:
        raise ModelError(f"{path}: {exc}") from exc
    if settings.feature_step_size != 10:
        raise ModelError(
            f"{path}: a feature step of {settings.feature_step_size} ms; 10 ms are known"
        )
    return settings


def _artifact(path: Path, model: bytes) -> Artifact:
    """What the file itself says of its tensors."""
    interpreter = require("ai_edge_litert.interpreter")
    refuse_outside("tflite", [(str(path), model)], ModelError)
    try:
        opened = interpreter.Interpreter(model_content=model)
        (source,), (result,) = opened.get_input_details(), opened.get_output_details()
    except (ValueError, RuntimeError) as exc:
        raise ModelError(
            f"{path}: is no TFLite model with one input and one output: {exc}"
        ) from exc
    infos = [_info(path, found) for found in (source, result)]
    if infos[0].shape[0] != 1 or infos[0].shape[2:] != (40,) or infos[1].shape != (1, 1):
        raise ModelError(
            f"{path}: takes {list(infos[0].shape)} and gives {list(infos[1].shape)}; a streaming "
            f"wake word model takes [1, frames, 40] and gives [1, 1]"
        )
    return Artifact(
        "tflite",
        "int8",
        (path.name,),
        (infos[0],),
        (infos[1],),
        internal_state=True,
        note="third-party: not proven against a model",
    )


def _info(path: Path, found: Json) -> TensorInfo:
    kind = np.dtype(found["dtype"]).name
    scale, zero_point = found["quantization"]
    if kind not in ("int8", "uint8") or not scale:
        raise ModelError(f"{path}: tensor '{found['name']}' is {kind}; int8 or uint8 is needed")
    q = Quantization(float(scale), int(zero_point), cast("Any", kind))
    return TensorInfo(found["name"], tuple(int(d) for d in found["shape"]), cast("Any", kind), q)


def _card(description: Json, spec: KeywordSpec) -> str:
    word = description.get("wake_word", spec.name)
    author = description.get("author", "its author")
    return (
        f"# {spec.name}\n\nA wake word model of the microWakeWord project for “{word}”, by "
        f"{author} ({description.get('website', 'no address given')}).\n\n"
        f"Imported as it is; there is no model to prove it by. Licence: as its author states.\n"
    )
