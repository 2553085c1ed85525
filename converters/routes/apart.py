"""Files of others, opened in a process of their own: what crashes a library crashes that alone.

It is `python -m edgenets.converters.routes.apart QUESTION`, which prints JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgenets import child, progress, records
from edgenets.artifact import Format, Precision
from edgenets.errors import ModelError
from edgenets.files import Json
from edgenets.recipeparts import QuantizeRecipe

from ..check.check import Checked, Target
from ..formats import Converted
from ..own.options import Preparation, Raw
from ..verify.appendix import Wanted
from ..verify.mixed_precision import Repair
from ..verify.verdicts import Report
from . import folder
from .conversion import Seen
from .converter import Variant


@dataclass(frozen=True)
class Request:
    """Artifacts that are asked for of a file."""

    to: tuple[Format, ...]
    precisions: tuple[Precision, ...] | None = None  # None: every one that the model can have
    calibration: str | None = None  # path of the items, or of files that become items
    variant: Variant = "auto"
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of open inputs, by name
    quantize: QuantizeRecipe = field(default_factory=QuantizeRecipe)
    preparation: Preparation = field(default_factory=Preparation)


def convert(path: Path, out: Path, request: Request, live: bool = True) -> Json:
    """`folder.convert_file`, as `report_of` tells of it; errors as that.

    Args:
        live: whether its progress is shown.
    """
    found: Json = _ask(path, live, do="convert", out=str(out), request=request)
    return found


def explain(path: Path, request: Request) -> Json:
    """`folder.explain` in plain values: the conversion paths to every artifact."""
    found: Json = _ask(path, do="explain", request=request)
    return found


def verify(target: Path, data: Path, live: bool = True, wanted: Wanted | None = None) -> Report:
    """`folder.verify_folder`; errors as that."""
    found = _ask(target, live, do="verify", data=str(data), wanted=wanted or Wanted())
    return records.parse(Report, found, str(target))


def judge(target: Path, data: Path, live: bool = True, wanted: Wanted | None = None) -> Report:
    """`folder.judge_folder`; errors as that."""
    found = _ask(target, live, do="judge", data=str(data), wanted=wanted or Wanted())
    return records.parse(Report, found, str(target))


def append(target: Path, data: Path, live: bool = True, wanted: Wanted | None = None) -> None:
    """`folder.append_to_folder`; errors as that."""
    _ask(target, live, do="append", data=str(data), wanted=wanted or Wanted())


def search(
    target: Path, data: Path, live: bool = True, wanted: Wanted | None = None
) -> tuple[tuple[Repair, ...], Report]:
    """`folder.search_folder`; errors as that."""
    found = _ask(target, live, do="search", data=str(data), wanted=wanted or Wanted())
    repairs = tuple(records.parse(Repair, one, str(target)) for one in found["repairs"])
    return repairs, records.parse(Report, found["report"], str(target))


def check(path: Path, target: Target, request: Request) -> tuple[Checked, ...]:
    """`folder.check_file`; errors as that."""
    found = _ask(path, do="check", target=target, request=request)
    return tuple(records.parse(Checked, one, str(path)) for one in found)


def report_of(found: Converted) -> Json:
    """The outcome of a conversion, in plain values."""
    return {
        "artifacts": [
            {
                "id": w.artifact.id,
                "files": list(w.files),
                "bytes": w.size,
                "note": w.artifact.note,
                "route": list(w.route),
            }
            for w in found.written
        ],
        "missing": list(found.missing),
    }


def _ask(path: Path, live: bool = True, **question: Any) -> Any:
    plain = records.to_plain({"path": str(path), **question})
    return child.ask(__name__, (json.dumps(plain),), None, str(path), ModelError, live=live)


def _asked() -> Any:
    # What TensorFlow tells of itself is for who writes programs with it.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    question = json.loads(sys.argv[1])
    do, path, reporter = question["do"], Path(question["path"]), progress.for_stderr()
    if do in ("verify", "judge", "append", "search"):
        return _verified(do, path, question, reporter)
    request = records.parse(Request, question["request"], "the request")
    given = request.calibration
    items = Raw(Path(given) if given else None, request.preparation)
    job = folder.job_of(path, items, request.variant, request.shapes, request.quantize, reporter)
    if do == "check":
        target = records.parse(Target, question["target"], "the target")
        return records.to_plain(folder.check_file(job, target, request.to, request.precisions))
    if do == "explain":
        routes = folder.explain(job, request.to, request.precisions)
        return {id: [_plain(one) for one in every] for id, every in routes.items()}
    return report_of(
        folder.convert_file(job, Path(question["out"]), request.to, request.precisions)
    )


def _verified(do: str, path: Path, question: Json, reporter: progress.Progress) -> object:
    data = Path(question["data"])
    wanted = records.parse(Wanted, question["wanted"], "what is wanted")
    if do == "append":
        folder.append_to_folder(path, data, reporter, wanted)
        return None
    if do == "search":
        repairs, report = folder.search_folder(path, data, None, reporter, wanted)
        return records.to_plain({"repairs": repairs, "report": report})
    if do == "judge":
        return records.to_plain(folder.judge_folder(path, data, reporter, wanted))
    return records.to_plain(folder.verify_folder(path, data, None, reporter, wanted))


def _plain(seen: Seen) -> Json:
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
