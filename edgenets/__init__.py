"""edgenets: train, quantize, convert, prove and run compact models on edge devices.

    import edgenets

    bundle = edgenets.load("kws-gru")
    for detection in edgenets.run(bundle, "speech.wav"):
        print(f"{detection.time:6.2f} s  {detection.label}  {detection.score:.2f}")

Importing this package imports nothing else; each function brings what it needs.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, Any

if not os.path.isdir(os.path.join(__path__[0], "converters")):  # a checkout, not site-packages
    from edgenets.checkout import use_installed

    use_installed()

if TYPE_CHECKING:
    from edgenets.api import (
        aware,
        bench,
        build,
        bundle_model,
        calibrate,
        choose,
        convert,
        deploy,
        enrol,
        evaluate,
        export_microwakeword,
        flash,
        import_model,
        listen,
        load,
        pack,
        preflight,
        run,
        selftest,
        train,
        verify,
        write,
    )

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "aware",
    "bench",
    "build",
    "bundle_model",
    "calibrate",
    "check_data",
    "choose",
    "convert",
    "deploy",
    "enrol",
    "evaluate",
    "export_microwakeword",
    "flash",
    "import_model",
    "listen",
    "load",
    "pack",
    "preflight",
    "run",
    "selftest",
    "train",
    "verify",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from edgenets import api

        return getattr(api, name)
    raise AttributeError(f"module 'edgenets' has no attribute '{name}'")
