"""What books say of the two families, beside what was measured.

The claims are those of any introduction (as Goodfellow, Bengio and Courville 2016, chapters 9 and
10); where a measurement disagrees, it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from . import recall
from .compare import DISTANCE, Comparison, Measured

Word = Literal["agrees", "in part", "disagrees", "not measured"]

# A difference in accuracy that a test of this size cannot tell from chance, in standard errors.
_SURE = 2.0


@dataclass(frozen=True)
class Claim:
    """A claim about each family, and what was measured."""

    aspect: str
    cnn: str
    rnn: str
    measured: str
    verdict: Word
    why: str


def claims(found: Comparison) -> list[Claim]:
    """The table, claim by claim; none where one of the two families is not there."""
    cnn = next((net for net in found.nets if net.family == "cnn"), None)
    recurrent = [net for net in found.nets if net.family != "cnn"]
    if cnn is None or not recurrent:
        return []
    makers: Sequence[Callable[[Comparison, Measured, list[Measured]], Claim]] = (
        _data, _architecture, _memory_of_past, _processing, _strength, _training, _vanishing,
        _inputs, _memory,
    )  # fmt: skip
    return [make(found, cnn, recurrent) for make in makers]


def _data(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    shown = found.measure.shown
    best = _best(found, recurrent)
    lost = _lost(found, best, cnn)
    sure = _SURE * _error(found, best)
    if lost > sure:
        word, why = "agrees", f"the recurrent {best.family} is ahead on this sequence task"
    elif lost < -sure:
        word, why = "disagrees", "the CNN is ahead on a sequence task, at equal size"
    else:
        word, why = "disagrees", "on this sequence task a causal CNN of equal size is as good"
    figures = ", ".join(f"{net.family} {shown(net.test)}" for net in found.nets)
    return Claim(
        "data", "for what lies on a grid: pictures, spectrograms", "for sequences: text, speech",
        f"test {found.metric} at equal size: {figures}", word, why,  # type: ignore[arg-type]
    )  # fmt: skip


def _architecture(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    def kinds(net: Measured) -> str:
        every = sum(net.by_kind.values())
        parts = [f"{kind} {n / every:.0%}" for kind, n in list(net.by_kind.items())[:3]]
        return f"{net.family}: {', '.join(parts)}"

    text = "; ".join(map(kinds, found.nets))
    if not cnn.at_shift:
        return Claim(
            "architecture", "local filters, then pooling, which forgives a shift",
            "a cell whose hidden state takes the input and the state before",
            f"parameters by layer: {text}", "in part",
            "the layers are what the claim says; shifts are measured on keywords alone",
        )  # fmt: skip
    by = max(cnn.at_shift, key=int)
    losses = {net.family: 1 - net.at_shift[by] / net.at_shift["0"] for net in found.nets}
    least = min(losses, key=lambda family: losses[family])
    told = ", ".join(f"{family} {loss:.1%}" for family, loss in losses.items())
    ahead = losses["cnn"] <= min(losses[net.family] for net in recurrent) + 0.005
    return Claim(
        "architecture", "local filters, then pooling, which forgives a shift",
        "a cell whose hidden state takes the input and the state before",
        f"parameters by layer: {text}; part of its accuracy that a net loses where sound is moved "
        f"by {by} frames: {told}",
        "agrees" if ahead else "disagrees",
        "the CNN forgives a shift as well as any" if ahead
        else f"the {least} forgives a shift better",
    )  # fmt: skip


def _memory_of_past(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    text = "; ".join(
        f"{net.family} can feel {_steps(net.untrained.receptive_field)}, and, trained, does feel "
        f"{_steps(net.trained.reach)} (1 % of the peak)" for net in found.nets
    )  # fmt: skip
    ends = cnn.untrained.receptive_field is not None
    text += "; bytes of a stream: " + ", ".join(f"{n.family} {n.state_bytes:,}" for n in found.nets)
    return Claim(
        "memory of the past", "none but its receptive field", "a hidden state, without end",
        text, "in part",
        ("the CNN ends at its receptive field, but a stream keeps that in ring buffers: it has a "
         "state, too" if ends else "global pooling gives the CNN a memory without end, as a state")
        + "; a trained recurrent net feels far less than all",
    )  # fmt: skip


def _processing(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    first, last = _ends(cnn)
    growth = {
        net.family: net.timings[-1].inference_ms[last] / net.timings[-1].inference_ms[first]
        for net in found.nets
    }
    text = ", ".join(
        f"{net.family} {net.timings[-1].inference_ms[last]:.1f} ms (×{growth[net.family]:.1f})"
        for net in found.nets
    )
    slowest = max(net.timings[-1].inference_ms[last] for net in recurrent)
    quicker = slowest / cnn.timings[-1].inference_ms[last]
    return Claim(
        "processing", "all places at once", "step after step",
        f"whole sequences, a batch of {last} steps (and its growth from {first}): {text}",
        "agrees" if quicker > 1.5 else "disagrees",
        f"the CNN takes {1 / quicker:.0%} of the slowest recurrent net's time; step by step, as a "
        f"stream comes, both wait for the next input alike",
    )  # fmt: skip


def _strength(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    lags = list(cnn.recall)
    text = "; ".join(
        f"{net.family}: " + ", ".join(f"{lag} {net.recall[lag]:.0%}" for lag in lags)
        for net in found.nets
    )
    beyond = lags[-2:]
    holds = any(n.recall[lag] > cnn.recall[lag] + 0.1 for n in recurrent for lag in beyond)
    return Claim(
        "strength", "patterns in space", "dependencies in time",
        f"a symbol named after so many steps: {text} (chance 12 %)",
        "agrees" if holds else "in part",
        "a cell learns lags beyond the CNN's receptive field" if holds
        else f"what lies beyond the CNN's receptive field no cell learns either, in {recall.STEPS} "
        f"steps of training",
    )  # fmt: skip


def _training(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    first, last = _ends(cnn)

    def told(net: Measured) -> str:
        one, every = net.timings[0], net.timings[-1]
        gain = one.training_ms[last] / every.training_ms[last]
        return (
            f"{net.family} {every.training_ms[first]:.0f} → {every.training_ms[last]:.0f} ms, "
            f"×{gain:.2f} by {every.cores} cores"
        )

    slowest = max(net.timings[-1].training_ms[last] for net in recurrent)
    gains = {n.family: n.timings[0].training_ms[last] / n.timings[-1].training_ms[last]
             for n in found.nets}  # fmt: skip
    better = gains["cnn"] >= max(gains[net.family] for net in recurrent)
    quicker = slowest > 1.5 * cnn.timings[-1].training_ms[last]
    return Claim(
        "training", "parallel", "sequential",
        f"a training step from {first} to {last} steps of sequence: "
        + "; ".join(map(told, found.nets)),
        "agrees" if quicker and better else "in part" if quicker or better else "disagrees",
        ("a step of the CNN is the quicker one" if quicker else "a step of the CNN is no quicker")
        + (", and it gains most by cores" if better else ", and cores help it no more"),
    )  # fmt: skip


def _vanishing(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    at = 200
    text = "; ".join(
        f"{n.family}: {n.untrained.norms[at]:.1g} untrained, {n.trained.norms[at]:.1g} trained "
        f"(above 1 % for {_steps(n.trained.reach)})"
        for n in found.nets
    )
    plain = next((net for net in recurrent if net.family == "rnn"), None)
    gated = [net for net in recurrent if net.family != "rnn"]
    eased = plain is not None and any(
        net.trained.norms[at] > 2 * plain.trained.norms[at] for net in gated
    )
    ends = cnn.untrained.receptive_field is not None and cnn.untrained.receptive_field <= at
    why = []
    if plain is not None and gated:
        why.append("gates carry it further than the plain cell" if eased
                   else "gates carry it no further here")  # fmt: skip
    if ends:
        why.append("the CNN's is nought beyond its receptive field: it cannot vanish slowly")
    return Claim(
        "vanishing gradient", "little prone", "prone; LSTM and GRU ease it",
        f"norm {at} steps back, of its peak: {text}",
        "agrees" if eased and not ends else "in part" if eased or ends else "disagrees",
        "; ".join(why) or "no plain cell to compare with",
    )  # fmt: skip


def _inputs(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    shown = found.measure.shown
    text = "; ".join(
        f"{net.family} " + ", ".join(f"×{x} {shown(v)}" for x, v in net.at_length.items())
        for net in found.nets
    )
    longest = list(cnn.at_length)[-1]

    def kept(net: Measured) -> bool:
        lost = found.measure.loss(net.at_length["1"], net.at_length[longest])
        return lost < (0.02 if found.measure.share else 0.1)

    return Claim(
        "inputs", "of a fixed size", "of any size",
        f"test {found.metric} at other lengths: {text}",
        "disagrees" if kept(cnn) else "agrees",
        "a causal CNN takes any length as well" if kept(cnn)
        else "the CNN loses at ten times the length that it was taught at"
        + ("; so do recurrent nets" if not all(map(kept, recurrent)) else ""),
    )  # fmt: skip


def _memory(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    text = "; ".join(
        f"{net.family} {net.parameters:,} parameters, {net.timings[-1].training_mb:.0f} MB in "
        f"training, {net.live_values:,} values alive in a step, {net.state_bytes:,} bytes a stream"
        for net in found.nets
    )
    training = cnn.timings[-1].training_mb < min(n.timings[-1].training_mb for n in recurrent)
    stream = cnn.state_bytes < min(net.state_bytes for net in recurrent)
    return Claim(
        "use of memory", "lower", "higher", text,
        "agrees" if training and stream else "in part" if training or stream else "disagrees",
        ("training takes less of the CNN" if training else "training takes no less of the CNN")
        + ("; its stream keeps less, too" if stream
           else "; its stream keeps more: ring buffers outgrow a hidden state"),
    )  # fmt: skip


def _best(found: Comparison, nets: list[Measured]) -> Measured:
    return (min if found.measure.lower else max)(nets, key=lambda net: net.test)


def _lost(found: Comparison, best: Measured, other: Measured) -> float:
    return found.measure.loss(best.test, other.test)


def _error(found: Comparison, net: Measured) -> float:
    """One standard error of a share on so many items; of another metric, one part in a hundred."""
    if not found.measure.share:
        return 0.01
    return float((net.test * (1 - net.test) / found.items) ** 0.5)


def _ends(net: Measured) -> tuple[str, str]:
    lengths = sorted(net.timings[-1].training_ms, key=int)
    return lengths[0], lengths[-1]


def _steps(count: int | None) -> str:
    return f"more than {DISTANCE} steps" if count is None else f"{count} steps"
