"""Running bundles, and measuring them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgenets import zoo
from edgenets.artifact import Precision
from edgenets.bundle import Bundle
from edgenets.errors import ModelError
from edgenets.events import (
    Anomaly,
    Classified,
    Embedding,
    Event,
    Forecast,
    Notice,
    Result,
    Seen,
    SoundEvent,
    Suggested,
    Transcript,
    Translation,
    Written,
)
from edgenets.progress import Progress
from edgenets.selection import Request, select
from edgenets.tasks import task_of
from edgenets.tasks.language.sampling import Sampling
from edgenets.tasks.series.tableformat import TableFormat
from edgenets.tasks.task import Enrolment, SetByStreams, Spoken, Streams

if TYPE_CHECKING:
    from edgenets.choice import Chosen, Limits
    from edgenets.data.split import Split
    from edgenets.runtime.bench import Row
    from edgenets.runtime.evaluate import Evaluated
    from edgenets.runtime.selftest import Trial

Found = (
    Result | Transcript | Seen | Classified | Suggested | Translation | Forecast | Anomaly
    | Embedding
    | SoundEvent
)  # fmt: skip


def load(name: str | Path) -> Bundle:
    """Open a bundle by its path, or a shipped one by its name.

    Raises:
        BundleError: there is none, or it is damaged, hostile or too new.
    """
    return zoo.load(name)


def run(
    bundle: Bundle | str | Path,
    *sources: str | Path,
    backend: str | None = None,
    precision: Precision | None = None,
    notice: Callable[[Notice], None] | None = None,
    remark: Callable[[Notice], None] | None = None,
    table: TableFormat | None = None,
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
        table: how readings are to be read: delimiter, decimal mark, format of times; None: as is
            found from the first lines.

    Returns:
        a `Result` for every word, a `SoundEvent` for every sound that begins or ends, a
        `Transcript` for every utterance, a `Seen` for every image, a `Classified`, `Suggested` or
        `Translation` for every text, a `Forecast` for every reading that comes live, or after the
        last one of a file, a `Anomaly` for every reading that is unusual.

    Raises:
        BackendError: nothing in the bundle can be run here.
        SourceError: a source cannot be opened.
    """
    from edgenets.runtime.load import load as load_session
    from edgenets.runtime.open import RunOptions, open_run

    opened = as_bundle(bundle)
    selected = select(opened, Request(backend, precision))
    session = load_session(opened, selected)
    options = RunOptions(table=table)
    made = open_run(opened, session, tuple(map(str, sources)), options=options)
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
    from edgenets.runtime.writing import Writing

    opened = as_bundle(bundle)
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
            yield cast("Found", event)


def _log(notice: Notice) -> None:
    logging.getLogger("edgenets").warning("%s", notice.text)


def listen(
    bundle: Bundle | str | Path,
    negatives: Sequence[str | Path] = (),
    positives: Sequence[str | Path] = (),
    backend: str | None = None,
    precision: Precision | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Measure a bundle of words by what it hears in streams: false accepts an hour, and recall.

    Args:
        negatives: recordings in which none of its words is said, or folders of them.
        positives: folders of recordings, a folder a word.

    Raises:
        ModelError: a model of its task accepts nothing.
        BackendError: nothing of what was requested can run here.
        DataError: there is nothing to listen to, or a recording cannot be read.
    """
    from edgenets.runtime.evaluate import listen

    streams = Streams(tuple(map(Path, negatives)), tuple(map(Path, positives)))
    return listen(as_bundle(bundle), streams, Request(backend, precision), progress)


def enrol(
    bundle: Bundle | str | Path,
    word: str,
    clips: Sequence[str | Path],
    out: str | Path,
    negatives: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> Enrolment:
    """Teach a bundle a word from a few recordings; see `edgenets.runtime.enrol.enrol`.

    Args:
        clips: recordings of the word, or folders of them.
        out: the bundle to write.
        negatives: recordings in which the word is not said, or others say it.
    """
    from edgenets.runtime.enrol import enrol

    spoken = Spoken(word, tuple(map(Path, clips)), tuple(map(Path, negatives)))
    return enrol(as_bundle(bundle), spoken, Path(out), progress=progress)


def calibrate(
    bundle: Bundle | str | Path,
    negatives: Sequence[str | Path],
    out: str | Path,
    positives: Sequence[str | Path] = (),
    max_fa: float = 0.5,
    progress: Progress | None = None,
) -> SetByStreams:
    """Set a bundle's thresholds by what it hears, and write it with them.

    Args:
        negatives, positives: see `listen`.
        out: the bundle to write.
        max_fa: false accepts an hour that are allowed.

    Raises:
        BundleError: something else is in the place of the bundle. Else as `listen`.
    """
    from edgenets.runtime.calibrate import calibrate

    streams = Streams(tuple(map(Path, negatives)), tuple(map(Path, positives)))
    return calibrate(as_bundle(bundle), streams, max_fa, Path(out), progress=progress)


def evaluate(
    bundle: Bundle | str | Path,
    data: str | Path,
    split: Split | None = None,
    backend: str | None = None,
    precision: Precision | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Measure a bundle on labeled data, through the pipeline that a device runs.

    Args:
        bundle: `load(…).with_spec(spec.with_table(…))` where a table is to be read in another
            way than is found.
        data: in a layout of the task.
        split: of the training; None: all of the data.

    Raises:
        BackendError: nothing of what was requested can run here.
        DataError: the data cannot be used, or nothing of it is in the split.
    """
    from edgenets.runtime.evaluate import evaluate

    opened = as_bundle(bundle)
    return evaluate(opened, Path(data), Request(backend, precision), split, progress)


def selftest(bundle: Bundle | str | Path) -> list[Trial]:
    """Replay a bundle's golden inputs on every backend that is installed.

    Raises:
        BundleError: the bundle is damaged.
    """
    from edgenets.runtime.selftest import selftest

    return selftest(as_bundle(bundle))


def bench(
    bundle: Bundle | str | Path,
    backends: Sequence[str] | None = None,
    precisions: Sequence[Precision] | None = None,
    threads: Sequence[int] = (1,),
    seconds: float = 20.0,
) -> list[Row]:
    """Measure what artifacts cost on this machine, each in a process of its own.

    Args:
        threads: numbers of them, each measured.
        seconds: of sound; a tenth of it of other inputs.

    Raises:
        BackendError: nothing of what was requested can run here.
    """
    from edgenets.runtime.measuring import Requested, measured

    opened = as_bundle(bundle)
    return measured(opened, Requested(backends, precisions, threads, seconds))


def choose(
    bundle: Bundle | str | Path,
    out: str | Path,
    limits: Limits | None = None,
    seconds: float = 20.0,
) -> Chosen | None:
    """Measure all artifacts of a bundle here, and record the fastest within limits in a copy.

    Returns:
        what was chosen; None: nothing keeps the limits, and `out` is not written.

    Raises:
        BackendError: nothing in the bundle can run here.
    """
    from edgenets.choice import Limits, record
    from edgenets.runtime.measuring import Requested, every_count, measured
    from edgenets.runtime.pick import candidates, pick

    opened = as_bundle(bundle)
    rows = measured(opened, Requested(threads=every_count(), seconds=seconds))
    best = pick(candidates(opened, rows), limits or Limits())
    if best is not None:
        record(opened, best, Path(out))
    return best


def as_bundle(bundle: Bundle | str | Path) -> Bundle:
    """A bundle, opened where its path or name is given; errors as `load`."""
    return bundle if isinstance(bundle, Bundle) else load(bundle)
