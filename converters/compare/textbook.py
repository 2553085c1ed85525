"""What books say of the two families, beside what was measured.

The claims are those of any introduction (as Goodfellow, Bengio and Courville 2016, chapters 9 and
10). A claim has parts, of the CNN and the recurrent models; each is held against figures, and
where they disagree, it says so. A difference of less than two standard errors is none.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

from . import recall
from .claim import Claim as Claim
from .claim import Part, claim
from .compare import DISTANCE, Comparison, Felt, Measured

# Standard errors of a difference that a test cannot tell from chance.
_SURE = 2.0

# A metric that is no share differs where it differs by this part.
_SURE_PART = 0.02

# Times differ where one is so many times the other: less is the machine's own to and fro.
_QUICKER, _GAIN = 1.5, 1.1

# Steps back at which gradients are compared, and what has vanished there, of the peak.
_BACK, _VANISHED = 200, 0.01


def claims(found: Comparison) -> list[Claim]:
    """The table, claim by claim; none where one of the two families is not there."""
    cnn = next((network for network in found.networks if network.family == "cnn"), None)
    recurrent = [network for network in found.networks if network.family != "cnn"]
    if cnn is None or not recurrent:
        return []
    makers: Sequence[Callable[[Comparison, Measured, list[Measured]], Claim]] = (
        _data, _architecture, _memory_of_past, _processing, _strength, _training, _vanishing,
        _inputs, _memory,
    )  # fmt: skip
    return [make(found, cnn, recurrent) for make in makers]


def _data(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    best = (min if found.measure.lower else max)(recurrent, key=lambda network: network.validation)
    lead = found.measure.loss(cnn.test, best.test)
    sure = _sure(found, best.test, cnn.test)
    ahead = 0 if abs(lead) <= sure else 1 if lead < 0 else -1  # 1: the recurrent network is
    words = {
        1: f"the recurrent {best.family} is ahead",
        0: f"the cnn is as good as the {best.family}, as far as the test can tell",
        -1: "the cnn is ahead",
    }
    if found.task == "keywords":  # a spectrogram is a grid, and speech a sequence
        parts = [
            Part(ahead <= 0, f"of a spectrogram, which is both: {words[ahead]}"),
            Part(ahead >= 0, "the claim names either family"),
        ]
    else:
        parts = [Part(ahead > 0, f"of a sequence: {words[ahead]}")]
    figures = ", ".join(
        f"{network.family} {found.measure.shown(network.test)}" for network in found.networks
    )
    return claim(
        "data",
        "for what lies on a grid: images, spectrograms",
        "for sequences: text, speech",
        f"test {found.metric} at equal size: {figures}",
        parts,
    )


def _architecture(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    def kinds(network: Measured) -> str:
        every = sum(network.by_kind.values())
        parts = [f"{kind} {n / every:.0%}" for kind, n in list(network.by_kind.items())[:3]]
        return f"{network.family}: {', '.join(parts)}"

    text = f"parameters by layer: {'; '.join(map(kinds, found.networks))}"
    sides = (
        "local filters, then pooling, which forgives a shift",
        "a cell whose hidden state takes the input and the state before",
    )
    if not cnn.at_shift:
        why = "the layers are what the claim says; shifts are measured on keywords alone"
        return claim("architecture", *sides, text, [Part(None, why)])
    by = max(cnn.at_shift, key=int)
    shifted = {network.family: network.at_shift for network in found.networks}
    if cnn.at_shift_unpooled:
        shifted["cnn without pooling"] = cnn.at_shift_unpooled
    lost = {name: at["0"] - at[by] for name, at in shifted.items()}
    losses = ", ".join(f"{name} {100 * loss:.1f}" for name, loss in lost.items())
    sure = _sure(found, cnn.at_shift["0"], cnn.at_shift[by])
    parts = [
        Part(
            lost["cnn"] <= sure,
            f"the cnn {'keeps' if lost['cnn'] <= sure else 'loses'} its accuracy under a shift",
        )
    ]
    if cnn.at_shift_unpooled:
        more = lost["cnn without pooling"] - lost["cnn"]
        parts.append(
            Part(
                more > sure,
                "pooling is what forgives it"
                if more > sure
                else "without pooling it forgives as much",
            )
        )
    return claim(
        "architecture",
        *sides,
        f"{text}; points lost where sound is moved by {by} frames: {losses}",
        parts,
    )


def _memory_of_past(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    text = "; ".join(
        f"{network.family}: {_reach(network.untrained)} untrained, "
        f"{_reach(network.trained)} trained"
        for network in found.networks
    )
    text = f"steps that count more than 1 % of the peak: {text}; bytes of a stream: "
    text += ", ".join(f"{network.family} {network.state_bytes:,}" for network in found.networks)
    field = cnn.untrained.receptive_field
    parts = [
        Part(
            True,
            f"the cnn ends at its receptive field, {field} steps, but a stream keeps what "
            f"it needs of them: that is a state, too",
        )
        if field is not None
        else Part(False, "global pooling gives the cnn a memory without end")
    ]
    ends = [network for network in recurrent if network.trained.reach is not None]
    parts.append(
        Part(
            False,
            f"a hidden state forgets as well: after its training the "
            f"{ends[0].family} feels {ends[0].trained.reach} steps",
        )
        if ends
        else Part(True, "the recurrent networks feel as far back as was measured")
    )
    return claim(
        "memory of the past",
        "none but its receptive field",
        "a hidden state, without end",
        text,
        parts,
    )


def _processing(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    first, last = _ends(cnn)

    def took(network: Measured, length: str) -> float:
        return network.timings[-1].inference_ms[length]

    text = ", ".join(
        f"{network.family} {took(network, last):.1f} ms "
        f"(×{took(network, last) / took(network, first):.1f})"
        for network in found.networks
    )
    larger = ", ".join(
        f"{n.family} {n.timings[-1].large_inference_ms:.0f} ms" for n in found.networks
    )
    quicker = statistics.median(took(network, last) for network in recurrent) / took(cnn, last)
    grown = statistics.median(took(network, last) / took(network, first) for network in recurrent)
    times = int(last) / int(first)
    return claim(
        "processing",
        "all places at once",
        "step after step",
        f"whole sequences of {last} steps in a batch (and their growth from {first}): {text}; four "
        f"times the batch, half as long: {larger}",
        [
            Part(
                quicker > _QUICKER,
                f"the cnn is ×{quicker:.1f} as quick as the median recurrent network",
            ),
            Part(
                grown > times / 2,
                f"of ×{times:.0f} the steps RNNs take ×{grown:.1f} the "
                f"time; as a stream comes, both wait for the next input",
            ),
        ],
    )


def _strength(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    lags = list(cnn.recall)
    text = "; ".join(
        f"{network.family}: " + ", ".join(f"{lag} {network.recall[lag]:.0%}" for lag in lags)
        for network in found.networks
    )
    best = max(recurrent, key=lambda network: sum(network.recall[lag] for lag in lags[-2:]))
    gain = max((best.recall[lag] - cnn.recall[lag] for lag in lags[-2:]), key=abs)
    holds = None if abs(gain) < 0.1 else gain > 0
    why = {
        None: f"in {recall.STEPS} steps of training neither learns long lags better",
        True: f"the {best.family} learns long lags that the cnn does not",
        False: f"the cnn, which sees {recall.SEEN} steps, learns lags that no cell does in "
        f"{recall.STEPS} steps of training",
    }[holds]
    return claim(
        "strength",
        "patterns in space",
        "dependencies in time",
        f"a symbol named after so many steps: {text} (chance {recall.CHANCE:.0%})",
        [Part(None, "patterns in space are not this task's"), Part(holds, why)],
    )


def _training(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    first, last = _ends(cnn)
    many = cnn.timings[-1].cores > 1

    def gain(network: Measured) -> float:
        return network.timings[0].training_ms[last] / network.timings[-1].training_ms[last]

    def losses(network: Measured) -> str:
        every = network.timings[-1]
        text = f"{network.family} {every.training_ms[first]:.0f} → {every.training_ms[last]:.0f} ms"
        return f"{text}, ×{gain(network):.2f} by {every.cores} cores" if many else text

    median = statistics.median(network.timings[-1].training_ms[last] for network in recurrent)
    quicker = median / cnn.timings[-1].training_ms[last]
    parts = [
        Part(
            quicker > _QUICKER,
            f"a step of the cnn is ×{quicker:.1f} as quick as the median recurrent network's",
        )
    ]
    if many:
        others = max(map(gain, recurrent))
        holds = gain(cnn) > _GAIN and gain(cnn) > _GAIN * others
        parts.append(
            Part(
                holds,
                f"cores help the cnn ×{gain(cnn):.2f}, recurrent networks up to ×{others:.2f}",
            )
        )
    else:
        parts.append(Part(None, "this machine has one core to train on"))
    return claim(
        "training",
        "parallel",
        "sequential",
        f"a training step from {first} to {last} steps of sequence: "
        + "; ".join(map(losses, found.networks)),
        parts,
    )


def _vanishing(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    text = "; ".join(
        f"{network.family}: {_norm(network.untrained)} untrained, {_norm(network.trained)} trained"
        for network in found.networks
    )
    field = cnn.untrained.receptive_field
    at = min(_BACK, (field or DISTANCE) - 1, len(cnn.untrained.norms) - 1)
    kept = cnn.untrained.norms[at]
    parts = [
        Part(
            kept > _VANISHED,
            f"{at} steps back, within what it can see, the cnn has {kept:.2g} of the peak",
        )
    ]
    parts += _vanishing_in_time(recurrent)
    return claim(
        "vanishing gradient",
        "little prone",
        "prone; LSTM and GRU ease it",
        f"norm {_BACK} steps back, of its peak: {text}",
        parts,
    )


def _vanishing_in_time(recurrent: list[Measured]) -> Iterator[Part]:
    """Of the plain cell, and of gated ones beside it."""
    plain = next((network for network in recurrent if network.family == "rnn"), None)
    gone = None if plain is None else plain.untrained.back(_BACK)
    if plain is None or gone is None:
        yield Part(None, "there is no plain cell to compare with")
        return
    vanishes = gone < _VANISHED
    yield Part(vanishes, f"the plain cell's {'vanishes' if vanishes else 'does not vanish'}")
    gated = [network for network in recurrent if network is not plain]
    if gated:
        yield _eased(plain, gated)


def _eased(plain: Measured, gated: Sequence[Measured]) -> Part:
    """Whether training carries the gradient of gated cells further than the plain cell's."""
    before = plain.trained.back(_BACK) or 0.0
    eased = [
        network.family for network in gated if (network.trained.back(_BACK) or 0.0) > 2 * before
    ]
    if not eased:
        return Part(False, "trained gates carry it no further")
    carry = "carries" if len(eased) == 1 else "carry"
    return Part(True, f"trained, the {' and the '.join(eased)} {carry} it further")


