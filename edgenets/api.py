"""The Python face: what the command line does, one call each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets import recipe, runs, zoo
from edgenets.artefact import FORMATS, PRECISIONS, Format, Precision
from edgenets.bundle import Bundle
from edgenets.errors import SourceError
from edgenets.events import Event, Remark, Result, Seen, Transcript
from edgenets.progress import Progress
from edgenets.spec import StreamSpec
from edgenets.stages import stage

if TYPE_CHECKING:
    import keras


def load(name: str | Path) -> Bundle:
    """Open a bundle by its path, or a shipped one by its name.

    Raises:
        BundleError: there is none, or it is damaged, hostile or too new.
    """
    return zoo.load(name)


def train(
    recipe_name: str | Path, data: str | Path, out: str | Path, progress: Progress | None = None
) -> runs.Run:
    """Train a recipe on labelled recordings or pictures; see `edgenets.training.train.train`."""
    found: runs.Run = stage("train")(
        recipe.load_recipe(recipe_name), Path(data), Path(out), progress
    )
    return found


def convert(
    model: keras.Model | str | Path,
    calibration: Any = None,
    to: Sequence[Format] = FORMATS,
    precisions: Sequence[Precision] = PRECISIONS,
) -> Any:
    """Convert a recurrent or causal Keras model to step artefacts.

    Args:
        model: a Keras model, or the path of a `.keras` file.
        calibration: (clips, frames, channels) float32; needed for int8 and int16x8 alone.

    Returns:
        an `edgenets.converters.convert.Conversion`.

    Raises:
        ModelError: the file cannot be read.
        ConversionError: the model has no step form.
    """
    if isinstance(model, (str, Path)):
        model = runs.load_keras(Path(model))
    return stage("convert")(model, calibration, to, precisions)


def run(
    bundle: Bundle | str | Path,
    *sources: str | Path,
    backend: str | None = None,
    precision: Precision | None = None,
    remark: Callable[[Remark], None] | None = None,
) -> Iterator[Result | Transcript | Seen]:
    """Run a bundle on sources; iterate over what it hears or sees.

    Args:
        sources: for a model of sound one, `mic:default` if none is given: `mic:NAME`, a sound
            file, a folder of them, or `-`. For a model of pictures any number, `camera:0` if none
            is given: `camera:N`, `csi:N`, `rtsp://…`, `http://…`, a video, pictures.
        remark: called with what a person should know beside: an overrun, a source lost or back,
            a file skipped. None logs it as a warning.

    Returns:
        a `Result` for every word, a `Transcript` for every utterance, a `Seen` for every
        picture.

    Raises:
        BackendError: nothing in the bundle can be run here.
        SourceError: a source cannot be opened.
    """
    opened = bundle if isinstance(bundle, Bundle) else load(bundle)
    choice = stage("choose")(opened, backend, precision)
    session = stage("load_session")(opened, choice)
    uris = tuple(map(str, sources))
    if isinstance(opened.spec, StreamSpec):
        if len(uris) > 1:
            raise SourceError("a model of sound listens to one source")
        made = stage("run")(opened, session, *(uris or ("mic:default",)))
    else:
        made = stage("watch")(opened, session, uris or ("camera:0",))
    return _results(made, remark or _log)


def _results(
    events: Iterable[Event], remark: Callable[[Remark], None]
) -> Iterator[Result | Transcript | Seen]:
    for event in events:
        if isinstance(event, Remark):
            remark(event)
        else:
            yield event


def _log(remark: Remark) -> None:
    logging.getLogger("edgenets").warning("%s", remark.text)
