"""PyTorch models drawn at random, streamed: do steps equal the whole, and does int8 decide alike?

    python -m tests.benchmarks.torch_steps [MODELS] [SEED]

Half of the networks are recurrent, half are convolutions over time; each is trained for some
seconds to tell five kinds of waves apart, exported by the one or the other exporter of PyTorch in
turn, and converted to step artifacts in three formats. What is printed of each: how far fp32 steps
are from PyTorch after 10,000 frames, of the largest score, and how many of 400 other sequences int8
decides as PyTorch does. It needs `pip install 'edgenets[torch]'`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from edgenets import backend
from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.onnx_file import read
from edgenets.errors import EdgenetsError

Values = NDArray[np.float32]

WIDTH, LENGTH, CLASSES = 12, 48, 5
LONG = 10_000  # frames
FORMATS = ("tflite", "onnx", "openvino")

# Training ends after so many batches, or ten in a row with so little loss.
_MOST_BATCHES, _SURE = 1500, 0.02

# Decisions that int8 may change, and what steps may differ by.
MOST_CHANGED, MOST_APART = 0.005, 1e-4


def waves(rng: np.random.Generator, count: int, length: int = LENGTH) -> tuple[Values, Any]:
    """Sequences, (count, length, WIDTH), and which of five rates each has."""
    kinds = rng.integers(0, CLASSES, count)
    rate = 0.15 + 0.5 * kinds[:, None, None] + rng.uniform(-0.05, 0.05, (count, 1, WIDTH))
    phase = rng.uniform(0, 6.3, (count, 1, WIDTH))
    x = np.sin(rate * np.arange(length)[None, :, None] + phase)
    x += 0.2 * rng.standard_normal(x.shape)
    return x.astype(np.float32), kinds


class Causal(nn.Module):
    """A convolution that is padded on the left, or on both sides and cut at the end."""

    def __init__(self, rng: np.random.Generator, inside: int, out: int) -> None:
        super().__init__()
        kernel, dilation = int(rng.integers(2, 5)), int(rng.integers(1, 3))
        self.reach, self.cuts = (kernel - 1) * dilation, bool(rng.integers(2))
        groups = inside if out == inside and rng.random() < 0.3 else 1
        pad = self.reach if self.cuts else 0
        self.conv = nn.Conv1d(inside, out, kernel, 1, pad, dilation, groups)
        self.norm: nn.Module = nn.BatchNorm1d(out) if rng.random() < 0.5 else nn.Identity()
        self.act = [nn.ReLU, nn.SiLU, nn.GELU, nn.LeakyReLU, nn.Hardswish][rng.integers(5)]()
        self.residual = out == inside and rng.random() < 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.cuts else nn.functional.pad(x, (self.reach, 0))
        y = self.conv(y)
        y = y[:, :, : -self.reach] if self.cuts else y
        y = self.act(self.norm(y))
        return y + x if self.residual else y


class Convolutional(nn.Module):
    """Causal convolutions, and a head over the last frame or the mean of all."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        sizes = [WIDTH, *(int(n) for n in rng.choice([12, 16, 24], rng.integers(2, 5)))]
        self.body = nn.Sequential(*(Causal(rng, a, b) for a, b in pairwise(sizes)))
        self.head, self.mean = nn.Linear(sizes[-1], CLASSES), bool(rng.integers(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x.transpose(1, 2))
        return self.head(y.mean(-1) if self.mean else y[:, :, -1])  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """GRU, LSTM or RNN, with a convolution or a norm before and behind it."""

    def __init__(self, rng: np.random.Generator, whole: bool) -> None:
        super().__init__()
        cells = [nn.GRU, nn.LSTM, nn.RNN] if whole else [nn.GRU, nn.LSTM]
        self.front: nn.Module = Causal(rng, WIDTH, 16) if rng.random() < 0.5 else nn.Identity()
        inside = WIDTH if isinstance(self.front, nn.Identity) else 16
        units, depth = int(rng.choice([12, 20, 32])), int(rng.integers(1, 3))
        self.first = bool(rng.integers(2))
        self.cell = cells[rng.integers(len(cells))](
            inside, units, depth, batch_first=self.first, bias=rng.random() < 0.8
        )
        self.norm: nn.Module = nn.LayerNorm(units) if rng.random() < 0.4 else nn.Identity()
        self.head, self.hidden = nn.Linear(units, CLASSES), bool(rng.integers(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.front(x.transpose(1, 2)).transpose(1, 2)
        y, state = self.cell(y if self.first else y.transpose(0, 1))
        if self.hidden:
            last = state[0][-1] if isinstance(state, tuple) else state[-1]
        else:
            last = y[:, -1] if self.first else y[-1]
        return self.head(self.norm(last))  # type: ignore[no-any-return]


def trained(model: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Trained until it tells all waves of ten batches apart; a network that guesses has no
    decisions that could be kept."""
    optimizer, sure = torch.optim.Adam(model.parameters(), 0.005), 0
    for _ in range(_MOST_BATCHES):
        x, kinds = waves(rng, 64)
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(kinds))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        sure = sure + 1 if loss.item() < _SURE else 0
        if sure == 10:
            break
    return model.eval()


def exported(model: nn.Module, by_script: bool, path: Path) -> None:
    """An ONNX file; the newer exporter keeps its weights beside it."""
    x = torch.zeros(1, LENGTH, WIDTH)
    if not by_script:
        program = torch.onnx.export(torch.export.export(model, (x,)), dynamo=True, verbose=False)
        program.save(str(path), external_data=True)
        return
    content = io.BytesIO()
    axes = {"x": {0: "batch", 1: "time"}}
    torch.onnx.export(
        model, (x,), content, dynamo=False, input_names=["x"], dynamic_axes=axes, opset_version=17
    )
    onnx.save(onnx.load_model_from_string(content.getvalue()), str(path))


def answers(written: Written, sequences: Values) -> Values:
    """The last scores of each sequence, step by step."""
    artifact = written.artifact
    session = backend.load(artifact.format, artifact, written.files)
    return np.stack([backend.last_answer(session, x) for x in sequences])


def main(count: int, seed: int) -> int:
    """Print a row a model, and what they come to."""
    refused, worst, changed = 0, 0.0, 0.0
    apart = 0
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        torch.manual_seed(number)
        recurrent, by_script = number % 2 == 0, number % 4 < 2
        made: Any = Recurrent(rng, by_script) if recurrent else Convolutional(rng)
        model = trained(made, rng)
        calibration, (test, _) = waves(rng, 64)[0], waves(rng, 400)
        long = waves(rng, 1, LONG)[0]
        with torch.no_grad():
            wanted = model(torch.from_numpy(test)).numpy()
            after = model(torch.from_numpy(long)).numpy()
        name = f"{number:2} {'recurrent' if recurrent else 'convolutions':12} "
        name += "script" if by_script else "export"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.onnx"
            exported(model, by_script, path)
            source = read(path)
            (info,) = source.inputs
            job = Job(source, {info.name: calibration}, variant="step")
            try:
                found = convert_source(job, FORMATS, ("fp32", "int8"))
            except EdgenetsError as exc:
                refused += 1
                print(f"{name}  refused: {exc}", flush=True)
                continue
        row = []
        for written in found.written:
            if written.artifact.precision == "fp32":
                error = float(np.abs(answers(written, long)[0] - after[0]).max())
                error /= max(1.0, float(np.abs(after).max()))
                worst, apart = max(worst, error), apart + (error > MOST_APART)
                row.append(f"{error:.1e}")
            else:
                decided = answers(written, test).argmax(-1)
                share = float(np.mean(decided != wanted.argmax(-1)))
                changed = max(changed, share)
                apart += share > MOST_CHANGED
                row.append(f"{100 * share:.2f} %")
        print(f"{name}  {'  '.join(row)}  {'; '.join(found.missing)}", flush=True)
    print(
        f"{count} models, {refused} refused; fp32 after {LONG:,} frames at most {worst:.1e} apart; "
        f"int8 changes at most {100 * changed:.2f} % of decisions; {apart} artifacts beyond "
        f"{MOST_APART:g} or {100 * MOST_CHANGED:g} %"
    )
    return 1 if apart or refused > count // 20 else 0


if __name__ == "__main__":
    numbers = [int(a) for a in sys.argv[1:3]]
    sys.exit(main(*(numbers or [40]), *([1] if len(numbers) < 2 else [])))
