"""Third-party models become bundles in a process of their own: an interpreter that a damaged file
crashes ends alone.

It is `python -m edgenets.converters.importing QUESTION`, which prints JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from edgenets import child, records
from edgenets.bundle import Bundle
from edgenets.errors import ModelError
from edgenets.files import Json

from .image_import import Imported, ImportOptions, import_image_model
from .microwakeword import bundle_of


def import_apart(path: Path, out: Path, options: ImportOptions | None) -> Imported:
    """Make a bundle of a model's file.

    Args:
        path: a `.tflite` or `.onnx` file of a model of images; a microWakeWord model's `.json`
            where there are no options.
        out: the `.edge` file.
        options: what its file does not say of a model of images.

    Raises:
        ModelError: the file is no such model, or it crashes its interpreter; or as
            `import_image_model` and `bundle_of`.
    """
    plain = None if options is None else asdict(options)
    question = json.dumps({"path": path, "out": out, "options": plain}, default=str)
    guesses = child.ask(__name__, (question,), None, str(path), ModelError)
    return Imported(Bundle(out), tuple(guesses))


def _asked() -> list[str]:
    question = json.loads(sys.argv[1])
    path, out, plain = Path(question["path"]), Path(question["out"]), question["options"]
    if plain is None:
        bundle_of(path, out)
        return []
    return list(import_image_model(path, out, _options(plain)).guesses)


def _options(plain: Json) -> ImportOptions:
    labels = plain.pop("labels")
    return replace(records.parse(ImportOptions, plain), labels=labels and Path(labels))


if __name__ == "__main__":
    child.answer(_asked)
