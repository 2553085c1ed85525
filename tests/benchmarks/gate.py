"""Does the gate refuse what is broken, and pass what is sound? Artifacts broken on purpose.

    python -m tests.benchmarks.gate [BROKEN] [SEED]

Twelve networks, one of every kind of output and two of steps, are converted in every format and
precision, and the gate judges them: all are sound. Then their ONNX and TFLite files, in float and
in int8, are broken one by one: a scale or a zero point changed, outputs or channels exchanged, a
channel dropped, weights transposed, a head zeroed, states exchanged. A change that moves no number
by a tenth of its spread, as rounding may, breaks nothing, and another is made.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray

from edgenets.converters.formats import Written
from edgenets.converters.routes.conversion import convert_source
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources import tflite_file
from edgenets.converters.sources.keras_ends import ends_of
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.converters.verify.verdicts import Verdict
from edgenets.data.items import Items
from edgenets.errors import EdgenetsError

Values = NDArray[Any]

# Items that are calibrated on, and others that are judged on.
CALIBRATED, JUDGED = 64, 200

# What an answer has to change by, RMS, for a file to be broken, and may for one to be sound; of the
# spread of its channel. What integers change by more is neither; nor is what was changed by less
# than rounding alone had changed it, which nobody could tell from rounding.
BROKEN, SOUND = 0.1, 0.2


def images(rng: np.random.Generator, count: int) -> tuple[Values, Values]:
    """Smooth images with a bright spot, (count, 24, 24, 3), and what made each, (count, 7)."""
    rows, columns = np.mgrid[0:24, 0:24] / 24
    causes = rng.uniform(0, 1, (count, 7)).astype(np.float32)
    found = []
    for y, x, size, tone, *colors in causes:
        spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (0.01 + 0.05 * size))
        spot = spot[..., None] * (2 * np.array(colors) - 1)
        found.append(spot + 0.3 * tone * (rows + columns)[..., None])
    return np.stack(found).astype(np.float32), causes


def sequences(rng: np.random.Generator, count: int) -> tuple[Values, Values]:
    """Sums of waves, (count, 40, 6), and what made each, (count, 12)."""
    time = np.arange(40)[None, :, None]
    causes = rng.uniform(0, 1, (count, 12)).astype(np.float32)
    rates, phases = 0.02 + 0.28 * causes[:, None, :6], 6 * causes[:, None, 6:]
    noise = 0.1 * rng.standard_normal((count, 40, 6))
    return (np.sin(time * rates + phases) + noise).astype(np.float32), causes


def backbone() -> tuple[Any, Any]:
    """An image, and what a small CNN makes of it, (6, 6, 16)."""
    image = keras.Input((24, 24, 3), name="image")
    x = layers.Conv2D(12, 3, 2, padding="same", activation="relu")(image)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    return image, layers.Conv2D(16, 3, 2, padding="same", activation="relu")(x)


def of_image(head: Callable[[Any], Any]) -> keras.Model:
    image, x = backbone()
    return keras.Model(image, head(x))


def dense(size: int, activation: str | None = None) -> Callable[[Any], Any]:
    def head(x: Any) -> Any:
        y = layers.Dense(24, "relu")(layers.Flatten()(x))
        return layers.Dense(size, activation, name="head")(y)

    return head


def boxes_and_scores(x: Any) -> Any:
    boxes = layers.Rescaling([640.0, 480.0, 100.0, 60.0])(
        layers.Conv2D(4, 1, activation="sigmoid")(x)
    )
    scores = layers.Conv2D(5, 1, activation="sigmoid", name="scores")(x)
    return layers.Concatenate()([layers.Reshape((36, 4))(boxes), layers.Reshape((36, 5))(scores)])


def unit(x: Any) -> Any:
    return layers.UnitNormalization()(layers.Dense(16)(layers.Flatten()(x)))


def two(x: Any) -> Any:
    y = layers.Dense(24, "relu")(layers.Flatten()(x))
    return [layers.Dense(4, name="box")(y), layers.Dense(4, "softmax", name="class")(y)]


def weather(x: Any) -> Any:
    """Temperature, pressure and humidity: three ranges of one layer."""
    y = layers.Dense(24, "relu")(layers.Flatten()(x))
    return layers.Rescaling([8.0, 30.0, 0.1], [15.0, 1013.0, 0.5])(layers.Dense(3)(y))


def of_sequence(*inside: Any, time: int | None = 40) -> keras.Model:
    return keras.Sequential([layers.Input((time, 6), name="features"), *inside])


def gru_and_lstm() -> Any:
    return [layers.GRU(12, return_sequences=True), layers.LSTM(12, return_sequences=True)]


NETS: dict[str, Callable[[], keras.Model]] = {
    "classes": lambda: of_image(dense(6, "softmax")),
    "logits": lambda: of_image(dense(6)),
    "scores": lambda: of_image(dense(8, "sigmoid")),
    "boxes": lambda: of_image(boxes_and_scores),
    "value": lambda: of_image(dense(1)),
    "values": lambda: of_image(weather),
    "embedding": lambda: of_image(unit),
    "features": lambda: of_image(layers.GlobalAveragePooling2D()),
    "mask": lambda: of_image(layers.Conv2D(4, 1, activation="softmax")),
    "two outputs": lambda: of_image(two),
    "sequence": lambda: of_sequence(layers.GRU(12), layers.Dense(5, "softmax")),
    "steps": lambda: of_sequence(*gru_and_lstm(), layers.Dense(5), time=None),
}


def taught(model: keras.Model, x: Values, causes: Values) -> None:
    """Train a network, so that its answers depend on what it is given: each number is to follow a
    mixture of the causes, everywhere in the image or the sequence."""
    rng = np.random.default_rng(len(x))
    ends = ends_of(model, [f"output {n}" for n in range(len(model.outputs))])
    targets, losses = [], []
    for tensor, end in zip(model.outputs, ends.values(), strict=True):
        wanted = (causes - 0.5) @ rng.standard_normal((causes.shape[1], tensor.shape[-1]))
        between = (1,) * (len(tensor.shape) - 2)
        targets.append(wanted.reshape(len(x), *between, -1).astype(np.float32))
        losses.append(_of_classes if end.kind == "classes" else _of_numbers)
    model.compile(keras.optimizers.Adam(3e-3), losses)
    model.fit(x, targets, epochs=12, batch_size=32, verbose=0)


def _of_classes(wanted: Any, found: Any) -> Any:
    right = keras.ops.softmax(8 * wanted)
    return -keras.ops.mean(right * keras.ops.log(found + 1e-6))


def _of_numbers(wanted: Any, found: Any) -> Any:
    """Whatever the range of a number: its own mean and spread are taken away."""
    axes = tuple(range(len(found.shape) - 1))
    spread = keras.ops.stop_gradient(keras.ops.std(found, axis=axes) + 1e-3)
    moved = (found - keras.ops.stop_gradient(keras.ops.mean(found, axis=axes))) / spread
    return keras.ops.mean(keras.ops.square(moved - 2 * wanted))


@dataclass
class Net:
    """A network, judged."""

    name: str
    judge: Judge
    written: tuple[Written, ...]
    wanted: list[Values]  # what it gives
    answers: Callable[[Written], list[Values]]

    def verdict(self, item: Written) -> Verdict:
        """What the gate says of an artifact among those of other formats."""
        own = item.artifact
        others = [
            w for w in self.written
            if w.artifact.precision == own.precision and w.artifact.format != own.format
        ]  # fmt: skip
        return self.judge.verify([item, *others]).verdicts[0]


def net_of(name: str, seed: int) -> Net:
    """A network of a seed, with biases, converted in every format and precision."""
    keras.utils.set_random_seed(seed)
    model, rng = NETS[name](), np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign(np.asarray(variable) + 0.2 * rng.standard_normal(variable.shape))
    draw = sequences if "features" in [t.name for t in model.inputs] else images
    taught(model, *draw(rng, 512))
    source = source_of(model, Path(f"{name}.keras"))
    (taken,) = source.inputs
    job = Job(source, {taken.name: draw(rng, CALIBRATED)[0]})
    precisions: Any = ("fp32", "fp16", "dynamic", "int8", "int16x8")
    found = convert_source(job, ("tflite", "onnx", "openvino"), precisions)
    reference = SourceReference(source, Items({taken.name: draw(rng, JUDGED)[0]}))

    def answers(item: Written) -> list[Values]:
        return [*reference.run([item])[0].found]

    return Net(name, Judge(reference), found.written, [*reference.wanted.values()], answers)


@dataclass
class Held:
    """A constant of a file, that can be replaced."""

    name: str
    values: Values
    put: Callable[[Values], None]
    kind: str  # weights, scale, zero


def opened(item: Written) -> tuple[Any, list[Held], Callable[[], bytes]]:
    """A file as its library has it, its constants, and what writes it again."""
    (data,) = item.files.values()
    if item.artifact.format == "onnx":
        model = onnx.load_model_from_string(data)
        return model, _onnx_constants(model), model.SerializeToString
    tree = tflite_file.tree_of(Path("a.tflite"), data)
    return tree, _tflite_constants(tree), lambda: tflite_file.packed(tree)


def _onnx_constants(model: Any) -> list[Held]:
    rounding = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = {n.input[1] for n in rounding}
    zeros = {n.input[2] for n in rounding if len(n.input) > 2}
    found = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        kind = "scale" if tensor.name in scales else "zero" if tensor.name in zeros else ""
        if not kind:
            kind = "weights" if values.ndim > 1 and values.size > 8 else "other"

        def put(new: Values, tensor: Any = tensor) -> None:
            tensor.CopyFrom(onnx.numpy_helper.from_array(new, tensor.name))

        found.append(Held(tensor.name, values, put, kind))
    return found


def _tflite_constants(tree: Any) -> list[Held]:
    found = []
    for tensor in tree.subgraphs[0].tensors:
        name, buffer = tensor.name.decode(), tree.buffers[tensor.buffer]
        dtype: Any = np.dtype(tflite_file.type_of(tensor)) if buffer.data is not None else None
        if dtype is not None and len(tensor.shape) > 1 and np.prod(tensor.shape) > 8:
            values = np.frombuffer(bytes(buffer.data), dtype).reshape(tensor.shape)

            def put(new: Values, buffer: Any = buffer) -> None:
                buffer.data = np.frombuffer(np.ascontiguousarray(new).tobytes(), np.uint8)

            found.append(Held(name, values, put, "weights"))
        rounding = tensor.quantization
        if rounding is not None and rounding.scale is not None and len(rounding.scale):

            def put_scale(new: Values, rounding: Any = rounding) -> None:
                rounding.scale = new.astype(np.float32)

            def put_zero(new: Values, rounding: Any = rounding) -> None:
                rounding.zeroPoint = new.astype(np.int64)

            found.append(Held(name, np.array(rounding.scale), put_scale, "scale"))
            if buffer.data is None:
                found.append(Held(name, np.array(rounding.zeroPoint), put_zero, "zero"))
    return found


def _channels(held: Held, item: Written) -> int:
    """The axis of a weight's output channels."""
    if item.artifact.format == "tflite":
        return held.values.ndim - 1 if held.values.shape[0] == 1 else 0
    return 0 if held.values.ndim > 2 else 1


