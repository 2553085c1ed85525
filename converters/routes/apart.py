"""Files of others, opened in a process of their own: what crashes a library crashes that alone.

It is `python -m edgenets.converters.routes.apart QUESTION`, which prints JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgenets import child, progress, records
from edgenets.artifact import Format, Precision
from edgenets.errors import ModelError
from edgenets.recipeparts import QuantizeRecipe

from ..appendix import Wanted
from ..check.check import Checked, Target
from ..formats import Converted
from ..repair import Repair
from ..verdicts import Report
from . import folder
from .conversion import Seen
from .converter import Variant


def convert(
    path: Path,
    out: Path,
    to: Sequence[Format],
    precisions: Sequence[Precision] | None,
    calibration: Path | None,
    variant: Variant,
    shapes: Mapping[str, Sequence[int]],
    live: bool = True,
    quantize: QuantizeRecipe | None = None,
) -> dict[str, Any]:
    """`folder.convert_file`, as `report_of` tells of it; errors as that.

    Args:
        live: whether its progress is shown.
        quantize: how integers are made.
    """
    options = _options(to, precisions, calibration, variant, shapes, quantize)
    found: dict[str, Any] = _ask(path, live, do="convert", out=str(out), **options)
    return found


def explain(
    path: Path, to: Sequence[Format], precisions: Sequence[Precision] | None,
    calibration: Path | None, variant: Variant, shapes: Mapping[str, Sequence[int]],
    quantize: QuantizeRecipe | None = None,
) -> dict[str, Any]:  # fmt: skip
    """`folder.explain` in plain values: the conversion paths to every artifact."""
    options = _options(to, precisions, calibration, variant, shapes, quantize)
    found: dict[str, Any] = _ask(path, do="explain", **options)
    return found


def verify(target: Path, data: Path, live: bool = True, wanted: Wanted | None = None) -> Report:
    """`folder.verify_folder`; errors as that."""
    plain = records.to_plain(wanted or Wanted())
    found = _ask(target, live, do="verify", data=str(data), wanted=plain)
    return records.parse(Report, found, str(target))


def mend(
    target: Path, data: Path, live: bool = True, wanted: Wanted | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """`folder.mend_folder`; errors as that."""
    plain = records.to_plain(wanted or Wanted())
    found = _ask(target, live, do="mend", data=str(data), wanted=plain)
    repairs = tuple(records.parse(Repair, one, str(target)) for one in found["repairs"])
    return repairs, records.parse(Report, found["report"], str(target))


def check(
    path: Path, target: Target, to: Sequence[Format], precisions: Sequence[Precision] | None,
    calibration: Path | None, shapes: Mapping[str, Sequence[int]],
) -> tuple[Checked, ...]:  # fmt: skip
    """`folder.check_file`; errors as that."""
    options = _options(to, precisions, calibration, "auto", shapes)
    found = _ask(path, do="check", target=records.to_plain(target), **options)
    return tuple(records.parse(Checked, one, str(path)) for one in found)


def report_of(found: Converted) -> dict[str, Any]:
    """What came of a conversion, in plain values."""
    return {
        "artifacts": [
            {
                "id": w.artifact.id, "files": list(w.files), "bytes": w.size,
                "note": w.artifact.note, "route": list(w.route),
            }
            for w in found.written
        ],
        "missing": list(found.missing),
    }  # fmt: skip


def _options(
    to: Sequence[Format], precisions: Sequence[Precision] | None, calibration: Path | None,
    variant: Variant, shapes: Mapping[str, Sequence[int]], quantize: QuantizeRecipe | None = None,
) -> dict[str, Any]:  # fmt: skip
    return {
        "to": to, "precisions": precisions, "variant": variant, "shapes": dict(shapes),
        "calibration": None if calibration is None else str(calibration),
        "quantize": records.to_plain(quantize or QuantizeRecipe()),
    }  # fmt: skip


def _ask(path: Path, live: bool = True, **question: Any) -> Any:
    text = json.dumps({"path": str(path), **question})
    return child.ask(__name__, (text,), None, str(path), ModelError, live=live)


def _asked() -> Any:
    # What TensorFlow tells of itself is for who writes programs with it.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    question = json.loads(sys.argv[1])
    path, reporter = Path(question["path"]), progress.for_stderr()
    if question["do"] == "verify":
        wanted = records.parse(Wanted, question["wanted"], "what is wanted")
        report = folder.verify_folder(path, Path(question["data"]), None, reporter, wanted)
        return records.to_plain(report)
    if question["do"] == "mend":
        wanted = records.parse(Wanted, question["wanted"], "what is wanted")
        repairs, report = folder.mend_folder(path, Path(question["data"]), None, reporter, wanted)
        told_repairs = [records.to_plain(one) for one in repairs]
        return {"repairs": told_repairs, "report": records.to_plain(report)}
    given = question["calibration"]
    job = folder.job_of(
        path, Path(given) if given else None, question["variant"],
        {name: tuple(shape) for name, shape in question["shapes"].items()},
        records.parse(QuantizeRecipe, question["quantize"]), reporter,
    )  # fmt: skip
    if question["do"] == "check":
        target = records.parse(Target, question["target"], "the target")
        checked = folder.check_file(job, target, question["to"], question["precisions"])
        return [records.to_plain(one) for one in checked]
    if question["do"] == "explain":
        routes = folder.explain(job, question["to"], question["precisions"])
        return {id: [_plain(one) for one in every] for id, every in routes.items()}
    found = folder.convert_file(job, Path(question["out"]), question["to"], question["precisions"])
    return report_of(found)


def _plain(seen: Seen) -> dict[str, Any]:
    return {
        "route": list(seen.route.tools),
        "taken": seen.taken,
        "closed": seen.closed,
        "drawn": str(seen.route),
        "legs": [
            {
                "name": leg.converter.name,
                "requires": leg.converter.requires,
                "ensures": leg.converter.ensures,
            }
            for leg in seen.route.legs
        ],
    }


if __name__ == "__main__":
    child.answer(_asked)
