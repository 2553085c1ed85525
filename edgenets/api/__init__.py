"""The Python face: what the command line does, one call each."""

from __future__ import annotations

from edgenets.api.boards import deploy, flash, preflight
from edgenets.api.data import Checked, check_data
from edgenets.api.models import (
    Built,
    aware,
    build,
    bundle_model,
    convert,
    export_microwakeword,
    import_model,
    pack,
    train,
    verify,
)
from edgenets.api.running import (
    bench,
    calibrate,
    choose,
    enrol,
    evaluate,
    listen,
    load,
    run,
    selftest,
    write,
)

__all__ = [
    "Built", "Checked", "aware", "bench", "build", "bundle_model", "calibrate", "check_data",
    "choose", "convert", "deploy", "enrol", "evaluate", "export_microwakeword",
    "flash", "import_model", "listen", "load", "pack", "preflight", "run", "selftest",
    "train", "verify", "write",
]  # fmt: skip