def broken(item: Written, rng: np.random.Generator) -> tuple[str, Written] | None:
    """An artifact with something wrong, and what; None: such a thing cannot be wrong in it."""
    kinds = ["scale", "zero point", "channels exchanged", "channel dropped", "transposed",
             "head zeroed", "outputs exchanged", "states exchanged"]  # fmt: skip
    kind = str(rng.choice(kinds))
    artifact = item.artifact
    if kind in ("outputs exchanged", "states exchanged"):
        return _exchanged(kind, item)
    _, constants, packed = opened(item)
    weights = [c for c in constants if c.kind == "weights" and c.values.dtype != np.int64]
    if kind == "scale":
        chosen = [c for c in constants if c.kind == "scale"] or weights
        one = chosen[rng.integers(len(chosen))]
        if not np.issubdtype(one.values.dtype, np.floating):
            return None
        factor = float(rng.choice([0.25, 0.5, 2, 4]))
        one.put((one.values * factor).astype(one.values.dtype))
    elif kind == "zero point":
        chosen = [c for c in constants if c.kind == "zero" and np.any(c.values)]
        if not chosen:
            return None
        one = chosen[rng.integers(len(chosen))]
        moved = one.values.astype(np.int64) + int(rng.choice([-60, -30, 30, 60]))
        one.put(np.clip(moved, -128, 127).astype(one.values.dtype))
    else:
        if not weights:
            return None
        one = weights[-1] if kind == "head zeroed" else weights[rng.integers(len(weights))]
        if (new := _changed(kind, one, _channels(one, item), rng)) is None:
            return None
        one.put(new)
    return kind, replace(item, files=dict.fromkeys(artifact.files, packed()))


