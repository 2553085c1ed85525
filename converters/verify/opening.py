"""Every artifact, opened by its own runtime and held against its model, before it is called made.

A converter may write a file that its runtime cannot open, or another network than it was given.
Runtimes are C++: one that crashes must end neither the conversion nor other artifacts, so they
run in a process of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgenets import child, records
from edgenets.arrays import Array
from edgenets.artifact import Artifact
from edgenets.errors import BackendError
from edgenets.files import Json

from ..formats import Written
from ..whole.samples import Samples
from .called import answers_of

# The questions' arrays and the answers', in the folder of a question.
_SAMPLES, _TENSORS, _ANSWERS = "samples.npz", "tensors.npz", "answers.npz"

_STANDING = child.Standing(__name__)


def opened(item: Written, samples: Samples, tensors: Mapping[str, Array]) -> list[Array]:
    """`called.answers_of`, in another process.

    Raises:
        BackendError: the runtime refuses it, or crashes.
    """
    with tempfile.TemporaryDirectory(prefix="edgenets-") as name:
        folder = Path(name)
        for file, data in item.files.items():
            (folder / file).write_bytes(data)
        _save(folder / _SAMPLES, samples)
        _save(folder / _TENSORS, tensors)
        question = {
            "folder": name,
            "artifact": records.to_plain(item.artifact),
            "route": list(item.route),
        }
        _STANDING.ask(question, item.artifact.id, BackendError)
        return [*_load(folder / _ANSWERS).values()]


def _save(path: Path, arrays: Mapping[str, Array]) -> None:
    """Arrays by name; names of tensors need not be those of members."""
    names = {f"a{number}": name for number, name in enumerate(arrays)}
    np.savez(
        path, names=np.array([*names.values()]), **dict(zip(names, arrays.values(), strict=True))
    )


def _load(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as file:
        return {str(name): file[f"a{i}"] for i, name in enumerate(file["names"])}


def _answer(question: Json) -> str:
    folder = Path(question["folder"])
    artifact = records.parse(Artifact, question["artifact"], "the artifact")
    files = {name: (folder / name).read_bytes() for name in artifact.files}
    item = Written(artifact, files, tuple(question["route"]))
    runs_on, found = answers_of(item, _load(folder / _SAMPLES), _load(folder / _TENSORS))
    _save(folder / _ANSWERS, {str(number): values for number, values in enumerate(found)})
    return runs_on


if __name__ == "__main__":
    child.answer_each(_answer)
