"""The Python face: what the command line does, one call each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets import recipe, runs, zoo
from edgenets.artifact import FORMATS, PRECISIONS, Format, Precision
from edgenets.bundle import Bundle
from edgenets.errors import ModelError
from edgenets.events import (
    Anomaly,
    Classified,
    Event,
    Forecast,
    Notice,
    Result,
    Seen,
    Suggested,
    Transcript,
    Translation,
    Written,
)
from edgenets.progress import Progress
from edgenets.selection import Request, select
from edgenets.tasks import task_of
from edgenets.tasks.language.sampling import Sampling

if TYPE_CHECKING:
    import keras

    from edgenets.choice import Chosen, Limits
    from edgenets.converters.image_import import Imported
    from edgenets.converters.step.convert import Conversion
    from edgenets.converters.verdicts import Report
    from edgenets.data.split import Split
    from edgenets.devices.deploy.deploy import Outcome
    from edgenets.devices.flash.engine import Report as FlashReport
    from edgenets.devices.flash.first_boot import FirstBoot
    from edgenets.findings import Finding
    from edgenets.runtime.bench import Row
    from edgenets.runtime.evaluate import Evaluated
    from edgenets.runtime.selftest import Trial
    from edgenets.tasks.vision.spec import ImageTask

Found = (
    Result | Transcript | Seen | Classified | Suggested | Translation | Forecast | Anomaly
)  # fmt: skip


def load(name: str | Path) -> Bundle:
    """Open a bundle by its path, or a shipped one by its name.

    Raises:
        BundleError: there is none, or it is damaged, hostile or too new.
    """
    return zoo.load(name)


def train(
    recipe_name: str | Path, data: str | Path, out: str | Path, progress: Progress | None = None
) -> runs.Run:
    """Train a recipe on labeled recordings or images; see `edgenets.training.train.train`."""
    from edgenets.training.train import train as train_model

    found: runs.Run = train_model(recipe.load_recipe(recipe_name), Path(data), Path(out), progress)
    return found


def aware(model: keras.Model) -> keras.Model:
    """A model that is rounded as it trains, of the same layers; see `edgenets.training.aware`.

    Train what is returned, convert it, or `model`: their weights are the same.
    """
    from edgenets.training import aware as rounding

    return rounding.aware(model)


def convert(
    model: keras.Model | str | Path,
    calibration: Any = None,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS,
) -> Conversion:
    """Convert a recurrent or causal Keras model to step artifacts.

    Args:
        model: a Keras model, or the path of a `.keras` file.
        calibration: (clips, frames, channels) float32; needed for int8 and int16x8 alone.

    Returns:
        the artifacts, and what is missing.

    Raises:
        ModelError: the file cannot be read.
        ConversionError: the model has no step form.
    """
    from edgenets.converters.step.convert import convert as convert_steps

    if isinstance(model, (str, Path)):
        model = runs.load_keras(Path(model))
    return convert_steps(model, calibration, to, precisions)


def run(
    bundle: Bundle | str | Path,
    *sources: str | Path,
    backend: str | None = None,
    precision: Precision | None = None,
    notice: Callable[[Notice], None] | None = None,
    remark: Callable[[Notice], None] | None = None,
) -> Iterator[Found]:
    """Run a bundle on sources; iterate over what it hears or sees.

    Args:
        sources: for a model of sound one, `mic:default` if none is given: `mic:NAME`, a sound
            file, a folder of them, or `-`. For a model of images any number, `camera:0` if none
            is given: `camera:N`, `csi:N`, `rtsp://…`, `http://…`, a video, images. For a model
            of text one: a file of a text a line, or `-`, which is taken if none is given. For a
            model of series one: a table, `-`, or `mqtt://HOST/TOPIC`.
        notice: called with what a person should know beside: an overrun, a source lost or back,
            a file skipped. None logs it as a warning.
        remark: the same, under the name that it had before.

    Returns:
        a `Result` for every word, a `Transcript` for every utterance, a `Seen` for every
        image, a `Classified`, `Suggested` or `Translation` for every text, a `Forecast` for
        every reading that comes live, or after the last one of a file, a `Anomaly` for every
        reading that is unusual.

    Raises:
        BackendError: nothing in the bundle can be run here.
        SourceError: a source cannot be opened.
    """
    from edgenets.runtime.load import load as load_session
    from edgenets.runtime.open import open_run

    opened = _opened(bundle)
    selected = select(opened, Request(backend, precision))
    session = load_session(opened, selected)
    made = open_run(opened, session, tuple(map(str, sources)))
    return _results(made, notice or remark or _log)


def write(
    bundle: Bundle | str | Path,
    prompt: str = "",
    tokens: int = 500,
    sampling: Sampling | None = None,
    seed: int | None = None,
) -> Iterator[str]:
    """Have a model of language go on with a text, token by token.

    Args:
        prompt: empty: the model's own beginning.
        sampling: how tokens are drawn; None takes the model's own way.
        seed: the same seed writes the same text; None: another every time.

    Raises:
        ModelError: it is no model of language.
        DataError: the model has no token for something in the prompt.
    """
    from edgenets.runtime.load import load as load_session
    from edgenets.runtime.textrun import Writing

    opened = _opened(bundle)
    if "prompt" not in task_of(opened.spec.task).run_options:
        raise ModelError(f"{opened.path}: is a model for {opened.spec.task}; it writes no text")
    session = load_session(opened, select(opened))
    made = Writing(opened, session, prompt, tokens, sampling, seed)
    return (event.text for event in made)


def _results(events: Iterable[Event], notice: Callable[[Notice], None]) -> Iterator[Found]:
    for event in events:
        if isinstance(event, Notice):
            notice(event)
        elif not isinstance(event, Written):  # those are `write`'s
            yield event


def _log(notice: Notice) -> None:
    logging.getLogger("edgenets").warning("%s", notice.text)


def verify(run: str | Path, data: str | Path, progress: Progress | None = None) -> Report:
    """Hold a run folder's artifacts against the model that they were made of.

    Writes `report.json` and `report.html` into the folder.

    Args:
        run: a run folder that was converted.
        data: as it was trained on; its validation split is taken.

    Raises:
        ModelError: nothing was converted.
        DataError: the data cannot be used.
    """
    from edgenets.converters.project import verify_run

    return verify_run(runs.load(Path(run)), Path(data), progress)


def pack(run: str | Path, out: str | Path, only: Sequence[str] | None = None) -> Bundle:
    """Pack a run folder's artifacts that passed into one `.edge` file.

    Args:
        only: ids of the artifacts to take; None: those of the recipe, or all that passed.

    Raises:
        ModelError: they were not verified.
        GateFailed: none passed, or one that is to be taken did not.
    """
    from edgenets.converters.project import pack_run

    return pack_run(runs.load(Path(run)), Path(out), only)


def import_model(
    model: str | Path, out: str | Path, task: ImageTask | None = None,
    labels: str | Path | None = None,
) -> Imported:  # fmt: skip
    """Make a bundle of a third-party model.

    Args:
        model: a `.tflite` or `.onnx` model of images, or the `.json` of a microWakeWord model.
        task: of a model of images.
        labels: a file of them, a line each.

    Returns:
        the bundle, and what was guessed of the model's preprocessing.

    Raises:
        ModelError: it is no such model.
    """
    from edgenets.converters.image_import import ImportOptions
    from edgenets.converters.importing import import_apart

    if task is None:
        return import_apart(Path(model), Path(out), None)
    named = None if labels is None else Path(labels)
    return import_apart(Path(model), Path(out), ImportOptions(task=task, labels=named))


def evaluate(
    bundle: Bundle | str | Path, data: str | Path, split: Split | None = None,
    backend: str | None = None, precision: Precision | None = None,
    progress: Progress | None = None,
) -> Evaluated:  # fmt: skip
    """Measure a bundle on labeled data, through the pipeline that a device runs.

    Args:
        data: in a layout of the task.
        split: of the training; None: all of the data.

    Raises:
        BackendError: nothing of what was requested can run here.
        DataError: the data cannot be used, or nothing of it is in the split.
    """
    from edgenets.runtime.evaluate import evaluate

    opened = _opened(bundle)
    return evaluate(opened, Path(data), Request(backend, precision), split, progress)


def selftest(bundle: Bundle | str | Path) -> list[Trial]:
    """Replay a bundle's golden inputs on every backend that is installed.

    Raises:
        BundleError: the bundle is damaged.
    """
    from edgenets.runtime.selftest import selftest

    return selftest(_opened(bundle))


def bench(
    bundle: Bundle | str | Path, backends: Sequence[str] | None = None,
    precisions: Sequence[Precision] | None = None, threads: Sequence[int] = (1,),
    seconds: float = 20.0,
) -> list[Row]:  # fmt: skip
    """Measure what artifacts cost on this machine, each in a process of its own.

    Args:
        threads: numbers of them, each measured.
        seconds: of sound; a tenth of it of other inputs.

    Raises:
        BackendError: nothing of what was requested can run here.
    """
    from edgenets.runtime.measuring import measured

    opened = _opened(bundle)
    return measured(opened, backends, precisions, threads, seconds)


def choose(
    bundle: Bundle | str | Path, out: str | Path, limits: Limits | None = None,
    seconds: float = 20.0,
) -> Chosen | None:  # fmt: skip
    """Measure all artifacts of a bundle here, and record the fastest within limits in a copy.

    Returns:
        what was chosen; None: nothing keeps the limits, and `out` is not written.

    Raises:
        BackendError: nothing in the bundle can run here.
    """
    from edgenets.choice import Limits, record
    from edgenets.runtime.measuring import every_count, measured
    from edgenets.runtime.pick import candidates, pick

    opened = _opened(bundle)
    rows = measured(opened, None, None, every_count(), seconds)
    best = pick(candidates(opened, rows), limits or Limits())
    if best is not None:
        record(opened, best, Path(out))
    return best


def preflight(bundle: Bundle | str | Path, board: str) -> list[Finding]:
    """Whether a bundle will run on a board, as far as its profile says.

    Args:
        board: its name, as `edgenets device list` has it.

    Raises:
        DeviceError: there is no such board, or nothing in the bundle can run there.
    """
    from edgenets.devices import board as boards
    from edgenets.devices.preflight import of_board, preflight

    opened = _opened(bundle)
    return preflight(opened, of_board(boards.load(board)))


def deploy(
    bundle: Bundle | str | Path, address: str, *, sources: Sequence[str] = (),
    sinks: Sequence[str] = (), key: str | Path | None = None, accept_new: bool = False,
) -> Outcome:  # fmt: skip
    """Deploy a bundle to a board over SSH, and see it work there.

    Args:
        address: `[USER@]HOST[:PORT]`.
        sources: of the service, as of `run`; none: the usual one.
        sinks: none: the board's journal.
        key: the private SSH key; None: the usual ones.
        accept_new: trust a board that was never seen.

    Returns:
        the outcome; a release that does not hold is no exception but a verdict.

    Raises:
        DeviceError: the board is not reached, or lacks what is needed. It was not changed.
    """
    from edgenets.devices.address import parse_address
    from edgenets.devices.deploy.deploy import deploy
    from edgenets.devices.deploy.needs import ServeOptions

    opened = _opened(bundle)
    found = parse_address(address, None if key is None else Path(key), None)
    return deploy(opened, found, ServeOptions(tuple(sources), tuple(sinks)), accept_new=accept_new)


def flash(
    image: str | Path, target: str | Path, confirm: str, first_boot: FirstBoot | None = None,
    progress: Progress | None = None,
) -> FlashReport:  # fmt: skip
    """Write an image to a card, and read every byte back.

    Args:
        image: a path or URL.
        target: the card, such as /dev/sdb.
        confirm: serial and size of the disk that may be overwritten, as `edgenets flash --list`
            shows them.
        first_boot: what the board is to be: name, user, keys, Wi-Fi.

    Raises:
        CardFault: the card is counterfeit, damaged, unreadable, gone, protected or too small.
        FlashError: the image is damaged, or the card is in use or not the one confirmed.
    """
    from edgenets.devices.flash.flash import confirmed, flash

    wanted = confirmed(confirm)
    return flash(str(image), Path(target), wanted, first_boot=first_boot, progress=progress)


def _opened(bundle: Bundle | str | Path) -> Bundle:
    return bundle if isinstance(bundle, Bundle) else load(bundle)
