"""Any model by our paths, beside the stock converters: outcome and time, format by format.

    python -m tests.benchmarks.routes [SHARED_MODELS] [--json FILE]

Stock is what each format's makers say: TFLiteConverter.from_keras_model, tf2onnx.convert.from_keras
and ONNX Runtime's quantize_static, Model.export to OpenVINO and NNCF's quantize. What comes out is
run on the same items and held to the same limits as ours. Networks have random weights, so what is
compared is their numbers; times are of the conversion alone, after one to warm up.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenets import models, recipe
from edgenets.artifact import FORMATS
from edgenets.converters.routes.conversion import Conversion
from edgenets.converters.routes.converter import Job
from edgenets.converters.sources.keras_file import source_of
from edgenets.converters.sources.source import Source, open_source
from edgenets.converters.verify.judge import Judge
from edgenets.converters.verify.sources import SourceReference
from edgenets.data.items import Items
from edgenets.errors import ConversionError
from edgenets.native import captured_stderr, quiet_logging
from tests.converters import wholes

PRECISIONS = ("fp32", "int8")
LIMIT = {"fp32": 1e-4, "int8": 0.25}  # of the largest, and of the mean error, by the spread

STEPS, CALIBRATED, HELD_OUT = 20, 16, 12


@dataclass
class Outcome:
    net: str
    format: str
    precision: str
    ours: str  # "equal", or why not
    stock: str
    ours_s: float | None = None
    stock_s: float | None = None


def shipped() -> Iterator[tuple[str, Callable[[], Any]]]:
    """The networks of our recipes, untrained."""
    for name in ("kws-gru", "kws-dscnn", "image-classify", "segment"):
        found: Any = recipe.load_recipe(name)
        if found.task == "keywords":
            yield name, lambda r=found: models.build(r.model, 40, 12)
        else:
            yield name, lambda r=found: models.build_image(r, 10)


def applications() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Small ones of Keras Applications."""
    import keras

    app = keras.applications
    shape = (96, 96, 3)
    options: dict[str, Any] = {"weights": None, "classes": 10, "classifier_activation": None}
    kinds = {
        "MobileNet 0.25": lambda: app.MobileNet(shape, 0.25, **options),
        "MobileNetV2 0.35": lambda: app.MobileNetV2(shape, 0.35, **options),
        "MobileNetV3Small": lambda: app.MobileNetV3Small(shape, 0.75, minimalistic=True, **options),
        "EfficientNetB0": lambda: app.EfficientNetB0(input_shape=shape, **options),
    }
    for name, make in kinds.items():
        yield name, lambda make=make: settled(make())


def settled(model: Any) -> Any:
    """An untrained network whose normalisations know their inputs, so that its outputs differ."""
    from keras import layers

    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    x = np.random.default_rng(0).standard_normal((32, *model.input_shape[1:])).astype(np.float32)
    model(x, training=True)
    return model


def recurrent() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every kind of recurrent network, and what the tests have besides."""
    from keras import layers

    for name in wholes.NETS:
        yield name, lambda n=name: wholes.built(n)
    yield (
        "lstm stacked",
        lambda: wholes.sequence(
            layers.LSTM(12, return_sequences=True), layers.LSTM(8), layers.Dense(3)
        ),
    )
    yield "simple rnn", lambda: wholes.sequence(layers.SimpleRNN(9), layers.Dense(3))
    yield (
        "conv gru",
        lambda: wholes.sequence(
            layers.Conv1D(8, 3, padding="causal", activation="relu"), layers.GRU(8), layers.Dense(3)
        ),
    )
    yield (
        "stacked cells",
        lambda: wholes.sequence(
            layers.RNN([layers.GRUCell(6), layers.LSTMCell(5)]), layers.Dense(3)
        ),
    )


def given(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files of others."""
    for name in (
        "mlperf_tiny/vww_96.h5", "mlperf_tiny/str_ww_ref_model.h5",
        "mlperf_tiny/kws_ref_saved_model",
        "mlperf_tiny/kws_ref_model_qdq.onnx", "mlperf_tiny/kws_ref_model_float32.tflite",
        "tflite_micro/hello_world_int8.tflite",
    ):  # fmt: skip
        if (folder / name).exists():
            yield Path(name).name, folder / name


def sized(source: Source, count: int, seed: int) -> dict[str, Any]:
    shapes = [(i, (1, *(STEPS if d < 0 else d for d in i.shape[1:]))) for i in source.inputs]
    fixed = replace(source, inputs=tuple(replace(i, shape=s) for i, s in shapes))
    return wholes.items(fixed, count, seed)


