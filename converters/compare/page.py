"""The comparison as one HTML page, self-contained, and as JSON."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from edgenets import __version__, records
from edgenets.files import Json, replacing, write_json
from edgenets.training.figures import BLUE, INK, ORANGE, finish, new_figure

from ..verify.report import template, to_svg
from . import recall, speed
from .compare import DISTANCE, Comparison, Felt, Measured
from .gradients import GONE
from .textbook import claims

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, DATA = "compare.html", "compare.json"

_COLORS = {"cnn": ORANGE, "gru": BLUE, "lstm": "#7c3aed", "rnn": "#0f7b3f"}

# Norms below this part of the peak are not drawn.
_FLOOR = 1e-12

# How far back the gradient's table looks, in steps.
_BACK = (10, 50, 100, 200, DISTANCE)


def write(out: Path, found: Comparison) -> Path:
    """Write the page and the figures into a folder; give the page's path."""
    write_json(out / DATA, as_json(found))
    with replacing(out / PAGE) as beside:
        beside.write_text(page(found), encoding="utf-8")
    return out / PAGE


def as_json(found: Comparison) -> Json:
    """All that was measured, and the textbook's claims beside it."""
    plain: Json = records.to_plain(found)
    plain["nets"] = plain["networks"]  # as earlier versions call them
    return {**plain, "claims": [vars(claim) for claim in claims(found)]}


def page(found: Comparison) -> str:
    """The page.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
    """
    text: str = template(Path(__file__).with_name("compare.html")).render(
        found=found, claims=claims(found), shown=found.measure.shown, colors=_COLORS,
        gradients=to_svg(_gradients(found)), lengths=to_svg(_lengths(found)),
        times=to_svg(_times(found)), lags=to_svg(_lags(found)), back=_BACK,
        norm=_norm, reach=_reach, lost=lambda form: found.measure.change(form.loss),
        gone=f"{100 * GONE:g} %", speed=speed, recall=recall, version=__version__,
    )  # fmt: skip
    return text


def _norm(felt: Felt, steps: int) -> str:
    found = felt.back(steps)
    return "–" if found is None else "0" if found == 0 else f"{found:.1g}"


def _reach(felt: Felt) -> str:
    return f"> {len(felt.norms)}" if felt.reach is None else str(felt.reach)


def _gradients(found: Comparison) -> Figure:
    figure = new_figure(9.6, 3.6)
    sides = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(sides, ("untrained", "trained"), strict=True):
        for network in found.networks:
            # What is zero has no place on this axis: the line ends there.
            norms = [x if x > _FLOOR else math.nan for x in getattr(network, name).norms]
            axes.plot(
                range(len(norms)),
                norms,
                color=_COLORS[network.family],
                lw=1.4,
                label=network.family,
            )
        axes.axhline(GONE, color=INK, lw=0.8, ls=":")
        axes.set_yscale("log")
        axes.set_ylim(_FLOOR, 2)
        finish(axes, f"steps back, {name}", legend=name == "trained")
    sides[0].set_ylabel("gradient, of its peak")
    return figure


def _lengths(found: Comparison) -> Figure:
    figure = new_figure(4.8, 3.2)
    axes = figure.subplots()
    scale = 100 if found.measure.share else 1
    for network in found.networks:
        places = [float(x) for x in network.at_length]
        values = [scale * value for value in network.at_length.values()]
        axes.plot(places, values, "o-", color=_COLORS[network.family], lw=1.4, label=network.family)
    axes.set_xscale("log")
    axes.set_xticks(
        [float(x) for x in found.networks[0].at_length],
        [f"×{x}" for x in found.networks[0].at_length],
    )
    axes.minorticks_off()
    unit = ", %" if found.measure.share else ""
    finish(axes, "length, of that which was taught", f"{found.metric}{unit}")
    return figure


def _times(found: Comparison) -> Figure:
    figure = new_figure(4.8, 3.2)
    axes = figure.subplots()

    def draw(network: Measured) -> None:
        for timing in network.timings:
            every = timing is network.timings[-1]
            axes.plot(
                list(map(int, timing.training_ms)),
                list(timing.training_ms.values()),
                "o-" if every else "o:",
                color=_COLORS[network.family],
                lw=1.4,
                label=network.family if every else None,
                alpha=1 if every else 0.6,
            )

    for network in found.networks:
        draw(network)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(speed.LENGTHS), [str(n) for n in speed.LENGTHS])
    axes.minorticks_off()
    finish(axes, "steps of the sequences (dotted: one core)", "training step, ms")
    return figure


def _lags(found: Comparison) -> Figure:
    figure = new_figure(4.8, 3.2)
    axes = figure.subplots()
    for network in found.networks:
        lags = [int(lag) for lag in network.recall]
        values = [100 * share for share in network.recall.values()]
        axes.plot(lags, values, "o-", color=_COLORS[network.family], lw=1.4, label=network.family)
    axes.axhline(100 * recall.CHANCE, color=INK, lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.set_xticks([int(x) for x in found.networks[0].recall], list(found.networks[0].recall))
    axes.minorticks_off()
    finish(axes, "steps from the symbol to the question (dotted: chance)", "named rightly, %")
    return figure
