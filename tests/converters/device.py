"""Runs TFLite artifacts in a process without TensorFlow, as a device would.

python -m tests.converters.device RUN FEATURES.npy OUT.npz INTERPRETER

RUN is a folder of `converters.store`. OUT gets (steps, labels) by artifact id; stdout, what ran.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from edgenets import backend
from edgenets.backend import Options
from edgenets.converters import store


def main(folder: str, features: str, out: str, interpreter: str) -> None:
    answers, runs_on = {}, {}
    for item in store.load(Path(folder))[0]:
        options = Options(interpreter=interpreter)  # type: ignore[arg-type]
        session = backend.load("tflite", item.artifact, item.files, options)
        steps = backend.run_sequence(session, np.load(features))
        answers[item.artifact.id] = steps.reshape(-1, steps.shape[-1])
        runs_on[item.artifact.id] = session.runs_on
    np.savez(out, **answers)
    assert "tensorflow" not in sys.modules
    print(json.dumps(runs_on))


if __name__ == "__main__":
    main(*sys.argv[1:])