def _changed(kind: str, one: Held, axis: int, rng: np.random.Generator) -> Values | None:
    """Weights, wrong."""
    values = one.values.copy()
    size = values.shape[axis]
    if kind == "head zeroed":
        return np.zeros_like(values)
    if kind == "transposed":
        square = values.shape[-1] == values.shape[-2]
        if not square:
            return np.ascontiguousarray(
                np.flip(values, axis=1 - axis if values.ndim == 2 else axis)
            )
        return np.ascontiguousarray(np.swapaxes(values, -1, -2))
    if size < 2:
        return None
    a, b = rng.choice(size, 2, replace=False)
    moved = np.moveaxis(values, axis, 0)
    if kind == "channel dropped":
        moved[a] = 0
    else:
        moved[[a, b]] = moved[[b, a]]
    return values


def _exchanged(kind: str, item: Written) -> tuple[str, Written] | None:
    artifact = item.artifact
    if kind == "outputs exchanged":
        if len(artifact.outputs) != 2 or artifact.outputs[0].shape != artifact.outputs[1].shape:
            return None
        return kind, replace(item, artifact=replace(artifact, outputs=artifact.outputs[::-1]))
    links = artifact.states
    pairs = [
        (a, b)
        for a in range(len(links))
        for b in range(a)
        if links[a].input.shape == links[b].input.shape
        and links[a].input.quantization == links[b].input.quantization
    ]
    if not pairs:
        return None
    a, b = pairs[0]
    new = list(links)
    new[a] = replace(links[a], output=links[b].output)
    new[b] = replace(links[b], output=links[a].output)
    return kind, replace(item, artifact=replace(artifact, states=tuple(new)))