def _inputs(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    shown = found.measure.shown
    text = "; ".join(
        f"{network.family} " + ", ".join(f"×{x} {shown(v)}" for x, v in network.at_length.items())
        for network in found.networks
    )

    def lost(network: Measured) -> str:
        """The lengths at which a network is worse than at its own."""
        own = network.at_length["1"]
        return " and ".join(
            f"×{x}"
            for x, value in network.at_length.items()
            if found.measure.loss(own, value) > _sure(found, own, value)
        )

    losing = [f"the {network.family} at {lost(network)}" for network in recurrent if lost(network)]
    return claim(
        "inputs", "of a fixed size", "of any size",
        f"test {found.metric} at other lengths: {text}",
        [Part(bool(lost(cnn)), f"the cnn loses at {lost(cnn)}" if lost(cnn)
               else "a causal cnn takes any length as well"),
         Part(not losing, f"{', '.join(losing)} lose, too" if losing
               else "recurrent networks lose at none")],
    )  # fmt: skip


def _memory(found: Comparison, cnn: Measured, recurrent: list[Measured]) -> Claim:
    text = "; ".join(
        f"{network.family} {network.parameters:,} parameters, "
        f"{network.timings[-1].training_mb:.0f} MB in training, {network.live_values:,} values "
        f"alive in a step, {network.state_bytes:,} bytes a stream"
        for network in found.networks
    )
    measures: dict[str, Callable[[Measured], float]] = {
        "training": lambda network: network.timings[-1].training_mb,
        "a step": lambda network: network.live_values,
        "a stream": lambda network: network.state_bytes,
    }
    parts = []
    for what, of in measures.items():
        median = statistics.median(map(of, recurrent))
        parts.append(
            Part(
                of(cnn) < median,
                f"{what} of the cnn takes "
                f"{of(cnn) / max(median, 1e-9):.0%} of the median recurrent network's",
            )
        )
    return claim("use of memory", "lower", "higher", text, parts)


def _sure(found: Comparison, a: float, b: float) -> float:
    """A loss that is no chance: two standard errors of the difference of two shares of so many
    items, as if those were drawn apart; of another metric a part of it."""
    if not found.measure.share:
        return _SURE_PART
    return float(_SURE * ((a * (1 - a) + b * (1 - b)) / found.items) ** 0.5)


def _ends(network: Measured) -> tuple[str, str]:
    lengths = sorted(network.timings[-1].training_ms, key=int)
    return lengths[0], lengths[-1]


def _reach(felt: Felt) -> str:
    return f"more than {len(felt.norms)}" if felt.reach is None else str(felt.reach)


def _norm(felt: Felt) -> str:
    found = felt.back(_BACK)
    return "–" if found is None else f"{found:.1g}"