def ours(source: Source, outcome: Outcome) -> None:
    shapes = {n: v.shape[1:] for n, v in sized(source, 1, 0).items() if n in source.open_inputs}
    job = Job(source, sized(source, CALIBRATED, 0))
    begun = time.perf_counter()
    try:
        with quiet_logging(), captured_stderr():
            try:  # step by step, where a network can be; else all of an item at once
                written = Conversion(job).convert(outcome.format, outcome.precision)  # type: ignore[arg-type]
            except ConversionError:
                if not shapes:
                    raise
                job = replace(job, shapes=shapes)
                written = Conversion(job).convert(outcome.format, outcome.precision)  # type: ignore[arg-type]
    except Exception as exc:
        outcome.ours = f"refused: {str(exc).splitlines()[0][:110]}"
        return
    outcome.ours_s = time.perf_counter() - begun
    verdict = (
        Judge(SourceReference(source, Items(sized(source, HELD_OUT, 1))))
        .verify([written])
        .verdicts[0]
    )
    by_chance = ("agreement", "metric_drop")  # nothing was learned
    failed = [c.name for c in verdict.checks if not c.passed and c.name not in by_chance]
    outcome.ours = verdict.error or (f"not equal: {', '.join(failed)}" if failed else "equal")


class Stock:
    """The converters that each format's makers name, of one Keras model."""

    def __init__(self, model: Any, source: Source, folder: Path) -> None:
        self.model, self.source, self.folder = model, source, folder
        self.samples = sized(source, CALIBRATED, 0)

    def convert(self, format: str, precision: str) -> Any:
        made: Any = getattr(self, format)(precision)
        return made

    def tflite(self, precision: str) -> Path:
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(self.model)
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [v[i : i + 1] for v in self.samples.values()] for i in range(CALIBRATED)
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        path = self.folder / "stock.tflite"
        path.write_bytes(converter.convert())
        return path

    def onnx(self, precision: str) -> Path:
        import tensorflow as tf
        import tf2onnx

        path = self.folder / "stock.onnx"
        signature = [
            tf.TensorSpec(v.shape, v.dtype, name=i.name.partition(":")[0])
            for i, v in zip(self.model.inputs, self._one().values(), strict=True)
        ]
        if not hasattr(self.model, "output_names"):  # tf2onnx asks a Sequential
            self.model.output_names = [t.name for t in self.model.outputs]
        tf2onnx.convert.from_keras(self.model, signature, opset=13, output_path=str(path))
        if precision == "int8":
            from onnxruntime import quantization as q

            rows = [{n: v[i : i + 1] for n, v in self.samples.items()} for i in range(CALIBRATED)]
            names = [n.name for n in open_source(path).inputs]
            rows = [dict(zip(names, row.values(), strict=True)) for row in rows]
            reader = type(
                "R", (q.CalibrationDataReader,), {"get_next": lambda s: next(s.i, None)}
            )()
            reader.i = iter(rows)
            q.quantize_static(path, self.folder / "stock-int8.onnx", reader)
            path = self.folder / "stock-int8.onnx"
        return path

    def openvino(self, precision: str) -> Any:
        import openvino

        self.model.export(str(self.folder / "ov.xml"), format="openvino", verbose=False)
        model = openvino.Core().read_model(self.folder / "ov.xml")
        if precision == "int8":
            import nncf

            rows = [[v[i : i + 1] for v in self.samples.values()] for i in range(CALIBRATED)]
            model = nncf.quantize(model, nncf.Dataset(rows))
        return model

    def _one(self) -> dict[str, Any]:
        return {n: v[:1] for n, v in self.samples.items()}


def stock(net: Stock, outcome: Outcome) -> None:
    begun = time.perf_counter()
    try:
        with quiet_logging(), captured_stderr(), redirect_stdout(io.StringIO()):
            made = net.convert(outcome.format, outcome.precision)
    except Exception as exc:
        outcome.stock = f"fails: {type(exc).__name__}: {(str(exc).splitlines() or [''])[0][:90]}"
        return
    outcome.stock_s = time.perf_counter() - begun
    items = sized(net.source, HELD_OUT, 1)
    wanted = list(net.source.answer(items).values())
    try:
        found = run(made, items)
    except Exception as exc:
        outcome.stock = f"cannot be run: {str(exc).splitlines()[0][:90]}"
        return
    worst = 0.0
    for a, b in zip(found, wanted, strict=False):
        if a.shape != b.shape:
            outcome.stock = f"gives {a.shape} for {b.shape}"
            return
        error = np.abs(a.astype(np.float64) - b)
        spread = max(float(np.std(b)), 1e-12)
        part = (
            error.max() / max(1, spread) if outcome.precision == "fp32" else error.mean() / spread
        )
        worst = max(worst, float(part))
    outcome.stock = "equal" if worst <= LIMIT[outcome.precision] else f"not equal: {worst:.2g}"


