"""Sound events, fold by fold: trained on all folds of ESC-10 but one, judged on that one.

    python -m tests.benchmarks.sound_events [SHARED] [--folds 1 2 3] [--from BUNDLE]

`edgenets build sound-events` without a test split, then `edgenets eval` on the fold that it never
heard, by the float model and by int8 in three formats. The fold is the first figure of a name. On
two cores it takes about ten minutes a fold.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import edgenets
from edgenets.recipe import load_recipe, parse
from edgenets.records import to_plain

ARTIFACTS = (
    ("tflite", "fp32"),
    ("tflite", "int8"),
    ("onnx", "int8"),
    ("openvino", "int8"),
)


def lay_out(data: Path, fold: str, folder: Path) -> tuple[Path, Path]:
    """Links to the recordings of the other folds, and of this one."""
    made = folder / "others", folder / "judged"
    for path in sorted(data.glob("*/*.ogg")):
        place = made[path.name.startswith(fold)] / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())
    return made


def judged(data: Path, fold: str, start: str | None) -> dict[str, float]:
    """The accuracy of each artifact on a fold, and how many parameters the model has."""
    plain = to_plain(load_recipe("sound-events"))
    plain["data"] |= {"test": 0.0}
    if start:
        plain["start"] = {"weights": start}
    with tempfile.TemporaryDirectory(prefix="edgenets-") as place:
        others, own = lay_out(data, fold, Path(place))
        run, out = Path(place) / "run", Path(place) / "made.edge"
        made = edgenets.build(
            parse(plain), others, out, run_folder=run, precisions=("fp32", "int8")
        )
        found = {"parameters": float(made.run.metrics["parameters"])}
        for backend, precision in ARTIFACTS:
            done = edgenets.evaluate(out, own, backend=backend, precision=precision)
            found[f"{backend}-{precision}"] = done.result.value
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shared", nargs="?", default="../shared", type=Path)
    parser.add_argument("--folds", nargs="+", default=["1", "2", "3"])
    parser.add_argument("--from", dest="start")
    given = parser.parse_args()
    rows = [judged(given.shared / "data" / "esc10", fold, given.start) for fold in given.folds]
    for fold, row in zip(given.folds, rows, strict=True):
        print(fold, "  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    for backend, precision in ARTIFACTS:
        name = f"{backend}-{precision}"
        print(f"{name}: {sum(row[name] for row in rows) / len(rows):.2%}")


if __name__ == "__main__":
    main()
