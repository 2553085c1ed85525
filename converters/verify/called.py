"""What an artifact answers to items: whole, or step by step through each sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgenets import backend
from edgenets.arrays import Array

from ..formats import Written
from ..whole.samples import Samples, one_by_one, rows_of


def is_step(item: Written) -> bool:
    """Whether an artifact takes a sequence step by step; one without a state may, too."""
    return bool(item.artifact.states) or any(tool.startswith("walk ") for tool in item.route)


def answers_of(
    item: Written, samples: Samples, tensors: Mapping[str, Array]
) -> tuple[str, list[Array]]:
    """Run an artifact on items.

    Args:
        samples: (items, …) of every input, in the order in which the model takes them.
        tensors: of a step form, the same as `Source.rows` has them.

    Returns:
        what it runs on, and every output in its order: (items, …), of a step form (items, steps,
        channels).

    Raises:
        BackendError: it cannot be run.
    """
    artifact = item.artifact
    session = backend.load(backend.backend_of(artifact), artifact, item.files)
    if is_step(item):
        return session.runs_on, _stepped(session, tensors)
    names = [info.name for info in artifact.inputs]
    given = dict(zip(names, samples.values(), strict=True))
    found = one_by_one(session.run, given, artifact.inputs)
    return session.runs_on, [found[info.name] for info in artifact.outputs]


def _stepped(session: backend.Session, items: Samples) -> list[Array]:
    """Every output of a step form, (items, steps, channels).

    Args:
        items: the sequences, and what is given once for each.
    """
    artifact, (sequences, *_) = session.artifact, items.values()
    once = [
        *artifact.sequence_inputs,
        *(link.input for link in artifact.states if link.initial_input),
    ]
    given = {i.name: items[i.name].reshape(len(sequences), -1, i.shape[-1]) for i in once}
    found = np.stack(
        [
            backend.answers(
                session, rows, {n: v[number] for n, v in given.items()} if given else None
            )
            for number, rows in enumerate(rows_of(sequences))
        ]
    )
    ends = np.cumsum([info.shape[-1] for info in artifact.outputs])[:-1]
    return np.split(found, ends, axis=-1)


def as_model(found: Array, wanted: Array) -> Array:
    """Answers of all steps as a model gives them: the last alone, or as many as it has, with time
    before the channels or behind them."""
    if wanted.ndim == 3 and wanted.shape[1] == found.shape[-1] != wanted.shape[2]:
        found = found[:, -wanted.shape[2] :].swapaxes(1, 2)
        return found if found.shape == wanted.shape else found.reshape(len(found), -1)
    last = found[:, -1:] if wanted.ndim == 2 else found[:, -wanted.shape[1] :]
    return last.reshape(wanted.shape) if last.size == wanted.size else last
