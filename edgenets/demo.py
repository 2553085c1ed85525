"""`demo`: the whole path in a few minutes, with words of the user's choice, and no download.

1  a shipped bundle hears its words in a synthesized stream
2  recordings of the user's words are synthesized, many voices each
3  a network is trained, converted, verified and bundled
4  the new bundle hears its words, by voices that it never heard, at known times
5  a shipped detector watches a drawn blood smear that comes over the network as MJPEG
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgenets import api, demo_camera, zoo
from edgenets.artifact import Precision
from edgenets.bundle import Bundle
from edgenets.demo_camera import Watched
from edgenets.events import Result, SoundSummary
from edgenets.progress import Progress
from edgenets.recipe import load_recipe
from edgenets.selection import select
from edgenets.sound import audio
from edgenets.tasks.keywords.recipe import KeywordRecipe
from edgenets.tasks.keywords.scoring import Heard, Score, Spoken, score
from edgenets.tasks.keywords.synthetic import Stream, make_dataset, make_stream
from edgenets.training.figures import BLUE, INK, ORANGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgenets.converters.verify.report import Section
    from edgenets.converters.verify.verdicts import Report

RECIPE = "custom-words"
SHIPPED, SHIPPED_WORDS = "kws-gru", ("yes", "stop", "left", "go")

# Enough that three words are learned in about three minutes on two cores.
CLIPS_PER_WORD = 240

# A few of the recipe's epochs, and half of what it says: what a demonstration has time for.
EPOCHS = 3
SENTENCES, NEAR, TRIAL = 800, 600, 450

# An hour: so short a training hears few words at the rate that the recipe is strict about.
MAX_FA = 6.0

# The detector's part.
WATCH_SECONDS = 12.0

# Of each word in the streams that are listened to.
SAID = 8

# What the demonstration converts to: every format, from the plain form to the small one.
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "dynamic", "int8", "int16x8")


@dataclass(frozen=True)
class Hearing:
    """How a bundle heard a stream."""

    bundle: str
    artifact: str
    score: Score
    cpu_ms_per_audio_s: float | None
    sound: Path  # the stream, as WAV


@dataclass(frozen=True)
class Demo:
    """What the demonstration came to."""

    shipped: Hearing | None  # None: no bundle ships
    hearing: Hearing
    bundle: Path
    report: Path
    verification: Report
    test_accuracy: float
    streams: str  # what was heard in other sentences, in words
    watched: Watched | None  # None: no detector ships, or OpenCV is not there
    seconds: float


def demo(words: Sequence[str], out: Path, seed: int = 1, progress: Progress | None = None) -> Demo:
    """Make and try a keyword model for words.

    Args:
        words: what to listen for.
        out: folder for recordings, run, bundle, streams and report.

    Raises:
        DataError: a word cannot be said, or is there twice.
        MissingExtra: a package of the `convert` extra is not installed.
    """
    from edgenets.converters.project import sections_of
    from edgenets.converters.verify.report import write

    progress = progress or Progress()
    started = time.monotonic()
    shipped = None
    if SHIPPED in zoo.shipped():
        progress.say(f"\n1 · the shipped bundle '{SHIPPED}' listens to a synthesized stream")
        stream = make_stream(SHIPPED_WORDS, seed=seed, count=SAID * len(SHIPPED_WORDS))
        shipped = listen(zoo.load(SHIPPED), stream, out / "shipped.wav")
    progress.say(f"\n2 · synthesizing recordings of: {', '.join(words)}")
    data = out / "recordings"
    with progress.task("speaking") as task:
        make_dataset(words, data, clips_per_word=CLIPS_PER_WORD, seed=seed, progress=task.update)
    progress.say("\n3 · training, converting, verifying, bundling")
    recipe = _recipe().with_seed(seed).with_epochs(EPOCHS)
    built = api.build(
        recipe,
        data,
        out / f"{recipe.name}.edge",
        run_folder=out / "run",
        precisions=PRECISIONS,
        progress=progress,
    )
    run, report, bundle = built.run, built.report, built.bundle
    progress.say("\n4 · the new bundle listens to voices that it never heard")
    stream = make_stream(words, seed=seed + 1, count=SAID * len(words))
    hearing = listen(bundle, stream, out / "stream.wav")
    watched = None
    if demo_camera.possible():
        progress.say("\n5 · the shipped detector watches a drawn blood smear over the network")
        watched = demo_camera.watch_demo(WATCH_SECONDS, progress.say)
    page = out / "report.html"
    sections = [_section(f"Hearing {', '.join(words)}", hearing)]
    if shipped is not None:
        sections.append(_section(f"The shipped bundle '{SHIPPED}'", shipped))
    sections += sections_of(run.folder, report)
    write(page, report, run, sections)
    return Demo(
        shipped, hearing, bundle.path, page, report, run.metrics["test"]["accuracy"],
        run.heard("test"), watched, time.monotonic() - started,
    )  # fmt: skip


def _recipe() -> KeywordRecipe:
    """The recipe, with less to listen to."""
    found = load_recipe(RECIPE)
    assert isinstance(found, KeywordRecipe)
    less = replace(found.listening, sentences=SENTENCES, near=NEAR, trial=TRIAL, max_fa=MAX_FA)
    return replace(found, listening=less)


def listen(bundle: Bundle, stream: Stream, path: Path) -> Hearing:
    """Write a stream to a file, run a bundle on it, and score what it heard.

    Raises:
        BackendError: nothing in the bundle can be run here.
    """
    from edgenets.runtime.load import load
    from edgenets.runtime.open import open_run

    path.parent.mkdir(parents=True, exist_ok=True)
    audio.write_wav(path, stream.sound, stream.sample_rate)
    selected = select(bundle)
    run = open_run(bundle, load(bundle, selected), (str(path),))
    results = [event for event in run if isinstance(event, Result)]
    found = score(
        [Spoken(w.label, w.start, w.end) for w in stream.words],
        [Heard(r.label, r.time, r.score) for r in results],
        len(stream.sound) / stream.sample_rate,
    )
    assert isinstance(run.summary, SoundSummary), "a model of sound is run"
    cost = run.summary.cpu_ms_per_audio_s
    return Hearing(str(bundle.path), selected.artifact.id, found, cost, path)


def _section(title: str, hearing: Hearing) -> Section:
    """The part of the report that shows a stream and what was heard in it."""
    from edgenets.converters.verify.report import Section, to_svg

    found = hearing.score
    rows = tuple(
        (
            m.spoken.label,
            f"{m.spoken.start:.2f} – {m.spoken.end:.2f} s",
            "missed" if m.heard is None else f"{m.heard.time:.2f} s",
            "" if m.heard is None else f"{m.heard.score:.2f}",
            "" if m.latency is None else f"{1e3 * m.latency:+.0f} ms",
        )
        for m in found.matches
    )
    alarms = len(found.false_alarms)
    text = (
        f"{hearing.artifact}: {found.hits} of {len(found.matches)} words heard, "
        f"{alarms} false alarm{'s' if alarms != 1 else ''} in {found.seconds:.0f} s; "
        f"{hearing.cpu_ms_per_audio_s:.2f} ms CPU a second of sound, on the machine that made this."
    )
    columns = ("word", "said", "heard", "score", "after its end")
    return Section(title, text, to_svg(_timeline(found)), columns, rows)


def _timeline(found: Score) -> Figure:
    """Words as they were said, and a mark where each was heard."""
    said = {m.spoken.label for m in found.matches}
    labels = sorted({h.label for h in found.false_alarms} - said) + sorted(said, reverse=True)
    place = {label: i for i, label in enumerate(labels)}  # from the bottom up
    figure = new_figure(9.4, 0.34 * len(labels) + 1.0)
    axes = figure.subplots()
    for m in found.matches:
        y = place[m.spoken.label]
        width = m.spoken.end - m.spoken.start
        axes.barh(y, width, 0.62, left=m.spoken.start, color=BLUE, alpha=0.35)
        if m.heard is not None:
            axes.plot(m.heard.time, y, "|", color=BLUE, ms=15, mew=2)
        else:
            axes.text(m.spoken.end, y, " missed", va="center", fontsize=7, color=ORANGE)
    for heard in found.false_alarms:
        axes.plot(heard.time, place[heard.label], "x", color=ORANGE, ms=7)
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_xlim(0, found.seconds)
    axes.set_xlabel(
        "s of stream; bars are words as said, strokes are detections, crosses false alarms"
    )
    axes.tick_params(colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure
