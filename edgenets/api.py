"""The Python face: what the command line does, one call each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenets import recipe, runs, zoo
from edgenets.artefact import FORMATS, PRECISIONS, Format, Precision
from edgenets.bundle import Bundle
from edgenets.errors import ModelError
from edgenets.events import (
    Classified,
    Event,
    Forecast,
    Remark,
    Result,
    Seen,
    Suggested,
    Surprising,
    Transcript,
    Translation,
    Written,
)
from edgenets.progress import Progress
from edgenets.selection import Request, select
from edgenets.tasks.language.sampling import Sampling

if TYPE_CHECKING:
    import keras

Found = (
    Result | Transcript | Seen | Classified | Suggested | Translation | Forecast | Surprising
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
    """Train a recipe on labelled recordings or pictures; see `edgenets.training.train.train`."""
    from edgenets.training.train import train as train_model

    found: runs.Run = train_model(recipe.load_recipe(recipe_name), Path(data), Path(out), progress)
    return found


def aware(model: keras.Model) -> keras.Model:
    """A net that is rounded as it trains, of the same layers; see `edgenets.training.aware.aware`.

    Train what is returned, convert it, or `model`: their weights are the same.
    """
    from edgenets.training import aware as rounding

    return rounding.aware(model)


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
        an `edgenets.converters.step.convert.Conversion`.

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
    remark: Callable[[Remark], None] | None = None,
) -> Iterator[Found]:
    """Run a bundle on sources; iterate over what it hears or sees.

    Args:
        sources: for a model of sound one, `mic:default` if none is given: `mic:NAME`, a sound
            file, a folder of them, or `-`. For a model of pictures any number, `camera:0` if none
            is given: `camera:N`, `csi:N`, `rtsp://…`, `http://…`, a video, pictures. For a model
            of text one: a file of a text a line, or `-`, which is taken if none is given. For a
            model of series one: a table, `-`, or `mqtt://HOST/TOPIC`.
        remark: called with what a person should know beside: an overrun, a source lost or back,
            a file skipped. None logs it as a warning.

    Returns:
        a `Result` for every word, a `Transcript` for every utterance, a `Seen` for every
        picture, a `Classified`, `Suggested` or `Translation` for every text, a `Forecast` for
        every reading that comes live, or after the last one of a file, a `Surprising` for every
        reading that is unusual.

    Raises:
        BackendError: nothing in the bundle can be run here.
        SourceError: a source cannot be opened.
    """
    from edgenets.runtime.load import load as load_session
    from edgenets.runtime.open import open_run

    opened = bundle if isinstance(bundle, Bundle) else load(bundle)
    selected = select(opened, Request(backend, precision))
    session = load_session(opened, selected)
    made = open_run(opened, session, tuple(map(str, sources)))
    return _results(made, remark or _log)


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

    opened = bundle if isinstance(bundle, Bundle) else load(bundle)
    if opened.spec.task != "language":
        raise ModelError(f"{opened.path}: is a model for {opened.spec.task}; it writes no text")
    session = load_session(opened, select(opened))
    made = Writing(opened, session, prompt, tokens, sampling, seed)
    return (event.text for event in made)


def _results(events: Iterable[Event], remark: Callable[[Remark], None]) -> Iterator[Found]:
    for event in events:
        if isinstance(event, Remark):
            remark(event)
        elif not isinstance(event, Written):  # those are `write`'s
            yield event


def _log(remark: Remark) -> None:
    logging.getLogger("edgenets").warning("%s", remark.text)
