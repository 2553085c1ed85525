"""GRU, LSTM and SimpleRNN, one frame at a time, from Keras's weights.

Gates that share a range share one matrix product; the candidate, whose range
differs, has its own, so that its quantization is its own as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgenets.errors import ConversionError

from .activations import activate
from .builder import Builder, Signal
from .graph import Weights

if TYPE_CHECKING:
    from keras import Layer


@dataclass(frozen=True)
class Weighted:
    """A recurrent layer of another library than Keras, as a Keras layer and its cell look here."""

    units: int
    kernel: Weights  # (channels, gates · units), gates in Keras's order
    recurrent_kernel: Weights  # (units, gates · units)
    bias: Weights  # (gates · units,), or (2, …) where `reset_after`
    reset_after: bool
    activation: str
    recurrent_activation: str
    go_backwards: bool = False
    return_state: bool = False
    return_sequences: bool = True

    @property
    def cell(self) -> Weighted:
        """Itself."""
        return self


def gru(
    b: Builder, x: Signal, layer: Layer | Weighted, name: str, given: Sequence[Signal] = ()
) -> Signal:
    """Gated recurrent unit, both of Keras's forms (Cho et al. 2014, arXiv:1406.1078)."""
    cell = layer.cell
    units = cell.units
    kernel, recurrent, bias = _weights(cell, 3 * units)
    gates, candidate = slice(0, 2 * units), slice(2 * units, None)
    zero = np.zeros(3 * units, np.float32)
    # reset_after keeps a bias for either product; the older form has one for both.
    bias_in, bias_rec = bias if cell.reset_after else (bias, zero)

    def step(frame: str, h: str) -> str:
        zr_x = b.linear(frame, kernel[:, gates], bias_in[gates] + bias_rec[gates], name, "gates_x")
        zr_h = b.linear(h, recurrent[:, gates], zero[gates], name, "gates_h")
        zr = _gate(b, cell, b.binary("add", zr_x, zr_h, name), name)
        z = b.slice(zr, 1, 0, units, name, "update")
        r = b.slice(zr, 1, units, units, name, "reset")
        n_x = b.linear(frame, kernel[:, candidate], bias_in[candidate], name, "candidate_x")
        if cell.reset_after:
            n_h = b.linear(h, recurrent[:, candidate], bias_rec[candidate], name, "candidate_h")
            n_h = b.binary("mul", r, n_h, name)
        else:
            kept = b.binary("mul", r, h, name)
            n_h = b.linear(kept, recurrent[:, candidate], zero[candidate], name, "candidate_h")
        n = activate(b, cell.activation, b.binary("add", n_x, n_h, name), name)
        # z·h + (1 − z)·n with one product fewer.
        return b.binary("add", n, b.binary("mul", z, b.binary("sub", h, n, name), name), name, "h")

    return _unroll(b, x, layer, name, step, given)


def lstm(
    b: Builder, x: Signal, layer: Layer | Weighted, name: str, given: Sequence[Signal] = ()
) -> Signal:
    """Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gate, Gers 2000)."""
    cell = layer.cell
    units = cell.units
    kernel, recurrent, bias = _weights(cell, 4 * units)
    # Keras orders input, forget, candidate, output; the three gates belong together.
    i, f, c, o = (np.arange(units) + k * units for k in range(4))
    gates = np.concatenate([i, f, o])
    first = given[1] if len(given) > 1 else None
    memory = memory_now = b.recurrent_state(x, units, name, "c", first)

    def step(frame: str, h: str) -> str:
        nonlocal memory_now
        g = b.binary(
            "add",
            b.linear(frame, kernel[:, gates], bias[gates], name, "gates_x"),
            b.linear(h, recurrent[:, gates], np.zeros(3 * units, np.float32), name, "gates_h"),
            name,
        )
        g = _gate(b, cell, g, name)
        n = b.binary(
            "add",
            b.linear(frame, kernel[:, c], bias[c], name, "candidate_x"),
            b.linear(h, recurrent[:, c], np.zeros(units, np.float32), name, "candidate_h"),
            name,
        )
        n = activate(b, cell.activation, n, name)
        take = b.slice(g, 1, 0, units, name, "input")
        keep = b.slice(g, 1, units, units, name, "forget")
        show = b.slice(g, 1, 2 * units, units, name, "output")
        kept = b.binary("mul", keep, memory_now, name)
        memory_now = b.binary("add", kept, b.binary("mul", take, n, name), name, "c_next")
        return b.binary("mul", show, activate(b, cell.activation, memory_now, name), name, "h")

    out = _unroll(b, x, layer, name, step, given[:1])
    b.close_state(x, memory, memory_now, name)
    return out


def simple_rnn(
    b: Builder, x: Signal, layer: Layer | Weighted, name: str, given: Sequence[Signal] = ()
) -> Signal:
    """The plain recurrent cell (Elman 1990)."""
    cell = layer.cell
    units = cell.units
    kernel, recurrent, bias = _weights(cell, units)

    def step(frame: str, h: str) -> str:
        from_x = b.linear(frame, kernel, bias, name, "x")
        from_h = b.linear(h, recurrent, np.zeros(units, np.float32), name, "h")
        return activate(b, cell.activation, b.binary("add", from_x, from_h, name), name)

    return _unroll(b, x, layer, name, step, given)


def _unroll(
    b: Builder,
    x: Signal,
    layer: Layer | Weighted,
    name: str,
    step: Callable[[str, str], str],
    given: Sequence[Signal],
) -> Signal:
    """Run a cell over the frames of one step and keep its state."""
    units = layer.cell.units
    if layer.go_backwards:
        raise ConversionError(
            f"layer '{name}' runs backwards in time; a stream has no end to begin at"
        )
    if layer.return_state:
        raise ConversionError(
            f"layer '{name}' returns its state (return_state=True); a step model carries it itself"
        )
    if not x.sequence:
        raise ConversionError(f"layer '{name}' needs a sequence, and time is already gone")
    before = h = b.recurrent_state(x, units, name, "h", given[0] if given else None)
    outputs = []
    for frame in range(x.frames):
        h = step(b.slice(x.tensor, 0, frame, 1, name, "frame"), h)
        outputs.append(h)
    b.close_state(x, before, h, name)
    if not layer.return_sequences:
        return Signal(h, 1, units, rank=2, delay=x.delay // x.frames, sequence=False)
    return replace(x, tensor=b.concat(outputs, 0, name, "sequence"), channels=units)


def _gate(b: Builder, cell: Layer | Weighted, x: str, name: str) -> str:
    """The gates' activation, of all gates in one tensor."""
    own = cell.recurrent_activation
    if own == "softmax" or getattr(own, "__name__", "") == "softmax":
        raise ConversionError(
            f"layer '{name}': softmax as recurrent_activation has no step form; use sigmoid"
        )
    return activate(b, cell.recurrent_activation, x, name)


def _weights(cell: Layer | Weighted, columns: int) -> tuple[Weights, Weights, Weights]:
    kernel, recurrent = (np.asarray(w, np.float32) for w in (cell.kernel, cell.recurrent_kernel))
    if cell.bias is not None:
        return kernel, recurrent, np.asarray(cell.bias, np.float32)
    both = getattr(cell, "reset_after", False)
    return kernel, recurrent, np.zeros((2, columns) if both else columns, np.float32)