def run(made: Any, items: dict[str, Any]) -> list[Any]:
    count = len(next(iter(items.values())))
    if isinstance(made, Path) and made.suffix == ".tflite":
        return interpreted(made, items)
    if isinstance(made, Path):
        source = open_source(made)
        names = [i.name for i in source.inputs]
        return list(source.answer(dict(zip(names, items.values(), strict=True))).values())
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(made, "CPU", options)
    rows = [compiled([v[i : i + 1] for v in items.values()]) for i in range(count)]
    # It leaves sizes of inner tensors among the outputs.
    real = [o for o in compiled.outputs if o.partial_shape.rank.get_length()]
    return [np.concatenate([row[o] for row in rows]) for o in real]


def interpreted(path: Path, items: dict[str, Any]) -> list[Any]:
    """What an interpreter answers that is asked each size, as a file of open sizes needs it."""
    from ai_edge_litert.interpreter import Interpreter

    open_source(path)  # refuses what no board has
    made = Interpreter(str(path))
    sources = sorted(made.get_input_details(), key=lambda d: d["name"])
    rows = []
    for i in range(HELD_OUT):
        given = [v[i : i + 1] for v in items.values()]
        for source, value in zip(sources, given, strict=True):
            made.resize_tensor_input(source["index"], value.shape)
        made.allocate_tensors()
        for source, value in zip(sources, given, strict=True):
            made.set_tensor(source["index"], value)
        made.invoke()
        rows.append([made.get_tensor(d["index"]) for d in made.get_output_details()])
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def measured(name: str, source: Source, model: Any | None) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        other = None if model is None else Stock(model, source, Path(folder))
        for format in FORMATS:
            for precision in PRECISIONS:
                outcome = Outcome(name, format, precision, "", "–")
                ours(source, outcome)
                if other is not None:
                    stock(other, outcome)
                yield outcome


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="?", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only")
    asked = parser.parse_args()
    # OpenVINO's exporter would send what it did to a server, in a process that it forks.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import keras

    list(
        measured(
            "warm-up", source_of(wholes.built("products"), Path("w")), wholes.built("products")
        )
    )
    found: list[Outcome] = []
    if asked.json and asked.json.is_file():  # one that was stopped goes on
        found = [Outcome(**one) for one in json.loads(asked.json.read_text())]
    done = {one.net for one in found}
    for name, make in [*shipped(), *applications(), *recurrent()]:
        if name in done or (asked.only and asked.only not in name):
            continue
        keras.utils.set_random_seed(0)
        model = make()
        found += show(measured(name, source_of(model, Path(f"{name}.keras")), model))
        keep(asked.json, found)
    for name, path in given(asked.models) if asked.models else ():
        if name in done or (asked.only and asked.only not in name):
            continue
        found += show(measured(name, open_source(path), None))
        keep(asked.json, found)
    summary(found)


def show(outcomes: Iterator[Outcome]) -> list[Outcome]:
    made = []
    for one in outcomes:
        times = ""
        if one.ours_s and one.stock_s:
            times = f"{one.ours_s:.1f} s : {one.stock_s:.1f} s"
        what = f"{one.net:18} {one.format:9} {one.precision:5}"
        print(f"{what} ours {one.ours:12} | stock {one.stock:12} {times}", flush=True)
        made.append(one)
    return made


def keep(path: Path | None, found: list[Outcome]) -> None:
    if path is not None:
        path.write_text(json.dumps([asdict(one) for one in found], indent=1))


def summary(found: list[Outcome]) -> None:
    nets = {one.net for one in found}
    print(f"\n{len(nets)} networks, {len(found)} artifacts wanted")
    for who in ("ours", "stock"):
        report = [getattr(one, who) for one in found if getattr(one, who) != "–"]
        equal = sum(t == "equal" for t in report)
        wrong = sum(t.startswith(("not equal", "gives", "cannot")) for t in report)
        print(f"{who}: {equal} of {len(report)} equal, {wrong} made but not equal, "
              f"{len(report) - equal - wrong} refused or failed")  # fmt: skip
    for format in FORMATS:
        for precision in PRECISIONS:
            both = [
                (one.ours_s, one.stock_s) for one in found
                if (one.format, one.precision) == (format, precision)
                and one.ours == one.stock == "equal" and one.ours_s and one.stock_s
            ]  # fmt: skip
            if both:
                ratios = [a / b for a, b in both]
                total = sum(a for a, _ in both) / sum(b for _, b in both)
                report = f"{format} {precision}: {len(both)} by both; time of ours over theirs"
                figures = f"median {np.median(ratios):.2f}, most {max(ratios):.2f}"
                print(f"{report}: in sum {total:.2f}, {figures}")


if __name__ == "__main__":
    main()