def attempts(nets: list[Net], count: int, seed: int) -> Iterator[tuple[Net, str, Written]]:
    """So many broken artifacts, of all networks in turn, that answer otherwise than before."""
    rng, given = np.random.default_rng(seed), 0
    kinds = [("onnx", "fp32"), ("onnx", "int8"), ("tflite", "fp32"), ("tflite", "int8")]
    while given < count:
        net = nets[int(rng.integers(len(nets)))]
        wanted = kinds[int(rng.integers(len(kinds)))]
        items = [w for w in net.written if (w.artifact.format, w.artifact.precision) == wanted]
        made = broken(items[0], rng) if items else None
        if made is None:
            continue
        try:
            before = net.answers(items[0])
            rounded = max(map(_moved, before, net.wanted))
            changed = max(map(_moved, net.answers(made[1]), before)) > max(BROKEN, rounded)
        except (EdgenetsError, ValueError):
            changed = True  # it does not run, or gives another shape
        if changed:
            given += 1
            yield net, made[0], made[1]


def _moved(found: Values, before: Values) -> float:
    """How far that channel of an output moved that moved most, of its spread."""
    axes = tuple(range(found.ndim - 1))
    moved = np.sqrt(np.mean(np.square(found - before), axis=axes))
    return float(np.max(moved / (np.std(before, axis=axes) + 1e-9)))


def main(count: int, seed: int) -> int:
    nets = [net_of(name, seed) for name in NETS]
    sound: Counter[bool] = Counter()
    for net in nets:
        for item in net.written:
            if max(map(_moved, net.answers(item), net.wanted)) > SOUND:
                continue
            verdict = net.verdict(item)
            sound[verdict.passed] += 1
            if not verdict.passed:
                why = verdict.error or [str(c) for c in verdict.checks if not c.passed]
                print(f"sound, refused: {net.name} {verdict.id}: {why}")
    refused: Counter[tuple[str, bool]] = Counter()
    for net, kind, item in attempts(nets, count, seed):
        verdict = net.verdict(item)
        refused[kind, verdict.passed] += 1
        if verdict.passed:
            print(f"broken, passed: {net.name} {verdict.id} {kind}: "
                  f"{[f'{c.name} {c.value}' for c in verdict.checks]}")  # fmt: skip
    for kind in sorted({kind for kind, _ in refused}):
        print(f"{kind}: {refused[kind, False]} refused, {refused[kind, True]} passed")
    out = sum(n for (_, passed), n in refused.items() if not passed)
    print(
        f"{out} of {count} broken artifacts refused; {sound[True]} of {sound.total()} sound passed"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:3])) if len(sys.argv) > 2 else main(300, 1))
