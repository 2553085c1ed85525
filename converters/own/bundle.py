"""From a folder of `convert` and `verify` to a bundle, with the proof."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenets.bundle import Bundle, check_place
from edgenets.errors import ModelError
from edgenets.spec import ModelSpec
from edgenets.tasks import TASKS, task_of

from .. import store
from ..formats import Written
from ..labels import read_labels
from ..pack import Contents, pack
from ..project import load_report
from ..verify.verdicts import Verdict
from . import card, features, front, images, sequences
from .features import Compared
from .options import OwnOptions

# From the most exact on.
_EXACT = ("fp32", "fp16", "int16x8", "dynamic", "int8")


@dataclass(frozen=True)
class Own:
    """A bundle of a model of one's own."""

    bundle: Bundle
    guesses: tuple[str, ...]
    left_out: tuple[str, ...]  # artifacts that passed, and cannot be in it, and why
    compared: Compared | None  # its front end, held against the user's


def bundle_folder(
    folder: Path, out: Path, options: OwnOptions, only: Collection[str] | None = None
) -> Own:
    """Make a bundle of what `convert` and `verify` left in a folder.

    Args:
        out: the `.edge` file.
        only: ids of the artifacts to take; None: all that passed.

    Raises:
        ModelError: nothing was converted there, or verified; or it is no model of such a task.
        RecordError: the front file says something wrong.
        GateFailed: no artifact passed, or one of `only` did not; or the front end is another.
    """
    if not task_of(options.task).own_input:
        having = ", ".join(name for name in TASKS if task_of(name).own_input)
        raise ModelError(f"{options.task}: has no models of one's own; {having} have")
    check_place(out)
    written, _ = store.load(folder)
    report = load_report(folder, written)
    origin = store.origin(folder)
    if origin is None:
        raise ModelError(
            f"{folder}: is a run folder, whose task is known; --task is for a model of your own"
        )
    options = replace(options, preparation=options.preparation.over(origin.preparation))
    name = options.name or Path(origin.path).stem
    exact = _exact(written, report.verdicts)
    guesses: list[str] = []
    labels = _labels(options)
    said = front.read(options.preparation.front)
    window = None
    spec: ModelSpec
    if task_of(options.task).own_input == "images":
        spec = images.spec_of(name, exact, options, labels, origin, guesses)
    else:
        made = sequences.taken(sequences.Model(name, exact, options, said, labels, guesses))
        spec, window = made.spec, made.window
    compared = features.compared(spec, options)
    fitting, left_out = _fitting(written, exact)
    chosen = [replace(w, artifact=replace(w.artifact, window=window)) for w in fitting]
    text = card.write(spec, report, Path(origin.path).name, options.licence, guesses, compared)
    bundle = pack(out, Contents(spec, chosen, report, text, options.licence), only)
    return Own(bundle, tuple(guesses), tuple(left_out), compared)


def _exact(written: Sequence[Written], verdicts: Sequence[Verdict]) -> Written:
    """The artifact that passed and is the most exact: the one whose tensors the spec is made of.

    Raises:
        ModelError: none passed.
    """
    passed = {v.id for v in verdicts if v.passed}
    able = [w for w in written if w.artifact.id in passed]
    if not able:
        raise ModelError("no artifact passed the gate: there is nothing to put into a bundle")
    return min(able, key=lambda w: _EXACT.index(w.artifact.precision))


def _fitting(written: Sequence[Written], exact: Written) -> tuple[list[Written], list[str]]:
    """Artifacts whose tensors are called and shaped as those of the most exact one."""
    face, found, left = _face(exact), [], []
    for item in written:
        if _face(item) == face:
            found.append(item)
        else:
            left.append(f"{item.artifact.id}: takes {_face(item)}, where others take {face}")
    return found, left


def _face(item: Written) -> str:
    infos = (*item.artifact.inputs, *item.artifact.outputs)
    return ", ".join(f"'{i.name}' {list(i.shape)}" for i in infos)


def _labels(options: OwnOptions) -> tuple[str, ...]:
    if not task_of(options.task).own_labels:
        return ()
    if options.preparation.labels is None:
        if task_of(options.task).own_input == "images":  # its own file may say them
            return ()
        raise ModelError(f"{options.task}: which labels has it? --labels FILE, one a line")
    return read_labels(Path(options.preparation.labels))
